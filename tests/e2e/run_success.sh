#!/bin/sh
# A whole run, and what it leaves: a core and a report here, nothing in the lab.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

new_lab
remember

# Nothing is changed by --dry-run
run_lab --dry-run
is $STATUS 0 "--dry-run"
has "$(cat "$OUT")" "nothing is changed by --dry-run" "... says so"
has "$(cat "$OUT")" "boot-args and csr-active-config, put back as they were" "... and what a run would change"
[ ! -d "$STATE/runs" ]
ok $? "... makes no run"
same "... and changes nothing"
grep -qE 'vmrun (start|stop|snapshot|revert|delete)|rest PUT' "$LAB/log/events.log"
is $? 1 "... and asks for no change"
run_lab --dry-run --json
jq -e '.steps | map(.name) | index("snapshot") and index("restore")' "$OUT" >/dev/null
ok $? "--dry-run --json: the plan as a document"
jq -r '.steps[].name | select(. != "restore")' "$OUT" >"$WORK/planned"

# A run
run_lab
is $STATUS 0 "run"
[ $STATUS -eq 0 ] || show "$ERR"
! event violation
ok $? "it let the other VM be, and REST calls wait for each other"
same "the lab is what it was"
sed -n 's/^\[ *[0-9]*\/[0-9]*\] \([^:]*\):.*/\1/p' "$ERR" | cmp -s - "$WORK/planned"
ok $? "its steps are the planned ones"
has "$(cat "$OUT")" "As expected: dtrace-panic on sierra" "it says how it went"
has "$(tail -n 1 "$OUT")" "$(run_dir)/report.html" "... and where the report is"
has "$(run_row)" " as-expected restored" "runs lists it"
dir=$(run_dir)
is "$(find "$STATE" -perm /077 | wc -l)" 0 "nobody else may read what it keeps"

# The report
is "$(jq -r '[.outcome, .exit_code, .error, .restored.complete, (.restored.left | length), .simulated] | map(tostring) | join(" ")' \
	"$dir/report.json")" "as-expected 0 null true 0 true" "report.json: the outcome"
is "$(field '[.steps[] | select(.status != "done")] | length')" 0 "every step is done"
is "$(field '[.steps[] | select(.undo == "done") | .name] | join(" ")')" "snapshot nvram power on firewall" \
	"what it changed is undone"
is "$(field '[.scenario, .guest, .vm.name, .address.ip] | join(" ")')" \
	"dtrace-panic sierra Sierra (simulated) $SIMLAB_GUEST_IP" "which guest"
is "$(field '[.facts.product_version, .facts.build, .facts.xnu, .facts.variant] | join(" ")')" \
	"10.12.6 16G29 3789.70.16 release" "which macOS"
has "$(field .panic.string)" "dtrace: panic action at probe dtrace:::BEGIN" "why it panicked"
is "$(field '[.dump.complete, .dump.gzip, .dump.resent] | map(tostring) | join(" ")')" "true ok 0" "the dump"
is "$(field '.panic.boot_args')" "$(field '.boot_args.during')" "the kernel ran with the boot-args that were set"
has "$(field .boot_args.during)" " panicd_port=$(field .server.port) " "another port than 1069 is in them"
has "$(cat "$dir/report.md")" "dtrace: panic action" "report.md"
has "$(cat "$dir/report.html")" "simulated lab" "report.html has the badge"
grep -q '</html>' "$dir/report.html"
ok $? "... and is whole"

# The core
core=$dir/$(field '.evidence[] | select(.kind == "core") | .path')
gzip -t "$core.gz"
ok $? "gzip takes the dump"
gzip -dc "$core.gz" | cmp - "$core"
ok $? "... and unpacks the same core"
is "$(field '.dump.bytes')" "$(($(wc -c <"$core.gz")))" "its size"
lldb=$(command -v lldb-14 || command -v lldb)
if [ -n "$lldb" ]; then
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages HOME=$WORK \
		timeout 60 "$lldb" --batch -c "$core" -o bt >"$WORK/lldb" 2>&1 </dev/null
	has "$(cat "$WORK/lldb")" "Kernel UUID: $(field .core.kernel_uuid)" "lldb finds the same kernel"
	has "$(cat "$WORK/lldb")" "Load Address: $(field .core.load_address)" "... at the same address"
	has "$(cat "$WORK/lldb")" "$(field '.panic.backtrace[1].address')" "... and the panic's backtrace"
else
	skip "lldb finds the same kernel" "no lldb"
fi

# What is left
! udp_open "$(field .server.address)" "$(field .server.port)"
ok $? "nothing listens any more"
lock=$(find "$STATE/locks" -name '*.lock' | head -n 1)
flock -n "$lock" true
ok $? "the VM's lock is free"

# At once again
run_lab --json
is $STATUS 0 "a second run at once, with --json"
is "$(jq -rs 'length' "$OUT")" 1 "one document on standard output"
is "$(jq -r .outcome "$OUT")" as-expected "... the report"
same "the lab is what it was"
run_lab --events --quiet
is $STATUS 0 "a third with --events"
is "$(jq -rRn '[inputs | fromjson | .event] | (.[0] + " " + .[-1])' "$OUT")" "run end" "one object a line, from run to end"
is "$(cat "$ERR")" "" "--quiet: nothing else"
same "the lab is what it was"

# A VM that runs
unlocked
vmrun start "$SIMLAB_VMX" nogui
guest_up
g 'echo here >/private/tmp/before; echo here >before'
boot=$(g 'sysctl -n kern.bootsessionuuid')
remember
has "$(cat "$WORK/before")" "power poweredOn" "the VM is on"
run_lab
is $STATUS 0 "a run with a VM that is on"
[ $STATUS -eq 0 ] || show "$ERR"
guest_up
ok $? "it is on again"
same "the lab is what it was"
is "$(g 'sysctl -n kern.bootsessionuuid')" "$boot" "it goes on where it was"
is "$(g 'cat /private/tmp/before before; ls -d /private/var/tmp/paniclab* 2>/dev/null')" "$(printf 'here\nhere')" \
	"... with its files, and none of ours"
vmrun stop "$SIMLAB_VMX" hard
unlocked

# A NIC over which no kernel dumps
lab_stop
rm -rf "$LAB"
new_lab --nic vmxnet3
lab_set "s|boot_timeout: .*|boot_timeout: 5s|"
scenario_set "s|timeout: 20s|timeout: 5s|"
cat >>"$SIMLAB_VMX" <<EOF
serial0.present = "TRUE"
serial0.fileType = "file"
serial0.fileName = "serial.log"
EOF
remember
run_lab --dry-run
has "$(cat "$ERR")" "no kernel is known to dump over its network adapter, vmxnet3" "vmxnet3: --dry-run warns of it"
run_lab
is $STATUS 5 "vmxnet3: a panic, and no core"
same "the lab is what it was"
is "$(field '.outcome')" no-core "the report's outcome"
has "$(cat "$ERR")" "NIC (AppleVmxnet3Ethernet) is one over which no kernel is known to dump" "it warns of the NIC"
has "$(field .error.line)" "the console says: the guest's NIC cannot send a kernel dump" "the console tells why"
has "$(field .error.line)" e1000e "... and what would help"
done_testing
