#!/bin/sh
# Runs that fail on the way into the guest: SSH, addresses, SIP, nvram.
# shellcheck disable=SC2034,SC2154
set -u
. tests/e2e/lib-failures.sh

new_lab

# The SSH key
again
lab_set 's|key: simlab/guest_key|key: absent|'
fails 2 misconfigured "SSH key missing" "$WORK/absent: " "SSH key" "No such file"
again
lab_set 's|key: simlab/guest_key|key: simlab/known_hosts|'
fails 2 misconfigured "SSH key is none" "preflight: $LAB/known_hosts is not a private key"
is "$(field '.boots | length')" 0 "SSH key is none: told before the guest is booted"
again
lab_set 's|sudo: nopasswd|sudo: {password: {env: ABSENT_PASSWORD}}|'
fails 2 misconfigured "sudo password missing" "ABSENT_PASSWORD: the variable is not set"
is "$(field '.boots | length')" 0 "sudo password missing: told before the guest is booted"
again
ssh-keygen -q -t ed25519 -N '' -C test -f "$WORK/other"
lab_set 's|key: simlab/guest_key|key: other|'
fails 3 lab-failed "SSH key refused" "ssh lab@$SIMLAB_GUEST_IP" "refused the key $WORK/other for user lab" \
	"other.pub into the guest's ~lab/.ssh/authorized_keys"
again
lab_set 's|user: lab$|user: nobody-there|'
fails 3 lab-failed "SSH user unknown" "ssh nobody-there@" "refused" "user nobody-there"

# The guest's own key
shown=$(ssh-keygen -lf "$LAB/known_hosts" | awk '{ print $2 }')
again
: >"$WORK/known"
lab_set 's|known_hosts: simlab/known_hosts|known_hosts: known|'
fails 3 lab-failed "host key unknown" "host key is not known" "$shown" "$WORK/known has no key" "compare" "host_key: $shown"
again
pin=SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA
lab_set "s|known_hosts: simlab/known_hosts|host_key: $pin|"
fails 3 lab-failed "host key is not the pinned one" "host key has changed" "ssh.host_key has $pin" "$shown" "attack" "compare"
again
fault host-key-changed
fails 3 lab-failed "host key changed" "host key has changed" "$LAB/known_hosts has $shown" "attack" "ssh-keygen -R"

# Where it is
again
lab_set 's|boot_timeout: .*|boot_timeout: 1s|'
fault no-ip
fails 3 lab-failed "no address" "address: the guest of VM 'Sierra (simulated)' did not answer in time" \
	"ip: nothing" "nicips: nothing" "vmrun: nothing" "guests.NAME.address"
again
lab_set 's|boot_timeout: .*|boot_timeout: 2s|'
fault ssh-refuse
fails 3 lab-failed "SSH refused" "ip: $SIMLAB_GUEST_IP: cannot connect: Connection refused" "Remote Login"
again
lab_set 's|boot_timeout: .*|boot_timeout: 1s|'
fault boot-hang
fails 3 lab-failed "the boot hangs" "did not answer in time"
again
lab_set "s|address: auto|address: $NET.77|" 's|boot_timeout: .*|boot_timeout: 1s|'
fails 3 lab-failed "configured address wrong" "$NET.77" "guests.NAME.address right"

# What the kernel of before leaves behind: found out, and said, which source was right.
again
fault stale-ip
lab_set "s|address: auto|address: $SIMLAB_GUEST_IP|"
remember
run_lab
ends 0 as-expected "stale addresses, one configured"
is "$(field '"\(.address.ip) \(.address.source)"')" "$SIMLAB_GUEST_IP configured" "stale addresses: which was believed"
same "stale addresses, one configured: the lab is as it was"
again
fault stale-ip
cat >"$WORK/leases" <<LEASES
lease $NET.98 {
	starts 4 2026/01/01 00:00:00;
	ends 4 2026/01/01 00:30:00;
	hardware ethernet 00:50:56:3a:0c:1f;
}
lease $SIMLAB_GUEST_IP {
	starts 5 2026/01/02 00:00:00;
	ends never;
	hardware ethernet 00:50:56:3a:0c:1f;
}
LEASES
lab_set "s|- simlab/leases|- leases|"
remember
run_lab
ends 0 as-expected "REST's address and one lease stale"
is "$(field '"\(.address.ip) \(.address.source)"')" "$SIMLAB_GUEST_IP leases" "... the other lease was believed, and the report says so"
has "$(cat "$ERR")" "$SIMLAB_GUEST_IP, says leases" "... and the progress"
same "REST's address and one lease stale: the lab is as it was"

# Boot-args that do not take
again
lab_set 's|nvram: edit|nvram: leave|'
fault nvram-silent
fails 3 lab-failed "nvram changes nothing" "boot-args" "without a word" "csrutil status"
lacks "$(field '[.steps[] | select(.status == "done") | .name] | join(" ")')" trigger "... before the trigger"

# A guest that closes the session in the middle of a script. Only OpenSSH 9.2 and later can be made to.
cut="a script is cut off"
if /usr/sbin/sshd -t -f /dev/null -h "$SIMLAB_GUEST_KEY" -o 'ChannelTimeout=session*=3s' 2>/dev/null; then
	again
	lab_set 's|nvram: edit|nvram: leave|'
	fault ssh-cut
	fails 3 lab-failed "$cut" "boot-args-set.sh: it was cut off"
	lacks "$(field '[.steps[] | select(.status == "done") | .name] | join(" ")')" boot-args "$cut: ... and is no success"
else
	skip "$cut" "sshd has no ChannelTimeout"
fi
lab_stop

# SIP is on, and its .nvram is not to be edited: said before anything is armed
lab_start --sip on --core-size 1M
again
lab_set 's|nvram: edit|nvram: leave|'
fails 3 lab-failed "SIP on" "sierra: SIP denies what this run needs: kernel debugger, dtrace, nvram (" "csrutil disable" "csr-active-config disable --macos 10.12.6"
lacks "$(cat "$(run_dir)/journal.ndjson")" boot-args "... before anything is armed"
again
scenario_set 's|sip: needed|sip: as-is|'
fails 3 lab-failed "SIP protects nvram" "sierra: SIP is in the way" "the kernel does not dump" "csrutil disable"
done_testing
