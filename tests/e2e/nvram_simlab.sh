#!/bin/sh
# paniclab nvram and the simulated lab, which has a reader and a writer of its own:
# what the one writes, the other's guest boots from.
set -u
. tests/e2e/lib-simlab.sh

nvram() { "$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$@"; }
macos='set csr-active-config disable --macos 10.12.6'

lab_start --sip on
bundle=$(dirname "$SIMLAB_VMX")
file=$(ls "$bundle"/*.nvram)
cp "$file" "$WORK/before"

# shellcheck disable=SC2086 # words
sip=$(nvram "$bundle" $macos)
ok $? "SIP is turned off in the file of a guest that is off"
has "$sip" '(0x77, SIP allows: kexts' "it says what SIP allows then"
args=$(nvram "$bundle" set boot-args -- '-v keepsyms=1')
ok $? "boot-args too"

vmrun start "$SIMLAB_VMX" nogui
guest_up
is "$(g 'nvram boot-args')" "$(printf 'boot-args\t-v keepsyms=1')" "the guest has the boot-args"
has "$(g 'sysctl -n kern.bootargs')" "keepsyms=1" "and its kernel has them"
has "$(g 'csrutil status')" "System Integrity Protection status: disabled." "csrutil in the guest: disabled"
is "$(g 'nvram csr-active-config')" "$(printf 'csr-active-config\tw%%00%%00%%00')" "its value, as the guest's nvram has it"
refused=$(nvram "$bundle" set boot-args x 2>&1)
is $? 3 "a guest that is on is refused"
has "$refused" "the VM is powered on (vmrun lists it as running)" "and told why"
g 'sudo nvram from-guest=hello'

vmrun suspend "$SIMLAB_VMX" hard
refused=$(nvram "$bundle" set boot-args x 2>&1)
is $? 3 "a suspended one too"
has "$refused" "the VM is suspended" "and told why"
vmrun start "$SIMLAB_VMX" nogui
guest_up
vmrun stop "$SIMLAB_VMX" hard
unlocked

is "$("$PANICLAB" nvram "$file" get from-guest)" "hello" "what the guest wrote can be read"
eval "$(printf '%s\n' "$args" | sed -n 's/^  undo    paniclab nvram/nvram/p')" >/dev/null
ok $? "the boot-args are undone, by the command that was printed"
eval "$(printf '%s\n' "$sip" | sed -n 's/^  undo    paniclab nvram/nvram/p')" >/dev/null
ok $? "SIP too"
difference=$("$PANICLAB" nvram "$WORK/before" diff "$file")
is $? 1 "against the file of before"
is "$(printf '%s\n' "$difference" | grep -v MTC)" "$(printf '+from-guest\thello')" "only what the guest itself wrote differs"

done_testing
