#!/bin/sh
# The kernel, kext and cores that tests of symbols stand on, before real judges: lldb, llvm-dwarfdump, file.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
BUILD=${BUILD:-build}
PANICLAB=${PANICLAB:-$BUILD/paniclab}
. tests/cli/lib.sh
. tests/cli/lib-kernel.sh
need_kernel_tools
has() { grep -qF -- "$1" "$2"; }
hasnt() { ! has "$@"; }

kernel_files "$dir" >"$dir/made" 2>&1 || sed 's/^/# /' "$dir/made"
kext=$dir/Panicker.kext/Contents/MacOS/Panicker
same_uuid() { [ -n "$(uuid_of "$1")" ] && [ "$(uuid_of "$1")" = "$(uuid_of "$2")" ]; }
check 'the kernel and its dSYM have one UUID' same_uuid "$dir/kernel" "$dir/kernel.dSYM/Contents/Resources/DWARF/kernel"
check 'the kext and its dSYM, too' same_uuid "$kext" "$dir/Panicker.kext.dSYM/Contents/Resources/DWARF/Panicker"
different() { ! same_uuid "$1" "$2"; }
check 'and these differ' different "$dir/kernel" "$kext"
type_of() { "$objdump" --macho --private-headers "$1" | awk '$1 == "MH_MAGIC_64" { print $5 }'; }
is_type() { [ "$(type_of "$1")" = "$2" ]; }
check 'the kernel is an executable' is_type "$dir/kernel" EXECUTE
check 'the kext is a kext' is_type "$kext" KEXTBUNDLE

# Frames by lldb: address and function, a thread after the other.
frames_of_lldb() {
	tr '`' ' ' <"$1" | sed -n 's/^.*frame #[0-9]*: 0x\([0-9a-f]*\) [^ ]* \([^ (]*\).*/\1 \2/p'
}
judge() { # NAME FUNCTION...
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages HOME=$dir timeout 60 "$lldb" --batch \
		-o "target create $kext" -o "target create --core $dir/$1 $dir/kernel" -o 'bt all' \
		>"$dir/lldb" 2>&1 </dev/null
	frames_of_lldb "$dir/lldb" | sed 's/.* //' >"$dir/got"
	shift
	printf '%s\n' "$@" >"$dir/want"
	cmp "$dir/got" "$dir/want"
}
for symbols in yes no; do
	kernel_core "$dir" "called-$symbols" called "$symbols" </dev/null
	kernel_core "$dir" "trapped-$symbols" trapped "$symbols" </dev/null
done
check 'a panic text with symbols' has 'mach_kernel : _panic + 0x' "$dir/called-yes.panic"
check 'a panic text without' hasnt 'mach_kernel' "$dir/called-no.panic"
if [ -n "$lldb" ]; then
	idle='machine_idle processor_idle idle_thread call_continuation'
	load='OSKextStart OSKextLoadThread call_continuation'
	# shellcheck disable=SC2086 # lists
	check 'lldb walks the stack of a kext that panics' judge called-no Debugger panic_trap_to_debugger panic \
		panicker_check panicker_check panicker_check panicker_check panicker_start $load $idle
	check 'with the line of the call' has 'at kext.c:' "$dir/lldb"
	# shellcheck disable=SC2086
	check 'and of one that traps' judge trapped-no Debugger panic_trap_to_debugger panic panic_trap kernel_trap \
		trap_from_kernel panicker_store panicker_start $load $idle
	check 'the kernel is where it should be' has "Kernel slid 0x$KERNEL_SLIDE in memory." "$dir/lldb"
else
	skip 'lldb walks the stacks' 'no lldb'
fi
done_testing
