/*
 * What the steps of a run share. Internal to run/.
 *
 * run_context_init() opens nothing; each step fills in what it finds out or
 * makes, run_context_deinit() frees it all.
 */
#ifndef RUN_CONTEXT_H
#define RUN_CONTEXT_H

#include "base/fs.h"
#include "orchestrator/fusion/vm.h"
#include "orchestrator/guest/guest.h"
#include "orchestrator/run/arming.h"
#include "orchestrator/run/dump.h"
#include "orchestrator/run/journal.h"
#include "orchestrator/run/kernel.h"
#include "orchestrator/run/prepared_start.h"
#include "orchestrator/run/reach.h"
#include "orchestrator/run/run.h"
#include "orchestrator/run/serial.h"
#include "orchestrator/run/store.h"

enum run_panic { PANIC_NO, PANIC_SUSPECTED, PANIC_SEEN };

struct run {
	const struct run_options *o;
	const struct lab *lab;
	const struct scenario *scenario;
	const struct lab_guest *cfg;
	const struct pl_log *log;

	char *id;
	char *dir;
	struct journal *journal;
	struct store_lock lock;
	char *locked; /* malloc'd: the .vmx that the lock is on; NULL: none yet */

	char *vm_password;
	char *rules; /* for naming panics, or NULL: those built in */
	struct vm_backend host;
	struct vm vm;
	enum vm_power power_before;

	char ip[16];
	char ip_source[16];
	struct guest *guest; /* NULL when there is no connection */
	int64_t folders;     /* the intent that stands for all our folders in the guest; 0: none */
	struct guest_facts facts;
	char *boot_args; /* what this run set */
	struct arming arm;
	struct run_kernel kernel;
	struct prepared_start prepared;

	struct dump *dump;
	struct dump_state dumped;
	struct serial serial;
	int64_t triggered; /* pl_now() */
	enum run_panic panic;
	char sign[256]; /* what told of the panic */

	json_t *doc; /* the report */
};

struct pl_error *run_context_init(struct run *r, const struct run_options *o) PL_MUST_USE;
void run_context_deinit(struct run *r);

/** A wait of that length that Ctrl-C ends. */
struct pl_wait run_wait(const struct run *r, int64_t ns);

/**
 * Journals an intent; the caller applies the change and then calls
 * journal_done(). Without `before` (taken over) it refuses: PL_ERR_LAB.
 */
struct pl_error *run_intent(struct run *r, const char *change, json_t *before, int64_t *id) PL_MUST_USE;

/**
 * What reach.h needs of a run. Without a snapshot the first login journals the
 * private folders, before there is one: a kill, a panic and a reboot leave
 * them behind.
 */
struct reach run_reach(struct run *r);

/** Remembers the address. */
void run_found(struct run *r, const struct found_address *found);

/** Takes over a guest. */
void run_keep_guest(struct run *r, const struct found_address *found, struct guest *g);

/** Finds the guest's address and connects; fills ip, ip_source and guest. */
struct pl_error *run_connect(struct run *r, const struct pl_wait *w) PL_MUST_USE;

/** Waits for a boot other than the one of the facts, connects, and reads the facts anew. */
struct pl_error *run_new_boot(struct run *r, const struct pl_wait *w) PL_MUST_USE;

/**
 * Binds the dump server's port at that address, or another one where the lab
 * file leaves that open, and keeps it in arm.socket: the guest is told of it
 * before the server starts. Held already: ok. (steps_host.c)
 */
struct pl_error *run_hold_port(struct run *r, const char *bind) PL_MUST_USE;
void run_release_port(struct run *r);

/** One more boot of the guest before its panic; why it was needed, for the report. */
void run_count_boot(struct run *r, const char *why);

/** Writes an event to events.ndjson and to the UI; o is taken over. Never fails the run. */
void run_event(struct run *r, const char *event, json_t *o);

/** Puts a value into the report under key (taken over). */
void run_report(struct run *r, const char *key, json_t *value);

#endif
