#!/bin/sh
# payload-remove.sh PATH FOLDER: removes what payload-put.sh placed, as root,
# and the folders that it made for it, FOLDER (may be empty) the topmost, as far
# as nothing else is in them. Absent is ok.
set -eu
PATH=/usr/bin:/bin:/usr/sbin:/sbin
path=$1
folder=$2

case $path in
/*/*) ;;
*)
	printf '%s\n' "will not remove $path" >&2
	exit 1
	;;
esac
rm -rf "$path" "$path.paniclab-new"

above=$(dirname "$path")
while [ -n "$folder" ]; do
	case $above/ in
	"$folder"/*) ;;
	*) break ;;
	esac
	[ ! -d "$above" ] || rmdir "$above" 2>/dev/null || break
	above=$(dirname "$above")
done
printf 'removed=%s\n' "$path"
