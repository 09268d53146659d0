#!/bin/sh
# A run that wants the development kernel, 10.12: SIP on at the start; two boots;
# the core is of the kit's kernel; and everything is what it was, also after a
# kernel that does not boot, a tool that lies, and kill -9.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

kernel_lab 10.12 development
KERNEL=System/Library/Kernels/kernel.development
# No boot with kcsuffix= before that kernel is there, and none after it is gone
fault kcsuffix-strict
for isolation in snapshot none; do
	scenario_set "s|isolation: .*|isolation: $isolation|"
	ends_well "10.12, isolation $isolation"
	has "$(kernel_step detail)" "the same build, 16G29" "... the kit is of the build"
	is "$(field '.kernel.way, .kernel.fit, .kernel.kit' | tr '\n' ' ')" "kextcache build $KIT " "... the report says so"
	is "$(field '[.boots[].why] | join("; ")')" "armed; for the development kernel" "... and why each boot"
	is "$(field .facts.variant)" development "... and which kernel ran"
	# filesystem, kernel debugger, dtrace, nvram (0x2, 0x8, 0x20, 0x40)
	is "$(field '.sip.during - .sip.before')" 106 "... of SIP, what that takes"
	has "$(field .boot_args.during)" kcsuffix=development "... kcsuffix= is in the boot-args"
done

# The VM runs at the start, and runs again at the end, with its own kernel and boot-args
"$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$SIMLAB_VMX" set boot-args -- '-v my=1' >/dev/null 2>&1
vmrun start "$SIMLAB_VMX" nogui
guest_up
remember
ends_well "10.12, isolation none, the VM runs"
guest_up
is "$(g 'uname -v | sed "s,.*/,,"; sysctl -n kern.bootargs')" "$(printf 'RELEASE_X86_64\n-v my=1')" "... with its own kernel"
is "$(g 'ls -d /private/var/tmp/paniclab* 2>/dev/null')" "" "... nothing of ours is in the guest"

# Somebody's own kernel of that name, not prelinked, is back afterwards
vmrun stop "$SIMLAB_VMX" soft
unlocked
"$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$SIMLAB_VMX" set csr-active-config hex:77000000 >/dev/null 2>"$ERR"
ok $? "10.12: SIP is off"
vmrun start "$SIMLAB_VMX" nogui
guest_up
g 'echo mine >mine && sudo cp mine /System/Library/Kernels/kernel.development && rm mine'
vmrun stop "$SIMLAB_VMX" soft
unlocked
remember
ends_well "10.12, a file of that name is there"
has "$(lab_state)" "/System/Library/Kernels/kernel.development" "... and still is"

# The .nvram is left alone: the kernel, then boot-args in the guest, and one reboot for both
lab_set 's|nvram: edit|nvram: leave|'
ends_well "10.12, nvram: leave"
is "$(field '[.boots[].why] | join("; ")')" "to set it up; for the kernel and the boot-args" "... the same number of boots"
lab_set 's|nvram: leave|nvram: edit|'

# The kernel runs already
vmrun start "$SIMLAB_VMX" nogui
guest_up
g "cat >k && sudo cp k /System/Library/Kernels/kernel.development && rm k && sudo kextcache -invalidate / &&
	sudo nvram boot-args=kcsuffix=development && sudo nvram csr-active-config=%64%00%00%00" <"$KIT/$KERNEL" >/dev/null 2>&1
vmrun stop "$SIMLAB_VMX" soft
unlocked
remember
run_lab
is $STATUS 0 "10.12, it has that kernel already"
has "$(kernel_step detail)" "runs already" "... nothing is installed"
is "$(boots)" 1 "... one boot before the trigger"
is "$(field '.sip.during - .sip.before')" 8 "... and the filesystem's protection is no matter"
same "... the lab is what it was"
done_testing
