#!/bin/sh
# boot-args-restore.sh WAS_SET VALUE: puts the boot-args back, as root: VALUE
# if WAS_SET is 1, else none at all. May be repeated; checks the result.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
was_set=$1
value=$2
tab=$(printf '\t')

# Sets is_set and now.
look() {
	is_set=1
	now=$(nvram boot-args 2>/dev/null) || is_set=0
	now=${now#boot-args"$tab"}
}

as_wanted() {
	[ "$is_set" = "$was_set" ] && { [ "$was_set" = 0 ] || [ "$now" = "$value" ]; }
}

said=
look
if ! as_wanted; then
	if [ "$was_set" = 1 ]; then
		said=$(nvram boot-args="$value" 2>&1)
	else
		said=$(nvram -d boot-args 2>&1)
	fi
	look
fi
echo "after_set=$is_set"
printf 'after=%s\n' "$now"
as_wanted && exit 0
printf '%s\n' "${said:-nvram says nothing}; the boot-args are still '$now' (is SIP on?)" >&2
exit 1
