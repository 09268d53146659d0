#include "orchestrator/cmd/serve_networks.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

#define LOOPBACK UINT32_C(0x7f000000)
#define LOOPBACK_MASK UINT32_C(0xff000000)

static struct pl_error *bad_value(const char *option, const char *value)
{
	char shown[64];

	return pl_error_new(
		PL_ERR_USAGE, "--%s cannot be '%s'", option, pl_escape_str(value, shown, sizeof shown));
}

static const char *address_text(uint32_t address, char out[static 16])
{
	snprintf(out, 16, "%u.%u.%u.%u", address >> 24, address >> 16 & 255, address >> 8 & 255,
		address & 255);
	return out;
}

/* Takes err; adds which addresses there are. */
static struct pl_error *name_addresses(
	struct pl_error *err, const struct host_interface *interfaces, size_t count)
{
	struct pl_buf there;
	char ip[16], name[64];

	pl_buf_init(&there, 4096);
	for (size_t i = 0; i < count; i++)
		/* Without memory the list is shorter. */
		pl_error_free(pl_buf_printf(&there, "%s%s (%s)", i ? ", " : "",
			pl_escape_str(interfaces[i].name, name, sizeof name),
			address_text(interfaces[i].ip, ip)));
	err = pl_error_hint(err, "give an IPv4 address of this host or an interface that is up: %s",
		there.size ? pl_buf_text(&there) : "there is none");
	pl_buf_deinit(&there);
	return err;
}

/* ---- networks -------------------------------------------------------------------- */

static bool parse_network(const char *text, struct server_network *ret)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr in;
	uint64_t prefix = 32;
	size_t length = strcspn(text, "/");

	if (length >= sizeof address)
		return false;
	if (text[length] == '/' && !pl_parse_u64(text + length + 1, 32, &prefix))
		return false;
	memcpy(address, text, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, &in) != 1)
		return false;
	ret->mask = prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
	ret->address = ntohl(in.s_addr) & ret->mask;
	return true;
}

struct pl_error *serve_networks_add(struct serve_networks *n, const char *text)
{
	if (n->count == SERVE_NETWORKS_MAX)
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "more than %d times --allow", SERVE_NETWORKS_MAX),
			"give wider networks");
	if (!parse_network(text, &n->list[n->count]))
		return pl_error_hint(bad_value("allow", text),
			"give an IPv4 address and a prefix, like 192.168.56.0/24; 0.0.0.0/0 is everybody");
	n->count++;
	return NULL;
}

static void add_once(struct serve_networks *n, uint32_t address, uint32_t mask)
{
	struct server_network one = {.address = address & mask, .mask = mask};

	for (size_t i = 0; i < n->count; i++)
		if (n->list[i].address == one.address && n->list[i].mask == one.mask)
			return;
	if (n->count < SERVE_NETWORKS_MAX)
		n->list[n->count++] = one;
}

struct pl_error *serve_networks_attached(
	struct serve_networks *n, const struct host_interface *interfaces, size_t count, uint32_t address)
{
	char text[16];

	n->count = 0;
	if (address == 0 || (address & LOOPBACK_MASK) == LOOPBACK)
		add_once(n, LOOPBACK, LOOPBACK_MASK);
	for (size_t i = 0; i < count; i++)
		/* A mask of 0 would let everybody in, which nobody asked for. */
		if (interfaces[i].mask && (address == 0 || interfaces[i].ip == address))
			add_once(n, interfaces[i].ip, interfaces[i].mask);
	if (n->count > 0)
		return NULL;
	return name_addresses(pl_error_new(PL_ERR_LAB, "no interface of this host has the address %s",
				      address_text(address, text)),
		interfaces, count);
}

const char *serve_network_text(const struct server_network *n, char out[static SERVE_NETWORK_TEXT])
{
	char address[16];
	unsigned prefix = 0;

	for (uint32_t left = n->mask; left; left <<= 1)
		prefix++;
	snprintf(out, SERVE_NETWORK_TEXT, "%s/%u", address_text(n->address, address), prefix);
	return out;
}

/* ---- where to listen --------------------------------------------------------------- */

static struct pl_error *no_such_address(
	const struct host_interface *interfaces, size_t count, const char *text)
{
	return name_addresses(bad_value("bind", text), interfaces, count);
}

struct pl_error *serve_bind_address(
	const struct host_interface *interfaces, size_t count, const char *text, char ret[static 16])
{
	struct in_addr in;

	if (inet_pton(AF_INET, text, &in) == 1) {
		address_text(ntohl(in.s_addr), ret);
		return NULL;
	}
	for (size_t i = 0; i < count; i++) {
		if (strcmp(interfaces[i].name, text) == 0) {
			address_text(interfaces[i].ip, ret);
			return NULL;
		}
	}
	return no_such_address(interfaces, count, text);
}
