#!/bin/sh
# Without a snapshot every change is undone one by one: boot-args, payload,
# folders, power, firewall; after success, a failure, Ctrl-C and kill -9.
# Only the guest's own traces of its panic may remain: its report in
# DiagnosticReports, and the firmware's AAPL,PanicInfo variables.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# Before and after: without what is empty at each boot, and those traces.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

# start_guest / stop_guest: by the user's hand.
start_guest() {
	unlocked
	vmrun start "$SIMLAB_VMX" nogui
	guest_up
}

stop_guest() {
	vmrun stop "$SIMLAB_VMX" soft
	unlocked
}

# The lab as a run finds it: power, then boot-args ("" is none).
prepare() {
	start_guest
	if [ -n "$2" ]; then g "sudo nvram boot-args='$2'"; else g 'sudo nvram -d boot-args'; fi 2>/dev/null
	stop_guest
	[ "$1" = off ] || start_guest
	remember
}

# left NAME BOOT-ARGS: what holds after every end of a run.
left() {
	same "$1: the lab is what it was"
	if grep -q 'power poweredOff' "$WORK/before"; then
		return
	fi
	is "$(g 'nvram boot-args' 2>/dev/null)" "${2:+$(printf 'boot-args\t%s' "$2")}" "$1: the boot-args are what they were"
	is "$(g 'sysctl -n kern.bootargs')" "$2" "$1: and so are the running kernel's"
	is "$(g 'ls -d /private/var/tmp/paniclab* /private/tmp/paniclab* /private/var/tmp/payload* 2>/dev/null')" "" \
		"$1: nothing of ours is in the guest"
}

# killed NAME BOOT-ARGS: what holds after a kill -9, and after its teardown.
killed() {
	is "$SIGNALLED $STATUS" "0 137" "$1: killed"
	paniclab teardown >"$OUT" 2>"$ERR"
	teardown_status=$?
	is $teardown_status 0 "$1: teardown"
	[ $teardown_status -eq 0 ] || show "$ERR"
	left "$1" "$2"
	lacks "$(paniclab runs 2>&1)" "TO BE RESTORED" "$1: runs says restored"
}

echo 'a payload' >"$WORK/payload"
new_lab
# A guest that hangs in its panic is given up and reset after that.
lab_set "s|boot_timeout: .*|boot_timeout: 8s|"
scenario_set "s|isolation: snapshot|isolation: none|" \
	"s|^payload:|payload:\\
  files: [{from: payload, to: /private/var/tmp/payload}]|"

for power in off on; do
	for args in "" "-v keepsyms=1"; do
		prepare $power "$args"
		name="VM $power, boot-args '$args'"
		run_lab
		is $STATUS 0 "$name"
		[ $STATUS -eq 0 ] || show "$ERR"
		left "$name" "$args"
		lacks "$(cat "$ERR")" snapshot "$name: no snapshot"
		is "$(jq -r 'select(.kind == "intent" and .change == "guest-folder").before.tag' \
			"$(run_dir)/journal.ndjson")" "$(basename "$(run_dir)")" "$name: our folders are noted once"
	done
done

# kill -9, the VM having been off
args="-v keepsyms=1"
prepare off "$args"
for line in '] firewall:' '] power on:' '] facts:' '] payload:' '] nvram:' '] verify:' '] trigger:' '] dump:' \
	'] guest back:' 'restored nvram' 'restored payload'; do
	signal_at KILL "$line"
	killed "VM off, kill -9 at '$line'" "$args"
done

# ... and on
prepare on "$args"
for line in '] shut down:' '] facts:' '] payload:' '] nvram:' '] verify:' '] trigger:' 'restored nvram'; do
	signal_at KILL "$line"
	killed "VM on, kill -9 at '$line'" "$args"
done
for event in 'simulated: panic' 'boot-args "-v keepsyms=1 debug'; do
	begin_run
	kill_at_event "$event"
	killed "VM on, kill -9 at '$event'" "$args"
done
signal_at KILL "] guest back:"
begin teardown
kill_at_event 'boot begins'
killed "VM on, kill -9 of a teardown, at a boot" "$args"

# Ctrl-C
for line in '] payload:' '] verify:' '] dump:'; do
	signal_at INT "$line"
	is "$SIGNALLED $STATUS" "0 130" "VM on, SIGINT at '$line'"
	left "VM on, SIGINT at '$line'" "$args"
done

# Where the .nvram is left alone, boot-args are set in the guest, and undone there
lab_set 's|nvram: edit|nvram: leave|'
for line in '] boot-args:' '] reboot:' '] trigger:' 'restored boot-args'; do
	signal_at KILL "$line"
	killed "in the guest, VM on, kill -9 at '$line'" "$args"
done
begin_run
kill_at_event 'guest reboots'
killed "in the guest, VM on, kill -9 at a reboot" "$args"
signal_at KILL "] guest back:"
begin teardown
kill_at_event 'guest reboots'
killed "in the guest, VM on, kill -9 of a teardown, at a reboot" "$args"
signal_at INT '] reboot:'
is "$SIGNALLED $STATUS" "0 130" "in the guest, VM on, SIGINT"
left "in the guest, VM on, SIGINT" "$args"
lab_set 's|nvram: leave|nvram: edit|'

# A trigger that does nothing
fault trigger-silent
scenario_set "s|timeout: 20s|timeout: 2s|"
run_lab
is $STATUS 1 "no panic"
left "no panic" "$args"
fault clear
guest_up

# Somebody's own file is not for a payload to replace
g 'echo mine >/private/var/tmp/payload'
remember
run_lab
is $STATUS 3 "the payload's place is taken"
has "$(cat "$ERR")" /private/var/tmp/payload "... and it says where"
same "... the lab is what it was"
is "$(g cat /private/var/tmp/payload)" mine "... and the file too"
done_testing
