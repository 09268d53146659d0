#include "orchestrator/run/restore.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/run/store.h"
#include "orchestrator/run/undo.h"

static enum undo_cover cover_of(const struct journal_state *s, const struct journal_change *c)
{
	for (size_t i = 0; i < s->count && s->changes[i].id < c->id; i++)
		if (strcmp(s->changes[i].change, "snapshot") == 0 && s->changes[i].done)
			return s->changes[i].undone ? UNDO_REVERTED : UNDO_COVERED;
	return UNDO_ALONE;
}

/* The run was on a clone by then: the user's own VM must not be touched for it. */
static bool is_of_clone(const struct journal_state *s, const struct journal_change *c)
{
	for (size_t i = 0; i < s->count && s->changes[i].id < c->id; i++)
		if (strcmp(s->changes[i].change, "clone") == 0)
			return true;
	return false;
}

/* True if something that was begun before the change takes it with it: a snapshot's revert, a clone's end. */
static bool covered(
	const struct journal_state *s, const struct journal_change *c, const struct undo_kind *kind)
{
	if (kind == NULL)
		return false;
	if (is_of_clone(s, c))
		return kind->in_vm || strcmp(c->change, "nvram") == 0;
	return kind->in_vm && cover_of(s, c) != UNDO_ALONE;
}

/* The power that was there first, when it is put back: what an undo starts then, it has to stop. */
static bool is_off_again(const struct journal_state *s)
{
	const char *off = vm_power_name(VM_POWER_OFF);
	for (size_t i = 0; i < s->count; i++)
		if (strcmp(s->changes[i].change, "power") == 0)
			return s->changes[i].undone &&
			       strcmp(pl_json_str_or(s->changes[i].before, "power", ""), off) == 0;
	return false;
}

static void tell(const struct restore_args *a, const struct journal_change *c, const char *status,
	const char *detail, int64_t since)
{
	if (a->on_undo != NULL)
		a->on_undo(a->arg, c->change, status, detail, pl_now() - since);
}

static void add_left(json_t *left, const struct undo *u, const struct undo_kind *kind, const char *what)
{
	char by_hand[UNDO_TEXT_MAX] = "look at the run's journal.ndjson";
	if (kind != NULL)
		kind->by_hand(u, by_hand);
	json_array_append_new(left, json_pack("{s:s, s:s}", "what", what, "by_hand", by_hand));
}

static struct pl_error *undo_one(struct undo *u, json_t *left)
{
	const struct undo_kind *kind = undo_find(u->change->change);
	char how[UNDO_TEXT_MAX] = "", line[UNDO_TEXT_MAX];
	int64_t since = pl_now();
	struct pl_error *e = NULL;
	if (kind == NULL)
		e = pl_error_new(PL_ERR_RESTORE, "no undo is known for '%s'", u->change->change);
	else
		e = kind->apply(u, how);
	if (e == NULL)
		e = journal_undone(u->journal, u->change->id, how);
	if (e == NULL) {
		tell(u->args, u->change, "undone", how, since);
		return NULL;
	}
	pl_error_line(e, line, sizeof line);
	tell(u->args, u->change, "failed", line, since);
	add_left(left, u, kind, line);
	return e;
}

/*
 * A kernel is taken out of the guest while it runs, with SIP out of the way, as the
 * .nvram has it during the run. Until that is done neither is put back.
 */
static bool held_back(const struct undo *u, bool kernel_stays, json_t *left)
{
	const char *change = u->change->change;
	if (!kernel_stays || (strcmp(change, "nvram") != 0 && strcmp(change, "power") != 0))
		return false;
	tell(u->args, u->change, "failed", "not put back while the kernel is in the guest", pl_now());
	add_left(left, u, undo_find(change), change);
	return true;
}

/* Backwards: what the VM's snapshot covers is marked once the revert is done. */
static struct pl_error *undo_all(
	const struct restore_args *a, struct journal *j, const struct journal_state *s, json_t *left)
{
	struct pl_error *first = NULL;
	bool snapshot_failed = false, kernel_stays = false;
	for (size_t i = s->count; i-- > 0;) {
		const struct undo_kind *kind = undo_find(s->changes[i].change);
		struct undo u = {
			.args = a, .journal = j, .change = &s->changes[i], .off_again = is_off_again(s)};
		u.cover = cover_of(s, u.change);
		if (u.change->undone || covered(s, u.change, kind) || held_back(&u, kernel_stays, left))
			continue;
		struct pl_error *e = undo_one(&u, left);
		if (e != NULL &&
			(strcmp(u.change->change, "snapshot") == 0 || strcmp(u.change->change, "clone") == 0))
			snapshot_failed = true;
		if (e != NULL && strcmp(u.change->change, "kernel") == 0)
			kernel_stays = true;
		pl_error_keep_first(&first, e);
	}
	for (size_t i = s->count; i-- > 0 && !snapshot_failed;) {
		const struct journal_change *c = &s->changes[i];
		const struct undo_kind *kind = undo_find(c->change);
		if (c->undone || !covered(s, c, kind))
			continue;
		int64_t since = pl_now();
		const char *how = is_of_clone(s, c) ? "with the clone" : "by the snapshot";
		struct pl_error *e = journal_undone(j, c->id, how);
		tell(a, c, e == NULL ? "undone" : "failed", how, since);
		pl_error_keep_first(&first, e);
	}
	return first;
}

json_t *restore_pending(const struct journal_state *s)
{
	/* The names that the run used; nothing here is opened. */
	struct vm vm = {
		.vmx = (char *)(uintptr_t)pl_json_str_or(s->begin, "vmx", "?"),
		.name = (char *)(uintptr_t)pl_json_str_or(s->begin, "vm", "?"),
	};
	struct restore_args a = {.vm = &vm};
	json_t *left = json_array();
	for (size_t i = s->count; i-- > 0;) {
		const struct undo_kind *kind = undo_find(s->changes[i].change);
		struct undo u = {.args = &a, .change = &s->changes[i]};
		if (!u.change->undone && !covered(s, u.change, kind))
			add_left(left, &u, kind, u.change->change);
	}
	return left;
}

/* "Interrupted, and restored" is another exit code than this is. Takes the error. */
static struct pl_error *cut_short(struct pl_error *e)
{
	pl_error_free(e);
	return pl_error_hint(pl_error_new(PL_ERR_RESTORE, "interrupted before everything was put back"),
		"run `paniclab teardown` again");
}

struct pl_error *restore_run(const struct restore_args *a, json_t **left)
{
	char *path = NULL;
	struct journal *j = NULL;
	struct journal_state s = {0};
	*left = json_array();
	if (*left == NULL)
		return pl_error_nomem();
	struct pl_error *e = store_path(a->dir, "journal.ndjson", &path);
	if (e == NULL)
		e = journal_read(path, &s);
	if (e == NULL)
		e = journal_open(path, &j);
	if (e == NULL)
		e = undo_all(a, j, &s, *left);
	journal_close(j);
	journal_state_deinit(&s);
	free(path);
	return e != NULL && pl_error_kind(e) == PL_ERR_INTERRUPTED ? cut_short(e)
								   : pl_error_as(e, PL_ERR_RESTORE);
}
