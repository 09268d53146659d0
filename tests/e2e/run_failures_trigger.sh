#!/bin/sh
# Runs whose trigger does not do what the scenario expects of it.
# shellcheck disable=SC2034,SC2154
set -u
. tests/e2e/lib-failures.sh

new_lab

# soon NAME: the run ended within the trigger's 3 seconds and a few for the rest of it.
soon() {
	seconds=$(field '.steps[] | select(.name == "trigger") | .seconds | floor')
	[ "$seconds" -lt 9 ]
	ok $? "$1: soon"
	is "$(kept core)" "" "$1: no core"
	is "$(evidence core)" "missing there was no panic" "... and the report says why"
}

again
fault trigger-silent
fails 1 not-as-expected "dtrace does nothing" "trigger: the trigger had no effect within 3.0s" "csrutil status" "dtrace"
soon "dtrace does nothing"
again
command_is 'echo it is broken >&2; exit 3'
fails 1 not-as-expected "the command fails" "trigger: the trigger failed with status 3" "it said: it is broken" "by hand"
soon "the command fails"
again
command_is 'no-such-tool --panic'
fails 1 not-as-expected "there is no such command" "status 127" "no-such-tool"
soon "there is no such command"
again
command_is true
fails 1 not-as-expected "the command does nothing" "no effect within 3.0s" "still answers from the same boot"
soon "the command does nothing"
again
command_is 'sleep 1000'
fails 1 not-as-expected "the command hangs" "no effect within 3.0s" "same boot"
soon "the command hangs"
again
command_is 'printf "\033[2Jx\ny" >&2; exit 4'
fails 1 not-as-expected "the command's words are foreign" "status 4" 'it said: \x1b[2Jx'

# Expectations
again
scenario_set 's|matching: .*|matching: "double free"|'
fails 1 not-as-expected "another panic" "it is not the panic that was expected" "dtrace: panic action" 'expects "double free"'
[ -n "$(kept core)" ] && [ -n "$(kept panic_report)" ]
ok $? "another panic: the core and the panic report are kept"
again
command_is true
scenario_set 's|panic: true|panic: false|' 's|core: required|core: none|'
remember
run_lab
ends 0 as-expected "no panic expected, none there"
same "no panic expected, none there: the lab is as it was"
again
scenario_set '/^  matching:/d' 's|panic: true|panic: false|' 's|core: required|core: none|'
# No dump is to come, so the guest is asked, however long a panic may take
scenario_set 's|timeout: 3s|timeout: 10m|' 's|within: .*|within: 10m|'
fails 1 not-as-expected "no panic expected, and there is one" "trigger: the guest panicked, and should not have"
[ -n "$(kept panic_report)" ]
ok $? "no panic expected, and there is one: its report is kept"
[ "$(field '.steps[] | select(.name == "trigger") | .seconds | floor')" -lt 300 ]
ok $? "no panic expected, and there is one: told by the guest, not by trigger.timeout"
done_testing
