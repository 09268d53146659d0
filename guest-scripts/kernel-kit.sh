#!/bin/sh
# kernel-kit.sh ACTION [PLACE [KIND FILE]]: Kernel Debug Kits in the guest, as root.
#
#   list             those that are installed: kit.N=PATH, build.N=BUILD
#   wait PLACE       until a kernel-*.sh that works there, left by a session that died, is done
#   open PLACE KIND FILE
#                    of an uploaded file (tar, dmg or pkg), which goes: kit=FOLDER, build=BUILD
#   undo PLACE       removes what open installed, and PLACE
#
# PLACE outlives a reboot. Each can be repeated, and follow one that was cut off.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
action=$1
place=${2-}
kind=${3-}
file=${4-}
kits=/Library/Developer/KDKs
volume=$place/volume

# One line: the last one of several is all that a report shows.
fail() {
	printf '%s' "$*" | tr '\n' ' ' >&2
	exit 1
}

build_of() {
	sed -n '/<key>ProductBuildVersion<\/key>/{
		s/.*<key>ProductBuildVersion<\/key>//
		/<string>/!n
		s/.*<string>\([^<]*\)<.*/\1/p
	}' "$1/System/Library/CoreServices/SystemVersion.plist" 2>/dev/null
}

list() {
	n=0
	for kit in "$kits"/*.kdk; do
		[ -d "$kit/System/Library/Kernels" ] || continue
		printf 'kit.%d=%s\nbuild.%d=%s\n' $n "$kit" $n "$(build_of "$kit")"
		n=$((n + 1))
	done
}

# A number that another process has since the next boot is nobody's.
busy() {
	[ -f "$place/busy" ] || return 1
	{ read -r pid && read -r boot; } <"$place/busy" || return 1
	[ "$boot" = "$(sysctl -n kern.boottime)" ] && kill -0 "$pid" 2>/dev/null
}

await() {
	left=600
	while busy; do
		[ $left -gt 0 ] || fail "an earlier step (process $pid) still works in $place"
		left=$((left - 1))
		sleep 1
	done
}

names() {
	for entry in "$1"/*; do
		[ ! -e "$entry" ] || printf '%s\n' "${entry##*/}"
	done | sort
}

receipts() {
	command -v pkgutil >/dev/null 2>&1 || return 0
	pkgutil --pkgs 2>/dev/null | grep -i -e kdk -e kerneldebugkit | sort
}

# What was there before the installer, once: a repeated step must not take its own for somebody's.
note_before() {
	[ ! -f "$place/before/complete" ] || return 0
	mkdir -p "$place/before"
	names "$kits" >"$place/before/kits"
	receipts >"$place/before/receipts"
	for folder in "$kits" "${kits%/*}"; do
		[ -d "$folder" ] || printf '%s\n' "$folder"
	done >"$place/before/folders"
	sync
	: >"$place/before/complete"
	sync
}

# install_package FILE: kit is the folder that it made.
install_package() {
	note_before
	said=$(installer -pkg "$1" -target / 2>&1)
	case $said in
	*'install was successful'* | *'upgrade was successful'*) ;;
	*) fail "installer: $(printf '%s\n' "$said" | tail -n 1)" ;;
	esac
	names "$kits" >"$place/before/now"
	made=$(sort "$place/before/kits" "$place/before/now" | uniq -u | grep '\.kdk$' | tail -n 1)
	[ -n "$made" ] || fail "the package says that it is installed, and there is no other kit in $kits than before"
	kit=$kits/$made
}

detach() {
	mount | grep -q " on $volume " || return 0
	hdiutil detach "$volume" >/dev/null 2>&1 || hdiutil detach -force "$volume" >/dev/null 2>&1 ||
		fail "the kit's image cannot be detached from $volume"
}

# An image that asks for its licence has nobody to agree: as UDTO it does not ask.
attach() {
	detach
	mkdir -p "$volume"
	said=$(hdiutil attach "$place/kit.dmg" -mountpoint "$volume" -nobrowse -readonly </dev/null 2>&1) && return
	rm -f "$place/plain.cdr"
	hdiutil convert "$place/kit.dmg" -format UDTO -o "$place/plain" >/dev/null 2>&1 ||
		fail "the kit's image cannot be attached: $(printf '%s\n' "$said" | tail -n 1)"
	said=$(hdiutil attach "$place/plain.cdr" -mountpoint "$volume" -nobrowse -readonly </dev/null 2>&1) ||
		fail "the kit's image cannot be attached: $(printf '%s\n' "$said" | tail -n 1)"
}

# 10.10 and later: a package. Before: the kit itself.
open_image() {
	attach
	if [ -e "$volume/KernelDebugKit.pkg" ]; then
		install_package "$volume/KernelDebugKit.pkg"
	elif [ -f "$volume/mach_kernel" ]; then
		kit=$place/kit
		mkdir -p "$kit/DEBUG_Kernel"
		for part in mach_kernel DEBUG_Kernel/mach_kernel DEBUG_Kernel/System.kext; do
			ditto "$volume/$part" "$kit/$part" || fail "the kit's image has no whole $part"
		done
	else
		fail "the image has neither KernelDebugKit.pkg nor mach_kernel: it is no Kernel Debug Kit"
	fi
	detach
	rm -f "$place/plain.cdr"
}

open_tar() {
	kit=$place/kit
	mkdir -p "$kit"
	# -o: the owner is this script's matter; the host's users need not exist here.
	said=$(tar -xof "$place/kit.tar" -C "$kit" 2>&1) || fail "the kit does not unpack: ${said:-is the disk full?}"
	chown -R 0:0 "$kit"
}

open_kit() {
	mkdir -p "$place"
	mv "$file" "$place/kit.$kind" || fail "$file cannot be moved to $place"
	case $kind in
	tar) open_tar ;;
	dmg) open_image ;;
	pkg) install_package "$place/kit.pkg" ;;
	*) fail "a kit is no '$kind'" ;;
	esac
	rm -f "$place/kit.$kind"
	printf 'kit=%s\nbuild=%s\n' "$kit" "$(build_of "$kit")"
}

# Only what is there now and was not before.
uninstall() {
	[ -f "$place/before/complete" ] || return 0
	names "$kits" >"$place/before/now"
	sort "$place/before/kits" "$place/before/kits" "$place/before/now" | uniq -u | while read -r made; do
		rm -rf "${kits:?}/$made"
	done
	receipts >"$place/before/now"
	sort "$place/before/receipts" "$place/before/receipts" "$place/before/now" | uniq -u | while read -r id; do
		pkgutil --forget "$id" >/dev/null
	done
	while read -r folder; do
		[ ! -d "$folder" ] || rmdir "$folder"
	done <"$place/before/folders"
	names "$kits" >"$place/before/now"
	cmp -s "$place/before/kits" "$place/before/now" || fail "$kits is not what it was"
}

case $action in
list) list ;;
wait) await ;;
open) open_kit ;;
undo)
	await
	[ -d "$place" ] || exit 0
	detach
	uninstall
	rm -rf "$place"
	[ ! -e "$place" ] || fail "$place cannot be removed"
	;;
*) fail "no action '$action'" ;;
esac
