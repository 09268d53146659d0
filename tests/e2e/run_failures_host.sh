#!/bin/sh
# Runs that fail on this host: files, disk, ports, the firewall, another run.
# shellcheck disable=SC2034,SC2154
set -u
. tests/e2e/lib-failures.sh

new_lab

# lab.yaml, scenario.yaml: the file and the line, before anything is asked of Fusion
again
lab_set 's|^  timeout: 30s|  timeuot: 30s|'
line=$(grep -n timeuot "$WORK/lab.yaml" | cut -d: -f1)
refuses "lab.yaml, unknown key" "$WORK/lab.yaml:$line: unknown key 'timeuot'" "did you mean 'timeout'?"
again
lab_set 's|^  timeout: 30s|  timeout: soon|'
refuses "lab.yaml, bad value" "$WORK/lab.yaml:$line: " "timeout" "soon"
again
scenario_set 's|^guest: sierra|guest: siera|'
refuses "scenario.yaml, unknown guest" "siera" "did you mean 'sierra'?"
again
scenario_set 's|^kernel: as-is|kernel: fast|'
line=$(grep -n 'kernel: fast' "$WORK/scenario.yaml" | cut -d: -f1)
refuses "scenario.yaml, bad value" "$WORK/scenario.yaml:$line: kernel" "development"
again
rm "$WORK/scenario.yaml"
refuses "scenario.yaml missing" "$WORK/scenario.yaml: " "No such file"
again
scenario_set 's|^payload:|payload:\n  setup: absent.sh|'
fails 2 misconfigured "set-up script missing" "$WORK/absent.sh: " "payload.setup" "No such file"
again
scenario_set 's|^payload:|payload:\n  files:\n    - {from: absent, to: /tmp/x}|'
fails 2 misconfigured "payload missing" "$WORK/absent: " "payload" "No such file"

# Where the dump server cannot listen
again
lab_set 's|bind: auto|bind: 192.0.2.1|'
fails 3 lab-failed "no such address here" "192.0.2.1:0: cannot listen" "address of this host"

# The firewall
again
fault firewall-managed
fails 3 lab-failed "the firewall is managed" "socketfilterfw" "managed" "host.firewall to leave"
again
fault firewall-silent
fails 3 lab-failed "the firewall changes nothing" "socketfilterfw" "after the change, not 'allow'" "root"
again
lab_set 's|firewall_tool: .*|firewall_tool: absent/socketfilterfw|'
fails 3 lab-failed "no firewall tool" "$WORK/absent/socketfilterfw" "firewall"

# Two runs at once
again
remember
begin_run
read_to "] power on"
first=$(basename "$(run_dir)")
paniclab run "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$WORK/out2" 2>"$WORK/err2"
is $? 3 "a second run on the VM: exit 3"
has "$(tail -n 1 "$WORK/err2")" "run $first" "... names the run that has it"
has "$(tail -n 1 "$WORK/err2")" "process $PID" "... and its process"
has "$(tail -n 1 "$WORK/err2")" ": wait for that run" "... and what to do"
end
is "$STATUS" 0 "the first does not notice"
same "two runs at once: the lab is as it was"

# The state folder
again
: >"$WORK/file"
remember
"$PANICLAB" run --state "$WORK/file" "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$OUT" 2>"$ERR"
is $? 3 "the state folder is a file: exit 3"
says "the state folder is a file" "$WORK/file" "directory"
if [ "$(id -u)" -ne 0 ]; then
	mkdir "$WORK/closed"
	chmod 500 "$WORK/closed"
	"$PANICLAB" run --state "$WORK/closed" "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$OUT" 2>"$ERR"
	is $? 3 "the state folder is closed: exit 3"
	says "the state folder is closed" "$WORK/closed" "Permission denied"
fi
# Files may not grow beyond 560 blocks of 512 bytes: an .nvram fits, the core does not.
(
	ulimit -f 560
	paniclab run "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$OUT" 2>"$ERR" </dev/null
)
STATUS=$?
says "the disk is full in the middle of the core" "dump: " "File too large"
ends 5 no-core "the disk is full in the middle of the core"
has "$(kept core-gz)" ".gz.incomplete" "... what fitted is kept"
same "the state folder is no use: the lab is as it was"
done_testing
