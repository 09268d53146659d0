#!/bin/sh
# The memory map of paniclab inspect, on the simulated kernel's core: whole, sparse, cut.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
if [ ! -x "$BUILD/kernsim" ]; then
	echo "1..0 # SKIP no kernsim"
	exit 0
fi
"$BUILD/kernsim" core --out "$dir/core" --size 16M --trigger kext >"$dir/kernsim" 2>&1
map() { sed -n '/^Memory map$/,/^$/p' "$dir/out"; }
has() { map | grep -q -- "$1"; }
inspect() { env LC_ALL="$1" COLUMNS="$2" "$PANICLAB" inspect "$3" >"$dir/out" 2>"$dir/err"; }
# Every line fits; $1 columns, in a locale whose bytes are columns.
fits() { map | LC_ALL=C awk -v most="$1" 'length($0) > most { exit 1 }'; }
plain() { ! map | LC_ALL=C grep -q '[^ -~]'; }

inspect C 80 "$dir/core"
check 'there is a map' has '^  0xffffff80[0-9a-f]*  *[0-9.]* MiB kernel  *[#%*+=:.-]'
check 'with the kernel marked' has '^  K 0xffffff80[0-9a-f]* kernel$'
check 'the panic log' has '^  P 0xffffff80[0-9a-f]* panic log$'
check 'the kext of the backtrace' has '^  a 0xffffff7f[0-9a-f]* net.example.driver.Panicker$'
check 'and one that was loaded' has '^  b 0xffffff7f[0-9a-f]* com.vmware.kext.vmhgfs$'
check 'the stacks' has '^  s stacks of [0-9]* threads\{0,1\}$'
check 'in plain ASCII' plain
check 'within 80 columns' fits 80
inspect C 62 "$dir/core"
check 'and within 62' fits 62
inspect en_US.UTF-8 100 "$dir/core"
check 'with blocks where the terminal has them' has '█'

"$PANICLAB" inspect --json "$dir/core" >"$dir/json"
# The sum of the rows' bytes is the core's.
sums() {
	rows=$(awk '/"memory_map": /{ on = 1 } /"marks": /{ on = 0 }
		on && $1 == "\"bytes\":" { n += $2 } END { printf "%d\n", n }' "$dir/json")
	[ "$rows" -gt 0 ] && [ "$rows" -eq "$(sed -n '/"memory": {/,/}/s/.*"bytes": \([0-9]*\).*/\1/p' "$dir/json")" ]
}
check 'nothing is lost between the rows' sums
numbers() { sed -n 's/.*"stack of thread \([0-9]*\)".*/\1/p' "$dir/json" | sort -n | head -n 1 | grep -qx 1; }
check 'threads have the numbers that they have in lldb' numbers

head -c 12000000 "$dir/core" >"$dir/cut"
inspect C 80 "$dir/cut"
check 'a cut core shows what is missing' has 'x missing: past the end of the file'

done_testing
