#!/bin/sh
# A core that the dump server decompresses while it arrives: lldb opens it the moment "done" is said.
# shellcheck disable=SC1091,SC2119,SC2154,SC2317 # functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-serve.sh

lldb=$(command -v lldb-14 || command -v lldb)
"$BUILD/kernsim" core --size 32M --out "$dir/core" --panic-text "$dir/text" >/dev/null || exit 1
gzip -1 -c <"$dir/core" >"$dir/core.gz"
uuid=$(sed -n 's/^Kernel UUID: //p' "$dir/text")
base=$(sed -n 's/^Kernel text base: //p' "$dir/text")

identified_before_done() {
	awk '/"event":"identified"/ { seen = 1 } /"event":"done"/ { exit !seen }' "$dir/out"
}
opens() {
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages HOME=$dir \
		timeout 60 "$lldb" --batch -c "$(field 'done' now.gz core)" -o bt >"$dir/lldb" 2>&1 </dev/null
	grep -qx "Kernel UUID: $uuid" "$dir/lldb" && grep -qx "Load Address: $base" "$dir/lldb" &&
		grep -q 'frame #1' "$dir/lldb" && ! grep -q 'extends beyond' "$dir/lldb"
}
disk_of() { du -k "$1" | cut -f 1; }
sparse() { [ "$(disk_of "$dir/dumps/now")" -lt "$(($(wc -c <"$dir/core") / 1024))" ]; }

serve --decompress
check "a core arrives" send --file "$dir/core.gz" --name now.gz
check "done is said" done_as now.gz complete
if [ -n "$lldb" ]; then
	check "lldb opens the core at once" opens
else
	skip "lldb opens the core at once" "no lldb"
fi
check "its kernel was known before the end" identified_before_done
check "and is the right one" is identified now.gz kernel_uuid "$uuid"
check "done says it too" is 'done' now.gz kernel_uuid "$uuid"
check "the core is exact" is_file core now
check "and has holes" sparse
check "the dump is exact" is_file core.gz now.gz
stop
done_testing
