#!/bin/sh
# The server has all of the dump, and the kernel does not know it: answers to
# its EOF are lost, it asks again, and the run ends well.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib.sh

# A fiftieth of the kernel's waits for an answer.
new_lab --time-factor 0.02
cat >>"$SIMLAB_VMX" <<EOF
serial0.present = "TRUE"
serial0.fileType = "file"
serial0.fileName = "serial.log"
EOF
console=$(dirname "$SIMLAB_VMX")/serial.log
remember

for lost in 1 5; do
	fault clear dump-lose-eof-ack=$lost
	: >"$console"
	run_lab
	is $STATUS 0 "$lost lost: the run"
	[ $STATUS -eq 0 ] || show "$ERR"
	is "$(field '[.outcome, .dump.complete, .dump.gzip] | map(tostring) | join(" ")')" "as-expected true ok" \
		"$lost lost: as expected, with a complete core"
	gzip -t "$(run_dir)/$(field '.evidence[] | select(.kind == "core") | .path').gz"
	ok $? "$lost lost: gzip takes it"
	has "$(field .panic.string)" "dtrace: panic action" "$lost lost: and the panic report"
	has "$(cat "$console")" "Total number of packets transmitted" "$lost lost: the kernel got its answer"
	same "$lost lost: the lab is what it was"
done
has "$(cat "$console")" "TX retry #6" "it had to ask six times"
done_testing
