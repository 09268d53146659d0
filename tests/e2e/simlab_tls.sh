#!/bin/sh
# The simulated vmrest over TLS, and an encrypted VM.
set -u
. tests/e2e/lib-simlab.sh

lab_start --tls --vm-password sesame
has "$SIMLAB_URL" https:// "the address says https"
get() {
	curl -s -m 20 -u "simlab:$PASSWORD" -o /dev/null -w '%{http_code}' "$@"
}
is "$(get --cacert "$SIMLAB_CA" "$SIMLAB_URL/api/vms")" 200 "the lab's CA vouches for it"
get "$SIMLAB_URL/api/vms" >/dev/null
is $? 60 "nobody else does"
is "$(get --cacert "$SIMLAB_CA" "$SIMLAB_URL/api/vms/$SIMLAB_VM_ID/power")" 403 "encrypted: a password is needed"
is "$(get --cacert "$SIMLAB_CA" "$SIMLAB_URL/api/vms/$SIMLAB_VM_ID/power?vmPassword=sesame")" 200 "... and taken"
has "$(vmrun listSnapshots "$SIMLAB_VMX")" "Error: " "vmrun needs it too"
is "$(vmrun -vp sesame listSnapshots "$SIMLAB_VMX")" "Total snapshots: 0" "... by -vp"
done_testing
