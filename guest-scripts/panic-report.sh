#!/bin/sh
# panic-report.sh list: path=, bytes= and mtime= of every panic report.
# panic-report.sh latest-after EPOCH: copies the newest one that is not older
# beside this script, readable for the user: path= is the copy, source= the
# original. Prints nothing if there is none.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
reports=/Library/Logs/DiagnosticReports

# BSD's stat, else GNU's.
modified() {
	stat -f %m "$1" 2>/dev/null || stat -c %Y "$1"
}

# Kernel_DATE_HOST.panic, Kernel-DATE.panic; panic-full-DATE.ips from 10.15 on.
find_reports() {
	find "$reports" -type f \( -name '*.panic' -o -name 'panic-full*.ips' \) 2>/dev/null
}

list() {
	find_reports | while IFS= read -r file; do
		printf 'path=%s\n' "$file"
		echo "bytes=$(($(wc -c <"$file")))"
		echo "mtime=$(modified "$file" | tail -n 1)"
	done
}

newest() {
	find_reports | while IFS= read -r file; do
		time=$(modified "$file" | tail -n 1)
		[ "$time" -ge "$1" ] && printf '%s %s\n' "$time" "$file"
	done | sort -n | tail -n 1
}

latest_after() {
	found=$(newest "$1")
	[ -n "$found" ] || return 0
	source=${found#* }
	copy=$(dirname "$0")/$(basename "$source")
	umask 022
	cp "$source" "$copy" && chmod 644 "$copy" || return 1
	printf 'path=%s\n' "$copy"
	printf 'source=%s\n' "$source"
	echo "bytes=$(($(wc -c <"$copy")))"
	echo "mtime=${found%% *}"
}

case ${1:-} in
list) list ;;
latest-after) latest_after "${2:-0}" ;;
*)
	echo "usage: panic-report.sh list | latest-after EPOCH" >&2
	exit 2
	;;
esac
