# For tests of how another kernel gets into a simulated guest; adds to lib-simlab.sh.
# shellcheck shell=sh disable=SC2154,SC2034
# guest VERSION OPTIONS...; kit; boot BOOT-ARGS; reboots; runs VARIANT NAME; undone NAME

. tests/e2e/lib-simlab.sh

# guest VERSION OPTIONS...: another lab, with that guest, up.
guest() {
	lab_stop >/dev/null
	version=$1
	shift
	LAB=$WORK/lab-$version
	lab_start --macos "$version" "$@"
	vmrun start "$SIMLAB_VMX" nogui
	guest_up
	ok $? "$version comes up"
	g 'find /System /usr /Library /mach_kernel -type f 2>/dev/null | sort | xargs md5' >"$WORK/before"
}

# kit: the release's, into the guest: ~/kdk.dmg. KDK is its folder's name.
kit() {
	rm -rf "$WORK/kdk"
	"$SIMLAB" kdk --macos "$version" --out "$WORK/kdk"
	g 'cat >kdk.dmg' <"$(find "$WORK/kdk" -name '*.dmg')"
	KDK=$(basename "$(find "$WORK/kdk" -name '*.kdk')")
}

# install_kit: as guest.md has it, to /Library/Developer/KDKs.
install_kit() {
	g "mkdir -p d && sudo hdiutil attach kdk.dmg -mountpoint d -nobrowse && sudo installer -pkg d/KernelDebugKit.pkg -target / &&
		sudo hdiutil detach d" >"$WORK/installed" 2>&1
	has "$(cat "$WORK/installed")" "The install was successful." "$version: the kit installs"
}

boots() {
	grep -c ' boot [0-9]' "$LAB/log/events.log"
}

reboots() {
	before=$(boots)
	g 'sudo reboot' >/dev/null 2>&1
	wait_for 10 events_at_least $((before + 1)) ' boot [0-9]'
	guest_up
}

# boot BOOT-ARGS
boot() {
	g "sudo nvram boot-args='$1'"
	reboots
}

# runs VARIANT NAME: that kernel, of this release, with the UUID of the kit's file.
runs() {
	case $(g 'uname -v') in
	*"/$1_X86_64") ok 0 "$version: $2" ;;
	*)
		ok 1 "$version: $2"
		g 'uname -v' | sed 's/^/# /'
		;;
	esac
}

# undone NAME: the files of / are what they were.
undone() {
	g 'find /System /usr /Library /mach_kernel -type f 2>/dev/null | grep -v -e /KDKs/ -e DiagnosticReports | sort | xargs md5' >"$WORK/after"
	cmp -s "$WORK/before" "$WORK/after"
	ok $? "$version: $1"
	diff "$WORK/before" "$WORK/after" | sed 's/^/# /'
}

# uuid_of FILE: of a Mach-O on this host.
uuid_of() {
	llvm-objdump-14 --macho --private-headers "$1" 2>/dev/null | awk '$1 == "uuid" { print $2 }'
}
