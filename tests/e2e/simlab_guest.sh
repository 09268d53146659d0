#!/bin/sh
# The simulated guest says and does what macOS 10.12.6 says and does.
set -u
. tests/e2e/lib-simlab.sh

lab_start --sip on
vmrun start "$SIMLAB_VMX" nogui
guest_up
ok $? "sshd answers, its host key is the one in known_hosts"
is "$(ssh-keygen -lf "$LAB/known_hosts" | cut -d' ' -f2)" "$(cat "$SIMLAB_FINGERPRINT_FILE")" "the fingerprint file agrees"

is "$(g sw_vers)" "$(printf 'ProductName:\tMac OS X\nProductVersion:\t10.12.6\nBuildVersion:\t16G29')" "sw_vers"
is "$(g 'sw_vers -buildVersion')" 16G29 "sw_vers -buildVersion"
is "$(g 'id -un; id -u; id -g; pwd')" "$(printf 'lab\n501\n20\n/Users/lab')" "the user, and its home"
is "$(g 'uname -r; uname -s; uname -m')" "$(printf '16.7.0\nDarwin\nx86_64')" "uname"
case $(g 'uname -v') in
"Darwin Kernel Version 16.7.0: "*"root:xnu-3789.70.16~"*"/RELEASE_X86_64") ok 0 "uname -v" ;;
*) ok 1 "uname -v" ;;
esac
is "$(g 'sysctl -n kern.osversion; sysctl kern.ostype')" "$(printf '16G29\nkern.ostype: Darwin')" "sysctl, with and without -n"
is "$(g 'sysctl kern.osbuildconfig 2>&1')" "sysctl: unknown oid 'kern.osbuildconfig'" "what 10.12 does not have"
g 'sysctl -n kern.uuid' | grep -Eqx '[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}'
ok $? "kern.uuid"
g 'sysctl -n kern.boottime' | grep -Eq '^\{ sec = [0-9]+, usec = [0-9]+ \} '
ok $? "kern.boottime"
is "$(g 'ipconfig getifaddr en0')" "$SIMLAB_GUEST_IP" "ipconfig getifaddr"
has "$(g "route -n get $NET.1")" "interface: en0" "route -n get"
has "$(g 'ioreg -l')" AppleIntel8254XEthernet "the NIC's driver"

# Root
is "$(g 'sudo id -u; sudo sh -c "id -gn"')" "$(printf '0\nwheel')" "sudo gives root"
g 'touch /System/Library/Extensions/x' 2>/dev/null
is $? 1 "the user may not write to /System"
is "$(g 'sudo touch /System/Library/Extensions/x 2>&1')" "touch: /System/Library/Extensions/x: Operation not permitted" \
	"with SIP on not even root may"
is "$(g 'sudo touch /Library/Extensions/x && sudo chown root:wheel /Library/Extensions/x && echo done')" \
	"done" "root may write elsewhere, and chown works"
has "$(g 'reboot 2>&1')" "Operation not permitted" "reboot needs root"
has "$(g 'dtrace -w -n "BEGIN{ panic(); }" 2>&1')" "additional privileges" "so does dtrace"

# What only GNU or Linux has
is "$(g 'stat -f %z /Users/lab/notes.txt')" 25 "stat -f, as BSD has it"
has "$(g 'stat -c %s / 2>&1')" "illegal option -- c" "stat -c is GNU's"
has "$(g 'ls --color=auto 2>&1')" "illegal option -- -" "so are long options"
has "$(g 'sed -r s/a/b/ /etc/hosts 2>&1')" "illegal option -- r" "and sed -r"
is "$(g 'printf "a\n" >/tmp/f; sed -i "" s/a/b/ /tmp/f; cat /tmp/f; ls /tmp')" "$(printf 'b\nf')" "sed -i takes a suffix"
is "$(g 'md5 -q /etc/hosts')" "$(md5sum "$LAB/disk/private/etc/hosts" | cut -d' ' -f1)" "md5"
is "$(g 'command -v apt-get systemctl ip python3 perl timeout stdbuf realpath ldd gcc')" "" "no tool of Linux leaks"
# shellcheck disable=SC2016 # the guest expands it
is "$(g 'echo $PATH')" /usr/bin:/bin:/usr/sbin:/sbin "PATH"

# NVRAM and SIP, on
has "$(g 'csrutil status')" "System Integrity Protection status: enabled." "csrutil status: enabled"
has "$(g 'sudo csrutil disable 2>&1')" "needs to be executed from the Recovery OS." "it cannot be changed from here"
is "$(g 'nvram boot-args 2>&1')" "nvram: Error getting variable - 'boot-args': (iokit/common) data was not found" \
	"nvram: not set"
is "$(g 'sudo nvram boot-args=-v 2>&1'; echo $?)" \
	"$(printf "nvram: Error setting variable - 'boot-args': (iokit/common) general error\n1")" "SIP keeps boot-args"
is "$(g 'sudo nvram other=%01x && nvram other')" "$(printf 'other\t%%01x')" "other variables are free"
is "$(g 'sudo nvram -d other; nvram other 2>&1' | tail -n 1)" \
	"nvram: Error getting variable - 'other': (iokit/common) data was not found" "nvram -d"
g 'sudo dtrace -w -n "BEGIN{ panic(); }"' >/dev/null 2>&1 &
silent=$!
wait_for 10 event 'dtrace runs'
kill -0 $silent 2>/dev/null
ok $? "with SIP on dtrace's panic() does nothing, quietly"
! event 'simulated: panic'
ok $? "... indeed"
kill $silent

# SIP off, by the .nvram file of a guest that is off
lab_stop
lab_start --sip off
vmrun start "$SIMLAB_VMX" nogui
guest_up
has "$(g 'csrutil status')" "status: disabled." "csrutil status: disabled"
is "$(g 'sudo touch /System/Library/Extensions/x && sudo rm /System/Library/Extensions/x && echo done')" \
	"done" "with SIP off root may write to /System"
is "$(g 'nvram csr-active-config')" "$(printf 'csr-active-config\tw%%00%%00%%00')" "csr-active-config"
is "$(g 'sudo nvram boot-args="debug=0xc44 -v" && nvram boot-args')" "$(printf 'boot-args\tdebug=0xc44 -v')" "nvram sets and gets"
is "$(g 'sysctl -n kern.bootargs')" "" "... for the next boot only"
before=$(g 'sysctl -n kern.boottime')
key=$(ssh-keygen -lf "$LAB/known_hosts")
g 'sudo reboot' >/dev/null 2>&1
wait_for 10 events_at_least 3 ' boot [0-9]'
guest_up
is "$(g 'sysctl -n kern.bootargs')" "debug=0xc44 -v" "after the reboot it has them"
[ "$(g 'sysctl -n kern.boottime')" != "$before" ]
ok $? "kern.boottime tells the boots apart"
is "$(ssh-keygen -lf "$LAB/known_hosts")" "$key" "the host key stays"
grep -aq 'd.e.b.u.g\|debug=0xc44 -v' "$LAB/Virtual Machines/sierra.vmwarevm/sierra.nvram"
ok $? "they are in the .nvram file"
"$SIMLAB" fault --dir "$LAB" nvram-silent >/dev/null
g 'sudo nvram boot-args=x' && is "$(g 'nvram boot-args')" "$(printf 'boot-args\tdebug=0xc44 -v')" \
	"fault nvram-silent: says yes, does nothing"
"$SIMLAB" fault --dir "$LAB" clear host-key-changed >/dev/null
wait_for 5 sh -c "ssh-keyscan -p $SIMLAB_SSH_PORT $SIMLAB_GUEST_IP 2>/dev/null | grep -q ed25519"
g true >/dev/null 2>&1
is $? 255 "fault host-key-changed: ssh refuses"
"$SIMLAB" fault --dir "$LAB" clear ssh-refuse >/dev/null
wait_for 5 sh -c "ssh-keyscan -p $SIMLAB_SSH_PORT $SIMLAB_GUEST_IP 2>&1 | grep -qi refused" || true
g true 2>&1 | grep -q refused
ok $? "fault ssh-refuse: nobody listens"
"$SIMLAB" fault --dir "$LAB" clear >/dev/null
guest_up

g 'sudo shutdown -h now' >/dev/null 2>&1
wait_for 10 sh -c "'$SIMLAB_VMRUN' list | grep -qx 'Total running VMs: 0'"
ok $? "shutdown -h now powers off"

# A password for sudo
lab_stop
lab_start --sudo-password 'open sesame'
vmrun start "$SIMLAB_VMX" nogui
guest_up
is "$(g 'sudo -n true 2>&1'; echo $?)" "$(printf 'sudo: a password is required\n1')" "sudo -n when one is needed"
is "$(echo 'open sesame' | g 'sudo -S -p "" id -u')" 0 "sudo -S takes it from standard input"
is "$(printf 'open sesame\nmore' | g 'sudo -S -p "" cat')" more "... and leaves the rest to the command"
has "$(printf 'a\nb\nc\n' | g 'sudo -S true 2>&1')" "3 incorrect password attempts" "a wrong one"
done_testing
