#!/bin/sh
# paniclab inspect on cores and panic texts of a kernel with symbols; the judges are lldb, llvm-symbolizer,
# llvm-nm and the kernel's own text.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
BUILD=${BUILD:-build}
PANICLAB=${PANICLAB:-$BUILD/paniclab}
. tests/cli/lib.sh
. tests/cli/lib-kernel.sh
need_kernel_tools
symbolizer=$(first_of llvm-symbolizer llvm-symbolizer-14) || symbolizer=

kernel_files "$dir" >"$dir/made" 2>&1 || sed 's/^/# /' "$dir/made"
kernel=$dir/kernel
kext=$dir/Panicker.kext
binary=$kext/Contents/MacOS/Panicker
for kind in called trapped; do
	kernel_core "$dir" $kind-yes $kind yes </dev/null
	kernel_core "$dir" $kind $kind no </dev/null
	KERNEL_BARE=bare
	kernel_core "$dir" $kind-bare $kind no </dev/null
	KERNEL_BARE=
done

inspect() { "$PANICLAB" inspect --json "$@" >"$dir/out" 2>"$dir/err"; }
with_files() { inspect -k "$kernel" -x "$kext" "$@"; }
is() { # JQ VALUE
	got=$(jq -r "$1" "$dir/out")
	[ "$got" = "$2" ] || {
		echo "$1 is $got, not $2"
		return 1
	}
}
warns() { jq -r '.warnings[]' "$dir/out" | grep -qF -- "$1"; }

# All of a core's, "ADDRESS SYMBOL" a frame, a thread after the other.
frames_in() { jq -r '.thread_list[].backtrace[] | .address + " " + ((.symbol // "?") | ltrimstr("_"))' "$1"; }
frames() { frames_in "$dir/out"; }
frames_of_lldb() { tr '`' ' ' <"$1" | sed -n 's/^.*frame #[0-9]*: \(0x[0-9a-f]*\) [^ ]* \([^ (]*\).*/\1 \2/p'; }
lines() { lines_in "$dir/out"; }
lines_in() { jq -r '.thread_list[].backtrace[] | .source // empty | sub(".*/"; "")' "$1"; }
lines_of_lldb() { sed -n 's/^.*frame #.* at \([a-z.]*:[0-9]*\).*/\1/p' "$1"; }
same() { # FUNCTION FUNCTION FILE
	$1 >"$dir/got" && $2 "$3" >"$dir/want" && [ -s "$dir/want" ] && diff "$dir/want" "$dir/got"
}
ask_lldb() { # CORE
	PYTHONPATH=/usr/lib/llvm-14/lib/python3.11/dist-packages HOME=$dir timeout 60 "$lldb" --batch \
		-o "target create $binary" -o "target create --core $1 $kernel" -o 'bt all' >"$dir/lldb" 2>&1 </dev/null
}

for kind in called trapped; do
	with_files "$dir/$kind-bare"
	if [ -n "$lldb" ]; then
		ask_lldb "$dir/$kind-bare"
		check "$kind: the backtraces are lldb's" same frames frames_of_lldb "$dir/lldb"
		check "$kind: with lldb's lines" same lines lines_of_lldb "$dir/lldb"
	else
		skip "$kind: the backtraces are lldb's" 'no lldb'
		skip "$kind: with lldb's lines" 'no lldb'
	fi
	check "$kind: the first thread panicked" is '[.thread_list[] | .panicked] | @csv' 'true,'
	check "$kind: the panic's frames are named" is '[.panic.backtrace[] | .symbol // "-"] | index("-")' null
	check "$kind: without a warning" is '.warnings | length' 0
	cp "$dir/out" "$dir/$kind.json"
done

# What the kernel itself prints with keepsyms=1, where it looks a trap up and not a call.
text_frames() { sed -n 's/^0x[0-9a-f]* : \(0x[0-9a-f]*\) \(.*\)$/\1 \2/p' "$1"; }
json_frames() {
	jq -r '.panic.backtrace[] | "\(.address) \(.image) : \(.symbol) \(.offset)"' "$dir/out" |
		while read -r address image colon symbol offset; do
			printf '%s %s %s %s + 0x%x\n' "$address" "$image" "$colon" "$symbol" "$offset"
		done
}
with_files "$dir/trapped-bare"
check "named as the kernel would" same json_frames text_frames "$dir/trapped-yes.panic"

if [ -n "$symbolizer" ]; then
	with_files "$dir/called-bare"
	at=$(jq -r '.thread_list[0].backtrace[3].address' "$dir/out")
	offset=$(printf '0x%x' $((0x${at#??????????} - 0x${KEXT_ADDRESS#????????} - 1)))
	line=$("$symbolizer" --obj="$dir/Panicker.kext.dSYM/Contents/Resources/DWARF/Panicker" --functions=none \
		"$offset" | sed -n '1s/:[0-9]*$//p')
	check 'the line of a frame is that of its call' is '.thread_list[0].backtrace[3].source' "$line"
else
	skip 'the line of a frame is that of its call' 'no llvm-symbolizer'
fi

# ---- where the symbols come from ----
inspect "$dir/called"
check 'kernel and kext have left their symbols in memory' is '[.symbol_files[].source] | @csv' '"memory","memory"'
check 'which name the same' same frames frames_in "$dir/called.json"
check 'the kexts are those that the kernel lists' is '.kexts_loaded[0] | [.id, .version, .start, .end] | @csv' \
	'"net.example.Panicker","1.2.3","0xffffff7f98e3b000","0xffffff7f98e3efff"'
check 'with their UUIDs' is '.kexts_loaded[0].uuid' "$(uuid_of "$binary")"
check 'found by symbol' is .kexts_loaded_source gLoadedKextSummaries
check 'the boot-args are there' is .boot_args "$KERNEL_BOOT_ARGS"

inspect "$dir/called-bare"
check 'without symbols there are addresses' is '[.thread_list[].backtrace[].symbol // empty] | length' 0
check 'as many' is '[.thread_list[].backtrace[]] | length' "$(jq '[.thread_list[].backtrace[]] | length' "$dir/called.json")"
check 'the kexts are found by their looks' is .kexts_loaded_source memory
check 'the same ones' is .kexts_loaded[0].id net.example.Panicker
check 'a frame in a kext has an offset in it' is '.thread_list[0].backtrace[3] | "\(.image) \(.offset)"' \
	"net.example.Panicker $((0x$(sed -n 's/^x_check kext 0*//p' "$dir/calls")))"
check 'and no boot-args are made up' is '.boot_args // "none"' none

inspect --kernel="$dir/kernel.dSYM" -x "$dir/Panicker.kext.dSYM" "$dir/called-bare"
check 'dSYM bundles will do' same frames frames_in "$dir/called.json"
gzip -1 -c "$dir/called-bare" >"$dir/core.gz"
with_files "$dir/core.gz"
check 'a gzipped core is named, too' same frames frames_in "$dir/called.json"

kit=$dir/KDK_10.15.7_19G2021.kdk
mkdir -p "$kit/System/Library/Kernels" "$kit/System/Library/Extensions" "$kit/System/Library/CoreServices"
cp -R "$kernel" "$dir/kernel.dSYM" "$kit/System/Library/Kernels"
cp -R "$kext" "$dir/Panicker.kext.dSYM" "$kit/System/Library/Extensions"
inspect --kdk "$kit" "$dir/called-bare"
check 'a debug kit has them all' same frames frames_in "$dir/called.json"
check 'with lines' same lines lines_in "$dir/called.json"

strip=$(first_of llvm-strip llvm-strip-14) || strip=
if [ -n "$strip" ]; then
	mkdir "$dir/stripped"
	cp -R "$kernel" "$dir/kernel.dSYM" "$dir/stripped"
	"$strip" "$dir/stripped/kernel"
	inspect -k "$dir/stripped/kernel" -x "$kext" "$dir/called-bare"
	check 'a stripped kernel has its symbols in the dSYM beside it' same frames frames_in "$dir/called.json"
else
	skip 'a stripped kernel has its symbols in the dSYM beside it' 'no llvm-strip'
fi
head -c 17000 "$kernel" >"$dir/short"
inspect -k "$dir/short" "$dir/called-bare"
check 'a file that is cut short is used, with a warning' warns "$dir/short is damaged"

# ---- for people ----
"$PANICLAB" inspect -k "$kernel" -x "$kext" "$dir/called-bare" >"$dir/text" 2>"$dir/err"
# The columns of two frames begin in the same places; file and line are in the last.
frame() { sed -n "/^Backtrace/,/^\$/s/^ *$1  //p" "$dir/text"; }
aligned() {
	frame 2 | grep -q '^0x[0-9a-f]*  mach_kernel           _panic + 0x15                   /.*/kern\.c:42$' &&
		frame 3 | grep -q '^0x[0-9a-f]*  net\.example\.Panicker  _panicker_check + 0x30          /.*/kext\.c:20$'
}
check 'the panicking thread is shown in columns' aligned
check 'the other one after it' grep -q '_machine_idle + 0x' "$dir/text"
check 'and the loaded kext' grep -qx '  0xffffff7f98e3b000 - 0xffffff7f98e3efff  net.example.Panicker 1.2.3  [0-9A-F-]*' "$dir/text"
# A name that would clear the screen.
nasty=$dir/$(printf 'k\033[2J')
cp "$kernel" "$nasty"
"$PANICLAB" inspect -k "$nasty" "$dir/called-bare" >"$dir/text" 2>"$dir/err"
check 'file names are shown' grep -q 'mach_kernel: .*x1b.2J' "$dir/text"
plain() { ! LC_ALL=C grep -q "$(printf '\033')" "$1"; }
check 'but not as they are' plain "$dir/text"

# ---- the first instruction of a function ----
# It trapped there, and another CPU stopped there, before it had a frame: neither is a return address.
cp "$dir/calls" "$dir/calls.saved"
first() { sed -n "s/^\([0-9a-f]*\) [a-zA-Z] $1\$/\1/p" "$2"; } # SYMBOL NM
sed -e "s/^x_store .*/x_store kext $(first _panicker_store "$dir/kext.nm")/" \
	-e "s/^in_idle .*/in_idle kernel $(first _machine_idle "$dir/kernel.nm")/" "$dir/calls.saved" >"$dir/calls"
KERNEL_BARE=bare
kernel_core "$dir" early trapped yes </dev/null
KERNEL_BARE=
mv "$dir/calls.saved" "$dir/calls"
{
	sed 's/^stack stack1 .*/stack stack1 in_idle r_idle_thread r_continuation/' "$dir/early.orders"
	echo 'u64 stack1+2fd0 r_processor_idle'
} >"$dir/early.2"
"$BUILD/kernmake" core "$dir/early.2" "$dir/early"
with_files "$dir/early"
check 'where it trapped is looked up exactly' is '.thread_list[0].backtrace[6] | "\(.symbol) \(.offset)"' '_panicker_store 0'
check 'and where a thread stopped' is '.thread_list[1].backtrace[0] | "\(.symbol) \(.offset)"' '_machine_idle 0'
second() { jq -r '.thread_list[1].backtrace[] | .address + " " + ((.symbol // "?") | ltrimstr("_"))' "$dir/out"; }
second_of_lldb() { sed '1,/thread #2/d' "$1" >"$dir/lldb.2" && frames_of_lldb "$dir/lldb.2"; }
if [ -n "$lldb" ]; then
	ask_lldb "$dir/early"
	check 'its caller is on the stack without a frame, for lldb too' same second second_of_lldb "$dir/lldb"
else
	skip 'its caller is on the stack without a frame, for lldb too' 'no lldb'
fi
with_files "$dir/early.panic"
check 'a text keeps the function that trapped' is '.panic.backtrace[5] | "\(.symbol) \(.offset // 0)"' '_panicker_store 0'
sed '/^0x/s/ [mn][a-z]*[._].*//' "$dir/early.panic" >"$dir/early.bare"
with_files "$dir/early.bare"
check 'and gets it' is '.panic.backtrace[5] | "\(.symbol) \(.offset)"' '_panicker_store 0'

# ---- other people's files ----
# The same code built elsewhere: another UUID.
mkdir "$dir/other"
sed 's/"panicker: as asked for"/"panicker: another build"/' tests/fixtures/kernel/kext.c >"$dir/other/kext.c"
compile "$dir/other/kext.c" "$dir/other/kext.o"
link_macho "$dir/other/kext.o" "$dir/other/kext.linked" -bundle -undefined dynamic_lookup
"$BUILD/kernmake" kext "$dir/other/kext.linked" "$dir/other/Panicker"
inspect -k "$binary" -x "$dir/other/Panicker" "$dir/called-bare"
check 'a kernel of another UUID is refused' warns \
	"$binary is not used: its UUID is $(uuid_of "$binary"), the kernel that ran has $(uuid_of "$kernel")"
check 'a kext, too' warns \
	"$dir/other/Panicker is not used: its UUID is $(uuid_of "$dir/other/Panicker"), that of net.example.Panicker which was loaded is $(uuid_of "$binary")"
check 'and neither is used' is '[.thread_list[].backtrace[].symbol // empty] | length' 0
check 'as symbol_files says' is '.symbol_files // "none"' none
inspect -k "$dir/kernel.nm" -k "$dir/nonexistent" "$dir/called-bare"
check 'what is no Mach-O file is a warning' warns 'not a Mach-O file'
check 'what is not there, too' warns "$dir/nonexistent"

# ---- panic texts and names ----
signature() { jq -r .panic.signature "$dir/out"; }
with_files "$dir/called-bare"
of_core=$(signature)
with_files "$dir/called-bare.panic"
check 'a text gets the same names' is '.panic.backtrace[2] | "\(.image) \(.symbol)"' 'net.example.Panicker _panicker_check'
check 'and lines' is '.panic.backtrace[2].source | sub(".*/"; "")' \
	"$(jq -r '.panic.backtrace[2].source | sub(".*/"; "")' "$dir/called.json")"
check 'and the signature of the core' is .panic.signature "$of_core"
with_files "$dir/called-yes.panic"
check 'which is that of a text with symbols, one of them the next function, with files' is .panic.signature "$of_core"
with_files "$dir/trapped-bare"
of_core=$(signature)
inspect "$dir/trapped-yes.panic"
check 'a text that has symbols needs no files' is .panic.signature "$of_core"
with_files "$dir/trapped-bare.panic"
check 'one that has none does' is .panic.signature "$of_core"
inspect --kernel "$kernel" "$dir/trapped-yes.panic"
check 'and keeps it with files' is .panic.signature "$of_core"
inspect "$dir/trapped-bare.panic"
other() { [ "$(signature)" != "$of_core" ]; }
check 'without them it has another one' other

# The log is gone: the thread that is in panic() tells.
KERNEL_BARE=bare
echo 'string log nothing here' | kernel_core "$dir" quiet trapped no
KERNEL_BARE=
with_files "$dir/quiet"
check 'a core without a panic text has its thread' is '.panic.from_thread' true
check 'and a name by it' is .panic.signature_title "unknown in net.example.Panicker:panicker_store < net.example.Panicker:panicker_start"
inspect "$dir/quiet"
check 'but not without symbols' is '.panic // "none"' none
# Two are: which of them it was is not to be told.
sed -n 's/^stack stack0 /stack stack1 /p' "$dir/quiet.orders" >"$dir/as_first"
{ sed '/^stack stack1 /d' "$dir/quiet.orders" && cat "$dir/as_first"; } >"$dir/both.orders"
"$BUILD/kernmake" core "$dir/both.orders" "$dir/both"
with_files "$dir/both"
check 'where two threads are in panic() neither is named' is '[.thread_list[].panicked // empty] | length' 0
check 'and there is no panic' is '.panic // "none"' none

# ---- stacks that go wrong ----
KERNEL_BARE=bare
kernel_core "$dir" loop called no <<EOF
u64 stack0+3040 stack0+3000
EOF
kernel_core "$dir" gap called no <<EOF
u64 stack0+3040 stack0+9000
EOF
kernel_core "$dir" odd called no <<EOF
u64 stack0+3040 stack0+3081
EOF
KERNEL_BARE=
with_files "$dir/loop"
check 'a stack that loops ends' is '.thread_list[0] | "\(.backtrace | length) \(.backtrace_end)"' '3 below'
with_files "$dir/gap"
check 'one that leaves the memory, too' is '.thread_list[0] | "\(.backtrace | length) \(.backtrace_end)"' '3 absent'
with_files "$dir/odd"
check 'one with a crooked frame, too' is '.thread_list[0] | "\(.backtrace | length) \(.backtrace_end)"' '3 absent'

# ---- the files themselves ----
inspect "$kernel"
check 'a kernel is whole' is '.kind + " \(.warnings)"' 'kernel []'
size=$(wc -c <"$kernel" | tr -d ' ')
head -c 5000 "$kernel" >"$dir/cut"
inspect "$dir/cut"
check 'a cut one is not' warns "the file is cut short: 5000 bytes of $size are there"
inspect "$dir/kernel.dSYM/Contents/Resources/DWARF/kernel"
check 'a dSYM is told' warns "a dSYM, of UUID $(uuid_of "$kernel"): --kernel or --kext takes it"

# ---- who knows lines ----
mkdir "$dir/none" "$dir/only"
env PATH="$dir/none" "$PANICLAB" inspect --verbose --json -k "$kernel" "$dir/called-bare" >"$dir/out" 2>"$dir/err"
check 'without a program that reads DWARF there are no lines' is '[.thread_list[].backtrace[].source // empty] | length' 0
check 'but names' is '.thread_list[0].backtrace[0].symbol' _Debugger
check 'and --verbose says so' grep -q 'none of llvm-symbolizer, atos and lldb' "$dir/err"
if [ -n "$lldb" ]; then
	ln -s "$(command -v "$lldb")" "$dir/only/lldb"
	env PATH="$dir/only" "$PANICLAB" inspect --json -k "$kernel" -x "$kext" "$dir/called-bare" >"$dir/out" 2>"$dir/err"
	check 'lldb alone gives the same lines' same lines lines_in "$dir/called.json"
else
	skip 'lldb alone gives the same lines' 'no lldb'
fi
done_testing
