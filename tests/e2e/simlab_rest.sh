#!/bin/sh
# The simulated vmrest keeps to what is known of the real one.
# shellcheck disable=SC2119 # no options is a choice
set -u
. tests/e2e/lib-simlab.sh

lab_start
VM=/vms/$SIMLAB_VM_ID

status_of() {
	curl -s -m 20 -o /dev/null -w '%{http_code}' "$@"
}

is "$(status_of "$SIMLAB_URL/api/vms")" 401 "no credentials: 401"
is "$(status_of -u simlab:wrong "$SIMLAB_URL/api/vms")" 401 "a wrong password: 401"
is "$(status_of -u "simlab:$PASSWORD" -H 'Accept: text/html' "$SIMLAB_URL/api/vms")" 406 "a wrong media type: 406"
is "$(status_of -u "simlab:$PASSWORD" -X PUT -d on "$SIMLAB_URL/api$VM/power")" 406 "a form as body: 406"
is "$(rest GET /nothing | head -n 1)" "404 page not found" "an unknown path: plain text"
is "$(curl -s -m 20 -o /dev/null -w '%{content_type}' "$SIMLAB_URL/nothing")" "text/plain; charset=utf-8" "... and says so"
is "$(stat -c %a "$SIMLAB_PASSWORD_FILE" 2>/dev/null || stat -f %Lp "$SIMLAB_PASSWORD_FILE")" 600 \
	"the password is nobody else's to read"

is "$(rest GET /vms | head -n 1 | jq -r '.[].path')" "$(printf '%s\n' "$SIMLAB_OTHER_VMX" "$SIMLAB_VMX")" \
	"/vms gives the .vmx' paths"
rest GET /vms | head -n 1 | jq -e 'all(.[].id; test("^[0-9A-Z]{32}$"))' >/dev/null
ok $? "ids are 32 upper-case characters"
OTHER=/vms/$(rest GET /vms | head -n 1 | jq -r '.[0].id')
is "$(rest GET "$OTHER/power" | head -n 1 | jq -r .power_state)" poweredOff "the other VM is off"
is "$(rest PUT "$OTHER/power" on | tail -n 1)" 403 "... and is not to be changed"
event "violation: PUT on the other VM"
ok $? "... which is noted"
is "$(rest GET "$VM" | head -n 1 | jq -c 'keys')" '["cpu","id","memory"]' "a VM has no name and no path"
is "$(rest GET /vms/NONE/power | tail -n 1)" 404 "an unknown VM: 404"
rest GET /vms/NONE/power | head -n 1 | jq -e '.code' >/dev/null
ok $? "... with the published spelling of an error"

is "$(rest GET "$VM/power" | head -n 1 | jq -r .power_state)" poweredOff "off at first"
is "$(rest PUT "$VM/power" '"on"' | tail -n 1)" 400 "a JSON string is no power operation: the bare word is"
is "$(rest PUT "$VM/power" '"on"' | head -n 1 | jq -r .Code)" 100 "... code 100, spelled with capitals"
is "$(rest PUT "$VM/power" pause | tail -n 1)" 409 "pausing what is off: 409"
is "$(rest PUT "$VM/power" on | head -n 1 | jq -r .power_state)" poweringOn "the answer comes before the state"
is "$(rest GET "$VM/ip" | tail -n 1)" 500 "no address until Tools report"
# shellcheck disable=SC2317 # wait_for calls it, by name
power_is() {
	[ "$(rest GET "$VM/power" | head -n 1 | jq -r .power_state)" = "$1" ]
}
wait_for 10 power_is poweredOn
ok $? "polling sees it on"
ip_is() {
	[ "$(rest GET "$VM/ip" | head -n 1 | jq -r .ip)" = "$1" ]
}
wait_for 10 ip_is "$SIMLAB_GUEST_IP"
ok $? "then Tools report the address"
is "$(rest GET "$VM/nicips" | head -n 1 | jq -r '.nics[0].ip[0]')" "$SIMLAB_GUEST_IP/24" "nicips: with the mask"
is "$(rest GET "$VM/nic" | head -n 1 | jq -r '.nics[0].type + " " + .nics[0].vmnet')" "nat vmnet8" "nic: type and vmnet"
is "$(rest GET /vmnet | head -n 1 | jq -r '.vmnets[1].name')" vmnet8 "vmnet: names"
is "$(rest GET /vmnet/vmnet8/mactoip | head -n 1 | jq -r .num)" 0 "mactoip: nothing static"
is "$(rest PUT "$VM/params" '{"name":"memsize","value":"8192"}' | head -n 1 | jq -r .Code)" 107 "no change of a VM that is on"

"$SIMLAB" fault --dir "$LAB" no-ip >/dev/null
is "$(rest GET "$VM/ip" | tail -n 1)" 500 "fault no-ip: an error"
! grep -q "$SIMLAB_GUEST_IP" "$SIMLAB_LEASES"
ok $? "... and no lease"
"$SIMLAB" fault --dir "$LAB" clear stale-ip >/dev/null
ip_is "$NET.99"
ok $? "fault stale-ip: a dead address"
"$SIMLAB" fault --dir "$LAB" clear rest-slow=1s >/dev/null
is "$(curl -s -m 0.3 -o /dev/null -u "simlab:$PASSWORD" "$SIMLAB_URL/api/vms"; echo $?)" 28 "fault rest-slow: late"
wait_for 10 rest GET /vms
rest GET /vms >"$WORK/one" &
first=$!
wait_for 5 events_at_least 1 'rest GET /api/vms$'
rest GET "$VM/power" >"$WORK/two"
wait $first
cat "$WORK/one" "$WORK/two" | grep -qx 500
ok $? "two calls at once: one is refused"
event "violation: parallel REST call"
ok $? "... and it is noted"
"$SIMLAB" fault --dir "$LAB" clear rest-down >/dev/null
wait_for 5 sh -c "! curl -s -m 1 '$SIMLAB_URL/api/vms'"
is "$(status_of "$SIMLAB_URL/api/vms")" 000 "fault rest-down: nobody listens"
"$SIMLAB" fault --dir "$LAB" clear >/dev/null
wait_for 5 sh -c "! grep -q '$SIMLAB_VM_ID' '$LAB/lab.env'"
ok $? "the VM has a new id when vmrest listens again"
is "$(rest GET "$VM/power" | tail -n 1)" 404 "... and the old one is nobody's"
# shellcheck disable=SC1091 # the lab writes it
. "$LAB/lab.env"
VM=/vms/$SIMLAB_VM_ID
power_is poweredOn
ok $? "faults can be cleared"

rest PUT "$VM/power" shutdown >/dev/null
wait_for 10 power_is poweredOff
ok $? "shutdown asks the guest, and it goes off"
is "$(rest PUT "$VM/params" '{"name":"memsize","value":"8192"}' | head -n 1 | jq -r .Code)" 0 "params: success is code 0"
is "$(rest GET "$VM/params/memsize" | head -n 1 | jq -r .value)" 8192 "... and reads back"
grep -qx 'memsize = "8192"' "$SIMLAB_VMX"
ok $? "... from the .vmx"
unlocked
is "$(rest DELETE "$VM" | tail -n 1)" 403 "what the lab does not do it refuses"
done_testing
