/*
 * Linux firewalls, the real ones, in a network namespace: a packet of the guest is dropped,
 * arrives while the rule is there, and is dropped again; and the rules are what they were.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#if defined(__linux__)

#include "orchestrator/host/firewall.h"
#include "tests/unit/host/net_lab.h"
#include "tests/unit/temp_dir.h"

static struct temp_dir dir;
static bool namespaces;

static const struct firewall_hole hole = {.program = "/opt/lab/bin/paniclab",
	.tag = "paniclab 20261128-013355",
	.interface = "v0",
	.guest = NET_GUEST,
	.host = NET_HOST,
	.port = NET_PORT};

struct firewall_case {
	const char *program; /* that must be there, and is found to be in force */
	const char *start;   /* makes it drop, except for NET_OPEN */
	const char *rules;   /* lists all, in the same words each time */
	const char *stop;
	bool tagged;
};

static void fine(struct pl_error *e)
{
	char line[512];

	if (e)
		fail_msg("%s", pl_error_line(e, line, sizeof(line)));
}

static bool have(const char *program)
{
	char script[128];

	snprintf(script, sizeof(script),
		"PATH=$PATH:/usr/sbin:/sbin command -v %s >/dev/null || exit 0; exit 9", program);
	const char *argv[] = {"sh", "-c", script, NULL};
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct pl_proc_result r;
	struct pl_error *e = pl_proc_run(&spec, &w, &r);
	bool found = !e && r.status == 9;

	pl_proc_result_deinit(&r);
	pl_error_free(e);
	return found;
}

static char *rules(const struct firewall_case *c)
{
	const char *argv[] = {"sh", "-c", c->rules, NULL};
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct pl_proc_result r;
	char *text = NULL;

	fine(pl_proc_run(&spec, &w, &r));
	assert_int_equal(r.status, 0);
	fine(pl_buf_take(&r.out, &text));
	pl_proc_result_deinit(&r);
	return text;
}

/* As a teardown does it: from the journal alone, by a firewall opened anew. Twice. */
static void restore(const struct firewall_was *was, const struct pl_wait *w)
{
	struct firewall_was back;
	json_t *journal = NULL;

	fine(firewall_was_to_json(was, &journal));
	fine(firewall_was_from_json(journal, "journal", &back));
	json_decref(journal);
	for (int i = 0; i < 2; i++) {
		struct firewall f;

		fine(firewall_open("auto", NULL, &f));
		fine(firewall_restore(&f, &back, w));
		firewall_close(&f);
	}
}

static void opens_and_closes(struct net_lab *n, const struct firewall_case *c)
{
	struct pl_wait w = pl_wait_for(120 * PL_SECOND, NULL);
	struct firewall_was was;
	struct firewall f;
	char *before = rules(c), *during, *after;

	assert_false(net_arrives(n, 'g'));
	fine(firewall_open("auto", NULL, &f));
	fine(firewall_look(&f, &hole, &w, &was));
	assert_string_equal(was.backend, c->program);
	assert_int_equal(was.state, FIREWALL_ON);
	assert_true(firewall_needs_change(&was));
	for (int i = 0; i < 2; i++) {
		fine(firewall_allow(&f, &was, &w));
		fine(firewall_verify(&f, &was, &w));
	}
	firewall_close(&f);
	during = rules(c);
	assert_int_equal(strstr(during, hole.tag) != NULL, c->tagged);
	assert_string_not_equal(before, during);
	assert_true(net_arrives(n, 'g'));
	assert_false(net_arrives(n, 'o'));
	restore(&was, &w);
	assert_false(net_arrives(n, 'g'));
	after = rules(c);
	assert_string_equal(before, after);
	free(before);
	free(during);
	free(after);
}

/* What runs now: a test that fails must not be in the way of the next. */
static struct net_lab lab;
static const char *stop;

static int clean_up(void **state)
{
	(void)state;
	if (!namespaces)
		return 0;
	if (stop)
		(void)net_sh(stop);
	stop = NULL;
	if (lab.peer > 0)
		net_stop(&lab);
	lab.peer = 0;
	return have("nft") ? net_sh("nft flush ruleset") : 0;
}

static void run_case(const struct firewall_case *c)
{
	if (!namespaces || !have("nft") || !have("ip") || !have(c->program)) {
		print_message(
			"# skipped: %s\n", namespaces ? "the program is not here" : "no user namespaces");
		skip();
	}
	assert_true(net_start(&lab));
	stop = c->stop;
	assert_int_equal(net_sh(c->start), 0);
	opens_and_closes(&lab, c);
}

/* Two tables whose chains may both drop: an accept in one is not the other's. */
static void nftables(void **state)
{
	static const struct firewall_case c = {.program = "nft",
		.start = "nft -f - <<'X'\n"
			 "table inet filter {\n"
			 "  chain input { type filter hook input priority 0; policy drop;\n"
			 "    ct state established,related accept\n"
			 "    udp dport 7000 accept comment \"ours\"\n"
			 "  }\n"
			 "  chain forward { type filter hook forward priority 0; policy drop; }\n"
			 "}\n"
			 "table ip second {\n"
			 "  chain strict { ip saddr 172.30.5.0/24 udp dport 1000-2000 reject; }\n"
			 "  chain in { type filter hook input priority 10; policy accept; jump strict; }\n"
			 "  chain harmless { type filter hook input priority 20; policy accept; counter; }\n"
			 "}\nX",
		.rules = "nft -s list ruleset",
		.tagged = true};

	(void)state;
	run_case(&c);
}

static void iptables(void **state)
{
	static const struct firewall_case c = {.program = "iptables",
		.start = "iptables -P INPUT DROP && iptables -A INPUT -p udp --dport 7000 -j ACCEPT && "
			 "iptables -A INPUT -j REJECT",
		.rules = "iptables -S",
		.stop = "iptables -P INPUT ACCEPT; iptables -F",
		.tagged = true};

	(void)state;
	run_case(&c);
}

/* See main() for its files. */
static void ufw(void **state)
{
	static const struct firewall_case c = {.program = "ufw",
		.start = "ufw --force enable && ufw allow 7000/udp && ufw deny in on v0 from " NET_GUEST,
		.rules = "cat /etc/ufw/user.rules",
		.stop = "ufw --force disable",
		.tagged = false};

	(void)state;
	run_case(&c);
}

static void firewalld(void **state)
{
	static const struct firewall_case c = {.program = "firewall-cmd",
		.start = "mkdir $D/firewalld /run/dbus && mount --bind $D/firewalld /etc/firewalld && cat "
			 ">$D/bus.conf "
			 "<<'X'\n"
			 "<!DOCTYPE busconfig PUBLIC '-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN' "
			 "'http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd'>\n"
			 "<busconfig><type>system</type><listen>unix:path=/run/dbus/system_bus_socket</"
			 "listen>\n"
			 "<auth>EXTERNAL</auth><policy context='default'><allow send_destination='*' "
			 "eavesdrop='true'/><allow eavesdrop='true'/>\n"
			 "<allow own='*'/><allow user='*'/></policy></busconfig>\n"
			 "X\n"
			 "dbus-daemon --config-file=$D/bus.conf --fork --nopidfile --print-pid >$D/bus.pid "
			 "&&\n"
			 "{ firewalld --nofork --nopid >$D/firewalld.log 2>&1 & echo $! >$D/firewalld.pid; } "
			 "&&\n"
			 "i=0; until firewall-cmd --state >/dev/null 2>&1; do i=$((i+1)); [ $i -lt 60 ] || "
			 "{ cat $D/firewalld.log; exit 1; }; sleep 0.1; done\n"
			 "firewall-cmd --zone=work --change-interface=v0 && firewall-cmd --zone=work "
			 "--add-port=7000/udp",
		.rules = "firewall-cmd --list-all-zones; nft -s list ruleset",
		.stop = "kill $(cat $D/firewalld.pid) $(cat $D/bus.pid); umount /etc/firewalld"};

	(void)state;
	run_case(&c);
}

/* Nothing that drops: nothing is needed, whatever programs there are. */
static void no_firewall_is_in_force(void **state)
{
	struct pl_wait w = pl_wait_for(120 * PL_SECOND, NULL);
	struct firewall_was was;
	struct firewall f;

	(void)state;
	if (!namespaces || !have("nft"))
		skip();
	assert_int_equal(net_sh("nft add table inet t; nft 'add chain inet t c { type filter hook input "
				"priority 0; policy accept; }'; nft add rule inet t c udp dport 53 accept"),
		0);
	fine(firewall_open("auto", NULL, &f));
	fine(firewall_look(&f, &hole, &w, &was));
	assert_string_equal(was.backend, "");
	assert_int_equal(was.state, FIREWALL_OFF);
	fine(firewall_allow(&f, &was, &w));
	fine(firewall_verify(&f, &was, &w));
	fine(firewall_restore(&f, &was, &w));
	firewall_close(&f);
}

/* A run that was killed between two chains: what there is goes. */
static void half_a_change_is_undone(void **state)
{
	struct pl_wait w = pl_wait_for(120 * PL_SECOND, NULL);
	struct firewall_was was;
	struct firewall f;

	(void)state;
	if (!namespaces || !have("nft"))
		skip();
	assert_int_equal(
		net_sh("for t in a b; do nft add table inet $t; nft \"add chain inet $t in { type filter "
		       "hook input priority 0; policy drop; }\"; done"),
		0);
	fine(firewall_open("auto", NULL, &f));
	fine(firewall_look(&f, &hole, &w, &was));
	assert_int_equal(net_sh("nft insert rule inet b in udp dport 1 accept comment '\"paniclab "
				"20261128-013355\"'; nft insert rule inet b in udp dport 2 accept comment "
				"'\"paniclab 20261128-013356\"'"),
		0);
	restore(&was, &w);
	assert_int_equal(
		net_sh("nft list ruleset | grep 013355 && exit 1; nft list ruleset | grep -q 013356"), 0);
	firewall_close(&f);
}

/* The chain is gone by then, or all of it. */
static void rules_that_are_gone_are_restored(void **state)
{
	struct pl_wait w = pl_wait_for(120 * PL_SECOND, NULL);
	struct firewall_was was;
	struct firewall f;

	(void)state;
	if (!namespaces || !have("nft"))
		skip();
	assert_int_equal(net_sh("nft add table inet a; nft 'add chain inet a in { type filter hook input "
				"priority 0; policy drop; }'"),
		0);
	fine(firewall_open("auto", NULL, &f));
	fine(firewall_look(&f, &hole, &w, &was));
	fine(firewall_allow(&f, &was, &w));
	assert_int_equal(net_sh("nft delete table inet a"), 0);
	restore(&was, &w);
	firewall_close(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(nftables, clean_up),
		cmocka_unit_test_teardown(iptables, clean_up),
		cmocka_unit_test_teardown(ufw, clean_up),
		cmocka_unit_test_teardown(firewalld, clean_up),
		cmocka_unit_test_teardown(no_firewall_is_in_force, clean_up),
		cmocka_unit_test_teardown(half_a_change_is_undone, clean_up),
		cmocka_unit_test_teardown(rules_that_are_gone_are_restored, clean_up),
	};
	int failed;

	temp_make(&dir);
	setenv("D", dir.path, 1);
	setenv("PATH", "/usr/sbin:/sbin:/usr/bin:/bin", 1);
	namespaces = net_enter();
	/* ufw's files as they are delivered, since only root may read those in /etc. */
	if (namespaces && have("ufw"))
		namespaces =
			net_sh("mkdir $D/ufw $D/ufw/applications.d && cp -L /usr/share/ufw/*.rules "
			       "/usr/share/ufw/*.init /usr/share/ufw/ufw.conf /etc/ufw/sysctl.conf $D/ufw "
			       "&& mount --bind $D/ufw /etc/ufw") == 0;
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	temp_remove(&dir);
	/* The leak checker finds its threads in /proc, which tells of another process namespace. */
	fflush(NULL);
	_exit(failed);
}

#else

static void only_on_linux(void **state)
{
	(void)state;
	skip();
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(only_on_linux)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
