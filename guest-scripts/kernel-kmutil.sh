#!/bin/sh
# kernel-kmutil.sh ACTION GENERATION VARIANT PLACE [KIT]: another kernel beside
# Apple's on 11 and later, as root, with SIP and the authenticated root off.
#
#   plan      says what install does (do.N=), what boots now (was.N=), and sealed=Yes
#             if that is Apple's own
#   install   the kernel of KIT, a folder in the guest: onto the system's volume, which is
#             not the snapshot of it that runs as /; a boot collection for it, and the system's
#             collection that goes with that; a new snapshot, which the next boot takes
#   verify    that kernel and collection were made
#   undo      the last sealed snapshot boots again; was.N= as in plan, of what runs now
#
# GENERATION: kmutil-install for 11 and 12; kmutil-create from 13 on, where kmutil asks for
# a kit of the guest's own build or to be told that there is none. PLACE outlives a
# reboot. Each can be repeated, and follow one that was cut off.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
action=$1
generation=$2
variant=$3
place=$4
kit=${5-}
system=$place/system
library=$system/System/Library
kernel=$library/Kernels/kernel.$variant
collection=$library/KernelCollections/BootKernelExtensions.kc.$variant
rest=$library/KernelCollections/SystemKernelExtensions.kc.$variant
from=$kit/System/Library/Kernels/kernel.$variant

# One line: the last one of several is all that a report shows.
fail() {
	printf '%s' "$*" | tr '\n' ' ' >&2
	exit 1
}

info() {
	diskutil info / | sed -n "s/^ *$1: *//p"
}

tell_was() {
	printf 'was.0=%s\nwas.1=sealed: %s\nsealed=%s\n' "$(info 'APFS Snapshot Name')" "$(info Sealed)" "$(info Sealed)"
}

# The volume's device is the one of / without the snapshot's own last part.
device() {
	mount | sed -n -e 's,^\(/dev/disk[0-9]*s[0-9]*\)s[0-9]* on / .*,\1,p' -e 's,^\(/dev/disk[0-9]*s[0-9]*\) on / .*,\1,p'
}

plan() {
	n=0
	make="kmutil install --volume-root $system --update-all"
	[ "$generation" = kmutil-install ] || make="kmutil create -n boot sys -a x86_64 --volume-root $system -V $variant ..."
	for step in "mount $(device) at $system" "copy $from and the kit's kexts there" "$make" \
		"bless --mount $system --bootefi --create-snapshot"; do
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

mounted() {
	mount | grep -q " on $system "
}

attach() {
	mounted && return
	mkdir -p "$system"
	said=$(mount -o nobrowse -t apfs "$(device)" "$system" 2>&1) ||
		fail "the system's volume cannot be mounted: $said (is the authenticated root off?)"
}

detach() {
	mounted || return 0
	umount "$system" 2>/dev/null || diskutil unmount "$system" >/dev/null || fail "$system cannot be unmounted"
}

# The kernel, and those kexts that the kit has; not its symbols.
copy() {
	rm -f "$kernel" "$collection" "$rest"
	ditto "$from" "$kernel" || fail "$kernel cannot be written: is the volume full?"
	for kext in "$kit"/System/Library/Extensions/*.kext; do
		[ ! -d "$kext" ] || ditto "$kext" "$library/Extensions/${kext##*/}" || fail "$kext cannot be copied"
	done
	chown 0:0 "$kernel"
	chmod 755 "$kernel"
}

# The system's collection is linked to the boot one: a new one takes both.
create() {
	said=$(kmutil create -n boot sys -a x86_64 --volume-root "$system" -V "$variant" -k "$kernel" \
		-B "$collection" -S "$rest" "$@" 2>&1)
}

link_kexts() {
	if [ "$generation" = kmutil-install ]; then
		said=$(kmutil install --volume-root "$system" --update-all 2>&1)
	elif ! create --kdk "$kit"; then
		case $said in
		*'Missing Developer Kit'*) create --allow-missing-kdk ;;
		*) false ;;
		esac
	fi || fail "kmutil made no boot collection: $(printf '%s\n' "$said" | tail -n 1)"
	[ -f "$collection" ] || fail "kmutil made no $collection: $said"
}

install() {
	[ -f "$from" ] || fail "the kit has no kernel.$variant: $from"
	begin
	attach
	copy
	link_kexts
	check
	# Once: a repeated step would leave a snapshot more.
	said=$(bless --mount "$system" --bootefi --create-snapshot 2>&1) || fail "bless: $said"
	sync
	: >"$place/blessed"
	detach
	sync
}

check() {
	cmp -s "$from" "$kernel" || fail "$kernel is not the kit's"
	[ -z "$(find "$kernel" -newer "$collection")" ] || fail "$collection is older than $kernel"
}

verify() {
	[ -f "$place/blessed" ] || fail "no snapshot was made"
	attach
	check
	sum=$(shasum -a 256 "$kernel")
	printf 'kernel=%s\nsha256=%s\n' "$kernel" "${sum%% *}"
	detach
}

# Where nothing was mounted nothing was changed.
undo() {
	if [ -d "$system" ]; then
		begin
		attach
		rm -f "$kernel" "$collection" "$rest"
		said=$(bless --mount "$system" --bootefi --last-sealed-snapshot 2>&1) || fail "bless: $said"
		rm -f "$place/blessed"
		detach
		rmdir "$system"
		sync
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
