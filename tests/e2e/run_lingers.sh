#!/bin/sh
# The kernel asks again when the ACK of its EOF was lost, and reboots only once
# it has it: after the dump the server goes on answering until the guest is back.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

new_lab --fault no-reboot-after-panic
lab_set "s|boot_timeout: .*|boot_timeout: 5s|"
remember
begin_run
read_to "listening on"
port=$(sed -n 's/.*listening on [0-9.]*:\([0-9]*\) .*/\1/p' "$ERR")
[ -n "$port" ]
ok $? "the dump server's port"
read_to "guest back"
udp_open 127.0.0.1 "$port"
ok $? "it listens while the run waits for the guest"
end
is "$STATUS" 0 "the run"
is "$(field '.dump.complete')" true "has its core"
! udp_open 127.0.0.1 "$port"
ok $? "nothing listens after it"
same "the lab is what it was"
done_testing
