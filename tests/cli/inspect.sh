#!/bin/sh
# paniclab inspect: texts, gzip by the gzip program, hostile names and bytes, exit codes.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
has() { grep -qF -- "$1" "$2"; }
lacks() { ! has "$@"; }
json() { "$PANICLAB" inspect --json "$@" >"$dir/out" 2>"$dir/err"; }
# The value of a top-level string or number.
value() { sed -n "s/^  \"$1\": \"\{0,1\}\([^\",]*\)\"\{0,1\},\{0,1\}\$/\1/p" "$dir/out"; }
is() { [ "$(value "$1")" = "$2" ]; }

version='Darwin Kernel Version 20.6.0: Wed Jun 23 00:26:31 PDT 2021; root:xnu-7195.141.2~5/RELEASE_X86_64'
panic() {
	printf 'panic(cpu 1 caller 0xffffff8017a00000): "a \033[31mred\033[0m text"@/src/a.c:5\n'
	printf 'Backtrace (CPU 1), Frame : Return Address\n'
	printf '0xffffff80aa000010 : 0xffffff8017411111 mach_kernel : _panic + 0x1f\n\n'
	printf 'Mac OS version:\n20G80\n\nKernel version:\n%s\n' "$version"
	printf 'Kernel UUID: A5A5C0DE-1111-3222-8333-0123456789AB\n'
}
panic >"$dir/log"

json "$dir/log"
check 'a panic log is one' is kind panic-log
check 'its kernel is named' is kernel_version "$version"
check 'its xnu' is xnu 7195.141.2~5
check 'its build' is build 20G80
check 'its UUID' is kernel_uuid A5A5C0DE-1111-3222-8333-0123456789AB
check 'its architecture' is arch x86_64
check 'the source is apart from the message' has '"source": "/src/a.c:5"' "$dir/out"
check 'symbols and images' has '"symbol": "_panic"' "$dir/out"
check 'a title without numbers' has '"signature_title": "panic: a ?[#mred?[#m text (a.c)"' "$dir/out"
check 'and a signature of it' has '"signature": "v1-' "$dir/out"
check 'nothing on stderr' test ! -s "$dir/err"

"$PANICLAB" inspect "$dir/log" >"$dir/out"
check 'as text: the message, escaped' has 'a \x1b[31mred\x1b[0m text' "$dir/out"
check 'as text: its title' has 'panic: a ?[#mred?[#m text (a.c)' "$dir/out"
no_escape() { ! tr -d '\n' <"$dir/out" | grep -q '[[:cntrl:]]'; }
check 'no control byte reaches the terminal' no_escape

sed 's/$/\r/' "$dir/log" >"$dir/crlf"
json "$dir/crlf"
check 'the same with CRLF' is build 20G80

{ cat "$dir/log" && sed 's/a.c/b.c/; s/20G80/21A559/' "$dir/log" && sed 's/a.c/c.c/; s/20G80/22A380/' "$dir/log"; } >"$dir/boots"
json "$dir/boots"
check 'of the panics of several boots the first' is build 20G80
json "$dir/boots" --last
check '... or the last' is build 22A380
check '... with its own text' has 'c.c:' "$dir/out"
check '... and no other' lacks 'b.c:' "$dir/out"
run 0 inspect "$dir/boots"
check '... and a word that there are more' has 'another panic follows' "$dir/out"
json "$dir/log" --last
check 'of one the only one' is build 20G80

{ printf '\0\033[2J\0\377' && head -c 3000 /dev/zero && cat "$dir/log"; } >"$dir/noisy"
json "$dir/noisy"
check 'a log that begins with NULs' is kind panic-log
check '... of the same kernel' is build 20G80

{
	printf '\317\372\355\376\007\000\000\001\003\000\000\000\004\000\000\000'
	printf '\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000\000'
	dd if=/dev/zero bs=4096 count=64 2>/dev/null
} >"$dir/core"
gzip -c "$dir/core" >"$dir/core.gz"
json "$dir/core.gz"
check 'a core that gzip made' is kind gzip-core
check 'its gzip data is whole' is gzip ok
check 'and as long as gzip says' is decompressed_bytes "$(wc -c <"$dir/core" | tr -d ' ')"
size=$(wc -c <"$dir/core.gz")
dd if="$dir/core.gz" of="$dir/cut.gz" bs=1 count=$((size - 5)) 2>/dev/null
gzip -t "$dir/cut.gz" 2>/dev/null && echo "# gzip -t takes the cut file"
json "$dir/cut.gz"
check 'a cut one is told' is gzip truncated
cp "$dir/core.gz" "$dir/bad.gz"
printf '\377\377' | dd of="$dir/bad.gz" bs=1 seek=$((size - 8)) conv=notrunc 2>/dev/null
gzip -t "$dir/bad.gz" 2>/dev/null && echo "# gzip -t takes the bad file"
json "$dir/bad.gz"
check 'a wrong CRC is told' is gzip corrupt
gzip -c "$dir/log" >"$dir/log.gz"
json "$dir/log.gz"
check 'a gzipped log is a log' is kind panic-log
check 'of that kernel' is build 20G80
check 'and gzipped' is gzip ok
gzip -c <"$PANICLAB" | head -c 100000 >"$dir/else.gz"
json "$dir/else.gz"
check 'gzip data of something else' is kind unknown
check 'which is said' has 'neither a core nor a panic text' "$dir/out"
left() { find "$dir" -name 'paniclab.*' | grep -q .; }
TMPDIR=$dir json "$dir/core.gz"
nothing_left() { ! left; }
check 'no temporary file stays' nothing_left

: >"$dir/empty"
json "$dir/empty"
check 'an empty file is unknown' is kind unknown
dd if=/dev/urandom of="$dir/noise" bs=1024 count=64 2>/dev/null
printf 'XXXX' | dd of="$dir/noise" conv=notrunc 2>/dev/null
json "$dir/noise"
check 'noise is unknown' is kind unknown

code() { # code EXPECTED ARGUMENTS...
	want=$1
	shift
	"$PANICLAB" inspect "$@" >"$dir/out" 2>"$dir/err" </dev/null
	[ $? -eq "$want" ]
}
check 'an unknown file is a result: exit 0' code 0 "$dir/noise"
check 'no such file: exit 3' code 3 "$dir/none"
check 'its path is in the message' has "$dir/none" "$dir/err"
check 'a folder is misuse: exit 2' code 2 "$dir"
check 'and says where the files are' has "$dir: a folder: name a file in it" "$dir/err"
check 'no file named: exit 2' code 2
check 'two files: exit 2' code 2 "$dir/log" "$dir/log"
check 'help: exit 0' code 0 --help
# shellcheck disable=SC2002 # a pipe is the point
from_stdin() { # FILE: says of it the same as by its name
	"$PANICLAB" inspect --json "$1" >"$dir/named" && TMPDIR=$dir "$PANICLAB" inspect --json - <"$1" >"$dir/out" 2>"$dir/err" &&
		cmp "$dir/named" "$dir/out" && cat "$1" | "$PANICLAB" inspect --json - | cmp "$dir/named" -
}
check 'a log from standard input' from_stdin "$dir/log"
check 'a compressed core, too' from_stdin "$dir/core.gz"
check 'nothing of it stays' nothing_left
stdin_code() { "$PANICLAB" inspect "$@" - <"$dir/log" >"$dir/out" 2>"$dir/err"; }
check 'it has a name for people' stdin_code
check 'which is not that of a temporary file' has 'standard input: panic-log' "$dir/out"
refuses() { ! stdin_code --debugger lldb && has 'standard input: a debugger needs a file' "$dir/err"; }
check 'a debugger cannot open it' refuses
mkfifo "$dir/fifo"
check 'a FIFO does not hang it' code 2 "$dir/fifo"

done_testing
