#!/bin/sh
# Without a snapshot, the VM running before: what is undone after kill -9, Ctrl-C and failures.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-isolation.sh

args="-v keepsyms=1"
# kill -9
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
