/*
 * Restoring from the journal over a VM host made of variables: every way in
 * which a run can be cut short must end in the state from before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/run/journal.h"
#include "orchestrator/run/restore.h"
#include "tests/unit/folder.h"

/* A VM: its power, its disk (a number), and at most one snapshot. */
struct vm_host {
	enum vm_power power;
	int disk;
	char snapshot[64];
	int snapshot_disk;
	int calls;
	int die_at; /* this call, and all after it, fail: the process is gone */
	bool after; /* it dies after the call has worked */
};

static struct pl_error *dead(struct vm_host *h, bool after)
{
	if (!after)
		h->calls++;
	if (h->die_at > 0 && (h->calls > h->die_at || (h->calls == h->die_at && h->after == after)))
		return pl_error_new(PL_ERR_LAB, "the process is gone");
	return NULL;
}

#define MAYBE_DIE(h)                                                                                         \
	do {                                                                                                 \
		struct pl_error *gone = dead(h, false);                                                      \
		if (gone != NULL)                                                                            \
			return gone;                                                                         \
	} while (0)

static struct pl_error *fake_start(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	(void)vm, (void)w;
	MAYBE_DIE(h);
	h->power = VM_POWER_ON;
	return dead(h, true);
}

static struct pl_error *fake_stop(struct vm_host *h, const struct vm *vm, bool hard, const struct pl_wait *w)
{
	(void)vm, (void)w, (void)hard;
	MAYBE_DIE(h);
	h->power = VM_POWER_OFF;
	return dead(h, true);
}

static struct pl_error *fake_list(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, char ***ret, size_t *count)
{
	(void)vm, (void)w;
	MAYBE_DIE(h);
	*ret = calloc(1, sizeof **ret);
	*count = h->snapshot[0] == '\0' ? 0 : 1;
	if (*count == 1)
		(*ret)[0] = strdup(h->snapshot);
	return NULL;
}

static struct pl_error *fake_take(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w)
{
	(void)vm, (void)w;
	MAYBE_DIE(h);
	snprintf(h->snapshot, sizeof h->snapshot, "%s", name);
	h->snapshot_disk = h->disk;
	return dead(h, true);
}

static struct pl_error *fake_revert(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w)
{
	(void)vm, (void)w;
	MAYBE_DIE(h);
	if (strcmp(h->snapshot, name) != 0)
		return pl_error_new(PL_ERR_LAB, "no such snapshot");
	h->disk = h->snapshot_disk;
	h->power = VM_POWER_OFF;
	return dead(h, true);
}

static struct pl_error *fake_delete(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w)
{
	(void)vm, (void)w;
	MAYBE_DIE(h);
	if (strcmp(h->snapshot, name) != 0)
		return pl_error_new(PL_ERR_LAB, "no such snapshot");
	h->snapshot[0] = '\0';
	return dead(h, true);
}

static struct pl_error *fake_power(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, enum vm_power *ret)
{
	(void)vm, (void)w;
	MAYBE_DIE(h);
	*ret = h->power;
	return dead(h, true);
}

static struct pl_error *fake_settle(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	(void)vm, (void)w;
	MAYBE_DIE(h);
	assert_int_equal(h->power, VM_POWER_OFF);
	return dead(h, true);
}

static const struct vm_ops fake_ops = {
	.power = fake_power,
	.settle = fake_settle,
	.start = fake_start,
	.stop = fake_stop,
	.snapshots = fake_list,
	.snapshot_take = fake_take,
	.snapshot_revert = fake_revert,
	.snapshot_delete = fake_delete,
};

/* The changes of a run, as the steps make them; an error is the end of the process. */
static struct pl_error *change_things(struct vm_host *h, struct journal *j)
{
	int64_t id = 0;
	const char *power = vm_power_name(h->power);
	struct vm vm = {0};
	struct pl_wait w = pl_wait_for(PL_SECOND, NULL);
	struct pl_error *e = journal_intent(
		j, "snapshot", json_pack("{s:s, s:s}", "snapshot", "paniclab-1", "power", power), &id);
	if (e == NULL)
		e = fake_take(h, &vm, "paniclab-1", &w);
	if (e == NULL)
		e = journal_done(j, id);
	if (e == NULL && h->power == VM_POWER_OFF) {
		e = journal_intent(j, "power", json_pack("{s:s}", "power", power), &id);
		if (e == NULL)
			e = fake_start(h, &vm, &w);
		if (e == NULL)
			e = journal_done(j, id);
	}
	if (e == NULL)
		e = journal_intent(j, "boot-args", json_pack("{s:b, s:s}", "set", 0, "value", ""), &id);
	if (e == NULL)
		e = dead(h, false);
	if (e == NULL)
		h->disk = 666;
	return e == NULL ? dead(h, true) : e;
}

struct life {
	struct vm_host h;
	struct vm_backend backend;
	struct vm vm;
	struct lab lab;
	struct lab_guest cfg;
	struct restore_args a;
	char path[128]; /* of its journal, which is not there yet */
};

static void life_begin(struct life *l, enum vm_power power)
{
	*l = (struct life){
		.h = {.power = power, .disk = 1},
		.backend = {.ops = &fake_ops, .host = &l->h},
		.vm = {.id = (char *)"I", .vmx = (char *)"/v.vmx", .name = (char *)"v"},
		.a = {.dir = folder, .lab = &l->lab, .cfg = &l->cfg, .backend = &l->backend, .vm = &l->vm},
	};
	snprintf(l->path, sizeof l->path, "%s/journal.ndjson", folder);
	unlink(l->path);
}

/* Lives through a run and a restoration that die at those calls (0: never); then restores for good. */
static void live(enum vm_power power, int die_in_run, int die_in_restore, bool after)
{
	struct life l;
	struct journal *j = NULL;
	json_t *left = NULL;
	life_begin(&l, power);
	l.h.die_at = die_in_run;
	l.h.after = after;
	assert_null(journal_open(l.path, &j));
	pl_error_free(change_things(&l.h, j));
	journal_close(j);

	l.h.calls = 0;
	l.h.die_at = die_in_restore;
	struct pl_error *e = restore_run(&l.a, &left);
	if (e != NULL) {
		assert_int_equal(pl_error_kind(e), PL_ERR_RESTORE);
		assert_true(json_array_size(left) > 0);
	}
	pl_error_free(e);
	json_decref(left);

	l.h.calls = l.h.die_at = 0;
	assert_null(restore_run(&l.a, &left));
	assert_int_equal(json_array_size(left), 0);
	json_decref(left);
	assert_int_equal(l.h.disk, 1);
	assert_int_equal(l.h.power, power);
	assert_string_equal(l.h.snapshot, "");

	/* And once more: nothing is to be done. */
	l.h.calls = 0;
	assert_null(restore_run(&l.a, &left));
	assert_int_equal(l.h.calls, 0);
	json_decref(left);
}

static void test_every_death(void **state)
{
	(void)state;
	for (int run = 0; run <= 4; run++)
		for (int restore = 0; restore <= 9; restore++)
			for (int after = 0; after < 2; after++) {
				live(VM_POWER_OFF, run, restore, after != 0);
				live(VM_POWER_ON, run, restore, after != 0);
			}
}

static void test_snapshot_that_someone_deleted(void **state)
{
	(void)state;
	struct life l;
	struct journal *j = NULL;
	json_t *left = NULL;
	life_begin(&l, VM_POWER_OFF);
	assert_null(journal_open(l.path, &j));
	assert_null(change_things(&l.h, j));
	journal_close(j);
	l.h.snapshot[0] = '\0';
	struct pl_error *e = restore_run(&l.a, &left);
	assert_non_null(e);
	assert_int_equal(pl_error_exit_code(e), 4);
	/* It says what to type, and the guest's changes stay pending with it. */
	assert_non_null(strstr(
		json_string_value(json_object_get(json_array_get(left, 0), "by_hand")), "revertToSnapshot"));
	pl_error_free(e);
	json_decref(left);
	struct journal_state s;
	assert_null(journal_read(l.path, &s));
	assert_int_equal(journal_pending(&s), 3);
	journal_state_deinit(&s);
}

/* Killed once the snapshot was gone back to, and then somebody has used the VM, which sleeps now. */
static void test_vm_that_someone_suspended(void **state)
{
	(void)state;
	struct life l;
	struct journal *j = NULL;
	json_t *left = NULL;
	int64_t id;
	life_begin(&l, VM_POWER_SUSPENDED);
	assert_null(journal_open(l.path, &j));
	assert_null(journal_intent(
		j, "snapshot", json_pack("{s:s, s:s}", "snapshot", "paniclab-1", "power", "off"), &id));
	assert_null(journal_done(j, id));
	assert_null(journal_undone(j, id, "reverted and deleted"));
	assert_null(journal_intent(j, "nvram", json_object(), &id));
	journal_close(j);
	/* Its memory must not be lost: the power is looked at, and no more. */
	l.h.die_at = 2;
	assert_null(restore_run(&l.a, &left));
	json_decref(left);
	assert_int_equal(l.h.power, VM_POWER_SUSPENDED);
	assert_int_equal(l.h.calls, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_death),
		cmocka_unit_test(test_snapshot_that_someone_deleted),
		cmocka_unit_test(test_vm_that_someone_suspended),
	};
	return cmocka_run_group_tests_name("restore", tests, make_folder, remove_folder);
}
