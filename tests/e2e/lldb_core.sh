#!/bin/sh
# The simulated kernel's cores before real judges: lldb, llvm-objdump, file, gzip.
# Usage: BUILD=build tests/e2e/lldb_core.sh   (TAP on standard output)
set -u
BUILD=${BUILD:-build}
KERNSIM=$BUILD/kernsim
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT
trap 'exit 1' INT TERM
n=0
failed=0

result() { # STATUS NAME
	n=$((n + 1))
	if [ "$1" -eq 0 ]; then
		echo "ok $n - $2"
	else
		echo "not ok $n - $2"
		failed=1
	fi
}

skip() { # NAME WHY
	n=$((n + 1))
	echo "ok $n - $1 # SKIP $2"
}

find_tool() { # NAME...
	for tool; do
		if command -v "$tool" >/dev/null 2>&1; then
			echo "$tool"
			return
		fi
	done
}

LLDB=$(find_tool lldb-14 lldb)
OBJDUMP=$(find_tool llvm-objdump-14 llvm-objdump)

run_lldb() { # CORE [ARGUMENT]... -> $dir/lldb.out
	core=$1
	shift
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages HOME=$dir \
		timeout 60 "$LLDB" --batch -c "$core" "$@" >"$dir/lldb.out" 2>&1 </dev/null
}

# What lldb must say about a core, judged against the panic text beside it.
judge_with_lldb() { # NAME
	if [ -z "$LLDB" ]; then
		skip "lldb takes $1 for a kernel's" "no lldb"
		skip "lldb's backtrace of $1 is the panic's" "no lldb"
		return
	fi
	uuid=$(sed -n 's/^Kernel UUID: //p' "$dir/$1.txt")
	base=$(sed -n 's/^Kernel text base: //p' "$dir/$1.txt")
	run_lldb "$dir/$1" -o bt
	grep -qx "Kernel UUID: $uuid" "$dir/lldb.out" && grep -qx "Load Address: $base" "$dir/lldb.out" &&
		! grep -q 'extends beyond' "$dir/lldb.out"
	result $? "lldb takes $1 for a kernel's"
	[ $failed -eq 0 ] || sed 's/^/# /' "$dir/lldb.out"
	# Frame 0 is where it stopped; lldb leaves out the outermost, whose caller is a user's.
	sed -n 's/^.*frame #[1-9][0-9]*: \(0x[0-9a-f]*\).*/\1/p' "$dir/lldb.out" >"$dir/bt"
	sed -n '/^Backtrace (CPU/,/^$/s/^0x[0-9a-f]* : \(0x[0-9a-f]*\) .*$/\1/p' "$dir/$1.txt" | sed '$d' >"$dir/want"
	[ -s "$dir/want" ] && cmp -s "$dir/bt" "$dir/want"
	result $? "lldb's backtrace of $1 is the panic's"
}

judge_with_objdump() { # NAME
	if [ -z "$OBJDUMP" ]; then
		skip "llvm-objdump reads $1" "no llvm-objdump"
		return
	fi
	"$OBJDUMP" --macho --private-headers "$dir/$1" >"$dir/objdump.out" 2>&1 &&
		grep -q 'X86_64 .*CORE' "$dir/objdump.out" &&
		grep -q 'flavor x86_THREAD_STATE64' "$dir/objdump.out"
	result $? "llvm-objdump reads $1"
}

make_core() { # NAME OPTION...
	name=$1
	shift
	"$KERNSIM" core --out "$dir/$name" --panic-text "$dir/$name.txt" --size 4M "$@"
}

for trigger in dtrace kext page-fault; do
	make_core "$trigger" --trigger "$trigger" --set seed=7 --set slide=0x9e00000
	judge_with_objdump "$trigger"
	judge_with_lldb "$trigger"
done

for identity in lc-ident kern-ver-str main-bin-spec; do
	make_core "$identity" --set identity=$identity
	judge_with_lldb "$identity"
done

make_core big --size 64M
judge_with_lldb big

# gzip's opinion on the size, as a kernel's memory packs to about a quarter.
gzip -c "$dir/big" >"$dir/big.gz"
packed=$(wc -c <"$dir/big.gz")
whole=$(wc -c <"$dir/big")
[ $((packed * 3)) -lt "$whole" ] && [ $((packed * 6)) -gt "$whole" ]
result $? "packs to about a quarter ($packed of $whole)"

if command -v file >/dev/null 2>&1; then
	file "$dir/big" | grep -q 'Mach-O 64-bit x86_64 core'
	result $? "file knows it"
else
	skip "file knows it" "no file"
fi

head -c 3000000 "$dir/dtrace" >"$dir/cut"
if [ -n "$LLDB" ]; then
	run_lldb "$dir/cut" -o bt
	grep -q 'extends beyond the end of the file' "$dir/lldb.out"
	result $? "lldb notices a cut core"
else
	skip "lldb notices a cut core" "no lldb"
fi

make_core again --trigger dtrace --set seed=7 --set slide=0x9e00000
cmp -s "$dir/again" "$dir/dtrace"
result $? "the same description gives the same core"

echo "1..$n"
exit $failed
