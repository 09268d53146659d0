#!/bin/sh
# The main job in the simulated lab: sh tools/demo.sh BUILD
# Starts the lab, writes the example files, runs them, shows the report, stops
# the lab. Reports and cores stay in demo/; everything else goes.
set -eu

case $1 in
/*) build=$1 ;;
*) build=$PWD/$1 ;;
esac
here=$PWD/demo
mkdir -p "$here"
work=$(mktemp -d "${TMPDIR:-/tmp}/paniclab-demo.XXXXXX")

tidy() {
	status=$?
	trap - EXIT INT TERM
	"$build/simlab" stop --dir "$work/simlab" >/dev/null 2>&1 || true
	rm -rf "$work"
	exit "$status"
}
trap tidy EXIT INT TERM

cd "$work"
echo '== a simulated lab: no Fusion, no macOS, the same protocols =='
own_ports=
if ! "$build/simlab" start --sip on 2>start.log; then
	# Another lab has the ports of the example files: take free ones.
	rm -rf simlab
	own_ports=yes
	"$build/simlab" start --sip on --port 0 --ssh-port 0 --guest-ip "127.46.$(($$ / 200 % 250)).$(($$ % 200 + 2))" || {
		cat start.log >&2
		exit 3
	}
fi
"$build/simlab" state >before.txt
echo
echo '== paniclab init, then paniclab run =='
"$build/paniclab" init
if [ -n "$own_ports" ]; then
	# shellcheck source=/dev/null
	. ./simlab/lab.env
	sed -e "s|url: .*|url: $SIMLAB_URL|" -e "s|port: 10022|port: $SIMLAB_SSH_PORT|" -e "s|port: auto|port: 0|" \
		lab.yaml >lab.new
	mv lab.new lab.yaml
	echo "(the usual ports are taken: lab.yaml has others)"
fi
"$build/paniclab" run lab.yaml scenario.yaml --state "$here"
"$build/simlab" state >after.txt
echo
if cmp -s before.txt after.txt; then
	echo "The lab's whole state is what it was before the run."
else
	echo "The lab's state differs:" >&2
	diff before.txt after.txt >&2
	exit 4
fi
echo "Reports and cores stay in $here; \`rm -r demo\` when you are done with them."
echo "The report: $(find "$here/runs" -name report.html | sort | tail -n 1)"
