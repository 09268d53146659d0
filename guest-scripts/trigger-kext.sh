#!/bin/sh
# trigger-kext.sh BUNDLE: loads a kernel extension, as root: with kmutil where
# there is one (11 and later), else with kextload.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
bundle=$1

if [ ! -d "$bundle" ]; then
	printf '%s\n' "$bundle is not there" >&2
	exit 1
fi
sync
echo "trigger=kext"
if command -v kmutil >/dev/null 2>&1; then
	exec kmutil load -p "$bundle" >&2
fi
exec kextload "$bundle" >&2
