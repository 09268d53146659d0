#!/bin/sh
# paniclab extract of virtual disks: qemu-img makes one of each kind, and snapshots; the
# shapes that Fusion writes and qemu-img does not are made here byte by byte, and qemu-img
# is asked whether they are right. What comes out is that of the plain disk.
# shellcheck disable=SC2317 # most functions are called by check, by name
set -u
. tests/cli/lib.sh
. tests/cli/lib-image.sh
. tests/cli/lib-extract.sh

if ! has_sgdisk || ! command -v qemu-img >/dev/null 2>&1; then
	skip 'virtual disks' 'no sgdisk or no qemu-img'
	done_testing
fi

# ---- what qemu-img makes: 4.5 GiB, so that there are several files of 2 GiB each

boundary=4194304 # sectors
image1 "$dir/image"
zeroes "$dir/raw" $((4608 * 1048576))
sgdisk_ -a 1 -n 1:2048:4095 -n 2:$((boundary - 64)):+2M -t 2:"$cores" "$dir/raw"
put "$dir/raw" $(((boundary - 64) * 512)) "$dir/image"
check 'the plain disk' extract 0 "$dir/raw"
check 'its core' cmp "$dir/core" "$dir/o/kernel.core"
mv "$dir/o" "$dir/plain"
# The same files as from the plain disk; the manifest differs by the name.
same() { # same DISK
	extract 0 "$1" || return 1
	for same_file in "$dir/plain"/_* "$dir/plain/kernel.core"; do
		cmp "$same_file" "$dir/o/${same_file##*/}" || return 1
	done
	[ "$(jq -S 'del(.image)' "$dir/o/manifest.json")" = "$(jq -S 'del(.image)' "$dir/plain/manifest.json")" ]
}
for kind in monolithicSparse monolithicFlat twoGbMaxExtentSparse twoGbMaxExtentFlat streamOptimized; do
	mkdir "$dir/$kind"
	qemu-img convert -q -O vmdk -o subformat=$kind "$dir/raw" "$dir/$kind/disk.vmdk" || exit 1
	check "$kind" same "$dir/$kind/disk.vmdk"
done
inspected() { run 0 inspect "$1" && has 'unknown' "$dir/out" && has "$2: 'paniclab extract' takes" "$dir/out"; }
check 'inspect says what takes it' inspected "$dir/monolithicSparse/disk.vmdk" 'a virtual disk'
check '... of a descriptor' inspected "$dir/monolithicFlat/disk.vmdk" 'a virtual disk'
check '... of the plain disk' inspected "$dir/raw" 'a disk with partitions'
in_its_folder() { (cd "$dir/monolithicFlat" && rm -rf "$dir/o" && "$PANICLAB" extract -q disk.vmdk "$dir/o" >/dev/null); }
check 'by its name alone' in_its_folder
split=$dir/twoGbMaxExtentSparse
check 'one of several files: exit 2' extract 2 "$split/disk-s001.vmdk"
check 'which says what to give' has 'give the .vmdk that names them' "$dir/err"
mv "$split/disk-s002.vmdk" "$split/away"
check 'a file that is missing: exit 3' extract 3 "$split/disk.vmdk"
check 'is named' has 'disk-s002.vmdk: cannot open this file of the virtual disk' "$dir/err"
ln -s away "$split/disk-s002.vmdk"
check 'a link is not followed: exit 3' extract 3 "$split/disk.vmdk"
rm "$split/disk-s002.vmdk" && mkfifo "$split/disk-s002.vmdk"
check 'a FIFO does not hang it: exit 2' extract 2 "$split/disk.vmdk"
rm "$split/disk-s002.vmdk" && head -c 200000 "$split/away" >"$split/disk-s002.vmdk"
check 'a file that was cut: exit 1' extract 1 "$split/disk.vmdk"
check 'marks what is in it' file_is kernel '.status=="truncated"'
prefix() { head -c "$(size "$dir/o/kernel.core")" "$dir/core" | cmp - "$dir/o/kernel.core"; }
check 'and keeps what came before' prefix
stream=$dir/streamOptimized
# VMware writes it in one go: the directory is behind the data, and where, says a footer.
marker() { u64 "$1" && int 4 0 && int 4 "$2"; } # marker VALUE TYPE
as_vmware() {
	cp "$stream/disk.vmdk" "$dir/vmware.vmdk"
	footer_at=$(size "$stream/disk.vmdk")
	u64 -1 >"$dir/piece"
	dd if="$dir/piece" of="$dir/vmware.vmdk" bs=8 seek=7 conv=notrunc 2>/dev/null
	marker 1 3 >"$dir/piece" && put "$dir/vmware.vmdk" "$footer_at" "$dir/piece"
	head -c 512 "$stream/disk.vmdk" >"$dir/piece" && put "$dir/vmware.vmdk" $((footer_at + 512)) "$dir/piece"
	zeroes "$dir/piece" 512 && put "$dir/vmware.vmdk" $((footer_at + 1024)) "$dir/piece"
}
as_vmware
check 'qemu-img reads the footer' qemu-img compare -q -f raw -F vmdk "$dir/raw" "$dir/vmware.vmdk"
check 'a compressed disk with a footer' same "$dir/vmware.vmdk"
head -c $(($(size "$dir/vmware.vmdk") - 512)) "$dir/vmware.vmdk" >"$dir/cut.vmdk"
check 'a compressed disk without its end: exit 2' extract 2 "$dir/cut.vmdk"
from_pipe() {
	rm -rf "$dir/o"
	# shellcheck disable=SC2002 # a pipe is the point
	cat "$1" | TMPDIR=$dir "$PANICLAB" extract -q - "$dir/o" >/dev/null 2>"$dir/err"
}
check 'a disk in one file, from a pipe' from_pipe "$stream/disk.vmdk"
check 'is the same' cmp "$dir/core" "$dir/o/kernel.core"
pipe_fails() { ! from_pipe "$@"; }
check 'a disk in several files cannot come from a pipe' pipe_fails "$dir/monolithicFlat/disk.vmdk"
gzip -c "$stream/disk.vmdk" >"$dir/disk.vmdk.gz"
check 'a disk in one file, compressed with gzip' extract 0 "$dir/disk.vmdk.gz"
check 'is the same, too' cmp "$dir/core" "$dir/o/kernel.core"

# ---- snapshots by qemu-img: each has another part of the image

# write_at DISK OFFSET FILE: by qemu-io, which needs whole sectors.
write_at() { qemu-io -f vmdk -c "write -q -s $3 $2 $(size "$3")" "$1" >/dev/null; }
part() { tail -c "+$(($1 + 1))" "$dir/image" | head -c "$2"; }
part_at=$(((boundary - 64) * 512))
zeroes "$dir/noises" 131072 && put "$dir/noises" 0 "$dir/noise"
for kind in monolithicSparse twoGbMaxExtentSparse; do
	base=$dir/$kind/disk.vmdk
	[ ! -e "$split/away" ] || mv "$split/away" "$split/disk-s002.vmdk"
	write_at "$base" $part_at "$dir/noises" # what the snapshots do not have is wrong here
	at=0
	for n in 1 2 3; do
		snap=$dir/$kind/disk-00000$n.vmdk
		qemu-img create -q -f vmdk -F vmdk -b "$base" "$snap" || exit 1
		part $at 65536 >"$dir/piece"
		[ ! -s "$dir/piece" ] || write_at "$snap" $((part_at + at)) "$dir/piece"
		at=$((at + 65536)) base=$snap
	done
	check "$kind: the last of three snapshots" same "$base"
	check "$kind: the disk itself no longer has it" extract 2 "$dir/$kind/disk.vmdk"
	mkdir "$dir/moved" && mv "$dir/$kind"/* "$dir/moved"
	check "$kind: in another folder than their absolute paths say" same "$dir/moved/disk-000003.vmdk"
	rm "$dir/moved/disk-000001.vmdk"
	check "$kind: a parent that is missing: exit 3" extract 3 "$dir/moved/disk-000003.vmdk"
	check "$kind: is named" has "$dir/moved/disk-000001.vmdk: cannot open the parent" "$dir/err"
	rm -rf "$dir/moved"
done
rm -rf "$dir/raw" "$dir/plain"

# ---- what Fusion writes: split disks and split snapshots

# u32 words of the table: those of the given grains count up from sector 128 in steps of one grain.
table() { # table GRAIN...
	table_sector=128 table_n=0
	while [ $table_n -lt 512 ]; do
		case " $* " in
		*" $table_n "*) int 4 $table_sector && table_sector=$((table_sector + 128)) ;;
		*) int 4 0 ;;
		esac
		table_n=$((table_n + 1))
	done
}
sparse_header() { # sparse_header SECTORS: directory in sector 1
	printf 'KDMV' && int 4 1 && int 4 1 && u64 "$1" 128 0 0 && int 4 512 && u64 0 1 128
	int 1 0 && printf '\n \r\n' && int 2 0
}
# sparse_file FILE PLAIN GRAIN...: an extent with these grains of 64 KiB of the plain file.
sparse_file() {
	sparse_file=$1 sparse_plain=$2
	shift 2
	zeroes "$sparse_file" 65536
	sparse_header $(($(size "$sparse_plain") / 512)) >"$dir/piece" && put "$sparse_file" 0 "$dir/piece"
	int 4 2 >"$dir/piece" && put "$sparse_file" 512 "$dir/piece"
	table "$@" >"$dir/piece" && put "$sparse_file" 1024 "$dir/piece"
	sparse_at=$((128 * 512))
	for g in "$@"; do
		tail -c "+$((g * 65536 + 1))" "$sparse_plain" | head -c 65536 >"$dir/grain"
		put "$sparse_file" $sparse_at "$dir/grain"
		sparse_at=$((sparse_at + 65536))
	done
}
# description CID PARENT_CID NAME [PARENT]: two extents of 4 MiB.
description() {
	printf '# Disk DescriptorFile\nversion=1\nencoding="UTF-8"\nCID=%s\nparentCID=%s\n' "$1" "$2"
	printf 'createType="twoGbMaxExtentSparse"\n'
	[ $# -lt 4 ] || printf 'parentFileNameHint="%s"\n' "$4"
	printf '# Extent description\nRW 8192 SPARSE "%s-s001.vmdk"\nRW 8192 SPARSE "%s-s002.vmdk"\n\n' "$3" "$3"
	printf '# The Disk Data Base\n#DDB\n\nddb.adapterType = "lsilogic"\n'
}
# split_disk NAME CID PARENT_CID PARENT GRAINS1 GRAINS2: what the disk is now, in these grains.
split_disk() {
	head -c 4194304 "$dir/disk" >"$dir/half1"
	tail -c 4194304 "$dir/disk" >"$dir/half2"
	# shellcheck disable=SC2086 # lists of numbers
	sparse_file "$vm/$1-s001.vmdk" "$dir/half1" $5
	# shellcheck disable=SC2086
	sparse_file "$vm/$1-s002.vmdk" "$dir/half2" $6
	description "$2" "$3" "$1" ${4:+"$4"} >"$vm/$1.vmdk"
}
vm=$dir/vm.vmwarevm
mkdir "$vm"
make_disk "$dir/disk" # the partition: sector 6144, which is grain 48 of the first half
cp "$dir/disk" "$dir/right"
put "$dir/disk" $((6144 * 512)) "$dir/noises" # the disk's own is wrong
put "$dir/disk" $((6144 * 512 + 65536)) "$dir/noises"
split_disk 'Virtual Disk' 0a0a0a0a ffffffff '' '0 16 48 49 63' '63'
cp "$dir/right" "$dir/disk"
split_disk 'Virtual Disk-000001' 0b0b0b0b 0a0a0a0a 'Virtual Disk.vmdk' '48' ''
split_disk 'Virtual Disk-000002' 0c0c0c0c 0b0b0b0b 'Virtual Disk-000001.vmdk' '49' '0'
top="$vm/Virtual Disk-000002.vmdk"
qemu_agrees() { qemu-img convert -O raw "$top" "$dir/out.raw" && cmp "$dir/right" "$dir/out.raw"; }
check 'qemu-img reads the split snapshots as meant' qemu_agrees
check 'the plain disk' extract 0 "$dir/right"
mv "$dir/o" "$dir/plain"
check 'split snapshots' same "$top"
check 'with files of its own' sums
check 'the first snapshot has half of it: exit 1' extract 1 "$vm/Virtual Disk-000001.vmdk"
check 'the core' file_is kernel '.status!="ok"'

edited() { # edited SED_EXPRESSION: the last snapshot's description, beside it
	sed "$1" "$top" >"$vm/edited.vmdk"
}
edited 's/parentCID=.*/parentCID=0b0b0b0c/'
check 'another parent than the one it was made of: exit 2' extract 2 "$vm/edited.vmdk"
check 'which says why' has 'its content ID is 0b0b0b0b, not 0b0b0b0c' "$dir/err"
edited 's/Hint=.*/Hint="edited.vmdk"/;s/^CID=.*/CID=0b0b0b0b/'
check 'its own parent: exit 2' extract 2 "$vm/edited.vmdk"
check 'is a circle' has 'round in a circle' "$dir/err"
edited 's/Hint=.*/Hint="C:\\VMs\\Virtual Disk-000001.vmdk"/'
check 'a path of Windows, and the parent is beside it' same "$vm/edited.vmdk"
edited '/Hint=/d'
check 'no word of a parent: exit 2' extract 2 "$vm/edited.vmdk"
for hint in /dev/null /etc/passwd . /dev/fd/0; do
	edited "s|Hint=.*|Hint=\"$hint\"|"
	check "no parent: $hint: exit 2" extract 2 "$vm/edited.vmdk"
done
printf 'not yours' >"$dir/private"
for name in "$dir/private" ../private .. /dev/zero; do
	edited "s|SPARSE \".*-s001.vmdk\"|FLAT \"$name\" 0|"
	check "an extent elsewhere: $name: exit 2" extract 2 "$vm/edited.vmdk"
	check "is refused: $name" has 'is not in the same folder' "$dir/err"
done
edited 's/^RW 8192/RW 36028797018963968/'
check 'more than 2^64 bytes: exit 2' extract 2 "$vm/edited.vmdk"
edited 's/ SPARSE / WONDER /'
check 'an unknown kind of extent: exit 2' extract 2 "$vm/edited.vmdk"
{ cat "$top" && printf 'encryption.keySafe = "vmware:key/list/..."\n'; } >"$vm/edited.vmdk"
check 'an encrypted disk: exit 2' extract 2 "$vm/edited.vmdk"
check 'says what to do' has 'take the encryption off' "$dir/err"
printf '# Disk DescriptorFile\n' >"$vm/edited.vmdk"
check 'no extent: exit 2' extract 2 "$vm/edited.vmdk"

# The table's entry of grain 49 points behind the end of the file.
int 4 123456789 >"$dir/entry"
dd if="$dir/entry" of="$vm/Virtual Disk-000002-s001.vmdk" bs=4 seek=$((1024 / 4 + 49)) conv=notrunc 2>/dev/null
check 'a grain behind the end: exit 1' extract 1 "$top"
check 'the core ends before it' file_is kernel '.status=="truncated"'
int 4 4294967295 >"$dir/entry"
dd if="$dir/entry" of="$vm/Virtual Disk-000002-s001.vmdk" bs=4 seek=128 conv=notrunc 2>/dev/null
check 'a table behind the end: exit 2' extract 2 "$top"
for lie in '12 -1' '20 0' '20 -1' '44 0' '4 9'; do
	cp "$vm/Virtual Disk-s001.vmdk" "$vm/lie-s001.vmdk"
	cp "$vm/Virtual Disk-s002.vmdk" "$vm/lie-s002.vmdk"
	description 1 ffffffff lie >"$vm/lie.vmdk"
	# shellcheck disable=SC2086 # offset and value
	set -- $lie
	int 4 "$2" >"$dir/entry"
	dd if="$dir/entry" of="$vm/lie-s001.vmdk" bs=4 seek=$(($1 / 4)) conv=notrunc 2>/dev/null
	check "a header with $2 at $1: exit 2" extract 2 "$vm/lie.vmdk"
done
printf 'COWD\001\000\000\000' >"$dir/esx.vmdk"
check 'a kind of ESX: exit 2' extract 2 "$dir/esx.vmdk"

# Disks that say they have 8 EiB, of which nothing is there behind the image.
image1 "$dir/image"
mkdir "$dir/huge" && cp "$dir/image" "$dir/huge/flat"
zeroes "$dir/piece" $(((whole + 65535) / 65536 * 65536 - whole)) && cat "$dir/image" "$dir/piece" >"$dir/padded"
# shellcheck disable=SC2046 # a list of numbers
sparse_file "$dir/huge/sparse" "$dir/padded" $(seq 0 $(($(size "$dir/padded") / 65536 - 1)))
# Its directory at the file's end, with one table in it: at 56 is where, at 12 the disk's size.
u64 $(($(size "$dir/huge/sparse") / 512)) >"$dir/entry"
dd if="$dir/entry" of="$dir/huge/sparse" bs=8 seek=7 conv=notrunc 2>/dev/null
int 4 2 >>"$dir/huge/sparse"
u64 18014398509481983 >"$dir/entry"
dd if="$dir/entry" of="$dir/huge/sparse" bs=4 seek=3 conv=notrunc 2>/dev/null
for extents in 'RW 18014398509481983 FLAT "flat" 0' 'RW 18014398509481983 SPARSE "sparse"' \
	"RW $((whole / 512)) FLAT \"flat\" 0\nRW 18014398509400000 ZERO"; do
	# shellcheck disable=SC2059 # it has a line end in it
	printf "# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\n$extents\n" >"$dir/huge/disk.vmdk"
	check "8 EiB, ${extents##* }" extract 0 "$dir/huge/disk.vmdk"
	check 'its core' cmp "$dir/core" "$dir/o/kernel.core"
	check 'and the rest, up to the last block that is not zero' \
		same_range _trailing.bin $((shot_at + shot_size)) $((shot_at + shot_size + 3 * 4096))
done

# --force in the virtual machine's own folder
mkdir "$dir/flat" && cp "$dir/right" "$dir/flat/kernel.core"
printf '# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\nRW 16384 FLAT "kernel.core" 0\n' >"$dir/flat/disk.vmdk"
check 'a flat disk with a name of ours' same "$dir/flat/disk.vmdk"
check 'is never replaced: exit 2' run 2 extract --force "$dir/flat/disk.vmdk" "$dir/flat"
check 'which it says' has 'kernel.core: it is the image itself' "$dir/err"
check 'it is still there' cmp "$dir/right" "$dir/flat/kernel.core"
mv "$dir/flat/kernel.core" "$dir/flat/away"
printf '# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\nRW 16384 FLAT "away" 0\n' >"$dir/flat/kernel.core"
check 'nor is a description: exit 2' run 2 extract --force "$dir/flat/kernel.core" "$dir/flat"
check 'it says that, too' has 'kernel.core: it is the image itself' "$dir/err"

done_testing
