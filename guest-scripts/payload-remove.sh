#!/bin/sh
# payload-remove.sh PATH: removes what payload-put.sh placed, as root. Absent is ok.
set -eu
PATH=/usr/bin:/bin:/usr/sbin:/sbin
path=$1

case $path in
/*/*) ;;
*)
	echo "will not remove $path" >&2
	exit 1
	;;
esac
rm -rf "$path" "$path.paniclab-new"
echo "removed=$path"
