/*
 * Restoring a run on a clone: the clone goes, its snapshot goes, and the VM that
 * it was made from is asked for nothing else, wherever the run ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/run/journal.h"
#include "orchestrator/run/restore.h"
#include "tests/unit/folder.h"

/* What was asked of whom: a letter an operation, in order. */
struct vm_host {
	char own[64];
	char clone[64];
	bool clone_known;
	bool snapshot;
	bool down;     /* the service does not answer */
	char vmx[128]; /* the clone's */
};

static void note(struct vm_host *h, const struct vm *vm, const char *letter)
{
	char *log = strcmp(vm->vmx, h->vmx) == 0 ? h->clone : h->own;
	strncat(log, letter, sizeof h->own - strlen(log) - 1);
}

static struct pl_error *fake_find(
	struct vm_host *h, const struct lab_vm *sel, const struct pl_wait *w, struct vm *ret)
{
	(void)w;
	*ret = (struct vm){0};
	bool is_clone = sel->vmx != NULL && strcmp(sel->vmx, h->vmx) == 0;
	bool known = is_clone ? h->clone_known : sel->vmx != NULL;
	if (h->down || !known)
		return pl_error_new(PL_ERR_LAB, "no such VM");
	assert_null(pl_strdup("ID", &ret->id));
	return pl_strdup(sel->vmx, &ret->vmx);
}

static struct pl_error *fake_start(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	(void)w;
	note(h, vm, "s");
	return NULL;
}

static struct pl_error *fake_stop(struct vm_host *h, const struct vm *vm, bool hard, const struct pl_wait *w)
{
	(void)w;
	note(h, vm, hard ? "h" : "q");
	return NULL;
}

static struct pl_error *fake_power(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, enum vm_power *ret)
{
	(void)w;
	note(h, vm, "p");
	*ret = VM_POWER_OFF;
	return NULL;
}

static struct pl_error *fake_remove(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	(void)w;
	note(h, vm, "r");
	return NULL;
}

static struct pl_error *fake_list(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, char ***ret, size_t *count)
{
	(void)w;
	note(h, vm, "l");
	*count = h->snapshot ? 1 : 0;
	*ret = calloc(1, sizeof **ret);
	return h->snapshot ? pl_strdup("paniclab-1", *ret) : NULL;
}

static struct pl_error *fake_delete(
	struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w)
{
	(void)w;
	note(h, vm, "d");
	assert_string_equal(name, "paniclab-1");
	return NULL;
}

static const struct vm_ops ops = {
	.find = fake_find,
	.power = fake_power,
	.start = fake_start,
	.stop = fake_stop,
	.remove = fake_remove,
	.snapshots = fake_list,
	.snapshot_delete = fake_delete,
};

/* A journal of a run on a clone, as far as it got; then its restoration, in a process of its own or not: what
 * is left. */
static size_t restore(struct vm_host *h, int changes, bool by_teardown)
{
	static const char *const made[] = {
		"nvram", "power", "payload", "boot-args", "kernel", "guest-folder"};
	char own[128];
	struct journal *j;
	int64_t id;
	json_t *left = NULL;
	snprintf(own, sizeof own, "%s/own.vmx", folder);
	unlink(in_folder("journal.ndjson"));
	snprintf(h->vmx, sizeof h->vmx, "%s/paniclab-1.vmwarevm/paniclab-1.vmx", folder);
	assert_null(journal_open(in_folder("journal.ndjson"), &j));
	assert_null(journal_intent(j, "clone",
		json_pack("{s:s, s:s, s:s, s:s}", "snapshot", "paniclab-1", "source", own, "vmx", h->vmx,
			"name", "paniclab-1"),
		&id));
	for (int i = 0; i < changes; i++)
		assert_null(journal_intent(j, made[i], json_object(), &id));
	journal_close(j);
	struct lab lab = {0};
	struct lab_guest cfg = {0};
	struct vm_backend backend = {.ops = &ops, .host = h};
	struct vm vm = {.id = (char *)"I", .vmx = by_teardown ? own : h->vmx, .name = (char *)"v"};
	const struct restore_args a = {.dir = folder,
		.lab = &lab,
		.cfg = &cfg,
		.backend = &backend,
		.vm = &vm,
		.state = folder,
		.locked = by_teardown ? own : h->vmx};
	struct pl_error *e = restore_run(&a, &left);
	struct journal_state s;
	assert_null(journal_read(in_folder("journal.ndjson"), &s));
	size_t pending = journal_pending(&s);
	assert_int_equal(json_array_size(left), pending);
	assert_int_equal(e != NULL, pending > 0);
	pl_error_free(e);
	json_decref(left);
	journal_state_deinit(&s);
	return pending;
}

static void restored(struct vm_host *h, int changes, bool by_teardown)
{
	assert_int_equal(restore(h, changes, by_teardown), 0);
}

static void test_whole(void **state)
{
	(void)state;
	for (int by_teardown = 0; by_teardown < 2; by_teardown++)
		for (int changes = 0; changes <= 6; changes++) {
			struct vm_host h = {.clone_known = true, .snapshot = true};
			restored(&h, changes, by_teardown != 0);
			/* Stopped hard and removed; the VM: its snapshots looked at, ours deleted. */
			assert_string_equal(h.clone, "hr");
			assert_string_equal(h.own, "ld");
		}
}

/* Cut off while it was made: files of ours, which Fusion knows nothing of. */
static void test_half_made(void **state)
{
	(void)state;
	struct vm_host h = {.snapshot = true};
	assert_null(pl_fs_mkdirs(in_folder("paniclab-1.vmwarevm")));
	assert_null(pl_fs_write(in_folder("paniclab-1.vmwarevm/part.vmdk"), "x", 1, 0600));
	restored(&h, 0, true);
	assert_string_equal(h.clone, "");
	assert_string_equal(h.own, "ld");
	assert_int_not_equal(access(in_folder("paniclab-1.vmwarevm"), F_OK), 0);
}

/* Made, and not known to Fusion yet. */
static void test_unknown(void **state)
{
	(void)state;
	struct vm_host h = {.snapshot = false};
	assert_null(pl_fs_mkdirs(in_folder("paniclab-1.vmwarevm")));
	assert_null(pl_fs_write(in_folder("paniclab-1.vmwarevm/paniclab-1.vmx"), "x", 1, 0600));
	restored(&h, 0, true);
	assert_string_equal(h.clone, "r");
	assert_string_equal(h.own, "l");
	assert_int_not_equal(access(in_folder("paniclab-1.vmwarevm"), F_OK), 0);
}

/* A full clone is not where a linked one would be: without an answer nobody knows that it is gone. */
static void test_no_answer(void **state)
{
	(void)state;
	struct vm_host h = {.down = true, .snapshot = true};
	assert_int_equal(restore(&h, 0, true), 1);
	assert_string_equal(h.own, "");
	assert_string_equal(h.clone, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole),
		cmocka_unit_test(test_half_made),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_no_answer),
	};
	return cmocka_run_group_tests_name("restore_clone", tests, make_folder, remove_folder);
}
