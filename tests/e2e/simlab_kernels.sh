#!/bin/sh
# Another kernel in guests up to 10.15: the steps that it takes, and what a step
# less or in the wrong order leads to.
set -u
. tests/e2e/lib-kernels.sh

# ---- 10.14: Kernels, kextcache, kcsuffix ----

guest 10.14 --sip off
kit
install_kit
has "$(g 'sudo installer -pkg kdk.dmg 2>&1')" "target volume specified was invalid" "10.14: installer wants its -target"
kernels=/Library/Developer/KDKs/$KDK/System/Library/Kernels
is "$(g "ls $kernels")" "$(printf 'kernel\nkernel.dSYM\nkernel.debug\nkernel.debug.dSYM\nkernel.development\nkernel.development.dSYM\nkernel.kasan\nkernel.kasan.dSYM')" \
	"10.14: what is in the kit"
release=$(g 'sysctl -n kern.uuid')
boot 'kcsuffix=development'
runs RELEASE "kcsuffix= alone does nothing"
g "sudo cp $kernels/kernel.development /System/Library/Kernels"
reboots
runs RELEASE "nor does a kernel that is not prelinked"
is "$(g 'kextcache -invalidate / 2>&1'; echo $?)" "$(printf 'You must be running as root to rebuild caches.\n0')" \
	"10.14: kextcache without root does nothing, and exits 0"
"$SIMLAB" fault --dir "$LAB" kextcache-silent >/dev/null
is "$(g 'sudo kextcache -invalidate /'; echo $?)" 0 "10.14: fault kextcache-silent: no KernelCache ID, exit 0"
reboots
runs RELEASE "... and no new kernel"
"$SIMLAB" fault --dir "$LAB" clear >/dev/null
has "$(g 'sudo kextcache -invalidate /')" "KernelCache ID: " "10.14: kextcache, and its mark of success"
runs RELEASE "... until the next boot"
reboots
runs DEVELOPMENT "prelinked, and kcsuffix=: the development kernel"
is "$(g 'sysctl -n kern.osbuildconfig')" development "10.14: kern.osbuildconfig"
is "$(g 'sysctl -n kern.uuid')" "$(uuid_of "$WORK/kdk/$KDK/System/Library/Kernels/kernel.development")" \
	"10.14: its UUID is that of the kit's file"
[ "$(g 'sysctl -n kern.uuid')" != "$release" ]
ok $? "10.14: and another than the release kernel's"
g 'sudo rm /System/Library/Kernels/kernel.development'
reboots
runs DEVELOPMENT "removed from Kernels only: the prelinked one still boots"
g 'sudo rm /System/Library/PrelinkedKernels/prelinkedkernel.de*; sudo kextcache -invalidate /' >/dev/null
reboots
runs RELEASE "removed from both: the release kernel"
undone "all files are what they were"

# A kernel of another build
"$SIMLAB" kdk --macos 10.12 --out "$WORK/other"
g 'cat >other && sudo cp other /System/Library/Kernels/kernel.development' \
	<"$WORK/other/KDK_10.12.6_16G29.kdk/System/Library/Kernels/kernel.development"
is "$(g 'sudo kextcache -invalidate / 2>/dev/null | wc -l')" 1 "10.14: another build's kernel is not prelinked"
g 'sudo cp other /System/Library/PrelinkedKernels/prelinkedkernel.development'
cat >>"$SIMLAB_VMX" <<EOF2
serial0.present = "TRUE"
serial0.fileType = "file"
serial0.fileName = "$WORK/serial.log"
EOF2
g 'sudo nvram boot-args="kcsuffix=development debug=0x144"; sudo reboot' >/dev/null 2>&1
wait_for 10 event 'panic over: waits'
ok $? "10.14: forced in, it panics at boot"
grep -q 'Unable to find driver for this platform' "$WORK/serial.log"
ok $? "10.14: ... and the console tells why"
! g true 2>/dev/null
ok $? "10.14: ... and nobody answers"
vmrun stop "$SIMLAB_VMX" hard

# ---- 10.12 with SIP on ----

guest 10.12 --sip on
kit
install_kit
is "$(g "sudo cp /Library/Developer/KDKs/$KDK/System/Library/Kernels/kernel.development /System/Library/Kernels 2>&1")" \
	"cp: /System/Library/Kernels: Operation not permitted" "10.12: SIP keeps kernels out"

# ---- 10.15: mount -uw /, kcditto ----

guest 10.15 --sip off
kit
install_kit
kernel=/Library/Developer/KDKs/$KDK/System/Library/Kernels/kernel.development
has "$(g "sudo cp $kernel /System/Library/Kernels 2>&1")" "Read-only file system" "10.15: / is read-only"
is "$(g 'sudo kextcache -invalidate / 2>/dev/null'; echo $?)" 0 "10.15: kextcache makes nothing then, and exits 0"
g "sudo mount -uw / && sudo cp $kernel /System/Library/Kernels && sudo kextcache -invalidate /" >"$WORK/cache"
is "$(grep -c 'KernelCache ID' "$WORK/cache")" 2 "10.15: writable, it makes one for each kernel"
boot 'kcsuffix=development'
runs RELEASE "without kcditto the old kernel runs"
g 'sudo kcditto'
reboots
runs DEVELOPMENT "with it, the new one"
g 'sudo mount -uw / && sudo rm /System/Library/Kernels/kernel.de* /System/Library/PrelinkedKernels/prelinkedkernel.de* &&
	sudo kextcache -invalidate / && sudo kcditto' >/dev/null
reboots
runs RELEASE "undone, the old one"
undone "all files are what they were"

# ---- 10.9: System.kext, /mach_kernel, touch ----

guest 10.9
kit
g 'mkdir d saved && sudo hdiutil attach kdk.dmg -mountpoint d -nobrowse' >/dev/null
is "$(g 'ls d')" "$(printf 'DEBUG_Kernel\nkgmacros\nmach_kernel\nmach_kernel.dSYM')" "10.9: what is in the kit"
g 'sudo cp -p /mach_kernel saved && sudo cp -Rp /System/Library/Extensions/System.kext saved'
g 'sudo cp -p d/DEBUG_Kernel/mach_kernel / && sudo touch -t 201001010000 /mach_kernel'
reboots
runs RELEASE "a kernel older than the cache: the cache boots"
g 'mkdir -p d; sudo hdiutil attach kdk.dmg -mountpoint d -nobrowse' >/dev/null
g 'sudo ditto d/DEBUG_Kernel/System.kext /System/Library/Extensions/System.kext && sudo cp d/DEBUG_Kernel/mach_kernel / &&
	sudo chmod -R g-w /mach_kernel /System/Library/Extensions/System.kext && sudo touch /System/Library/Extensions'
reboots
runs DEBUG "System.kext and /mach_kernel, and touch: the debug kernel"
reboots
runs DEBUG "... and again, from the cache"
g 'sudo cp -p saved/mach_kernel / && sudo ditto saved/System.kext /System/Library/Extensions/System.kext && sudo touch /System/Library/Extensions'
reboots
runs RELEASE "the originals put back"
undone "all files are what they were"
g 'mkdir -p d; sudo hdiutil attach kdk.dmg -mountpoint d -nobrowse && sudo cp d/DEBUG_Kernel/mach_kernel / && sudo touch /System/Library/Extensions && sudo reboot' >/dev/null 2>&1
wait_for 10 event 'panic$'
ok $? "10.9: without its System.kext it panics at boot"
vmrun stop "$SIMLAB_VMX" hard
done_testing
