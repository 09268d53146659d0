#!/bin/sh
# paniclab extract from what is not a plain image: received cores, compressed images, block
# devices; and what happens when it is stopped, and when disk or memory are small.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-image.sh
. tests/cli/lib-extract.sh

# ---- a core as the kernel sent it

{ printf '\317\372\355\376' && cat "$dir/core"; } >"$dir/mach" # what a Mach-O file begins with
gzip -nc "$dir/mach" >"$dir/core-xnu.gz"
check 'a received core' extract 0 "$dir/core-xnu.gz"
check 'is decompressed' cmp "$dir/mach" "$dir/o/kernel.core"
alone() { [ "$(find "$dir/o" -type f | wc -l)" -eq "$1" ]; }
check 'beside the manifest' alone 2
check 'which has no version to tell' says '.version==null and .little_endian==null and .offset==0'
check 'but all the rest' file_is kernel \
	".path==\"kernel.core\" and .begin==0 and .end==$(size "$dir/core-xnu.gz") and .compression==\"gzip\" and .status==\"ok\""
check 'lengths and checksums' sums
check 'as it stands' extract 0 --stored "$dir/core-xnu.gz"
check 'is what was sent' cmp "$dir/core-xnu.gz" "$dir/o/kernel.gz"
check 'the only part by its name' extract 0 --only kernel "$dir/core-xnu.gz"
head -c 40000 "$dir/core-xnu.gz" >"$dir/cut.gz"
check 'a dump that broke off: exit 1' extract 1 "$dir/cut.gz"
prefix() { [ -s "$dir/o/kernel.core" ] && head -c "$(size "$dir/o/kernel.core")" "$dir/mach" | cmp - "$dir/o/kernel.core"; }
check 'what there is of it' prefix
check 'is marked' file_is kernel '.status=="truncated"'
cp "$dir/core-xnu.gz" "$dir/bad.gz" && put "$dir/bad.gz" 40960 "$dir/noise"
check 'a damaged one: exit 1' extract 1 "$dir/bad.gz"
check 'is marked, too' file_is kernel '.status=="corrupt"'
printf 'not a core' | gzip -c >"$dir/text.gz"
check 'gzip data of something else: exit 2' extract 2 "$dir/text.gz"
check 'is named' has 'gzip data of neither a core nor an image' "$dir/err"
check 'nothing was made' gone "$dir/o"
head -c 10 "$dir/core-xnu.gz" >"$dir/head.gz"
check 'a mere gzip header: exit 2' extract 2 "$dir/head.gz"
from_pipe() {
	rm -rf "$dir/o"
	# shellcheck disable=SC2002 # a pipe is the point
	cat "$1" | TMPDIR=$dir "$PANICLAB" extract -q - "$dir/o" >/dev/null 2>"$dir/err"
}
check 'a received core from a pipe' from_pipe "$dir/core-xnu.gz"
check 'is the same' cmp "$dir/mach" "$dir/o/kernel.core"

# ---- images in gzip data

image1 "$dir/image"
gzip -nc "$dir/image" >"$dir/image.gz"
check 'a compressed image' extract 0 "$dir/image.gz"
check 'its core' cmp "$dir/core" "$dir/o/kernel.core"
check 'its gaps' same_range _bonus01.bin $((4096 + log_size)) 8192
check 'from a pipe' from_pipe "$dir/image.gz"
check 'the same' cmp "$dir/core" "$dir/o/kernel.core"
head -c $((core_size / 2)) "$dir/image.gz" >"$dir/cut.gz"
check 'that was cut: exit 1' extract 1 "$dir/cut.gz"
check 'is said' says '.warnings|any(contains("gzip data of the image are truncated"))'
check 'its core is marked' file_is kernel '.status=="truncated"'
check 'that is more than --max-size: exit 2' extract 2 --max-size 20K "$dir/image.gz"
check 'which says what to do' has 'raise --max-size' "$dir/err"
if has_sgdisk; then
	make_disk "$dir/disk"
	gzip -nc "$dir/disk" >"$dir/disk.gz"
	check 'a compressed disk' extract 0 "$dir/disk.gz"
	check 'the core in its partition' cmp "$dir/core" "$dir/o/kernel.core"
	check 'where it was' says '.offset==6144*512'
else
	skip 'a compressed disk' 'no sgdisk'
fi
nothing_left() { ! find "$dir" -name 'paniclab.*' | grep -q .; }
check 'no temporary file stays' nothing_left

# ---- a block device

loop=$(losetup -r -f --show "$dir/image" 2>/dev/null)
if [ -b "$loop" ]; then
	trap 'losetup -d "$loop"; rm -rf "$dir"' EXIT
	check 'a block device' extract 0 "$loop"
	check 'its core' cmp "$dir/core" "$dir/o/kernel.core"
	check 'its rest' same_range _trailing.bin $((shot_at + shot_size)) $((shot_at + shot_size + 3 * 4096))
else
	skip 'a block device' 'no loop device for this user'
fi
check 'a character device: exit 2' extract 2 /dev/null

# ---- bombs, and what stops it

# doubled N FILE: the file, 2^N times.
doubled() {
	cp "$2" "$dir/once"
	doubled_n=0
	while [ $doubled_n -lt "$1" ]; do
		cat "$dir/once" "$dir/once" >"$dir/twice" && mv "$dir/twice" "$dir/once"
		doubled_n=$((doubled_n + 1))
	done
	mv "$dir/once" "$2"
}
# image_of FILE FLAGS: version 2, the kernel is FILE.
image_of() {
	zeroes "$dir/image" $((4096 + $(size "$1")))
	{ header2 0 0 0 0 0 1 && file2 "$2" 4096 "$(size "$1")" kernel; } >"$dir/header"
	put "$dir/image" 0 "$dir/header"
	put "$dir/image" 4096 "$1"
}
dd if=/dev/zero bs=1048576 count=64 2>/dev/null | gzip -nc >"$dir/bomb"
doubled 4 "$dir/bomb" # 1 GiB of zeroes
image_of "$dir/bomb" 256
gib() { [ "$(size "$dir/o/kernel.core")" -eq 1073741824 ] && [ "$(du -k "$dir/o/kernel.core" | cut -f 1)" -lt 1024 ]; }
# All its memory, programs and libraries included, is 160 MB; 64 MiB of it may be its own.
# shellcheck disable=SC3045 # dash and bash have it; where it is not, the test is skipped
small() { (ulimit -v 160000 && "$PANICLAB" "$@") >"$dir/out" 2>"$dir/err"; }
if small version; then
	rm -rf "$dir/o"
	check '1 GiB in little memory' small extract "$dir/image" "$dir/o"
	check 'is there, and is a hole' gib
else
	skip 'little memory' 'it does not start with so little: a build with sanitizers?'
fi
rm -rf "$dir/o"

# 4 MiB of zeroes as the lz4 tool compresses them, in Apple's framing, 2^6 times and without an end.
if command -v lz4 >/dev/null 2>&1; then
	dd if=/dev/zero bs=1048576 count=4 2>/dev/null | lz4 -q -B7 >"$dir/lz4" 2>/dev/null
	# Behind the tool's header of 7 bytes and the block's size; before an end of 4 bytes and a sum of 4.
	lz4_size=$(($(size "$dir/lz4") - 7 - 4 - 4 - 4))
	{
		printf 'bv41' && int 4 4194304 && int 4 $lz4_size
		tail -c +12 "$dir/lz4" | head -c $lz4_size
	} >"$dir/bomb"
	cp "$dir/bomb" "$dir/block"
	doubled 6 "$dir/bomb"
	printf 'bv4$' >>"$dir/bomb"
	image_of "$dir/bomb" 512
	check 'an LZ4 bomb stops at --max-size: exit 1' extract 1 --max-size 10M "$dir/image"
	check 'and is marked' file_is kernel '.status=="truncated" and .bytes<=10485760 and (.detail|contains("limit"))'
	check 'without that it is decoded' extract 0 "$dir/image"
	check 'to zeroes' file_is kernel '.bytes==268435456'
	if small version; then
		rm -rf "$dir/o"
		check 'in little memory' small extract "$dir/image" "$dir/o"
	fi
else
	skip 'an LZ4 bomb' 'no lz4'
fi

# 64 GiB of zeroes: SIGINT comes long before their end.
dd if=/dev/zero bs=1048576 count=64 2>/dev/null | gzip -nc >"$dir/bomb"
doubled 10 "$dir/bomb"
image_of "$dir/bomb" 256
if env --default-signal=INT true 2>/dev/null; then
	rm -rf "$dir/o"
	mkfifo "$dir/lines"
	env --default-signal=INT "$PANICLAB" extract "$dir/image" "$dir/o" >/dev/null 2>"$dir/lines" </dev/null &
	pid=$!
	exec 3<"$dir/lines"
	while IFS= read -r line <&3; do
		case $line in *'writing kernel.core'*) kill -INT $pid ;; esac
	done
	exec 3<&-
	wait $pid
	status=$?
	check 'interrupted: exit 130' test $status -eq 130
	check 'no core' gone "$dir/o/kernel.core"
	check 'not even a part of it' gone "$dir/o/_partial"
	check 'no manifest: it is not whole' gone "$dir/o/manifest.json"
	check 'what was whole is there' test -s "$dir/o/_header.bin"
	check 'it goes on in the same folder' run 0 extract --force --only _header.bin "$dir/image" "$dir/o"
else
	skip 'interrupted' 'no env --default-signal'
fi

# ---- a small disk: as little as the shell allows a file to have

image1 "$dir/image"
limited() {
	rm -rf "$dir/o"
	(ulimit -f 100 && "$PANICLAB" extract -q "$dir/image" "$dir/o") >/dev/null 2>"$dir/err"
	[ $? -eq 3 ]
}
check 'a file that is too large: exit 3' limited
check 'which one, why and what to do' has "$dir/o/kernel.core: cannot write the file (File too large): raise the limit" "$dir/err"
check 'no half core' gone "$dir/o/kernel.core"
check 'nothing of it' gone "$dir/o/_partial"
on_small_disk() {
	mkdir -p "$dir/small"
	# shellcheck disable=SC2016 # the inner shell's variables
	unshare -rm sh -c 'mount -t tmpfs -o size=64k none "$1" || exit 99
		"$2" extract -q "$3" "$1/o" >/dev/null 2>"$4"
		[ $? -eq 3 ] && [ ! -e "$1/o/kernel.core" ] && [ ! -e "$1/o/_partial" ] && [ ! -e "$1/o/manifest.json" ]' \
		sh "$dir/small" "$PANICLAB" "$dir/image" "$dir/err"
}
# shellcheck disable=SC2016 # the inner shell's
if unshare -rm sh -c 'mount -t tmpfs none "$0"' "$dir" 2>/dev/null; then
	check 'a full disk: exit 3, and nothing half done' on_small_disk
	check 'which says what to do' has 'cannot write the file (No space left on device): make room' "$dir/err"
else
	skip 'a full disk' 'no mount namespace for this user'
fi

# ---- links in a folder that --force uses

printf 'mine' >"$dir/mine"
rm -rf "$dir/o" && mkdir "$dir/o"
for name in _partial kernel.core _header.bin manifest.json manifest.json.tmp; do
	ln -s "$dir/mine" "$dir/o/$name"
done
ln -s "$dir/absent" "$dir/o/_panic.log"
check 'links with the names of parts' run 0 extract --force "$dir/image" "$dir/o"
check 'are replaced' cmp "$dir/core" "$dir/o/kernel.core"
check 'and not followed' has mine "$dir/mine"
check 'nowhere' gone "$dir/absent"
rm "$dir/o/kernel.core" && mkdir "$dir/o/kernel.core"
check 'a folder in the way: exit 3' run 3 extract --force "$dir/image" "$dir/o"
check 'is named' has "$dir/o/kernel.core: cannot replace it" "$dir/err"

done_testing
