#!/bin/sh
# set-up.sh FILE: runs the scenario's set-up script, as root.
set -u
file=$1

"$file" >&2
status=$?
echo "status=$status"
if [ "$status" -ne 0 ]; then
	echo "the set-up script exited with $status" >&2
fi
exit "$status"
