#!/bin/sh
# facts.sh: what this guest is and how it is set up, as the user.
# Works from 10.7 on; what a release does not have is left out.
set -u
PATH=/usr/bin:/bin:/usr/sbin:/sbin
tab=$(printf '\t')

say() {
	printf '%s=%s\n' "$1" "$2"
}

kernel() {
	say "$1" "$(sysctl -n "$2" 2>/dev/null | tr '\n' ' ' | sed 's/ *$//')"
}

# Not set is told apart from not readable: only the first may be undone by deleting.
boot_args() {
	if said=$(nvram boot-args 2>&1); then
		say nvram_boot_args_set 1
		say nvram_boot_args "${said#boot-args"$tab"}"
		return
	fi
	case $said in
	*'data was not found'*) say nvram_boot_args_set 0 ;;
	*) say nvram_error "$said" ;;
	esac
}

# The interface towards the other end of this SSH session, and what drives it:
# in the I/O registry its parent.
network() {
	peer=${SSH_CONNECTION:-}
	peer=${peer%% *}
	interface=$(route -n get "${peer:-default}" 2>/dev/null | awk '$1 == "interface:" { print $2 }')
	say interface "$interface"
	[ -n "$interface" ] || return 0
	say nic_driver "$(ioreg -w0 -r -t -n "$interface" 2>/dev/null | awk -v want="$interface" '
		/\+-o / {
			sub(/^[| ]*\+-o /, "")
			if ($1 == want && last != "") { print last; exit }
			last = ""
			if (match($0, /<class [A-Za-z0-9_]+/))
				last = substr($0, RSTART + 7, RLENGTH - 7)
		}')"
}

say product_version "$(sw_vers -productVersion 2>/dev/null)"
kernel build kern.osversion
say kernel_version "$(uname -v)"
kernel kernel_uuid kern.uuid
kernel boot_args kern.bootargs
kernel boot_time kern.boottime
kernel boot_session kern.bootsessionuuid
say arch "$(uname -m)"
kernel model hw.model
boot_args
# What of SIP is off, which csrutil's lines do not tell in full.
if said=$(nvram csr-active-config 2>/dev/null); then
	say csr "${said#csr-active-config"$tab"}"
fi
if command -v csrutil >/dev/null 2>&1; then
	csrutil status 2>&1 | sed 's/^/csrutil=/'
fi
network
exit 0
