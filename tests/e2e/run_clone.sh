#!/bin/sh
# Isolation by a clone: the VM itself is neither started nor changed, and the
# clone and its snapshot are gone afterwards; also after kill -9.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

clones() { find "$LAB/Virtual Machines" -maxdepth 1 -name 'paniclab-*' | wc -l; }

killed() {
	is "$SIGNALLED $STATUS" "0 137" "$1: killed"
	paniclab teardown >"$OUT" 2>"$ERR"
	teardown_status=$?
	is "$teardown_status" 0 "$1: teardown"
	[ "$teardown_status" -eq 0 ] || show "$ERR"
	same "$1: the lab is what it was"
	is "$(clones)" 0 "$1: no clone is left"
	lacks "$(paniclab runs 2>&1)" "TO BE RESTORED" "$1: runs says restored"
}

new_lab --sip on
scenario_set 's|isolation: .*|isolation: clone|'
cksum "$SIMLAB_VMX" "${SIMLAB_VMX%.vmx}.nvram" >"$WORK/sums"
remember
run_lab --dry-run
is "$STATUS" 0 "--dry-run"
has "$(cat "$OUT")" "a snapshot and a clone of it, both deleted at the end" "... says what is made"
run_lab
is "$STATUS" 0 "a run on a clone"
[ "$STATUS" -eq 0 ] || show "$ERR"
is "$(field '.dump.complete, .panicked.seen' | tr '\n' ' ')" "true true " "... with its core"
same "... the lab is what it was"
is "$(clones)" 0 "... no clone is left"
cksum "$SIMLAB_VMX" "${SIMLAB_VMX%.vmx}.nvram" | cmp -s - "$WORK/sums"
ok $? "... .vmx and .nvram of the VM itself to the byte"
has "$(field .clone.vmx)" "/paniclab-$(field .id).vmwarevm/paniclab-$(field .id).vmx" "... the report names the clone"
is "$(field '[.steps[] | select(.undo == "failed")] | length')" 0 "... no undo failed"
event "cloned to .*paniclab-"
ok $? "... there was one"
! event violation
ok $? "... and nothing was done to a VM of the user's"
lease=$(field .address.ip)
is "$lease" "$SIMLAB_GUEST_IP" "... found by its own MAC"

# The lock is on the clone: the VM can be used
begin_run
read_to "] trigger:"
flock -n "$(dirname "$SIMLAB_VMX")" true
ok $? "the VM itself is free while its clone runs"
has "$(run_row)" "under way" "... and runs says that the run is"
paniclab teardown "$(basename "$(run_dir)")" >"$OUT" 2>"$ERR"
is $? 3 "... which teardown leaves alone"
end
is "$STATUS" 0 "... it ends well"
same "... the lab is what it was"

for step in 'clone' 'nvram' 'power on' 'facts' 'trigger' 'dump'; do
	signal_at KILL "] $step:"
	killed "kill -9 at $step"
done
for at in 'snapshot [0-9]* "paniclab' 'vmrun clone' 'cloned to'; do
	begin_run
	kill_at_event "$at"
	killed "kill -9 at '$at'"
done
signal_at KILL "restored firewall"
killed "kill -9 while it restores"
signal_at INT "] facts:"
is "$SIGNALLED $STATUS" "0 130" "SIGINT"
same "... the lab is what it was"

# A run on the VM while an older one on a clone is not restored
signal_at KILL "] nvram:"
run_lab
is "$STATUS" 4 "the next run refuses"
has "$(cat "$ERR")" "paniclab teardown" "... and names teardown"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... which restores"
same "... the lab is what it was"

# The VM is on
unlocked
vmrun start "$SIMLAB_VMX" nogui
guest_up
run_lab
is "$STATUS" 3 "a VM that is on"
has "$(cat "$ERR")" "the VM is on, and cannot be cloned" "... is refused"
vmrun stop "$SIMLAB_VMX" hard
unlocked

# vmrun cannot: a full clone by the REST service
sed "s|^exec|[ \"\$3\" != clone ] \|\| { echo 'Error: Unknown error'; exit 255; }\nexec|" "$SIMLAB_VMRUN" >"$WORK/vmrun"
sed -i "s|\"\${0%/\*}\"|'$LAB'|" "$WORK/vmrun"
chmod +x "$WORK/vmrun"
lab_set "s|vmrun: .*|vmrun: $WORK/vmrun|"
remember
run_lab
is "$STATUS" 0 "vmrun cannot clone"
[ "$STATUS" -eq 0 ] || show "$ERR"
has "$(cat "$ERR")" "making a full clone by the REST service instead" "... says so"
is "$(field .dump.complete)" true "... with its core"
same "... the lab is what it was"
is "$(clones)" 0 "... no clone is left"
signal_at KILL "] power on:"
killed "a full clone, kill -9"
done_testing
