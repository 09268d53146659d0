#!/bin/sh
# Another kernel in guests from 11 on: the live volume, a boot collection, a
# snapshot that is blessed; what a step less leads to, and the way back.
set -u
. tests/e2e/lib-kernels.sh

mount_volume() {
	g 'mkdir -p m && sudo mount -o nobrowse -t apfs /dev/disk1s5 m'
}
try() {
	g "$1" >"$WORK/out" 2>&1
	STATUS=$?
}

# ---- 11: SIP off is not enough ----

guest 11 --sip off
has "$(mount_volume 2>&1)" "failed with 66" "11: with authenticated root the volume cannot be mounted"

guest 11.7 --sip 0x867
kit
install_kit
has "$(g "sudo ditto /Library/Developer/KDKs/$KDK/System /System 2>&1")" "Read-only file system" "11: nothing can be put to /"
mount_volume
ok $? "11: SIP off and 0x800: it can be mounted"
is "$(g 'ls m; ls m/System/Library')" "$(printf 'System\nCoreServices\nExtensions\nKernelCollections\nKernels')" "11: and has its content"
has "$(g mount)" "/dev/disk1s5 on /Users/lab/m (apfs, local, journaled, nobrowse)" "11: mount tells of it"
g "sudo ditto /Library/Developer/KDKs/$KDK/System m/System"
is "$(g 'ls -d /System/Library/Kernels/kernel.development 2>/dev/null')" "" "11: what is put there is not in /"
try 'sudo bless --mount m --bootefi --create-snapshot'
is $STATUS 0 "11: bless"
boot 'kcsuffix=development'
runs RELEASE "without kmutil there is no collection: the release kernel"
has "$(g 'diskutil info /')" "Sealed:                    Broken" "11: ... on a snapshot without a seal"
mount_volume
try 'sudo kmutil install --volume-root / --update-all'
[ $STATUS -ne 0 ]
ok $? "11: kmutil on / cannot write"
try 'sudo kmutil install --volume-root m --update-all'
is $STATUS 0 "11: kmutil on the volume"
reboots
runs RELEASE "without bless the old snapshot boots"
mount_volume
try 'sudo bless --mount m --bootefi --create-snapshot'
reboots
runs DEVELOPMENT "all steps: the development kernel"
is "$(g 'sysctl -n kern.uuid')" "$(uuid_of "$WORK/kdk/$KDK/System/Library/Kernels/kernel.development")" \
	"11: its UUID is that of the kit's file"
"$SIMLAB" state --dir "$LAB" | grep -q 'system volume: boots com.apple.bless'
ok $? "11: simlab state tells what boots"
mount_volume
try 'sudo bless --mount m --bootefi --last-sealed-snapshot'
is $STATUS 0 "11: bless --last-sealed-snapshot"
reboots
runs RELEASE "kcsuffix= and the sealed snapshot: the release kernel"
undone "all files are what they were"
has "$(g mount)" "(apfs, sealed, local, read-only" "11: sealed again"

# Authenticated root on again, with a snapshot that has no seal
mount_volume
try 'sudo bless --mount m --bootefi --create-snapshot'
g 'sudo nvram csr-active-config=%7f%00%00%00; sudo reboot' >/dev/null 2>&1
wait_for 10 event 'boot fails: root hash'
ok $? "11: without 0x800 a snapshot without a seal does not boot"
lab_stop >/dev/null
lab_start --sip 0x867 --fault kcsuffix-strict
vmrun start "$SIMLAB_VMX" nogui
guest_up
ok $? "11: with it, it does"
lab_stop >/dev/null

# ---- 13 and later: the collection wants a kit ----

for release in 13.6 15.3; do
	guest $release --sip 0x867
	kit
	mount_volume
	g 'cat >k && sudo cp k m/System/Library/Kernels/kernel.development' \
		<"$WORK/kdk/$KDK/System/Library/Kernels/kernel.development"
	try 'sudo kmutil create -n boot -a x86_64 --volume-root m -V development'
	[ $STATUS -ne 0 ]
	ok $? "$release: kmutil wants a kit"
	build=${KDK##*_}
	has "$(cat "$WORK/out")" "Missing Developer Kit" "$release: ... and says so"
	has "$(cat "$WORK/out")" "matching your build ${build%.kdk}" "$release: ... for this build"
	try 'sudo kmutil create -n boot -a x86_64 --volume-root m -V development --allow-missing-kdk'
	is $STATUS 0 "$release: --allow-missing-kdk"
	g 'sudo umount m'
	install_kit
	mount_volume
	try "sudo kmutil create -n boot -a x86_64 --volume-root m -V development --kdk /Library/Developer/KDKs/$KDK"
	is $STATUS 0 "$release: or the kit"
	"$SIMLAB" fault --dir "$LAB" kmutil-fail bless-fail >/dev/null
	try 'sudo kmutil install --volume-root m --update-all'
	has "$(cat "$WORK/out")" "KMErrorDomain" "$release: fault kmutil-fail"
	try 'sudo bless --mount m --bootefi --create-snapshot'
	has "$(cat "$WORK/out")" "Snapshot manipulation failed" "$release: fault bless-fail"
	"$SIMLAB" fault --dir "$LAB" clear >/dev/null
	try 'sudo bless --mount m --bootefi --create-snapshot'
	boot 'kcsuffix=development'
	runs DEVELOPMENT "the development kernel"
	mount_volume
	try 'sudo bless --mount m --bootefi --last-sealed-snapshot'
	reboots
	runs RELEASE "the sealed snapshot again"
	undone "all files are what they were"
done

# The VM's snapshots have all of it, mounts too
mount_volume
vmrun snapshot "$SIMLAB_VMX" mounted
g 'sudo touch m/System/x && sudo umount m'
vmrun revertToSnapshot "$SIMLAB_VMX" mounted
vmrun start "$SIMLAB_VMX" nogui
guest_up
is "$(g 'ls m; ls m/System')" "$(printf 'System\nLibrary')" "a snapshot keeps the mount, and what was in it"

# A licence, and an installer that fails
"$SIMLAB" fault --dir "$LAB" hdiutil-licence installer-fail >/dev/null
has "$(g 'mkdir -p d; sudo hdiutil attach kdk.dmg -mountpoint d -nobrowse 2>&1')" "attach failed - canceled" "fault hdiutil-licence: nobody agrees"
g 'hdiutil convert kdk.dmg -format UDTO -o plain && sudo hdiutil attach plain.cdr -mountpoint d -nobrowse' >/dev/null
is "$(g 'ls d')" KernelDebugKit.pkg "... and converted it asks for nothing"
has "$(g 'sudo installer -pkg d/KernelDebugKit.pkg -target / 2>&1')" "The install failed" "fault installer-fail"

# Kernels that do not come up
"$SIMLAB" fault --dir "$LAB" clear boot-panic >/dev/null
g 'sudo kmutil install --volume-root m --update-all && sudo bless --mount m --bootefi --create-snapshot' >/dev/null
g 'sudo nvram boot-args="kcsuffix=development debug=0x144"; sudo reboot' >/dev/null 2>&1
wait_for 10 event 'panic over: waits'
ok $? "fault boot-panic: the new kernel panics at boot"
"$SIMLAB" fault --dir "$LAB" clear kernel-hang >/dev/null
vmrun reset "$SIMLAB_VMX"
wait_for 10 event 'boot fails: fault kernel-hang'
ok $? "fault kernel-hang: it does not come up"
"$SIMLAB" fault --dir "$LAB" clear >/dev/null
vmrun reset "$SIMLAB_VMX"
guest_up
runs DEVELOPMENT "and it does without"
done_testing
