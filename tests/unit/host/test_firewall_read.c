/* What Linux firewalls' programs print: texts as firewalld 1.3, ufw 0.36 and iptables 1.8.9 printed them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "orchestrator/host/firewall_read.h"
#include "orchestrator/host/kdumpd.h"
#include "orchestrator/host/port_holder.h"

static const struct firewall_hole hole = {.tag = "paniclab 20261128-013355",
	.interface = "vmnet8",
	.guest = "172.16.5.128",
	.host = "172.16.5.1",
	.port = 1069};

static void ufw_is_active_or_not(void **state)
{
	static const struct {
		const char *text;
		bool active, known;
	} cases[] = {
		{"Status: active\n\nTo                         Action      From\n", true, true},
		{"Status: inactive\n", false, true},
		{"WARN: uid is 0 but '/etc' is owned by 65534\nStatus: active\n", true, true},
		{"ERROR: You need to be root to run this script\n", false, false},
		{"", false, false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool known;

		assert_int_equal(
			ufw_read_active(cases[i].text, strlen(cases[i].text), &known), cases[i].active);
		assert_int_equal(known, cases[i].known);
	}
}

static void ufw_lists_the_rule_or_not(void **state)
{
#define HEAD "Added user rules (see 'ufw status' for running firewall):\nufw allow 22/tcp\n"
#define RULE "ufw allow in on vmnet8 from 172.16.5.128 to 172.16.5.1 port 1069 proto udp"
	static const struct {
		const char *text;
		bool there;
	} cases[] = {
		{HEAD RULE " comment 'paniclab 20261128-013355'\n", true},
		{HEAD RULE "\n", true},
		{HEAD RULE "x\n", false},
		{HEAD "ufw deny in on vmnet8 from 172.16.5.128 to 172.16.5.1 port 1069 proto udp\n", false},
		{HEAD "ufw allow in on vmnet8 from 172.16.5.12 to 172.16.5.1 port 1069 proto udp\n", false},
		{HEAD "ufw allow in on vmnet8 from 172.16.5.128 to 172.16.5.1 port 10690 proto udp\n", false},
		{HEAD "(None)\n", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(ufw_read_rule(cases[i].text, strlen(cases[i].text), &hole), cases[i].there);
}

static void firewalld_takes_the_source_before_the_interface(void **state)
{
	static const struct {
		const char *text;
		const char *zone;
	} cases[] = {
		{"home\n  interfaces: eth0 vmnet8\nwork\n  sources: 192.168.7.0/24\n", "home"},
		{"home\n  interfaces: vmnet8\nwork\n  interfaces: eth0\n  sources: 10.0.0.0/8 "
		 "172.16.5.0/24\n",
			"work"},
		{"work\n  sources: 172.16.5.128\nhome\n  interfaces: vmnet8\n", "work"},
		{"work\n  sources: 172.16.5.0/33 ipset:x 00:50:56:00:00:01 fe80::/10\nhome\n  interfaces: "
		 "vmnet80\n",
			""},
		{"all\n  sources: 0.0.0.0/0\n", "all"},
		{"", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char zone[64];

		firewalld_read_zone(cases[i].text, strlen(cases[i].text), "172.16.5.128", "vmnet8", zone);
		assert_string_equal(zone, cases[i].zone);
	}
}

static void firewalld_accepts_by_target_or_rule(void **state)
{
#define RICH "rule family=\"ipv4\" source address=\"172.16.5.128\" accept"
	static const char with[] =
		"home (active)\n  target: default\n  interfaces: vmnet8\n  rich rules: \n\t" RICH "\n";
	static const char without[] = "home (active)\n  target: default\n  rich rules: \n\t" RICH "s\n";
	static const char trusted[] = "trusted\n  target: ACCEPT\n  rich rules: \n";

	(void)state;
	assert_true(firewalld_read_rule(with, strlen(with), RICH));
	assert_false(firewalld_read_rule(without, strlen(without), RICH));
	assert_true(firewalld_read_rule(trusted, strlen(trusted), RICH));
}

static void iptables_drops_by_policy_or_rule(void **state)
{
	static const struct {
		const char *text;
		bool drops;
	} cases[] = {
		{"-P INPUT ACCEPT\n", false},
		{"-P INPUT DROP\n-A INPUT -i lo -j ACCEPT\n", true},
		{"-P INPUT ACCEPT\n-A INPUT -j REJECT --reject-with icmp-port-unreachable\n", true},
		{"-P INPUT ACCEPT\n-A INPUT -j LIBVIRT_INP\n", true},
		{"-P INPUT ACCEPT\n-A INPUT -i lo -j ACCEPT\n-A INPUT -p udp\n-A INPUT -j LOG\n", false},
		{"", false},
	};
	static const char tagged[] = "-P INPUT DROP\n-A INPUT -s 1.1.1.1/32 -d 2.2.2.2/32 -i v0 -p udp -m "
				     "udp --dport 1069 -m comment "
				     "--comment \"paniclab 20261128-013355\" -j ACCEPT\n";

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(iptables_read_drops(cases[i].text, strlen(cases[i].text)), cases[i].drops);
	assert_true(iptables_read_tag(tagged, strlen(tagged), "paniclab 20261128-013355"));
	assert_false(iptables_read_tag(tagged, strlen(tagged), "paniclab 20261128-01335"));
}

static void launchctl_lists_kdumpd_or_not(void **state)
{
	static const struct {
		const char *text;
		bool there;
	} cases[] = {
		{"PID\tStatus\tLabel\n-\t0\tcom.apple.kdumpd\n312\t0\tcom.apple.securityd\n", true},
		{"PID\tStatus\tLabel\n77\t-9\tcom.apple.kdumpd\n", true},
		{"PID\tStatus\tLabel\n-\t0\tcom.apple.kdumpd2\n", false},
		{"com.apple.kdumpd\n", false},
		{"", false},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(kdumpd_read_list(cases[i].text, strlen(cases[i].text)), cases[i].there);
}

static void lsof_names_who_has_the_address(void **state)
{
	static const char text[] = "p4241\ncelsewhere\nf4\nn127.0.0.10:1069\np4242\ncnetdumpd\nf5\n"
				   "n127.0.0.1:1069\np4243\ncother\nf3\nn*:1069\n";
	uint64_t pid;
	char name[64];

	(void)state;
	assert_true(port_read_lsof(text, strlen(text), "127.0.0.1", &pid, name));
	assert_int_equal(pid, 4242);
	assert_string_equal(name, "netdumpd");
	assert_true(port_read_lsof(text, strlen(text), "192.168.1.1", &pid, name));
	assert_int_equal(pid, 4243);
	assert_string_equal(name, "other");
	assert_false(port_read_lsof("cnobody\np1\nn*:1069\n", 20, "127.0.0.1", &pid, name));
	assert_false(port_read_lsof("", 0, "127.0.0.1", &pid, name));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ufw_is_active_or_not),
		cmocka_unit_test(ufw_lists_the_rule_or_not),
		cmocka_unit_test(firewalld_takes_the_source_before_the_interface),
		cmocka_unit_test(firewalld_accepts_by_target_or_rule),
		cmocka_unit_test(iptables_drops_by_policy_or_rule),
		cmocka_unit_test(launchctl_lists_kdumpd_or_not),
		cmocka_unit_test(lsof_names_who_has_the_address),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
