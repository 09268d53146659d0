#!/bin/sh
# Guests of other releases: what each says of itself, of SIP and NVRAM, and what
# root may write to. Wordings are Apple's, worked out by hand.
set -u
. tests/e2e/lib-simlab.sh

# guest VERSION OPTIONS...: another lab, with that guest, up.
guest() {
	lab_stop
	version=$1
	shift
	LAB=$WORK/lab-$version
	lab_start --macos "$version" "$@"
	vmrun start "$SIMLAB_VMX" nogui
	guest_up
	ok $? "$version comes up"
}
# reports PRODUCT VERSION BUILD TAB
reports() {
	is "$(g sw_vers)" "$(printf "ProductName:$4%s\nProductVersion:$4%s\nBuildVersion:$4%s" "$1" "$2" "$3")" "$version: sw_vers"
	is "$(g 'sysctl -n kern.osversion')" "$3" "$version: kern.osversion"
}
uname_v() {
	case $(g 'uname -v') in
	"Darwin Kernel Version $1: "*"; root:xnu-$2~"*/RELEASE_X86_64) ok 0 "$version: uname -v" ;;
	*) ok 1 "$version: uname -v" ;;
	esac
}
# refuses WORDS STATUS: what nvram says with SIP on
refuses() {
	is "$(g 'sudo nvram boot-args=-v 2>&1'; echo $?)" "$1" "$version: nvram with SIP on"
	has "$(g 'nvram boot-args 2>&1')" "data was not found" "$version: ... and changes nothing"
}
not_set() {
	printf "nvram: Error setting variable - 'boot-args': (iokit/common) %s\n1" "$1"
}
has_none() {
	is "$(g "command -v $1")" "" "$version: no $1"
}

guest 10.9
reports 'Mac OS X' 10.9.5 13F34 '\t'
uname_v 13.4.0 2422.115.4
has_none csrutil
has_none kmutil
has_none kcditto
is "$(g 'nvram csr-active-config 2>&1' | grep -c 'data was not found')" 1 "10.9: no SIP in NVRAM"
is "$(g 'sudo nvram boot-args=-v; nvram boot-args')" "$(printf 'boot-args\t-v')" "10.9: nvram sets"
is "$(g 'sudo touch /System/x && sudo rm /System/x && echo done')" "done" "10.9: root writes where it wants"
is "$(g 'ls /mach_kernel; ls -d /System/Library/Kernels 2>/dev/null')" /mach_kernel "10.9: /mach_kernel"
has "$(g mount)" "/dev/disk0s2 on / (hfs" "10.9: HFS"

guest 10.14 --sip on
reports 'Mac OS X' 10.14.6 18G84 '\t'
uname_v 18.7.0 4903.270.47
is "$(g 'sysctl -n kern.osbuildconfig')" release "10.14: kern.osbuildconfig"
has "$(g 'csrutil status')" "status: enabled." "10.14: SIP is on"
refuses 0
is "$(g 'sudo touch /System/x 2>&1; sudo touch /usr/x 2>&1; sudo touch /Library/x && echo done')" \
	"$(printf 'touch: /System/x: Operation not permitted\ntouch: /usr/x: Operation not permitted\ndone')" \
	"10.14: SIP protects /System and /usr"
! g 'sudo sh -c "echo x >/System/x"' 2>/dev/null
ok $? "10.14: ... from the shell as well"
has "$(g 'spctl kext-consent status')" ENABLED "10.14: kexts need consent"

guest 10.15 --sip on
reports 'Mac OS X' 10.15.7 19H2 '\t'
uname_v 19.6.0 6153.141.2
refuses "$(not_set 'not permitted')"
has "$(g mount)" "/dev/disk1s5 on / (apfs, local, read-only, journaled)" "10.15: / is read-only"
is "$(g 'sudo mount -uw / 2>&1'; echo $?)" "$(printf 'mount_apfs: volume could not be mounted: Operation not permitted\nmount: / failed with 77\n77')" \
	"10.15: with SIP on it stays so"
guest 10.15 --sip off
is "$(g 'sudo touch /System/x 2>&1')" "touch: /System/x: Read-only file system" "10.15: SIP off, / is read-only all the same"
is "$(g 'sudo mount -uw / && sudo touch /System/x && echo done')" "done" "10.15: until mount -uw /"
has "$(g mount)" "/dev/disk1s5 on / (apfs, local, journaled)" "10.15: ... as mount says"
before=$(grep -c ' boot [0-9]' "$LAB/log/events.log")
g 'sudo reboot' >/dev/null 2>&1
wait_for 10 events_at_least $((before + 1)) ' boot [0-9]'
guest_up
is "$(g 'sudo rm /System/x 2>&1')" "rm: /System/x: Read-only file system" "10.15: which each boot undoes"

guest 11 --sip on
reports macOS 11.7 20G817 '\t'
uname_v 20.6.0 7195.141.39
refuses "$(not_set 'not permitted')"
has "$(g 'sudo csrutil disable 2>&1')" "This tool needs to be executed from Recovery OS." "11: csrutil disable"
is "$(g 'csrutil authenticated-root status')" "Authenticated Root status: enabled" "11: authenticated root"
has "$(g mount)" "/dev/disk1s5s1 on / (apfs, sealed, local, read-only, journaled)" "11: / is a sealed snapshot"
has "$(g 'sudo mount -uw / 2>&1')" "failed with 66" "11: and stays one"
has "$(g 'diskutil info /')" "Sealed:                    Yes" "11: diskutil info /"
g 'mkdir m'
has "$(g 'sudo mount -o nobrowse -t apfs /dev/disk1s5 m 2>&1')" "Permission denied" "11: with SIP on its volume cannot be mounted"

guest 13.6 --sip off
reports macOS 13.6 22G120 '\t\t'
uname_v 22.6.0 8796.141.3.700.8
is "$(g 'sw_vers --productVersion')" 13.6 "13.6: sw_vers takes two dashes"
has "$(g 'csrutil status')" "status: disabled." "13.6: SIP is off"
is "$(g 'nvram csr-active-config')" "$(printf 'csr-active-config\t%%7f%%00%%00%%00')" "13.6: csr-active-config"

guest 15.3 --sip 0x867
reports macOS 15.3 24D60 '\t\t'
uname_v 24.3.0 11215.81.4
is "$(g 'csrutil status')" "System Integrity Protection status: unknown (Custom Configuration).

Configuration:
	Apple Internal: disabled
	Kext Signing: disabled
	Filesystem Protections: disabled
	Debugging Restrictions: disabled
	DTrace Restrictions: disabled
	NVRAM Protections: disabled
	BaseSystem Verification: enabled
	Boot-arg Restrictions: disabled
	Kernel Integrity Protections: enabled
	Authenticated Root Requirement: disabled

This is an unsupported configuration, likely to break in the future and leave your machine in an unknown state." \
	"15.3: csrutil status, by the bits"
grep -q 'guestOS = "darwin24-64"' "$SIMLAB_VMX"
ok $? "15.3: the .vmx says which guest it is"

# The lab stays what it is
lab_stop
lab_start
grep -q 15.3 "$LAB/macos"
ok $? "without --macos it is what it was"
lab_stop
"$SIMLAB" start --dir "$LAB" --macos 11 --port 0 --ssh-port 0 2>"$WORK/bad"
is $? 2 "another release needs another lab"
has "$(cat "$WORK/bad")" "macOS 15.3" "... and it says so"
"$SIMLAB" start --dir "$WORK/none" --macos 10.6 2>"$WORK/bad"
is $? 2 "a release that there is not"
has "$(cat "$WORK/bad")" "10.15.7, 11.7" "... names those that there are"
done_testing
