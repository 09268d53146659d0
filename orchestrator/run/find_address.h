/*
 * Where is the guest? Fusion's REST service, the lease files and vmrun each
 * claim an address, and each can be stale: none is believed until something
 * that proves it (a login by SSH) succeeds there.
 */
#ifndef RUN_FIND_ADDRESS_H
#define RUN_FIND_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"
#include "orchestrator/fusion/vm.h"

/** Ok if the guest answers at ip; ends when w does. */
typedef struct pl_error *(*find_address_probe)(void *arg, const char *ip, const struct pl_wait *w);

struct find_address {
	const struct vm_backend *backend;
	const struct vm *vm;
	const char *configured;         /* an address to try and no other; NULL or "auto": ask */
	const char *const *lease_files; /* looked into first */
	size_t lease_files_count;
	bool usual_leases; /* then into this host's usual ones */
	find_address_probe probe;
	void *probe_arg;
	const struct pl_log *log;
};

struct found_address {
	char ip[16];
	char source[16]; /* configured, ip, nicips, leases, vmrun */
};

/**
 * Asks in the order /ip, /nicips, leases, vmrun, leases that have expired, and
 * proves each claim; again and again until w ends. Then PL_ERR_TIMEOUT with
 * what each source said last.
 */
struct pl_error *find_address(
	const struct find_address *f, const struct pl_wait *w, struct found_address *ret) PL_MUST_USE;

#endif
