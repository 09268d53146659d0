/* What the firewalls' programs, launchctl and lsof print: any bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/host/firewall_read.h"
#include "orchestrator/host/kdumpd.h"
#include "orchestrator/host/port_holder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct firewall_hole hole = {
	.interface = "vmnet8", .guest = "172.16.5.128", .host = "172.16.5.1", .port = 1069};

static void require(bool true_of_all)
{
	if (!true_of_all)
		abort();
}

static bool holds(const char *text, size_t size, const char *what)
{
	return size && memmem(text, size, what, strlen(what)) != NULL;
}

static void app(const char *text, size_t size)
{
	static const char program[] = "/opt/lab/paniclab";
	enum firewall_state state = FIREWALL_UNMANAGED;
	bool known = firewall_read_state(text, size, &state);

	require(known == (state != FIREWALL_UNMANAGED));
	require(firewall_read_rule(text, size, program) == FIREWALL_NO_RULE || holds(text, size, program));
}

static void linux_ones(const char *text, size_t size)
{
	bool known;
	char zone[64];

	require(!ufw_read_active(text, size, &known) || known);
	require(!ufw_read_rule(text, size, &hole) ||
		holds(text, size,
			"ufw allow in on vmnet8 from 172.16.5.128 to 172.16.5.1 port 1069 proto udp"));
	firewalld_read_zone(text, size, hole.guest, hole.interface, zone);
	require(strlen(zone) < sizeof(zone) && !strpbrk(zone, " \t\n") &&
		(!*zone || holds(text, size, zone)));
	require(!firewalld_read_rule(text, size, "rule x") || holds(text, size, "rule x") ||
		holds(text, size, "target: ACCEPT"));
	require(!iptables_read_drops(text, size) || holds(text, size, " INPUT "));
	require(!iptables_read_tag(text, size, "paniclab 1") || holds(text, size, "\"paniclab 1\""));
}

static void others(const char *text, size_t size)
{
	uint64_t pid = 0;
	char name[64] = "";

	require(!kdumpd_read_list(text, size) || holds(text, size, "com.apple.kdumpd"));
	if (port_read_lsof(text, size, "10.0.0.1", &pid, name))
		require(*name && pid <= INT32_MAX && memchr(name, '\0', sizeof(name)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	app((const char *)data, size);
	linux_ones((const char *)data, size);
	others((const char *)data, size);
	return 0;
}
