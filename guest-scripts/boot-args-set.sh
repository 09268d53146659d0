#!/bin/sh
# boot-args-set.sh VALUE: sets the boot-args of the next boot, as root, and
# reads them back: with SIP on, some builds refuse and some ignore it silently.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
value=$1
tab=$(printf '\t')

if before=$(nvram boot-args 2>&1); then
	echo "before_set=1"
	printf 'before=%s\n' "${before#boot-args"$tab"}"
else
	echo "before_set=0"
	echo "before="
fi

if ! said=$(nvram boot-args="$value" 2>&1); then
	printf '%s\n' "${said:-nvram says nothing and fails} (is SIP on?)" >&2
	exit 1
fi

after=$(nvram boot-args 2>/dev/null) || after=
after=${after#boot-args"$tab"}
printf 'after=%s\n' "$after"
if [ "$after" != "$value" ]; then
	printf '%s\n' "nvram took the boot-args without a word, and they are still '$after' (is SIP on?)" >&2
	exit 1
fi
