#!/bin/sh
# Runs on a Linux host whose firewall drops the dump: the real nft, in a network namespace,
# through which the simulated guest's packets go.
# shellcheck disable=SC2034,SC2154
set -u
if [ -z "${PANICLAB_NAMESPACE:-}" ]; then
	if ! command -v nft >/dev/null || ! unshare -rnm true 2>/dev/null; then
		echo "1..0 # SKIP nft or user namespaces are not there"
		exit 0
	fi
	PANICLAB_NAMESPACE=1 exec unshare -rnm --kill-child --fork sh "$0"
fi
. tests/e2e/lib-failures.sh

ip link set lo up
# No firewall but nft is to be found: no D-Bus of this host, no ufw.
mount -t tmpfs tmpfs /run
nft=$(command -v nft)

rules() {
	nft -s list ruleset
}

remember_rules() {
	remember
	rules >"$WORK/rules"
}

same_rules() {
	same "$1: the lab is as it was"
	rules | cmp -s - "$WORK/rules"
	ok $? "$1: the rules are what they were"
}

nft -f - <<'X'
table inet filter {
	chain input {
		type filter hook input priority 0; policy drop;
		meta l4proto tcp accept
		ct state established accept
	}
}
X

new_lab
"$LAB/socketfilterfw" --setglobalstate off >/dev/null
on_linux() {
	again
	scenario_set "s|timeout: 3s|timeout: 15s|"
	lab_set "s|^  firewall: .*|  firewall: $1|" "s|firewall_tool: .*|firewall_tool: $2|"
}

on_linux leave "$nft"
remember_rules
run_lab
is "$STATUS" 5 "left alone: no core comes"
same_rules "left alone"

on_linux allow "$nft"
run_lab
is "$STATUS" 0 "allowed: the core comes"
[ "$STATUS" -eq 0 ] || show "$ERR"
has "$(cat "$ERR")" "nft: UDP from $SIMLAB_GUEST_IP to 127.0.0.1:$(field .server.port) is allowed" "... by one rule"
same_rules "allowed"

# kill -9 while the rule is there
for step in "] firewall:" "] facts:" "] trigger:"; do
	signal_at KILL "$step"
	is "$SIGNALLED $STATUS" "0 137" "killed at $step"
	case $step in
	*firewall*) ;;
	*) has "$(rules)" "comment \"paniclab $(basename "$(run_dir)")\"" "... the rule is tagged with the run" ;;
	esac
	paniclab teardown >"$OUT" 2>"$ERR"
	is $? 0 "... teardown"
	same_rules "... torn down"
done

# Whoever may not change it
cat >"$WORK/nft" <<X
#!/bin/sh
case " \$* " in *" \$(cat "$WORK/refused") "*) echo 'Operation not permitted (you must be root)' >&2; exit 1 ;; esac
exec "$nft" "\$@"
X
chmod +x "$WORK/nft"
echo list >"$WORK/refused"
on_linux allow "$WORK/nft"
fails 3 lab-failed "nft refuses" "nft list ruleset: failed" "Operation not permitted" \
	"sudo nft insert rule FAMILY TABLE CHAIN iifname '\"lo\"' ip saddr $SIMLAB_GUEST_IP" "host.firewall to leave"
on_linux try "$WORK/nft"
run_lab
is "$STATUS" 5 "nft refuses, only tried: the run goes on, to no core"
has "$(cat "$ERR")" "warning: nft list ruleset: failed" "... with a warning"
same_rules "only tried"

echo insert >"$WORK/refused"
on_linux allow "$WORK/nft"
fails 3 lab-failed "nft refuses the rule" "nft insert: failed" \
	"by hand: sudo nft insert rule inet filter input iifname '\"lo\"' ip saddr $SIMLAB_GUEST_IP"
same_rules "nft refuses the rule"

# Undoing is refused: the command by hand, and then it works
echo delete >"$WORK/refused"
on_linux allow "$WORK/nft"
run_lab
is "$STATUS" 4 "the rule cannot be deleted: exit 4"
says "the rule cannot be deleted" "not restored: nft" "by hand: sudo nft -a list ruleset" \
	"\"paniclab $(basename "$(run_dir)")\"" "paniclab teardown"
echo nothing >"$WORK/refused"
paniclab teardown >"$OUT" 2>"$ERR"
is $? 0 "... teardown when the cause is gone"
same_rules "... torn down"

done_testing
