#include "orchestrator/host/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/buf.h"
#include "base/text.h"

static const char *format(uint32_t ip, char out[16])
{
	snprintf(out, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
	return out;
}

static struct pl_error *none(const struct host_interface *interfaces, size_t count, const char *guest)
{
	struct pl_error *e = pl_error_new(
		PL_ERR_LAB, "no interface of this host has the guest's address %s in its subnet", guest);
	struct pl_buf b;
	char ip[16], mask[16], name[40];

	pl_buf_init(&b, 4096);
	for (size_t i = 0; i < count; i++) {
		struct pl_error *full = pl_buf_printf(&b, "%s%s %s/%s", i ? ", " : "",
			pl_escape_str(interfaces[i].name, name, sizeof(name)), format(interfaces[i].ip, ip),
			format(interfaces[i].mask, mask));

		pl_error_free(full);
	}
	e = pl_error_why(e, "%s", b.size ? pl_buf_text(&b) : "no interface is up");
	pl_buf_deinit(&b);
	return pl_error_hint(e, "set server.bind to the address of this host that the guest can reach");
}

struct pl_error *host_address_pick(
	const struct host_interface *interfaces, size_t count, const char *guest, char ret[16])
{
	const struct host_interface *best = NULL;
	struct in_addr a;
	uint32_t ip;
	char safe[64];

	if (inet_pton(AF_INET, guest, &a) != 1)
		return pl_error_new(
			PL_ERR_LAB, "'%s' is no IPv4 address", pl_escape_str(guest, safe, sizeof(safe)));
	ip = ntohl(a.s_addr);
	if (ip >> 24 == 127) {
		format(0x7f000001, ret);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		const struct host_interface *f = &interfaces[i];

		if (!f->mask || (f->ip & f->mask) != (ip & f->mask) || f->ip == ip)
			continue;
		if (!best || f->mask > best->mask)
			best = f;
	}
	if (!best)
		return none(interfaces, count, guest);
	format(best->ip, ret);
	return NULL;
}

static bool take(const struct ifaddrs *f, struct host_interface *ret)
{
	struct sockaddr_in ip, mask;

	if (!f->ifa_addr || !f->ifa_netmask || f->ifa_addr->sa_family != AF_INET || !(f->ifa_flags & IFF_UP))
		return false;
	memcpy(&ip, f->ifa_addr, sizeof(ip));
	memcpy(&mask, f->ifa_netmask, sizeof(mask));
	snprintf(ret->name, sizeof(ret->name), "%s", f->ifa_name);
	ret->ip = ntohl(ip.sin_addr.s_addr);
	ret->mask = ntohl(mask.sin_addr.s_addr);
	return true;
}

struct pl_error *host_interfaces(struct host_interface *ret, size_t max, size_t *count)
{
	struct ifaddrs *all;

	*count = 0;
	if (getifaddrs(&all))
		return pl_error_errno(PL_ERR_LAB, errno, "this host's interfaces cannot be read");
	for (const struct ifaddrs *f = all; f && *count < max; f = f->ifa_next)
		*count += take(f, &ret[*count]);
	freeifaddrs(all);
	return NULL;
}

struct pl_error *host_address(const char *guest, char ret[16])
{
	struct host_interface interfaces[HOST_INTERFACES_MAX];
	size_t count;
	struct pl_error *e = host_interfaces(interfaces, HOST_INTERFACES_MAX, &count);

	return e ? e : host_address_pick(interfaces, count, guest, ret);
}
