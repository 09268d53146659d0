#!/bin/sh
# cleanup.sh TAG: removes the private folders of the run TAG that sessions left
# behind when they or the guest died, and the one that this script runs from.
# They are where that one is, or in another of the places that are tried.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
LC_ALL=C
export PATH LC_ALL
tag=${1-}
status=0

case $tag in
'' | *[!A-Za-z0-9-]*) known=0 ;;
*) known=1 ;;
esac
if [ $known = 0 ] || [ ${#tag} -gt 40 ]; then
	echo "not a run's id" >&2
	exit 1
fi

for place in /private/var/tmp /var/tmp "${0%/*/*}" "${TMPDIR:-/tmp}" /tmp; do
	for folder in "$place/paniclab.$tag."??????; do
		# Somebody else's link of that name is none of ours, and not followed.
		if [ -L "$folder" ] || [ ! -d "$folder" ]; then
			continue
		elif rm -rf "$folder"; then
			printf 'removed=%s\n' "$folder"
		else
			status=1
		fi
	done
done
exit $status
