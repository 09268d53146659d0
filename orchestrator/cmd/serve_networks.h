/* Where `paniclab serve` listens and who may send: addresses, interfaces and networks of IPv4. */
#ifndef CMD_SERVE_NETWORKS_H
#define CMD_SERVE_NETWORKS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/host/address.h"
#include "server/server.h"

#define SERVE_NETWORKS_MAX 256

struct serve_networks {
	struct server_network list[SERVE_NETWORKS_MAX];
	size_t count;
};

#define SERVE_NETWORK_TEXT 24

/** "192.168.56.0/24", "10.0.0.7". PL_ERR_USAGE, also when there is no room for one more. */
struct pl_error *serve_networks_add(struct serve_networks *n, const char *text) PL_MUST_USE;

/**
 * The networks that are directly attached to `address` (host byte order): its interface's,
 * all of 127.0.0.0/8 for an address of the loopback, those of every interface for 0.0.0.0.
 * PL_ERR_LAB when no interface has the address, with the interfaces that there are.
 */
struct pl_error *serve_networks_attached(struct serve_networks *n, const struct host_interface *interfaces,
	size_t count, uint32_t address) PL_MUST_USE;

/** "192.168.56.0/24" into out; returns it. */
const char *serve_network_text(const struct server_network *n, char out[static SERVE_NETWORK_TEXT]);

/**
 * The address to listen on: `text` itself if it is one, else that of the interface of this
 * name, the first if it has several. PL_ERR_USAGE, with the interfaces that there are.
 */
struct pl_error *serve_bind_address(const struct host_interface *interfaces, size_t count, const char *text,
	char ret[static 16]) PL_MUST_USE;

#endif
