#!/bin/sh
# One panic of the simulated kernel has one signature in whatever holds it, at each slide; another has another.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
if [ ! -x "$BUILD/kernsim" ]; then
	echo "1..0 # SKIP no kernsim"
	exit 0
fi
# made NAME OPTION...: the core NAME and its panic text NAME.txt
made() {
	name=$1
	shift
	"$BUILD/kernsim" core --out "$dir/$name" --size 8M --panic-text "$dir/$name.txt" "$@" >"$dir/kernsim" 2>&1
}
signature() { "$PANICLAB" inspect --json "$1" | sed -n 's/^ *"signature": "\(v1-[0-9a-f]*\)".*/\1/p'; }
same() { [ -n "$first" ] && [ "$(signature "$1")" = "$first" ]; }
other() { [ -n "$(signature "$1")" ] && ! same "$1"; }
kind() { "$PANICLAB" inspect --json "$1" | grep -q "\"kind\": \"$2\""; }

made one --trigger kext
made slid --trigger kext --set slide=0x1e000000
made trapped --trigger page-fault
made asked --trigger dtrace
first=$(signature "$dir/one.txt")
check 'the text has one' test -n "$first"
check 'the core has the same' same "$dir/one"
check 'at another slide too' same "$dir/slid.txt"
check 'and in its core' same "$dir/slid"
gzip -k "$dir/slid"
check 'gzipped' same "$dir/slid.gz"

# The report file as 10.15 and later write it.
{
	printf '{"bug_type":"210","os_version":"x"}\n{"notes":"","macOSPanicString":"'
	sed 's/\\/\\\\/g; s/"/\\"/g; s,/,\\/,g' "$dir/slid.txt" | awk '{ printf "%s\\n", $0 }' | tr '\t' ' '
	printf '"}\n'
} >"$dir/report"
check 'a report in JSON' same "$dir/report"
check 'which is one' kind "$dir/report" panic-report
awk '{ printf "> %s\r\n", $0 }' "$dir/slid.txt" >"$dir/mail"
check 'a mail' same "$dir/mail"
{
	echo 'en0: link up'
	sed 's/^/[   12.500000] /' "$dir/slid.txt"
	echo 'Transmitting kernel state, please wait:'
	echo '100..200..'
} >"$dir/serial"
check 'a serial log' same "$dir/serial"
check 'which is a log' kind "$dir/serial" panic-log

check 'a trap has another' other "$dir/trapped"
check 'and so has what dtrace did' other "$dir/asked"

# Each release writes its panics differently; all of it is understood, and names the bug the same.
understood() { "$PANICLAB" inspect --json "$1" | grep -q '"lines_not_understood": 0,'; }
for macos in 10.9.5 10.12.6 10.14.6 10.15.7 11.7 13.6 15.3; do
	made released --trigger kext --set macos=$macos
	check "the text of $macos is understood" understood "$dir/released.txt"
	check 'and has the same signature' same "$dir/released.txt"
done

done_testing
