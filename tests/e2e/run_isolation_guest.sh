#!/bin/sh
# Without a snapshot, and the .nvram left alone: boot-args are set in the guest, and
# undone there.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-isolation.sh

args="-v keepsyms=1"
prepare on "$args"
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
done_testing
