# For tests of runs without a snapshot: every change is undone one by one. Only the
# guest's own traces of its panic may remain: its report in DiagnosticReports, and
# the firmware's AAPL,PanicInfo variables.
# shellcheck shell=sh disable=SC2154
# Source it instead of lib.sh: it makes the lab and the scenario.
. tests/e2e/lib.sh

# Before and after: without what is empty at each boot, and those traces.
lab_state() {
	"$SIMLAB" state --dir "$LAB" | grep -v -e 'nvram .*:AAPL,PanicInfo' -e DiagnosticReports
}

# start_guest / stop_guest: by the user's hand.
start_guest() {
	unlocked
	vmrun start "$SIMLAB_VMX" nogui
	guest_up
}

stop_guest() {
	vmrun stop "$SIMLAB_VMX" soft
	unlocked
}

# The lab as a run finds it: power, then boot-args ("" is none).
prepare() {
	start_guest
	if [ -n "$2" ]; then g "sudo nvram boot-args='$2'"; else g 'sudo nvram -d boot-args'; fi 2>/dev/null
	stop_guest
	[ "$1" = off ] || start_guest
	remember
}

# left NAME BOOT-ARGS: what holds after every end of a run.
left() {
	same "$1: the lab is what it was"
	if grep -q 'power poweredOff' "$WORK/before"; then
		return
	fi
	is "$(g 'nvram boot-args' 2>/dev/null)" "${2:+$(printf 'boot-args\t%s' "$2")}" "$1: the boot-args are what they were"
	is "$(g 'sysctl -n kern.bootargs')" "$2" "$1: and so are the running kernel's"
	is "$(g 'ls -d /private/var/tmp/paniclab* /private/tmp/paniclab* /private/var/tmp/payload* 2>/dev/null')" "" \
		"$1: nothing of ours is in the guest"
}

# killed NAME BOOT-ARGS: what holds after a kill -9, and after its teardown.
killed() {
	is "$SIGNALLED $STATUS" "0 137" "$1: killed"
	paniclab teardown >"$OUT" 2>"$ERR"
	teardown_status=$?
	is $teardown_status 0 "$1: teardown"
	[ $teardown_status -eq 0 ] || show "$ERR"
	left "$1" "$2"
	lacks "$(paniclab runs 2>&1)" "TO BE RESTORED" "$1: runs says restored"
}

echo 'a payload' >"$WORK/payload"
new_lab
# A guest that hangs in its panic is given up and reset after that.
lab_set "s|boot_timeout: .*|boot_timeout: 8s|"
scenario_set "s|isolation: snapshot|isolation: none|" \
	"s|^payload:|payload:\\
  files: [{from: payload, to: /private/var/tmp/payload}]|"
