#!/bin/sh
# kernel-root.sh ACTION GENERATION VARIANT PLACE [KIT]: the debug kernel in the
# place of Apple's on 10.7 to 10.9, as root: /mach_kernel, and the System.kext that
# belongs to it.
#
#   plan      says what install does (do.N=), and what is there now (was.N=SHA256 FILE)
#   install   both out of DEBUG_Kernel of KIT, a folder in the guest
#   verify    that they are there, whole
#   undo      what was there before; was.N= as in plan
#
# A new kernel counts from the touch of /System/Library/Extensions on: the kernel cache
# is older then. PLACE keeps what was there, and outlives a reboot. Each can be
# repeated, and follow one that was cut off.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
action=$1
place=$4
kit=${5-}
extensions=/System/Library/Extensions
kernel=/mach_kernel
kext=$extensions/System.kext
from=$kit/DEBUG_Kernel

# One line: the last one of several is all that a report shows.
fail() {
	printf '%s' "$*" | tr '\n' ' ' >&2
	exit 1
}

tell_was() {
	n=0
	find "$kernel" "$kext" -type f 2>/dev/null | sort | {
		while read -r file; do
			sum=$(shasum -a 256 "$file") || fail "$file cannot be read"
			printf 'was.%d=%s %s\n' $n "${sum%% *}" "$file"
			n=$((n + 1))
		done
	}
}

plan() {
	n=0
	for step in "keep $kernel and $kext in $place" "copy $from/mach_kernel to /, $from/System.kext to $extensions" \
		"touch $extensions" "kextcache -u /"; do
		printf 'do.%d=%s\n' $n "$step"
		n=$((n + 1))
	done
	tell_was
}

begin() {
	mkdir -p "$place"
	printf '%s\n%s\n' $$ "$(sysctl -n kern.boottime)" >"$place/busy"
	trap 'rm -f "$place/busy"' 0
}

# Once: a repeated step must not take its own for somebody's.
save() {
	[ ! -f "$place/saved/complete" ] || return 0
	rm -rf "$place/saved"
	mkdir -p "$place/saved"
	ditto "$kernel" "$place/saved/mach_kernel" || fail "$kernel cannot be kept: is the disk full?"
	ditto "$kext" "$place/saved/System.kext" || fail "$kext cannot be kept: is the disk full?"
	sync
	: >"$place/saved/complete"
	sync
}

# put FOLDER: its mach_kernel and System.kext. Beside their places first, so that there is always one.
put() {
	rm -rf "$kernel.paniclab" "$extensions/.paniclab-System"
	ditto "$1/mach_kernel" "$kernel.paniclab" || fail "$kernel cannot be written"
	ditto "$1/System.kext" "$extensions/.paniclab-System" || fail "$kext cannot be written"
	if [ "$1" = "$from" ]; then
		chown -R 0:0 "$kernel.paniclab" "$extensions/.paniclab-System"
		chmod -R go-w "$kernel.paniclab" "$extensions/.paniclab-System"
	fi
	mv -f "$kernel.paniclab" "$kernel"
	rm -rf "$kext"
	mv "$extensions/.paniclab-System" "$kext"
	touch "$extensions"
	# kextd would see the touch and do the same, some time later. Its word is nothing to go by.
	kextcache -u / >/dev/null 2>&1
	sync
}

same_as() {
	cmp -s "$1/mach_kernel" "$kernel" || fail "$kernel is not that of $1"
	diff -r "$1/System.kext" "$kext" >/dev/null || fail "$kext is not that of $1"
}

install() {
	[ -f "$from/mach_kernel" ] || fail "the kit has no $from/mach_kernel"
	[ -d "$from/System.kext" ] || fail "the kit has no $from/System.kext"
	begin
	save
	put "$from"
	verify
}

verify() {
	same_as "$from"
	sum=$(shasum -a 256 "$kernel")
	printf 'kernel=%s\nsha256=%s\n' "$kernel" "${sum%% *}"
}

# Nothing was changed before all was saved.
undo() {
	if [ -f "$place/saved/complete" ]; then
		begin
		put "$place/saved"
		same_as "$place/saved"
	fi
	tell_was
}

case $action in
plan) plan ;;
install) install ;;
verify) verify ;;
undo) undo ;;
*) fail "no action '$action'" ;;
esac
