#!/bin/sh
# What went into a prepared snapshot is another now: the run says what, and
# takes the long way; so it does where the guest that comes up is not the one.
# shellcheck disable=SC2119
set -u
. tests/e2e/lib-prepared.sh

record() { echo "$STATE"/prepared/*.json; }

# forge JQ-EXPRESSION: another record in its place, whole in itself.
forge() {
	jq "$1" "$WORK/record" >"$WORK/forged"
	forged=$(jq -cSj .inputs "$WORK/forged" | sha256sum | cut -d ' ' -f 1)
	rm "$STATE"/prepared/*.json
	jq --arg d "$forged" '.digest = $d | .snapshot = "paniclab-prepared-" + $d[:16]' "$WORK/forged" \
		>"$STATE/prepared/$forged.json"
}

# rename_snapshot: the one that is there to the name that the record has.
rename_snapshot() {
	edit "${SIMLAB_VMX%.vmx}.vmsd" "s|paniclab-prepared-[0-9a-f]*|$(jq -r .snapshot "$(record)")|"
}

new_lab
echo one >"$WORK/file"
printf '#!/bin/sh\nexit 0\n' >"$WORK/setup.sh"
scenario_set 's|^payload:|payload:\n  files: [{from: file, to: /opt/it}]\n  setup: setup.sh|'
remember
prepare_lab
is $STATUS 0 "prepare"
[ $STATUS -eq 0 ] || show "$ERR"
same "... the lab is what it was"
from_prepared "a run from it"
cp "$(record)" "$WORK/record"

stale() {
	paniclab run --dry-run "$WORK/lab.yaml" "$WORK/scenario.yaml" >"$OUT" 2>"$ERR"
	has "$(cat "$ERR")" "is stale: $2" "$1"
	has "$(cat "$OUT")" " power on" "... and the plan is the long one"
}

# Inputs, as the plan sees them
echo two >"$WORK/file"
is "$(sha256sum "$WORK/file" | cut -c 1-12)" 27dd8ed44a83 "sha256sum knows the new file"
stale "a file of the payload" "payload.files./opt/it.sha256 was 2c8b08da5ce6, is 27dd8ed44a83"
long_way "a run with another payload" "payload.files./opt/it.sha256"
echo one >"$WORK/file"
chmod +x "$WORK/file"
stale "its mode" "payload.files./opt/it.executable was false, is true"
chmod -x "$WORK/file"
echo '# more' >>"$WORK/setup.sh"
stale "the set-up script" "payload.setup was "
printf '#!/bin/sh\nexit 0\n' >"$WORK/setup.sh"
scenario_set 's|boot_args: .*|boot_args: "keepsyms=1 -v"|'
stale "boot_args" "boot_args was "
has "$(cat "$ERR")" "wdt=-1 keepsyms=1 -v" "... says to what"
scenario_set 's|boot_args: .*|boot_args: "keepsyms=1"|' 's|kernel: .*|kernel: development|'
stale "the kernel" "kernel was as-is, is development"
scenario_set 's|kernel: .*|kernel: as-is|'
edit "$SIMLAB_VMX" 's|memsize = .*|memsize = "8192"|'
stale "the VM's memory" "vm.hardware.memsize was 4096, is 8192"
edit "$SIMLAB_VMX" 's|memsize = .*|memsize = "4096"|'
"$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$SIMLAB_VMX" set boot-args -- '-v' >/dev/null 2>&1
stale "the user's own boot-args" "boot_args was "
"$PANICLAB" nvram --vmrun "$SIMLAB_VMRUN" "$SIMLAB_VMX" delete boot-args >/dev/null 2>&1
lab_set 's|port: 0|port: 2069|'
stale "the dump server's port" "boot_args was "
lab_set 's|port: 2069|port: 0|'

# Only the run itself can see
port=$(jq .inputs.server.port "$WORK/record")
python3 -c "import socket, sys, time
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('127.0.0.1', $port))
print('bound', flush=True)
time.sleep(600)" >"$WORK/holder" &
holder=$!
wait_for 20 grep -q bound "$WORK/holder"
long_way "another program has the port" "its dump server's port $port is taken"
kill $holder
forge '.inputs.guest.kernel_uuid = "00000000-0000-0000-0000-000000000000"'
rename_snapshot
long_way "another kernel" "kern.uuid was 00000000-"
forge '.boot_session = "00000000-0000-0000-0000-000000000000"'
rename_snapshot
long_way "another boot" "its boot was 00000000-"
forge '.boot_session = "" | .boot_time = "1000000000"'
rename_snapshot
long_way "another boot, of a release that does not name them" "its boot was 1000000000, is "
forge .
rename_snapshot
echo '{"format": 1' >"$STATE/prepared/$(printf '%064d' 0).json"
from_prepared "a damaged record beside it"
has "$(cat "$ERR")" "$(printf '%064d' 0).json" "... is named"
vmrun deleteSnapshot "$SIMLAB_VMX" "$(jq -r .snapshot "$WORK/record")"
long_way "the snapshot is gone" "the VM has no such snapshot any more"
done_testing
