/* From a VM that is on to a guest that takes commands: address, SSH, folder. */
#ifndef RUN_REACH_H
#define RUN_REACH_H

#include "base/err.h"
#include "base/log.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/fusion/vm.h"
#include "orchestrator/guest/guest.h"
#include "orchestrator/run/find_address.h"

struct reach {
	const struct lab *lab;
	const struct lab_guest *cfg;
	const struct vm_backend *backend;
	const struct vm *vm;
	const char *tag; /* the run's id, for the private folder's name */
	const struct pl_log *log;
	/* Called when logged in, before anything in the guest is made. May be NULL. */
	struct pl_error *(*on_login)(void *arg);
	void *arg;
};

/** The address at which an SSH server answers, asked for until w ends. */
struct pl_error *reach_address(
	const struct reach *r, const struct pl_wait *w, struct found_address *ret) PL_MUST_USE;

/** The same, and logs in there. */
struct pl_error *reach_guest(const struct reach *r, const struct pl_wait *w, struct found_address *found,
	struct guest **ret) PL_MUST_USE;

/**
 * Waits for a boot other than the one of those facts and logs in to it. Its own
 * go to *facts, which needs guest_facts_deinit().
 */
struct pl_error *reach_new_boot(const struct reach *r, const struct guest_facts *old, const struct pl_wait *w,
	struct found_address *found, struct guest **ret, struct guest_facts *facts) PL_MUST_USE;

#endif
