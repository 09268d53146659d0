/* One kind of firewall. Internal to host/firewall*.c. */
#ifndef HOST_FIREWALL_BACKEND_H
#define HOST_FIREWALL_BACKEND_H

#include "base/proc.h"
#include "orchestrator/host/firewall.h"

/* The arguments of one call; what does not fit sets `cut`, and it is not run. */
struct firewall_words {
	char text[4096];
	size_t used;
	const char *argv[32];
	size_t count;
	bool cut;
};

/** Adds one argument. */
void firewall_word(struct firewall_words *words, const char *fmt, ...) PL_PRINTF(2, 3);

struct firewall_backend {
	const char *name; /* of its program */
	/** Is it in force? */
	struct pl_error *(*detect)(struct firewall *f, const struct pl_wait *w, enum firewall_state *ret);
	/** Fills in rule, and place if that is "". Also of a firewall that is off: a restoration asks. */
	struct pl_error *(*look)(struct firewall *f, const struct pl_wait *w, struct firewall_was *was);
	/** The arguments that make the change, or undo it; also what a person is told to type. */
	void (*command)(const struct firewall_was *was, bool undo, struct firewall_words *ret);
	/** Makes or undoes the change where one command is not all; now: as look() found it. NULL: runs
	 * `command`. */
	struct pl_error *(*change)(struct firewall *f, const struct firewall_was *was,
		const struct firewall_was *now, bool undo, const struct pl_wait *w);
	/** What a person is told, where that is more than `command`. May be NULL. */
	struct pl_error *(*by_hand)(const struct firewall_was *was, bool undo, struct pl_buf *out);
};

extern const struct firewall_backend firewall_app, firewall_firewalld, firewall_ufw, firewall_nft,
	firewall_iptables;

/**
 * Runs f->tool with the words, as root where root is true. Ok only if it exits with 0, unless
 * any is true. Bounded by half a minute. *ret needs pl_proc_result_deinit() in any case.
 */
struct pl_error *firewall_run(struct firewall *f, bool root, bool any, const struct firewall_words *words,
	const struct pl_wait *w, struct pl_proc_result *ret) PL_MUST_USE;

/** The same for fixed words, at most two; b may be NULL. */
struct pl_error *firewall_ask(struct firewall *f, bool root, bool any, const char *a, const char *b,
	const struct pl_wait *w, struct pl_proc_result *ret) PL_MUST_USE;

/** folder/name of the first folder that has such a program, malloc'd; NULL if none has. */
struct pl_error *firewall_find(const struct firewall *f, const char *name, char **ret) PL_MUST_USE;

/** At "TOOL COMMAND": its answer is not understood; takes the answer as reason. */
struct pl_error *firewall_unclear(const char *place, const struct pl_proc_result *r) PL_MUST_USE;

#endif
