#!/bin/sh
# kernel-kextcache.sh ACTION GENERATION VARIANT PLACE [KIT]: another kernel beside
# Apple's on 10.10 to 10.15, as root. The booter takes it by kcsuffix=VARIANT.
#
#   plan      says what install does (do.N=), and what is there now (was.N=SHA256 FILE)
#   install   the kernel of KIT, a folder in the guest, prelinked
#   verify    that it is there whole, and prelinked
#   undo      what was there before; was.N= as in plan
#
# GENERATION: kextcache up to 10.14; kextcache-mount for 10.15, whose / is
# read-only until it is mounted anew, at each boot, and which boots from what
# kcditto copies. PLACE keeps what was there, and outlives a reboot. Each can be
# repeated, and follow one that was cut off.
#
# kextcache exits with 0 whatever happens: it worked when it names a KernelCache ID.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
action=$1
generation=$2
variant=$3
place=$4
kit=${5-}
kernel=/System/Library/Kernels/kernel.$variant
prelinked=/System/Library/PrelinkedKernels/prelinkedkernel.$variant
cache=/System/Library/Caches/com.apple.kext.caches/Startup/kernelcache.$variant
from=$kit/System/Library/Kernels/kernel.$variant

# One line: the last one of several is all that a report shows.
fail() {
	printf '%s' "$*" | tr '\n' ' ' >&2
	exit 1
}

tell_was() {
	n=0
	for file in "$kernel" "$prelinked" "$cache"; do
		[ -f "$file" ] || continue
		sum=$(shasum -a 256 "$file") || fail "$file cannot be read"
		printf 'was.%d=%s %s\n' $n "${sum%% *}" "$file"
		n=$((n + 1))
	done
}

plan() {
	n=0
	set -- "keep what is there of kernel.$variant in $place" "copy $from to $kernel" "kextcache -invalidate /"
	[ "$generation" = kextcache ] || set -- "mount -uw /" "$@" kcditto
	for step; do
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

writable() {
	[ "$generation" = kextcache ] && return
	said=$(mount -uw / 2>&1) || fail "/ stays read-only: $said"
}

# Once: a repeated step must not take its own for somebody's.
save() {
	[ ! -f "$place/saved/complete" ] || return 0
	rm -rf "$place/saved"
	mkdir -p "$place/saved"
	for file in "$kernel" "$prelinked" "$cache"; do
		[ ! -f "$file" ] || cp -p "$file" "$place/saved/" || fail "$file cannot be kept: is the disk full?"
	done
	sync
	: >"$place/saved/complete"
	sync
}

prelink() {
	said=$(kextcache -invalidate / 2>&1)
	case $said in
	*'KernelCache ID'*) ;;
	*) fail "kextcache made no kernel cache: ${said:-it says nothing}" ;;
	esac
	[ "$generation" = kextcache ] && return
	said=$(kcditto 2>&1) || fail "kcditto: $said"
}

remove() {
	for file in "$kernel" "$prelinked" "$cache"; do
		[ ! -e "$file" ] || rm -f "$file" || fail "$file cannot be removed: is SIP on?"
	done
}

put_back() {
	for file; do
		[ ! -f "$place/saved/${file##*/}" ] || cp -p "$place/saved/${file##*/}" "$file" ||
			fail "$file cannot be put back: it is in $place/saved"
	done
}

install() {
	[ -f "$from" ] || fail "the kit has no kernel.$variant: $from"
	begin
	writable
	save
	remove
	if ! said=$(cp "$from" "$kernel" 2>&1) || ! cmp -s "$from" "$kernel"; then
		fail "${said:-$kernel is not what was copied there}"
	fi
	chown 0:0 "$kernel"
	chmod 755 "$kernel"
	prelink
	verify
	sync
}

verify() {
	cmp -s "$from" "$kernel" || fail "$kernel is not the kit's"
	[ -f "$prelinked" ] || fail "there is no $prelinked: kextcache did not link the kit's kernel ($said)"
	[ -z "$(find "$kernel" -newer "$prelinked")" ] || fail "$prelinked is older than $kernel"
	sum=$(shasum -a 256 "$kernel")
	printf 'kernel=%s\nsha256=%s\n' "$kernel" "${sum%% *}"
}

# Nothing was changed before all was saved.
undo() {
	if [ -f "$place/saved/complete" ]; then
		begin
		writable
		remove
		put_back "$kernel"
		prelink
		rm -f "$prelinked" "$cache"
		put_back "$prelinked" "$cache"
		[ "$generation" = kextcache ] || kcditto
		sync
	fi
	tell_was
}

said=
case $action in
plan) plan ;;
install) install ;;
verify) verify ;;
undo) undo ;;
*) fail "no action '$action'" ;;
esac
