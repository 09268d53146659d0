#!/bin/sh
# payload-absent.sh PATH...: fails if one of them exists already in the guest,
# since removing the payload later would remove what the user had there.
set -eu

for path in "$@"; do
	if [ -e "$path" ] || [ -L "$path" ]; then
		echo "$path exists already in the guest" >&2
		exit 1
	fi
done
echo "absent=$#"
