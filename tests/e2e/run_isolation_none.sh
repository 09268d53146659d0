#!/bin/sh
# Without a snapshot, the VM off before: what is undone after success, and after kill -9.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-isolation.sh

for power in off on; do
	for args in "" "-v keepsyms=1"; do
		prepare $power "$args"
		name="VM $power, boot-args '$args'"
		run_lab
		is $STATUS 0 "$name"
		[ $STATUS -eq 0 ] || show "$ERR"
		left "$name" "$args"
		lacks "$(cat "$ERR")" snapshot "$name: no snapshot"
		is "$(jq -r 'select(.kind == "intent" and .change == "guest-folder").before.tag' \
			"$(run_dir)/journal.ndjson")" "$(basename "$(run_dir)")" "$name: our folders are noted once"
	done
done

# kill -9, the VM having been off
args="-v keepsyms=1"
prepare off "$args"
for line in '] firewall:' '] power on:' '] facts:' '] payload:' '] nvram:' '] verify:' '] trigger:' '] dump:' \
	'] guest back:' 'restored nvram' 'restored payload'; do
	signal_at KILL "$line"
	killed "VM off, kill -9 at '$line'" "$args"
done
done_testing
