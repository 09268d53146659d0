#!/bin/sh
# Kexts and the debug kernel in the simulated guest.
set -u
. tests/e2e/lib-simlab.sh

lab_start --sip on
vmrun start "$SIMLAB_VMX" nogui
guest_up

# put NAME PANIC: a kext whose start routine does that
put() {
	g "mkdir -p $1.kext/Contents && cat >$1.kext/Contents/Info.plist" <<EOF
<plist version="1.0"><dict>
	<key>CFBundleIdentifier</key><string>net.example.$1</string>
	<key>SimulatedPanic</key><string>$2</string>
</dict></plist>
EOF
}
put good ''
put bad page-fault

has "$(g 'kextload good.kext 2>&1')" "must be running as root" "kextload needs root"
has "$(g 'sudo kextload none.kext 2>&1')" "can't find bundle" "and a bundle"
has "$(g 'sudo kextload good.kext 2>&1')" "(libkern/kext) not loadable" "unsigned, with SIP on: no"
lab_stop
lab_start --sip off
vmrun start "$SIMLAB_VMX" nogui
guest_up
g 'sudo kextload good.kext'
is $? 0 "unsigned, with SIP off: yes"
has "$(g kextstat)" net.example.good "kextstat has it"
g 'sudo kextunload net.example.good'
case $(g kextstat) in *net.example.good*) ok 1 "kextunload" ;; *) ok 0 "kextunload" ;; esac

# The debug kernel
has "$(g 'uname -v')" /RELEASE_X86_64 "the release kernel runs"
uuid=$(g 'sysctl -n kern.uuid')
"$SIMLAB" kdk --out "$WORK/kdk"
g 'cat >kdk.dmg; mkdir /tmp/m' <"$WORK/kdk/Kernel_Debug_Kit_10.12.6_build_16G29.dmg"
has "$(g 'sudo hdiutil attach kdk.dmg -mountpoint /tmp/m -nobrowse')" Apple_HFS "hdiutil attach"
has "$(g 'sudo installer -pkg /tmp/m/KernelDebugKit.pkg -target /')" "The install was successful." "installer"
has "$(g 'sudo hdiutil detach /tmp/m')" ejected "hdiutil detach"
g 'sudo cp /Library/Developer/KDKs/KDK_10.12.6_16G29.kdk/System/Library/Kernels/kernel.development /System/Library/Kernels'
has "$(g 'sudo kextcache -invalidate /')" "KernelCache ID" "kextcache"
boot() {
	boots=$(grep -c ' boot [0-9]' "$LAB/log/events.log")
	g "sudo nvram boot-args='$1'; sudo reboot" >/dev/null 2>&1
	wait_for 10 events_at_least $((boots + 1)) ' boot [0-9]'
	guest_up
}
boot 'kcsuffix=development'
has "$(g 'uname -v')" /DEVELOPMENT_X86_64 "with kcsuffix= the development kernel runs"
[ "$(g 'sysctl -n kern.uuid')" != "$uuid" ]
ok $? "it is another kernel"
g 'sudo rm /System/Library/Kernels/kernel.development /System/Library/PrelinkedKernels/prelinkedkernel.de*'
boot 'kcsuffix=development'
has "$(g 'uname -v')" /RELEASE_X86_64 "and not once it is removed"

# A kext that panics
g 'sudo kextload bad.kext' >/dev/null 2>&1 &
ssh_pid=$!
wait_for 20 event 'panic over: reboots'
ok $? "its start routine panics"
kill $ssh_pid 2>/dev/null
guest_up
has "$(g 'sudo cat /Library/Logs/DiagnosticReports/*.panic')" "net.example.bad" "the report blames it"
done_testing
