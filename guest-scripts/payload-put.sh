#!/bin/sh
# payload-put.sh STAGED TO MODE: moves an uploaded file to its place, as root.
# Refuses a place that is taken: what was there could not be put back.
set -eu
PATH=/usr/bin:/bin:/usr/sbin:/sbin
staged=$1
to=$2
mode=$3

if [ -e "$to" ] || [ -L "$to" ]; then
	# A repeated step finds its own file there.
	if cmp -s "$staged" "$to"; then
		rm -f "$staged"
		printf 'placed=%s\n' "$to"
		exit 0
	fi
	printf '%s\n' "$to exists already in the guest" >&2
	exit 1
fi
mkdir -p "$(dirname "$to")"
cp "$staged" "$to.paniclab-new"
chown 0:0 "$to.paniclab-new"
chmod "$mode" "$to.paniclab-new"
mv "$to.paniclab-new" "$to"
rm -f "$staged"
printf 'placed=%s\n' "$to"
