#!/bin/sh
# Somebody else has the dump server's port: Apple's kdumpd, or another program.
# shellcheck disable=SC2034,SC2154
set -u
. tests/e2e/lib-failures.sh

new_lab
launchctl=$LAB/launchctl
plist=/System/Library/LaunchDaemons/com.apple.kdumpd.plist

# On a Mac it holds the port at all addresses; here at one.
with_port() {
	again
	scenario_set "s|timeout: 3s|timeout: 20s|"
	lab_set "s|bind: auto|bind: $NET.1|" "s|port: 0|port: $1|" \
		"s|^  kdumpd: .*|  kdumpd: $2|" "/^  kdumpd:/a\\  launchctl: simlab/launchctl"
}

"$launchctl" load -F "$plist"
has "$("$launchctl" list)" "-	0	com.apple.kdumpd" "kdumpd is loaded"

with_port auto keep
remember
run_lab
is "$STATUS" 0 "kept, the port is auto: exit 0"
has "$(cat "$ERR")" "Apple's kdumpd has port 1069, so the guest is told this one" "... says who has it"
[ "$(field .server.port)" -ne 1069 ]
ok $? "... another port does"
has "$(field .boot_args.during)" " panicd_port=$(field .server.port) " "... and the guest is told"
same "... the lab is as it was"

with_port 1069 keep
fails 3 lab-failed "kept, the port is 1069" "$NET.1:1069" "Apple's kdumpd has UDP port 1069" "server.port to auto"

with_port auto unload
remember
run_lab
is "$STATUS" 0 "unloaded: exit 0"
is "$(field .server.port)" 1069 "... the port is 1069"
lacks "$(field .boot_args.during)" panicd_port "... the guest need not be told"
has "$(cat "$ERR")" "restored kdumpd: loaded again" "... and it is loaded again"
same "... the lab is as it was"

with_port 1069 unload
fault kdumpd-stays
fails 3 lab-failed "launchctl does not unload it" "launchctl bootout" "still loaded" "System Integrity Protection" \
	"host.kdumpd to keep"

# kill -9 after it was unloaded, and a teardown
with_port 1069 unload
for step in "] dump server:" "] trigger:"; do
	remember
	signal_at KILL "$step"
	is "$SIGNALLED $STATUS" "0 137" "killed at $step"
	is "$("$launchctl" list | grep -c kdumpd)" 0 "... kdumpd is not loaded"
	paniclab teardown >"$OUT" 2>"$ERR"
	is $? 0 "... teardown"
	same "... the lab is as it was"
done

# It is not to be had back
remember
fault kdumpd-lost
run_lab
is "$STATUS" 4 "it is not loaded again: exit 4"
says "it is not loaded again" "not restored" "by hand: sudo launchctl bootstrap system $plist" "paniclab teardown"
fault clear
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... a teardown does when the cause is gone"
same "... the lab is as it was"

# Not loaded: nothing is to be done
"$launchctl" bootout system/com.apple.kdumpd
remember
run_lab
is "$STATUS" 0 "not loaded: exit 0"
has "$(cat "$ERR")" "nothing to change: it is not loaded" "... nothing to change"
same "... the lab is as it was"

# Another program
"$PANICLAB" serve --bind "$NET.1" --port 1069 --dir "$WORK/other" --json >"$WORK/serve.out" 2>/dev/null &
other=$!
wait_for 10 grep -q listening "$WORK/serve.out"
with_port 1069 keep
fails 3 lab-failed "another program has the port" "$NET.1:1069" "has UDP port 1069" "server.port to auto"
with_port auto keep
run_lab
is "$STATUS" 0 "another program has the port, which is auto: exit 0"
if command -v lsof >/dev/null; then
	has "$(cat "$ERR")" "paniclab (process $other) has port 1069" "... says which"
fi
kill "$other"
wait "$other" 2>/dev/null
done_testing
