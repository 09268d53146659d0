#!/bin/sh
# A kernel that does not come up, tools that fail or lie, SIP, Ctrl-C and kill -9
# at each step of a run with the development kernel: 10.12.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-kernel-runs.sh

kernel_lab 10.12 development
KERNEL=System/Library/Kernels/kernel.development
cat >>"$SIMLAB_VMX" <<EOF2
serial0.present = "TRUE"
serial0.fileType = "file"
serial0.fileName = "$WORK/serial.log"
EOF2
lab_set "s|boot_timeout: .*|boot_timeout: 6s|"
remember
for isolation in snapshot none; do
	scenario_set "s|isolation: .*|isolation: $isolation|"
	fault kextcache-silent
	run_lab
	fault clear
	is $STATUS "$([ $isolation = none ] && echo 4 || echo 3)" "isolation $isolation: kextcache does nothing, and exits 0"
	has "$(cat "$ERR")" "kextcache made no kernel cache" "... and it is seen"
	[ $isolation = snapshot ] || paniclab teardown >"$OUT" 2>"$ERR"
	same "... the lab is what it was"
	fault boot-panic
	fails 3 "does not come back with the development kernel" "isolation $isolation: the new kernel panics at boot"
	has "$(cat "$ERR")" "its console said: panic(cpu" "... and why"
	fault clear kernel-hang
	fails 3 "does not come back with the development kernel" "isolation $isolation: it hangs"
	fault clear
	for line in '] facts:' '] kernel:' '] verify:' '] trigger:'; do
		signal_at KILL "$line"
		killed "isolation $isolation, kill -9 at '$line'"
	done
	signal_at INT '] kernel:'
	is "$SIGNALLED $STATUS" "0 130" "isolation $isolation: SIGINT"
	same "... the lab is what it was"
done
for event in 'kextcache' 'boot begins' 'power .*-> poweredOff'; do
	begin_run
	kill_at_event "$event"
	killed "kill -9 at the lab's event '$event'"
done
signal_at KILL 'restored kernel'
killed "kill -9 at 'restored kernel'"
signal_at KILL '] trigger:'
begin teardown
kill_at_event 'kextcache'
killed "kill -9 of a teardown"
scenario_set "s|sip: needed|sip: as-is|"
fails 3 "SIP is in the way" "sip: as-is"
done_testing
