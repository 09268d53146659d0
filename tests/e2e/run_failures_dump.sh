#!/bin/sh
# Runs that panic, and whose core does not come, or not whole.
# shellcheck disable=SC2034,SC2154
set -u
. tests/e2e/lib-failures.sh

again_here() {
	again
	scenario_set 's|within: .*|within: 8s|'
}

# The kernel's patience with a server that does not answer is a minute.
new_lab --time-factor 0.1

# Half a core: it is kept, and read as far as it goes.
again_here
fault dump-stop-at=300000
fails 5 no-core "the dump stops" "dump: the core stopped arriving after" "nothing came for" "what arrived is kept as" ".incomplete"
has "$(kept core-gz)" ".gz.incomplete" "the dump stops: what came is kept under a name that says so"
half=$(kept core)
has "$half" ".incomplete" "... and unpacked"
gzip -dc <"$(run_dir)/$(kept core-gz)" 2>/dev/null | cmp -s - "$(run_dir)/$half"
ok $? "... to exactly what gzip makes of it"
has "$(field .panic.string)" "dtrace: panic action" "... and read as far as it goes"
is "$(field .dump.complete)" false "... and the report says that it is not whole"
has "$(cat "$OUT")" incomplete "... and the summary"
has "$(cat "$(run_dir)/report.md")" "nothing came for" "... and why"

# It needs no firewall of the lab's, but leave to pass one.
again_here
lab_set 's|firewall: allow|firewall: leave|'
fails 5 no-core "the firewall blocks" "but no core came" "nothing arrived at 127." "firewall: allow" "serial0"
is "$(evidence core)" "missing none came" "the firewall blocks: the report says that none came"

# Every twentieth packet lost: exact all the same.
again
fault dump-loss=5
scenario_set 's|within: .*|within: 60s|'
remember
run_lab
ends 0 as-expected "packets are lost"
[ "$(field .dump.complete)" = true ] && gzip -t "$(run_dir)/$(kept core-gz)"
ok $? "packets are lost: the core is whole"
gzip -dc "$(run_dir)/$(kept core-gz)" | cmp -s - "$(run_dir)/$(kept core)"
ok $? "... and unpacked to what gzip makes of it"
same "packets are lost: the lab is as it was"

# It stays at its panic
again
fault no-reboot-after-panic
lab_set 's|boot_timeout: .*|boot_timeout: 4s|'
remember
run_lab
ends 0 as-expected "no reboot after the panic"
has "$(evidence panic_report)" "missing" "no reboot after the panic: the report lacks the panic report"
has "$(evidence panic_report)" "did not come back" "... and says so"
[ -n "$(kept core)" ]
ok $? "... and the core is there"
same "no reboot after the panic: the lab is as it was"

# The server takes no more: the kernel gives up, and waits for a debugger for ever.
reset_and_back() {
	has "$(field '.steps[] | select(.name == "guest back") | .detail')" "reset, and back at $SIMLAB_GUEST_IP" "$1: the guest is reset"
	[ -n "$(kept panic_report)" ]
	ok $? "$1: ... and has written its panic report"
}
again_here
lab_set 's|max_size: .*|max_size: 300K|'
fails 5 no-core "a hung kernel" "dump: the core is incomplete after"
has "$(cat "$ERR")" "a kernel whose dump fails waits" "a hung kernel: known by its dump"
reset_and_back "a hung kernel"
cp "$SIMLAB_VMX" "$WORK/vmx"
printf 'serial0.present = "TRUE"\nserial0.fileType = "file"\nserial0.fileName = "serial.log"\n' >>"$SIMLAB_VMX"
again_here
lab_set 's|max_size: .*|max_size: 300K|'
fails 5 no-core "a hung kernel with a console" "dump: the core is incomplete after"
has "$(cat "$ERR")" "the console says that the kernel waits" "a hung kernel with a console: known by it"
reset_and_back "a hung kernel with a console"
# Its scenario does without the reboot that ours asks for.
again
scenario_set "s|^boot_args: .*|boot_args: 'debug=0x444'|"
remember
run_lab
ends 0 as-expected "a kernel that is not to reboot"
reset_and_back "a kernel that is not to reboot"
same "a kernel that is not to reboot: the lab is as it was"
cp "$WORK/vmx" "$SIMLAB_VMX"

# A port that is taken, by another dump server
again
"$PANICLAB" serve --bind 127.0.0.1 --port 0 --dir "$WORK" --json --state "$STATE" >"$WORK/serve" 2>/dev/null &
server=$!
wait_for 10 grep -q listening "$WORK/serve"
taken=$(jq -r .port "$WORK/serve" | head -n 1)
lab_set "s|^  port: 0|  port: $taken|"
fails 3 lab-failed "the port is taken" "127.0.0.1:$taken: " "has UDP port $taken" "another port"
kill $server
wait $server 2>/dev/null
lab_stop

# A NIC that cannot dump: the console knows.
lab_start --sip off --core-size 1M --nic vmxnet3 --time-factor 0.1
again_here
printf 'serial0.present = "TRUE"\nserial0.fileType = "file"\nserial0.fileName = "serial.log"\n' >>"$SIMLAB_VMX"
fails 5 no-core "a vmxnet3 NIC" "dump: it panicked, but no core came" "the console says: the guest's NIC cannot send" "e1000e" ".vmx"
[ -n "$(kept serial_log)" ] && grep -q 'No transport device' "$(run_dir)/$(kept serial_log)"
ok $? "a vmxnet3 NIC: the console's log is kept"
has "$(cat "$ERR")" "warning: " "... and there was a warning before"
done_testing
