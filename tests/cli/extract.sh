#!/bin/sh
# paniclab extract: images made here byte by byte; gzip, lz4, sha256sum, jq and cmp judge.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-image.sh
. tests/cli/lib-extract.sh
sparse() { [ "$(du -k "$1" | cut -f 1)" -lt 512 ]; }

for end in le be; do
	image1 "$dir/image"
	check "$end: an image is taken apart" extract 0 "$dir/image"
	check "$end: the core is decompressed" cmp "$dir/core" "$dir/o/kernel.core"
	check "$end: the other file too" cmp "$dir/shot" "$dir/o/panic_stackshot"
	check "$end: the panic log" cmp "$dir/log" "$dir/o/_panic.log"
	check "$end: the header" same_range _header.bin 0 544
	check "$end: what is between header and log" same_range _bonus00.bin 544 4096
	check "$end: between log and core" same_range _bonus01.bin $((4096 + log_size)) 8192
	check "$end: the rest, up to its last block that is not zero" \
		same_range _trailing.bin $((shot_at + shot_size)) $((shot_at + shot_size + 3 * 4096))
	check "$end: version and byte order" says ".version==1 and .little_endian==(\"$end\"==\"le\")"
	check "$end: lengths and checksums" sums
	check "$end: where the core was" file_is kernel \
		".begin==8192 and .end==8192+$core_size and .compression==\"gzip\" and (.encrypted|not) and .status==\"ok\""
done
end=le
image1 "$dir/image"
check 'the core is sparse' sparse "$dir/o/kernel.core"
mode() { [ "$(find "$dir/o" -type f -perm 600 | wc -l)" -eq 9 ] && [ -n "$(find "$dir/o" -maxdepth 0 -perm 700)" ]; }
check 'for the user only' mode

check 'as it stands' extract 0 --stored "$dir/image"
check 'the core is what was put there' cmp "$dir/core.gz" "$dir/o/kernel.gz"
check 'and the other file' cmp "$dir/shot.gz" "$dir/o/panic_stackshot.gz"
check 'and the rest as before' same_range _bonus01.bin $((4096 + log_size)) 8192
check 'with its checksums' sums

check 'one part only' extract 0 --only kernel "$dir/image"
check 'it is there' cmp "$dir/core" "$dir/o/kernel.core"
only() { [ "$(find "$dir/o" -type f | wc -l)" -eq 2 ]; }
check 'and the manifest, nothing else' only
check 'a part that is not there: exit 2' extract 2 --only kernal "$dir/image"
check 'no folder was made for it' gone "$dir/o"

json_alone() { extract 0 --json "$dir/image" && jq -e . "$dir/out" | cmp - "$dir/o/manifest.json"; }
check '--json prints the manifest' json_alone
check '--dry-run writes nothing' extract 0 --dry-run "$dir/image"
check 'no folder' gone "$dir/o"
check 'but lists what it would' has kernel.core "$dir/out"

from_pipe() { # from_pipe STATUS ARGUMENT...
	rm -rf "$dir/o"
	from_want=$1
	shift
	# shellcheck disable=SC2002 # a pipe is the point
	cat "$dir/image" | TMPDIR=$dir "$PANICLAB" extract "$@" - "$dir/o" >"$dir/out" 2>"$dir/err"
	[ $? -eq "$from_want" ]
}
check 'from a pipe' from_pipe 0
check 'the same core' cmp "$dir/core" "$dir/o/kernel.core"
check 'and the same rest' same_range _bonus01.bin $((4096 + log_size)) 8192
check 'more than --max-size from a pipe: exit 2' from_pipe 2 --max-size 20K
check 'which it says' has 'standard input: there is more of it' "$dir/err"
nothing_left() { ! find "$dir" -name 'paniclab.*' | grep -q .; }
check 'no temporary file stays' nothing_left

# ---- version 2

printf 'AEA1 and secrets' >"$dir/aea"
printf 'a public key' >"$dir/key"
image2() {
	zeroes "$1" $((16384 + core_size))
	{
		header2 1 12288 12 4096 16 3
		file2 256 16384 "$core_size" kernel
		file2 0 8192 11 plain
		file2 257 10240 16 AOP
	} >"$dir/header"
	put "$1" 0 "$dir/header"
	put "$1" 4096 "$dir/aea"
	put "$1" 8192 "$dir/shot"
	put "$1" 10240 "$dir/aea"
	put "$1" 12288 "$dir/key"
	put "$1" 16384 "$dir/core.gz"
}
image2 "$dir/image"
check 'version 2, with encrypted parts: exit 1' extract 1 "$dir/image"
check 'its core' cmp "$dir/core" "$dir/o/kernel.core"
check 'a file without compression' cmp "$dir/shot" "$dir/o/plain"
check 'an encrypted file as it stands' cmp "$dir/aea" "$dir/o/AOP.aea"
check 'the encrypted log' cmp "$dir/aea" "$dir/o/_panic.log.aea"
check 'the public key' cmp "$dir/key" "$dir/o/_public_key.bin"
check 'is in the manifest' says '.version==2 and .log_encrypted'
check 'the encrypted file too' file_is AOP '.encrypted and .status=="encrypted" and .compression=="gzip"'
check 'the plain one' file_is plain '(.encrypted|not) and .status=="ok" and .compression=="none"'
check 'what to do about it' has 'AOP.aea is an Apple Encrypted Archive: decrypt it' "$dir/err"
encrypted() { [ "$("$PANICLAB" inspect --json "$dir/image" | jq .format.log_encrypted)" = "$1" ]; }
check 'inspect says so as well' encrypted true
check 'as it stands: the same verdict' extract 1 --stored "$dir/image"
check 'compressed' cmp "$dir/core.gz" "$dir/o/kernel.gz"
{
	header2 0 0 0 4096 16 1
	file2 256 16384 "$core_size" kernel
} >"$dir/header"
put "$dir/image" 0 "$dir/header"
check 'an encrypted log that the header does not tell of: exit 1' extract 1 "$dir/image"
check 'is told all the same' says '.log_encrypted and (.files[]|select(.name=="_panic.log")|.encrypted)'
check 'by inspect too' encrypted true

# ---- LZ4

# One number of a file: at OFFSET, four bytes, little-endian.
word() {
	# shellcheck disable=SC2046 # four numbers
	set -- $(od -An -tu1 -j "$2" -N 4 "$1")
	echo $(($1 | $2 << 8 | $3 << 16 | $4 << 24))
}
slice() { tail -c "+$(($2 + 1))" "$1" | head -c "$3"; } # slice FILE FROM SIZE
# The blocks that the lz4 tool made of FILE, of 64 KiB each, in Apple's framing.
framed() {
	lz4 -q -B4 -BD -f "$1" "$dir/lz4"
	framed_left=$(size "$1")
	framed_at=7 # behind the header of the tool's own format
	while framed_size=$(word "$dir/lz4" $framed_at) && [ "$framed_size" -ne 0 ]; do
		framed_plain=$((framed_left < 65536 ? framed_left : 65536))
		framed_at=$((framed_at + 4))
		if [ $((framed_size >> 31)) -eq 1 ]; then # as it is
			framed_size=$((framed_size & 0x7fffffff))
			printf 'bv4-' && int 4 $framed_size
		else
			printf 'bv41' && int 4 $framed_plain && int 4 "$framed_size"
		fi
		slice "$dir/lz4" $framed_at "$framed_size"
		framed_at=$((framed_at + framed_size))
		framed_left=$((framed_left - framed_plain))
	done
	printf 'bv4$'
}
# An image whose kernel is FILE, flagged as LZ4.
image_lz4() {
	zeroes "$dir/image" $((4096 + $(size "$1")))
	{ header2 0 0 0 0 0 1 && file2 512 4096 "$(size "$1")" kernel; } >"$dir/header"
	put "$dir/image" 0 "$dir/header"
	put "$dir/image" 4096 "$1"
}
# Text that repeats over block borders, and noise that lz4 stores as it is.
{
	dd if=/dev/urandom bs=1000 count=30 2>/dev/null | od -An -tx1
	dd if=/dev/urandom bs=1024 count=130 2>/dev/null
	cat "$dir/core"
} >"$dir/text"
cat "$dir/text" "$dir/text" >"$dir/plain"
framed "$dir/plain" >"$dir/apple"
both() { grep -aqF bv41 "$dir/apple" && grep -aqF 'bv4-' "$dir/apple"; }
check 'lz4 made blocks of both kinds' both
image_lz4 "$dir/apple"
check 'LZ4 data' extract 0 "$dir/image"
check 'is decoded' cmp "$dir/plain" "$dir/o/kernel.core"
check 'and named' file_is kernel '.compression=="lz4" and .status=="ok"'
check 'with its checksum' sums
check 'as it stands' extract 0 --stored "$dir/image"
check 'is what was put there' cmp "$dir/apple" "$dir/o/kernel.lz4"
start_of_plain() {
	[ "$(size "$dir/o/kernel.core")" -eq "$1" ] && head -c "$1" "$dir/plain" | cmp - "$dir/o/kernel.core"
}
head -c $(($(size "$dir/apple") - 4)) "$dir/apple" >"$dir/cut" && image_lz4 "$dir/cut"
check 'without its end mark: exit 1' extract 1 "$dir/image"
check 'all of it' cmp "$dir/plain" "$dir/o/kernel.core"
check 'but truncated' file_is kernel '.status=="truncated"'
first=$((12 + $(word "$dir/apple" 8)))
head -c $((first + 100)) "$dir/apple" >"$dir/cut" && image_lz4 "$dir/cut"
check 'cut in its second block: exit 1' extract 1 "$dir/image"
check 'the first is there' start_of_plain 65536
{ head -c $first "$dir/apple" && printf 'bv4?' && cat "$dir/apple"; } >"$dir/bad" && image_lz4 "$dir/bad"
check 'an unknown block: exit 1' extract 1 "$dir/image"
check 'what came before it is there' start_of_plain 65536
check 'and corrupt' file_is kernel '.status=="corrupt"'
for lie in '65535 100' '-1 100' '100 -1' '65536 0'; do
	{
		head -c $first "$dir/apple" && printf 'bv41'
		for w in $lie; do int 4 "$w"; done
		slice "$dir/apple" $((first + 12)) 100
	} >"$dir/bad"
	image_lz4 "$dir/bad"
	check "a block that says $lie: exit 1" extract 1 "$dir/image"
	check "$lie: corrupt" file_is kernel '.status=="corrupt" and .bytes==65536'
done
{
	printf 'bv41' && int 4 65537 && int 4 $((first - 12))
	slice "$dir/apple" 12 $((first - 12)) && printf 'bv4$'
} >"$dir/bad" && image_lz4 "$dir/bad"
check 'a block that decodes to less than it says: exit 1' extract 1 "$dir/image"
check 'is not taken' file_is kernel '.status=="corrupt" and .bytes==0'
image_lz4 "$dir/apple"
check 'no more than --max-size' extract 1 --max-size 70000 "$dir/image"

# ---- a whole disk

if has_sgdisk; then
	zeroes "$dir/disk" 8388608
	sgdisk_ -n 1:2048:4095 -n 2:6144:+1M -t 2:"$cores" "$dir/disk"
	check 'a partition without a core: exit 2' extract 2 "$dir/disk"
	check 'which it says' has 'no core is in its Apple_KernelCoreDump partition' "$dir/err"
	make_disk "$dir/disk"
	check 'the core partition of a disk' extract 0 "$dir/disk"
	check 'its core' cmp "$dir/core" "$dir/o/kernel.core"
	check 'where it was' says ".offset==6144*512 and ([.files[].end]|max)==1048576"
	check 'nothing from behind the partition' \
		same_range _trailing.bin $((shot_at + shot_size)) $((shot_at + shot_size + 3 * 4096))
	head -c $((6144 * 512 + 8192 + core_size / 2)) "$dir/disk" >"$dir/cut"
	check 'a cut disk: exit 1' extract 1 "$dir/cut"
	check 'is marked' file_is kernel '.status=="truncated"'
	cp "$dir/disk" "$dir/cut" && zeroes "$dir/zeroes" 17408
	put "$dir/cut" 0 "$dir/zeroes"
	check 'a disk whose partition table is only at its end' extract 0 "$dir/cut"
	check 'the same core' cmp "$dir/core" "$dir/o/kernel.core"
	sgdisk_ -t 2:8300 "$dir/disk"
	check 'a disk without such a partition: exit 2' extract 2 "$dir/disk"
	check 'which it says, too' has 'without an Apple_KernelCoreDump partition' "$dir/err"
else
	skip 'a whole disk' 'no sgdisk'
fi

# ---- what goes wrong

image1 "$dir/image"
head -c $((8192 + core_size / 2)) "$dir/image" >"$dir/cut"
check 'a cut image: exit 1' extract 1 "$dir/cut"
prefix() { [ -s "$dir/o/kernel.core" ] && head -c "$(size "$dir/o/kernel.core")" "$dir/core" | cmp - "$dir/o/kernel.core"; }
check 'what there is of the core' prefix
check 'is marked' file_is kernel '.status=="truncated"'
check 'so is the file behind the end' file_is panic_stackshot '.status=="truncated" and .bytes==0'
check 'the log is ok' file_is _panic.log '.status=="ok"'
check 'as it stands: the same' extract 1 --stored "$dir/cut"
check 'half of it' file_is kernel ".status==\"truncated\" and .bytes==$((core_size / 2))"

put "$dir/image" 20480 "$dir/noise"
check 'damaged data: exit 1' extract 1 "$dir/image"
gzip_damaged() { ! gzip -dc "$dir/o/kernel.gz" >/dev/null; }
check 'is marked' file_is kernel '.status=="corrupt"'
check 'the rest is written' cmp "$dir/shot" "$dir/o/panic_stackshot"
run 0 extract -q --stored --force "$dir/image" "$dir/o" >/dev/null
check 'gzip agrees' gzip_damaged
image1 "$dir/image"
put "$dir/image" 8192 "$dir/noise"
check 'no gzip data at all: exit 1' extract 1 "$dir/image"
check 'is written as it stands' same_range kernel.gz 8192 $((8192 + core_size))
check 'and marked' file_is kernel '.status=="corrupt"'

# hostile FILE_LINES...: an image of these files
hostile() {
	zeroes "$dir/image" 65536
	put "$dir/image" 4096 "$dir/log"
	put "$dir/image" 8192 "$dir/shot.gz"
	{
		header1 4096 "$log_size" $#
		for h in "$@"; do eval "file1 $h"; done
	} >"$dir/header"
	put "$dir/image" 0 "$dir/header"
}
good="8192 $shot_size"
hostile "$good ../evil" "$good /evil" "$good .." "$good ''" "$good _panic.log" "$good '\\033[2J'" "$good manifest.json" \
	"$good kernel.core" "$good kernel" "$good KERNEL.CORE"
mkdir "$dir/in" && cp "$dir/image" "$dir/in/image"
check 'hostile names: exit 1' extract 1 "$dir/image"
names() {
	find "$dir/o" ! -type d | sed 's|.*/||' | LC_ALL=C sort | tr '\n' ' ' >"$dir/names"
	has '_file00 _file01 _file02 _file03 _file04 _file05 _file06 _file08 _file09 ' "$dir/names" && has ' kernel.core ' "$dir/names"
}
check 'get names that harm nobody' names
check 'nothing above the folder' gone "$dir/evil"
check 'their content is there' cmp "$dir/shot" "$dir/o/_file00"
check 'both that want one name' cmp "$dir/shot" "$dir/o/_file08"
check 'the log is the log' cmp "$dir/log" "$dir/o/_panic.log"
no_escape() { ! tr -d '\n' <"$dir/err" | grep -q '[[:cntrl:]]'; }
check 'no control byte reaches the terminal' no_escape
check 'overlaps are told' says '.warnings|any(contains("overlap"))'

hostile "-1 -1 a" "-4096 8192 b" "9223372036854775807 1 c" "8192 -1 d" "8192 9223372036854775807 e" "0 0 f"
check 'absurd offsets and lengths: exit 1' extract 1 "$dir/image"
check 'what lies in the image is decoded' cmp "$dir/shot" "$dir/o/d"
check 'what does not is marked' file_is b '.status=="truncated" and .bytes==0'
check 'checksums of that' sums
hostile
check 'no files: exit 0' extract 0 "$dir/image"
check 'and a word about it' has 'no files' "$dir/err"

header1 0 0 17 >"$dir/header" && put "$dir/image" 0 "$dir/header"
check 'too many files: exit 2' extract 2 "$dir/image"
check 'which it says' has 'claims to have 17 files' "$dir/err"
header1 0 0 -1 >"$dir/header" && put "$dir/image" 0 "$dir/header"
check '2^64 files: exit 2' extract 2 "$dir/image"
head -c 543 "$dir/image" >"$dir/cut"
header1 0 0 1 | dd of="$dir/cut" conv=notrunc 2>/dev/null
check 'half a header: exit 2' extract 2 "$dir/cut"
head -c 100 "$dir/cut" >"$dir/cut2"
header1 0 0 4 | dd of="$dir/cut2" conv=notrunc 2>/dev/null
check 'less than half: exit 2' extract 2 "$dir/cut2"
check 'how much of it is there' has '100 bytes of 544' "$dir/err"
printf 'something else' >"$dir/else"
check 'something else: exit 2' extract 2 "$dir/else"
check 'its path is in the message' has "$dir/else: not an on-disk core image" "$dir/err"
printf '\317\372\355\376\007\000\000\001' >"$dir/macho"
check 'a core as it is: exit 2' extract 2 "$dir/macho"
check 'which is said' has "$dir/macho: a core already" "$dir/err"
check 'nothing was made' gone "$dir/o"
: >"$dir/empty"
check 'an empty file: exit 2' extract 2 "$dir/empty"
check 'no such file: exit 3' extract 3 "$dir/none"
mkfifo "$dir/fifo"
check 'a FIFO does not hang it: exit 2' extract 2 "$dir/fifo"

# A bomb: 64 MiB of zeroes in 64 KiB.
dd if=/dev/zero bs=1048576 count=64 2>/dev/null | gzip -nc >"$dir/bomb.gz"
zeroes "$dir/image" 131072
{ header1 0 0 1 && file1 4096 "$(size "$dir/bomb.gz")" kernel; } >"$dir/header"
put "$dir/image" 0 "$dir/header"
put "$dir/image" 4096 "$dir/bomb.gz"
check 'a bomb stops at --max-size: exit 1' extract 1 --max-size 1M "$dir/image"
most() { [ "$(cat "$dir"/o/_* "$dir"/o/kernel.core | wc -c)" -le 1048576 ]; }
check 'no more than that is written' most
check 'and marked' file_is kernel '.status=="truncated" and (.detail|contains("limit"))'
check 'a --max-size that is none: exit 2' extract 2 --max-size lots "$dir/image"

# ---- the folder

image1 "$dir/image"
extract 0 "$dir/image"
again() { run "$1" extract "$2" "$dir/image" "$dir/o"; }
check 'a folder that exists: exit 2' again 2 --quiet
check 'which it says' has "$dir/o: it exists" "$dir/err"
printf 'mine' >"$dir/mine"
rm "$dir/o/kernel.core" && ln -s "$dir/mine" "$dir/o/kernel.core"
printf 'old' >"$dir/o/_panic.log"
printf 'other' >"$dir/o/other"
check 'with --force it is used' again 0 --force
check 'files are replaced' cmp "$dir/log" "$dir/o/_panic.log"
check 'links too' test ! -L "$dir/o/kernel.core"
check 'not what they point to' has mine "$dir/mine"
check 'other files stay' has other "$dir/o/other"
cp "$dir/image" "$dir/o/kernel.core"
check 'the image itself is never replaced: exit 2' run 2 extract --force "$dir/o/kernel.core" "$dir/o"
check 'it is still there' cmp "$dir/image" "$dir/o/kernel.core"
check 'a folder that cannot be made: exit 3' run 3 extract "$dir/image" "$dir/no/such"
full_disk() { # ulimit -f counts blocks of 512 bytes or of 1 KiB
	(ulimit -f 1 && run 3 extract "$@") && gone "$dir/full"
}
check 'nothing could be written: the folder is in nobody'"'"'s way' full_disk --only kernel "$dir/image" "$dir/full"
# On a terminal the live line is gone before the results come.
on_a_terminal() {
	script -qec "'$PANICLAB' extract --only kernel '$dir/image' '$dir/live'" /dev/null >"$dir/out" </dev/null &&
		tr -d '\r\n' <"$dir/out" | grep -qF "$(printf '\033[K')$dir/live: an on-disk core"
}
if script -qec true /dev/null >/dev/null 2>&1 </dev/null; then check 'on a terminal' on_a_terminal; fi
check 'one argument: exit 2' run 2 extract "$dir/image"
check 'help' run 0 extract --help

done_testing
