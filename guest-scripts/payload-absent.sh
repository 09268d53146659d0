#!/bin/sh
# payload-absent.sh PATH: fails if it exists already in the guest, since
# removing the payload later would remove what the user had there. folder= is
# the topmost folder above it that is missing and would be made.
set -eu
PATH=/usr/bin:/bin:/usr/sbin:/sbin
path=$1

if [ -e "$path" ] || [ -L "$path" ]; then
	printf '%s\n' "$path exists already in the guest" >&2
	exit 1
fi
missing=
above=$(dirname "$path")
while [ ! -d "$above" ]; do
	missing=$above
	above=$(dirname "$above")
done
printf 'folder=%s\n' "$missing"
