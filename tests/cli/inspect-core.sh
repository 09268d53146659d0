#!/bin/sh
# paniclab inspect on the simulated kernel's cores; lldb, where there is one, is the judge.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
if [ ! -x "$BUILD/kernsim" ]; then
	echo "1..0 # SKIP no kernsim"
	exit 0
fi
json() { "$PANICLAB" inspect --json "$1" >"$dir/out" 2>"$dir/err"; }
value() { sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$dir/out"; }
is() { [ "$(value "$1")" = "$2" ]; }
has() { grep -qF -- "$1" "$2"; }

if ! "$BUILD/kernsim" core --out "$dir/core" --size 16M --panic-text "$dir/panic" >"$dir/kernsim" 2>&1; then
	sed 's/^/# /' "$dir/kernsim"
	echo "not ok 1 - kernsim makes a core"
	echo "1..1"
	exit 1
fi

json "$dir/core"
cp "$dir/out" "$dir/whole"
check 'it is a core' is kind core
check 'for x86_64' is arch x86_64
check 'all of it is there' is truncated false
check 'the panic text is found in its memory' has '"panic_text": ' "$dir/out"
check 'with a backtrace' has '"frame": "0xffffff' "$dir/out"
json "$dir/panic"
panic_line() { grep '"panic_text": ' "$1" | sed 's/,$//'; }
same_panic() { [ "$(panic_line "$dir/whole")" = "$(panic_line "$dir/out")" ]; }
check 'and it is the text that the kernel wrote' same_panic
signature() { grep '"signature' "$1"; }
same_signature() { [ -n "$(signature "$dir/out")" ] && [ "$(signature "$dir/whole")" = "$(signature "$dir/out")" ]; }
check 'with the same signature' same_signature
sed -n 's/^0x[0-9a-f]* : \(0x[0-9a-f]*\) mach_kernel : \([^ ]*\) + \(0x[0-9a-f]*\).*/\1 \2 \3/p' "$dir/panic" >"$dir/named"
as_the_text_names_them() {
	run 0 inspect "$dir/core" && [ -s "$dir/named" ] &&
		awk 'NR == FNR { said[$1] = $2 " + " $3; next } /^Backtrace/ { on = 1; next } /^$/ { on = 0 }
			on && $2 in said { n++; if ($4 " + " $6 != said[$2]) bad = 1 }
			END { exit bad || n < 3 }' "$dir/named" "$dir/out"
}
check "the thread's backtrace has the names of the text, where nothing else has any" as_the_text_names_them
cp "$dir/whole" "$dir/out"
check 'nothing is wrong with it' has '"warnings": []' "$dir/out"
uuid=$(value kernel_uuid)
load=$(value load_address)

lldb=$(command -v lldb-14 || command -v lldb)
if [ -n "$lldb" ] && command -v timeout >/dev/null; then
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages HOME=$dir \
		timeout 60 "$lldb" --batch -c "$dir/core" >"$dir/lldb" 2>&1
	check 'lldb names the same kernel' has "Kernel UUID: $uuid" "$dir/lldb"
	check 'at the same address' has "Load Address: $load" "$dir/lldb"
else
	skip 'lldb names the same kernel' 'no lldb'
	skip 'at the same address' 'no lldb'
fi

objdump=$(command -v llvm-objdump-14 || command -v llvm-objdump)
if [ -n "$objdump" ]; then
	"$objdump" --macho --private-headers "$dir/core" >"$dir/headers" 2>/dev/null
	check 'llvm-objdump counts as many threads' is threads "$(grep -c 'cmd LC_THREAD' "$dir/headers")"
	check 'and as many segments' is segments "$(grep -c 'cmd LC_SEGMENT' "$dir/headers")"
else
	skip 'llvm-objdump counts as many threads' 'no llvm-objdump'
	skip 'and as many segments' 'no llvm-objdump'
fi

# Zeroes take no room when they are decompressed; but that is not known before.
if [ "$(df -Pk "$dir" | awk 'NR == 2 { print $4 }')" -gt 1200000 ]; then
	{ cat "$dir/core" && dd if=/dev/zero bs=1048576 count=520 2>/dev/null; } | gzip -1 >"$dir/big.gz"
	TMPDIR=$dir json "$dir/big.gz"
	check 'a large core that is compressed is looked at to its end' is gzip ok
else
	skip 'a large core that is compressed is looked at to its end' 'too little room'
fi
gzip -1 -c "$dir/core" >"$dir/core.gz"
json "$dir/core.gz"
check 'gzipped, it is a gzip-core' is kind gzip-core
check 'whole' is gzip ok
check 'of the same kernel' is kernel_uuid "$uuid"
check 'at the same address, too' is load_address "$load"

size=$(wc -c <"$dir/core.gz")
head -c $((size / 2)) "$dir/core.gz" >"$dir/half.gz"
json "$dir/half.gz"
check 'half of it: truncated' is gzip truncated
check 'and still of that kernel' is kernel_uuid "$uuid"

size=$(wc -c <"$dir/core")
head -c $((size / 2)) "$dir/core" >"$dir/half"
json "$dir/half"
check 'half a core is truncated' is truncated true
check 'and still of that kernel, too' is kernel_uuid "$uuid"
check 'the warning says how much is missing' has 'cut short' "$dir/out"

# Every way in which kernels have said who they are, and none.
for identity in lc-ident kern-ver-str main-bin-spec none; do
	"$BUILD/kernsim" core --out "$dir/core" --size 8M --set identity=$identity >/dev/null
	json "$dir/core"
	check "identity by $identity: UUID" is kernel_uuid "$uuid"
	check "identity by $identity: load address" is load_address "$load"
done

done_testing
