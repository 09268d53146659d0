# For tests of runs that put another kernel into the guest; adds to lib.sh.
# shellcheck shell=sh disable=SC2034,SC2119,SC2154
# kernel_lab RELEASE VARIANT; ends_well NAME; killed NAME; kernel_step FIELD

. tests/e2e/lib.sh

# Before and after: without what is empty at each boot, and what a panic leaves.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

# kernel_lab RELEASE VARIANT: a guest of that release with SIP on, its kit in
# $WORK/kdk (KIT the folder, IMAGE the .dmg), and a scenario that wants that kernel.
kernel_lab() {
	release=$1
	variant=$2
	lab_stop >/dev/null
	rm -rf "$LAB"
	new_lab --macos "$release" --sip on
	"$SIMLAB" kdk --macos "$release" --out "$WORK/kdk-$release" >/dev/null
	KIT=$(find "$WORK/kdk-$release" -mindepth 1 -maxdepth 1 -type d)
	IMAGE=$(find "$WORK/kdk-$release" -name '*.dmg')
	lab_set "s|folders: .*|folders: [$WORK/kdk-$release]|"
	scenario_set "s|^kernel: .*|kernel: $variant|"
	remember
}

# uuid_of FILE: of a Mach-O on this host.
uuid_of() {
	llvm-objdump-14 --macho --private-headers "$1" 2>/dev/null | awk '$1 == "uuid" { print $2 }'
}

boots() { field '.boots | length'; }
kernel_step() { field ".steps[] | select(.name == \"kernel\").$1"; }

# ends_well NAME: as expected, with a core of the kit's kernel; two boots; all as before.
ends_well() {
	run_lab
	is $STATUS 0 "$1"
	[ $STATUS -eq 0 ] || show "$ERR"
	is "$(field .dump.complete)" true "... with its core"
	is "$(field .core.kernel_uuid)" "$(uuid_of "$KIT/$KERNEL")" "... of the kit's kernel"
	is "$(boots)" 2 "... two boots before the trigger"
	same "... the lab is what it was"
}

# fails STATUS TEXT NAME: the run does, says so, and leaves all as it was.
fails() {
	run_lab
	is $STATUS "$1" "$3"
	has "$(cat "$ERR")" "$2" "... and says why"
	same "... the lab is what it was"
}

# both_isolations RELEASE VARIANT KERNEL WAY SIP-BITS: a run with each.
both_isolations() {
	kernel_lab "$1" "$2"
	KERNEL=$3
	# No boot with kcsuffix= before that kernel is there, and none after it is gone
	fault kcsuffix-strict
	for isolation in snapshot none; do
		scenario_set "s|isolation: .*|isolation: $isolation|"
		ends_well "$1, isolation $isolation"
		is "$(field '.kernel.way, .facts.variant' | tr '\n' ' ')" "$4 $2 " "... and the report says how"
		is "$(field '.sip.during - .sip.before')" "$5" "... of SIP, what that takes"
	done
}

# whole_release ...: the same, and kill -9.
whole_release() {
	both_isolations "$@"
	for line in '] kernel:' '] trigger:' 'restored kernel'; do
		signal_at KILL "$line"
		killed "$1, kill -9 at '$line'"
	done
}

# faulty_lab ISOLATION: 10.12 with a serial console; it is given up soon.
faulty_lab() {
	kernel_lab 10.12 development
	cat >>"$SIMLAB_VMX" <<-EOF
		serial0.present = "TRUE"
		serial0.fileType = "file"
		serial0.fileName = "$WORK/serial.log"
	EOF
	lab_set "s|boot_timeout: .*|boot_timeout: 5s|"
	scenario_set "s|isolation: .*|isolation: $1|"
	remember
}

# faulty_boots ISOLATION: the new kernel does not come up.
faulty_boots() {
	fault boot-panic
	fails 3 "does not come back with the development kernel" "isolation $1: the new kernel panics at boot"
	has "$(cat "$ERR")" "its console said: panic(cpu" "... and why"
	fault clear kernel-hang
	fails 3 "does not come back with the development kernel" "isolation $1: it hangs"
	fault clear
}

# killed_at LINE...: kill -9 there, and SIGINT while the kernel is installed.
killed_at() {
	for line; do
		signal_at KILL "$line"
		killed "kill -9 at '$line'"
	done
	signal_at INT '] kernel:'
	is "$SIGNALLED $STATUS" "0 130" "SIGINT"
	same "... the lab is what it was"
}
