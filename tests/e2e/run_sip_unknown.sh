#!/bin/sh
# sip: off, and a guest that does not say whether it is: the run does not believe it.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

new_lab --sip off
find "$LAB" -path '*/usr/bin/csrutil' -delete
scenario_set 's|sip: needed|sip: off|'
remember
run_lab
is "$STATUS" 3 "sip: off, and a guest without csrutil"
has "$(cat "$ERR")" "the guest does not say whether it is" "... ends, and says why"
is "$(field .panicked.seen)" false "... before its trigger"
same "... the lab is what it was"
done_testing
