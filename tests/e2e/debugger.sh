#!/bin/sh
# From a core to source lines: a debug kit, the command file for lldb, and lldb itself as the judge. The kernel, its
# kext and the core are made of tests/fixtures/kernel.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
BUILD=${BUILD:-build}
PANICLAB=${PANICLAB:-$BUILD/paniclab}
. tests/cli/lib.sh
. tests/cli/lib-kernel.sh
. tests/cli/lib-kdk.sh
lldb=$(first_of lldb-14 lldb) || lldb=
if ! kernel_tools || [ -z "$lldb" ]; then
	echo "1..0 # SKIP missing:$missing${lldb:- lldb}"
	exit 0
fi
# The host's own kits must not decide a test.
PANICLAB_KDKS=$dir/none
export PANICLAB_KDKS
has() { grep -qF -- "$1" "$dir/out"; }
said() { grep -qF -- "$1" "$dir/err"; }

kernel_files "$dir" >"$dir/made" 2>&1 || sed 's/^/# /' "$dir/made"
kernel_core "$dir" core called no </dev/null
kernel_core "$dir" trapped trapped no </dev/null

# The kit, as Apple lays it out; its name has all that a debugger's command could stumble over.
# shellcheck disable=SC2016 # nothing of it is meant to expand
kits="$dir/"'my "kits" \ `x` $HOME'\''s'
kit="$kits/KDK_10.15.7_19G2021.kdk"
kernels=$kit/System/Library/Kernels
extensions=$kit/System/Library/Extensions
mkdir -p "$kernels" "$extensions"
kit "$kit" 10.15.7 19G2021
cp -R "$dir/kernel" "$dir/kernel.dSYM" "$kernels"
cp -R "$dir/Panicker.kext" "$dir/Panicker.kext.dSYM" "$extensions"
# Apple's macros are Python in the dSYM; these stand in for them, and show that they are loaded and run.
mkdir "$kernels/kernel.dSYM/Contents/Resources/Python"
cat >"$kernels/kernel.dSYM/Contents/Resources/Python/kernel.py" <<'EOF'
def paniclog(debugger, command, result, internal):
    process = debugger.GetSelectedTarget().GetProcess()
    print("MACRO paniclog, threads: %d" % process.GetNumThreads())

def showcurrentstacks(debugger, command, result, internal):
    print("MACRO showcurrentstacks")

def __lldb_init_module(debugger, internal):
    debugger.HandleCommand("command script add -f kernel.paniclog paniclog")
    debugger.HandleCommand("command script add -f kernel.showcurrentstacks showcurrentstacks")
EOF

check 'the kit is whole' run 0 kdk check "$kit"
check 'and the core is of its kernel' run 0 kdk check "$kit" "$dir/core"
check 'the core finds it' run 0 kdk find --for "$dir/core" --in "$kits" --json
check 'by build and kernel' grep -qF '"why": "the same build, 19G2021, and the same kernel: kernel"' "$dir/out"

run_lldb() { # ARGUMENT...
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages HOME=$dir \
		timeout 120 "$lldb" --no-lldbinit --batch "$@" >"$dir/out" 2>&1 </dev/null
}
write() { # FILE OPTION...
	output=$1
	shift
	run 0 inspect --debugger lldb --output "$output" "$@" && [ -s "$output" ]
}
opens() { # FILE: lldb runs all of it, the core is whole, and its kernel known.
	run_lldb -s "$1" && ! has 'error:' && ! has 'extends beyond' && has 'Kernel slid 0x17200000 in memory.'
}
# The backtrace that it must print: of the panicking thread, as the core was made.
called() {
	has 'Debugger(message=' && has 'at kern.c:' && has "Panicker\`panicker_check(depth=" &&
		has "Panicker\`panicker_start(kmod=" && has 'at kext.c:20' && has "kernel\`OSKextStart(kmod="
}

check 'writes the commands, with a kit' write "$dir/a.lldb" --kdk "$kit" "$dir/core"
check 'lldb takes them' opens "$dir/a.lldb"
check 'kernel and kext by name and line' called
check 'the kext where it was loaded' has 'frame #3: 0xffffff7f98e3b6'
check 'Apple-like macros are loaded and run' has 'MACRO paniclog, threads: 2'
check 'both' has 'MACRO showcurrentstacks'

check 'with a kernel and a kext named' write "$dir/b.lldb" --kernel "$dir/kernel" --kext "$dir/Panicker.kext" "$dir/core"
check 'lldb takes them, too' opens "$dir/b.lldb"
check 'the same names' called
check 'no macros where the dSYM has none' sh -c "! grep -q paniclog '$dir/b.lldb'"
check 'relative paths become absolute' sh -c "cd '$dir' && '$PANICLAB' inspect --debugger lldb -k kernel core | grep -qF '\"$dir/kernel\"'"

PANICLAB_KDKS=$kits
check 'in the default places' write "$dir/c.lldb" "$dir/trapped"
PANICLAB_KDKS=$dir/none
check 'lldb takes them as well' opens "$dir/c.lldb"
check 'the place that trapped' has "kernel\`kernel_trap("

# The thread that panicked is not always the first.
awk '/^stack stack0/ { kept = $0; next } { print } /^stack stack1/ { print kept }' "$dir/core.orders" >"$dir/second.orders"
"$BUILD/kernmake" core "$dir/second.orders" "$dir/second"
check 'of two threads' write "$dir/d.lldb" --kdk "$kit" "$dir/second"
check 'the one that panicked' opens "$dir/d.lldb"
check 'is the one that is shown' called

check 'without any kernel it opens, too' write "$dir/e.lldb" "$dir/core"
check 'with a warning' said 'addresses without names'
check 'lldb shows addresses' run_lldb -s "$dir/e.lldb"
check 'those of the kernel' has 'frame #0: 0xffffff8017400'

open_it() {
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages HOME=$dir TMPDIR=$dir \
		timeout 120 "$PANICLAB" inspect --open --kdk "$kit" "$dir/core" >"$dir/out" 2>&1 </dev/null
}
check '--open becomes lldb' open_it
check 'with the same names' called
check 'and the macros' has 'MACRO paniclog'
nothing_left() { ! find "$dir" -name 'paniclab.*' | grep -q .; }
check 'it leaves no file' nothing_left
# Apple's older macros are for another Python: what fails must not keep the rest from being tried.
sed -i.all '/add -f kernel.paniclog/d' "$kernels/kernel.dSYM/Contents/Resources/Python/kernel.py"
check '--open with a macro that is not there' open_it
check 'tries the next' has 'MACRO showcurrentstacks'
check '--open without a debugger: exit 3' env PATH="$dir" /bin/sh -c "\"$PANICLAB\" inspect --open '$dir/core' 2>'$dir/err'; [ \$? -eq 3 ]"
check 'says what to install' said 'no lldb in PATH'

macho "$dir/other" 02 A5A5C0DE-1111-3222-8333-000000000001
check "another kernel is refused: exit 1" run 1 inspect --debugger lldb --kernel "$dir/other" "$dir/core"
check 'with both UUIDs at hand' said "another kernel (the core's kernel has the UUID"
macho "$dir/otherkext" 0b A5A5C0DE-1111-3222-8333-000000000002
check 'another kext is left out' run 0 inspect --debugger lldb --kernel "$dir/kernel" --kext "$dir/otherkext" "$dir/core"
check 'with a warning' said A5A5C0DE-1111-3222-8333-000000000002
nothing_of_it() { ! has otherkext; }
check 'and nowhere in the commands' nothing_of_it
mkdir "$dir/other kits"
kit "$dir/other kits/KDK_1.kdk" 10.15.7 19G2021
kit_kernel "$dir/other kits/KDK_1.kdk" kernel A5A5C0DE-1111-3222-8333-000000000001
check "a kit with another kernel is refused" run 1 inspect --debugger lldb --kdk "$dir/other kits/KDK_1.kdk" "$dir/core"
check 'a dSYM alone is not enough: exit 2' run 2 inspect --debugger lldb --kernel "$dir/kernel.dSYM" "$dir/core"
check 'kernel and dSYM are' run 0 inspect --debugger lldb --kernel "$dir/kernel.dSYM" --kernel "$dir/kernel" "$dir/core"
gzip -c "$dir/core" >"$dir/core.gz"
check 'a compressed core has to be unpacked: exit 1' run 1 inspect --debugger lldb "$dir/core.gz"
check 'says how' said 'paniclab extract'
check 'a panic text is no core' run 1 inspect --debugger lldb "$dir/core.panic"
newline=$dir/'a
b'
cp "$dir/core" "$newline"
check 'a path that no command can hold: exit 2' run 2 inspect --debugger lldb "$newline"
check 'another debugger: exit 2' run 2 inspect --debugger windbg "$dir/core"
check '--output alone: exit 2' run 2 inspect --output "$dir/x" "$dir/core"
check '--dry-run writes nothing' run 0 inspect -n --debugger lldb --output "$dir/none.lldb" "$dir/core"
check 'nothing at all' test ! -e "$dir/none.lldb"

# gdb: Apple's of old. Debian's knows no Mach-O, but it takes paths by the same rules, and names what it cannot read.
mkdir -p "$kits/vol"
cp -R "$dir/kernel" "$kits/vol/mach_kernel"
cp -R "$dir/kernel.dSYM" "$kits/vol/mach_kernel.dSYM"
cp -R "$dir/Panicker.kext" "$kits/vol/"
printf 'define paniclog\necho MACRO gdb\\n\nend\n' >"$kits/vol/kgmacros"
check 'commands for gdb, with the kit of an older macOS' run 0 inspect --debugger gdb --kdk "$kits/vol" "$dir/core"
cp "$dir/out" "$dir/a.gdb"
code=$(printf '0xffffff7f98e3b%s' "$("$objdump" --macho --private-headers "$dir/Panicker.kext/Contents/MacOS/Panicker" |
	sed -n '/sectname __text/,/addr/s/^ *addr 0x0*\([0-9a-f]*\)$/\1/p' | head -n 1)")
check 'the kext at its code' grep -q "^add-symbol-file .* $code\$" "$dir/a.gdb"
if gdb=$(first_of gdb); then
	lines() { # each line of the file for itself: those about Mach-O fail
		set -- -nx -batch
		while IFS= read -r line; do set -- "$@" -ex "$line"; done <"$dir/a.gdb"
		HOME=$dir timeout 60 "$gdb" "$@" >"$dir/out" 2>&1 </dev/null
	}
	lines
	check 'gdb reads the kernel path whole' grep -qF "$kits/vol/mach_kernel\": not in executable format" "$dir/out"
	check 'gdb reads the core path whole' grep -qF "\"$dir/core\" is not a core dump" "$dir/out"
	check 'gdb reads the kext path whole' grep -qF "$kits/vol/Panicker.kext/Contents/MacOS/Panicker" "$dir/out"
	check 'gdb sources the macros' has 'MACRO gdb'
else
	skip 'gdb reads the paths' 'no gdb'
fi

done_testing
