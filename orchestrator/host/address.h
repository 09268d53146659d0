/* Which address of this host can a guest reach? */
#ifndef HOST_ADDRESS_H
#define HOST_ADDRESS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define HOST_INTERFACES_MAX 128 /* looked at; a Mac with Fusion and VPNs has some twenty */

struct host_interface {
	char name[32];
	uint32_t ip; /* host byte order */
	uint32_t mask;
};

/** This host's interfaces that are up and have an IPv4 address; one entry an address, `max` at the most. */
struct pl_error *host_interfaces(struct host_interface *ret, size_t max, size_t *count) PL_MUST_USE;

/**
 * The one whose subnet holds the guest's address (Fusion's interfaces are
 * vmnetN, or bridge10N since macOS 11: so not by name); the narrowest subnet if
 * several do, for a VPN's may hold it as well. One that has the guest's address
 * itself is not it, the loopback excepted. *ret is one of interfaces.
 * PL_ERR_LAB when there is none, naming the subnets that there are.
 */
struct pl_error *host_interface_pick(const struct host_interface *interfaces, size_t count, const char *guest,
	const struct host_interface **ret) PL_MUST_USE;

/** The same over this host's interfaces that are up: the one that the guest's packets come in by. */
struct pl_error *host_interface_of(const char *guest, struct host_interface *ret) PL_MUST_USE;

/** Its address: the one to give the guest. */
struct pl_error *host_address(const char *guest, char ret[16]) PL_MUST_USE;

/**
 * This host's address on the way to that one, by its routes; nothing is sent.
 * PL_ERR_LAB when there is no way.
 */
struct pl_error *host_address_towards(const char *ip, char ret[16]) PL_MUST_USE;

#endif
