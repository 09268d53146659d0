/*
 * The journal of a run: what was about to be changed, on disk before it is.
 *
 * An append-only NDJSON file. Each line is fsynced before the call returns, so
 * after a power loss the journal holds at least every change that was begun:
 *
 *     {"n":1,"at":…,"kind":"begin","run":…}
 *     {"n":2,"at":…,"kind":"moved","vmx":the clone that the run and its lock are on from here}
 *     {"n":2,"at":…,"kind":"intent","change":"snapshot","before":{…}}
 *     {"n":3,"at":…,"kind":"done","of":2}
 *     {"n":4,"at":…,"kind":"note","of":2,"what":"reverted"}
 *     {"n":5,"at":…,"kind":"undone","of":2,"how":"…"}
 *     {"n":6,"at":…,"kind":"end","outcome":…}
 *
 * A line that a crash cut short describes a change that never began; it is
 * skipped when reading. Errors are PL_ERR_LAB: without a journal, no change.
 */
#ifndef RUN_JOURNAL_H
#define RUN_JOURNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct journal;

/** Opens path for appending, making it if it is not there. */
struct pl_error *journal_open(const char *path, struct journal **ret) PL_MUST_USE;
void journal_close(struct journal *j);

/** A line of that kind with the fields of o (taken over, may be NULL). */
struct pl_error *journal_write(struct journal *j, const char *kind, json_t *o) PL_MUST_USE;

/** Announces a change; `before` (taken over) is what its undo needs. *id names it from here on. */
struct pl_error *journal_intent(
	struct journal *j, const char *change, json_t *before, int64_t *id) PL_MUST_USE;
struct pl_error *journal_done(struct journal *j, int64_t id) PL_MUST_USE;
struct pl_error *journal_note(struct journal *j, int64_t id, const char *what) PL_MUST_USE;
struct pl_error *journal_undone(struct journal *j, int64_t id, const char *how) PL_MUST_USE;

/* One change, as the whole journal tells it. */
struct journal_change {
	int64_t id;
	char *change;
	json_t *before; /* an object */
	bool done;
	bool undone;
	json_t *notes; /* array of strings */
};

struct journal_state {
	struct journal_change *changes; /* in the order in which they were begun */
	size_t count;
	json_t *begin;  /* the first line, or NULL */
	json_t *moved;  /* the last "moved" line, or NULL */
	json_t *end;    /* the last "end" line, or NULL */
	size_t skipped; /* lines that could not be read */
};

/** Reads path (at most 4 MiB). A journal that is not there is PL_ERR_LAB. */
struct pl_error *journal_read(const char *path, struct journal_state *ret) PL_MUST_USE;
void journal_state_deinit(struct journal_state *s);

/** The .vmx of the VM that the run has its lock on: the one it began with, or its clone. "" if it never had.
 */
const char *journal_vmx_in_use(const struct journal_state *s);

/** Changes that are begun and not undone. */
size_t journal_pending(const struct journal_state *s);

bool journal_has_note(const struct journal_change *c, const char *what);

#endif
