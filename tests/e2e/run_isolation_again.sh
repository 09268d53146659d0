#!/bin/sh
# Without a snapshot: a teardown that cannot reach the guest puts back what it can;
# the next one starts the VM for the rest, and leaves it off again.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-isolation.sh

prepare off "-v keepsyms=1"
signal_at KILL '] trigger:'
is "$SIGNALLED $STATUS" "0 137" "killed"
lab=$(run_dir)/lab.yaml
fault ssh-refuse
sed -i 's|boot_timeout: .*|boot_timeout: 1s|' "$lab"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 4 "a teardown that gets no answer from the guest: exit 4"
has "$(cat "$ERR")" "in the guest: remove" "... says what is left"
has "$("$SIMLAB" state --dir "$LAB")" "power poweredOff" "... and the VM is off"
sed -i 's|boot_timeout: .*|boot_timeout: 60s|' "$lab"
begin teardown
read_to "waiting for"
ok $? "... a teardown says what it waits for"
kill -s INT "$PID"
end
is "$STATUS" 4 "... and Ctrl-C ends it"
has "$(cat "$ERR")" "interrupted" "... at once, with what is left for the next"
fault clear
sed -i 's|boot_timeout: .*|boot_timeout: 8s|' "$lab"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "a teardown that does"
left "what is left of it" "-v keepsyms=1"
has "$("$SIMLAB" state --dir "$LAB")" "power poweredOff" "... and the VM is off again"
done_testing
