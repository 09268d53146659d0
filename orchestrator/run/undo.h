/* How each kind of change is undone. Internal to restore.c. */
#ifndef RUN_UNDO_H
#define RUN_UNDO_H

#include "orchestrator/run/journal.h"
#include "orchestrator/run/restore.h"
#include "orchestrator/run/vm_nvram.h"

enum { UNDO_TEXT_MAX = 2048 };

/* What a snapshot that was taken before the change does for it. */
enum undo_cover {
	UNDO_ALONE,    /* there is none */
	UNDO_COVERED,  /* its revert is still to come */
	UNDO_REVERTED, /* it was gone back to already */
};

struct undo {
	const struct restore_args *args;
	struct journal *journal;
	const struct journal_change *change;
	enum undo_cover cover;
	bool off_again; /* the VM's power is put back already, and that is off */
};

struct undo_kind {
	const char *change;
	/* It is in the VM's disk, nvram or power: a snapshot's revert undoes it. */
	bool in_vm;
	/** Undoes and verifies; how it went into out[UNDO_TEXT_MAX]. */
	struct pl_error *(*apply)(struct undo *u, char *out);
	/** What a person would type, into out[UNDO_TEXT_MAX]. */
	void (*by_hand)(const struct undo *u, char *out);
};

/** The .nvram of the VM, which is off, without what a write that was cut off has left; vm_nvram_close() in
 * any case. */
struct pl_error *undo_open_nvram(const struct undo *u, struct vm_nvram *ret) PL_MUST_USE;

/** Asks the guest to shut down, and powers it off where it does not. */
struct pl_error *undo_shut_down(const struct undo *u) PL_MUST_USE;

/** The kind of that name, or NULL. */
const struct undo_kind *undo_find(const char *change);

#endif
