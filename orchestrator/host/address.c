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
#include <unistd.h>

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

static bool better(const struct host_interface *f, const struct host_interface *best, uint32_t guest)
{
	if (!f->mask || (f->ip & f->mask) != (guest & f->mask))
		return false;
	/* The loopback's 127.0.0.1 is also where a guest at 127.0.0.1 is. */
	if (f->ip == guest && guest >> 24 != 127)
		return false;
	return !best || f->mask > best->mask;
}

struct pl_error *host_interface_pick(const struct host_interface *interfaces, size_t count, const char *guest,
	const struct host_interface **ret)
{
	struct in_addr a;
	char safe[64];

	*ret = NULL;
	if (inet_pton(AF_INET, guest, &a) != 1)
		return pl_error_new(
			PL_ERR_LAB, "'%s' is no IPv4 address", pl_escape_str(guest, safe, sizeof(safe)));
	for (size_t i = 0; i < count; i++)
		if (better(&interfaces[i], *ret, ntohl(a.s_addr)))
			*ret = &interfaces[i];
	return *ret ? NULL : none(interfaces, count, guest);
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

struct pl_error *host_interface_of(const char *guest, struct host_interface *ret)
{
	struct host_interface interfaces[HOST_INTERFACES_MAX];
	const struct host_interface *best = NULL;
	size_t count;
	struct pl_error *e = host_interfaces(interfaces, HOST_INTERFACES_MAX, &count);

	if (!e)
		e = host_interface_pick(interfaces, count, guest, &best);
	if (!e)
		*ret = *best;
	return e;
}

struct pl_error *host_address(const char *guest, char ret[16])
{
	struct host_interface interface;
	struct pl_error *e = host_interface_of(guest, &interface);

	if (!e)
		format(interface.ip, ret);
	return e;
}

struct pl_error *host_address_towards(const char *ip, char ret[16])
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(9)}, own = {0};
	socklen_t size = sizeof(own);
	struct pl_error *e = NULL;

	if (inet_pton(AF_INET, ip, &to.sin_addr) != 1)
		return pl_error_new(PL_ERR_LAB, "that is no IPv4 address");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	/* A datagram socket's connect only looks at the routes. */
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
		getsockname(fd, (struct sockaddr *)&own, &size) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "this host has no way to %s", ip);
	else
		format(ntohl(own.sin_addr.s_addr), ret);
	if (fd >= 0)
		close(fd);
	return e;
}
