#!/bin/sh
# The service files of templates/: that they are well formed, that the judges of their kind have nothing
# against them, and that the server takes the options in them.
# shellcheck disable=SC2317,SC2154 # most functions are called by check, by name; $dir is lib.sh's
set -u
. tests/cli/lib.sh
plist=templates/net.paniclab.serve.plist
unit=templates/paniclab-serve.service
socket=templates/paniclab-serve.socket

# ---- launchd ----
if command -v plutil >/dev/null; then
	check "the property list: plutil" plutil -lint "$plist"
elif command -v xmllint >/dev/null; then
	check "the property list: xmllint" xmllint --noout "$plist"
else
	skip "the property list" "neither plutil nor xmllint is here"
fi
# Its arguments, one a line: python's own reader of property lists, or the lines of the array.
arguments_of_plist() {
	if command -v python3 >/dev/null; then
		python3 -c 'import plistlib, sys
print(*plistlib.load(open(sys.argv[1], "rb"))["ProgramArguments"][1:], sep="\n")' "$plist"
	else
		sed -n '/ProgramArguments/,/<\/array>/s/.*<string>\(.*\)<\/string>.*/\1/p' "$plist" | tail -n +2
	fi
}
# The arguments of standard input, a word each, as a dry run; with a port and a folder that anybody can have.
dry() {
	set --
	while read -r word; do
		[ "${before:-}" = --dir ] && word=$dir$word
		before=$word
		set -- "$@" "$word"
	done
	run 0 "$@" --port 0 --dry-run
}
says() { grep -qF -- "$1" "$dir/out"; }
check "its arguments are taken" eval 'arguments_of_plist | dry'
check "and name who may send" says '"allow":["172.16.0.0/12","192.168.0.0/16"]'
check "and a folder" says "\"dir\":\"$dir/usr/local/var/paniclab-dumps\""
name=$(sed -n 's/^#define SERVE_SERVICE_SOCKET "\(.*\)"$/\1/p' orchestrator/cmd/serve_service.h)
check "its socket has the name that the server asks for" grep -q "<key>$name</key>" "$plist"

# ---- systemd ----
arguments_of_unit() {
	sed -n '/^ExecStart=/,/[^\\]$/p' "$unit" | tr -d '\134' | tr -s '[:space:]' '\n' | tail -n +2
}
check "the unit's arguments are taken" eval 'arguments_of_unit | dry'
check "and name who may send" says '"allow":["10.0.0.0/8","172.16.0.0/12","192.168.0.0/16"]'
check "and its state folder" says "\"dir\":\"$dir/var/lib/$(sed -n 's/^StateDirectory=//p' "$unit")\""
if command -v systemd-analyze >/dev/null; then
	sed "s#^ExecStart=[^ ]*#ExecStart=$PANICLAB#" "$unit" >"$dir/paniclab-serve.service"
	cp "$socket" "$dir"
	check "systemd-analyze verify" systemd-analyze verify --man=no "$dir/paniclab-serve.socket" "$dir/paniclab-serve.service"
	check "and it says nothing" [ ! -s "$dir/check" ]
	# Its scale: 0 (nothing an intruder could use) to 100; above 15 the exit status is not 0.
	check "systemd-analyze security" systemd-analyze security --no-pager --offline=true --threshold=15 \
		"$dir/paniclab-serve.service"
else
	skip "systemd-analyze verify, security" "systemd-analyze is not here"
fi
done_testing
