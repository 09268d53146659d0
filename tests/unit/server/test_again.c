/* A client that begins anew while its last file is not on disk yet: what is told, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/transfer.h"
#include "tests/unit/server/dump_folder.h"

#define PATIENCE (60 * PL_SECOND)

/* The only worker has this in hand, as it would a slow disk. */
struct slow {
	struct work work;
	int fds[2];
};

static struct slow slow;
static struct transfer_place place;
static char told[256];

static int64_t wait_for_the_disk(struct work *w, uint8_t *scratch)
{
	struct slow *s = (struct slow *)(void *)((char *)w - offsetof(struct slow, work));
	char c;

	(void)scratch;
	return read(s->fds[0], &c, 1) < 0 ? WORK_AGAIN : WORK_OVER;
}

static void on_event(void *arg, const struct server_event *e)
{
	size_t length = strlen(told);
	const char *what = e->kind == SERVER_STARTED ? "started" : e->kind == SERVER_DONE ? "done" : "other";

	(void)arg;
	if (e->kind != SERVER_PROGRESS)
		snprintf(told + length, sizeof told - length, "%s %s, ", what, e->name);
}

static int begin_again(void **state)
{
	if (begin(state) || pipe(slow.fds) < 0)
		return -1;
	told[0] = '\0';
	place = (struct transfer_place){.dir = dir.path,
		.limits = {.idle_timeout = 120 * PL_SECOND},
		.keep = {.dir_fd = dir_fd},
		.on_event = on_event};
	assert_null(workers_create(1, &place.keep.workers));
	slow.work = (struct work){.turn = wait_for_the_disk};
	assert_null(workers_add(place.keep.workers, &slow.work));
	return 0;
}

static int end_again(void **state)
{
	close(slow.fds[0]);
	close(slow.fds[1]);
	workers_destroy(place.keep.workers);
	return end(state);
}

static struct transfer *ask(const char *name, struct peer peer, struct transfer *last)
{
	const struct wire_packet wrq = {.op = WIRE_WRQ, .name = name, .mode = "octet", .features = 3};
	struct session_step step;
	struct transfer *t;

	assert_null(transfer_create(&place, peer, pl_now(), &t));
	transfer_packet(t, &wrq, pl_now(), &step);
	assert_int_equal(step.answer_size, WIRE_ACK_SIZE);
	t->next = last; /* as the table does */
	return t;
}

static void look(struct transfer *t)
{
	struct session_step step;

	transfer_look(t, false, pl_now(), &step);
}

static void until_over(struct transfer *t)
{
	struct pl_wait w = pl_wait_for(PATIENCE, NULL);

	while (!transfer_over(t) && pl_wait_ms(&w) > 0) {
		pl_error_free(pl_wait_sleep(&w, PL_MS));
		look(t);
	}
	assert_true(transfer_over(t));
}

static void test_end_before_beginning(void **state)
{
	struct transfer *one = ask("core-1", (struct peer){1, 1069}, NULL);

	(void)state;
	look(one);
	assert_string_equal(told, "started core-1, ");
	transfer_stop(one, NOTE_BEGAN_ANOTHER, "the client began another file");
	struct transfer *two = ask("core-2", (struct peer){1, 1069}, one);
	look(two);
	look(one);
	assert_string_equal(told, "started core-1, ");
	assert_int_equal(write(slow.fds[1], "", 1), 1);
	until_over(one);
	look(two);
	assert_string_equal(told, "started core-1, done core-1, started core-2, ");
	transfer_stop(two, NOTE_SHUT_DOWN, "the server stopped");
	until_over(two);
	transfer_destroy(one);
	transfer_destroy(two);
}

/* Both are on disk, and the later is looked at first: its events are not lost. */
static void test_later_one_is_over_first(void **state)
{
	struct transfer *one = ask("core-1", (struct peer){1, 1069}, NULL);
	struct transfer *two = ask("core-2", (struct peer){1, 1069}, one);

	(void)state;
	transfer_stop(one, NOTE_SHUT_DOWN, "the server stopped");
	transfer_stop(two, NOTE_SHUT_DOWN, "the server stopped");
	assert_int_equal(write(slow.fds[1], "", 1), 1);
	while (!two->finished)
		look(two);
	assert_string_equal(told, "");
	assert_true(transfer_active(two));
	assert_true(transfer_deadline(two, 0) < PL_SECOND);
	until_over(one);
	until_over(two);
	assert_string_equal(told, "started core-1, done core-1, started core-2, done core-2, ");
	assert_false(transfer_active(two));
	transfer_destroy(one);
	transfer_destroy(two);
}

static void test_others_do_not_wait(void **state)
{
	struct transfer *one = ask("core-1", (struct peer){1, 1069}, NULL);

	(void)state;
	transfer_stop(one, NOTE_SHUT_DOWN, "the server stopped");
	struct transfer *two = ask("core-2", (struct peer){1, 1070}, one);
	look(two);
	assert_string_equal(told, "started core-2, ");
	assert_int_equal(write(slow.fds[1], "", 1), 1);
	transfer_stop(two, NOTE_SHUT_DOWN, "the server stopped");
	until_over(one);
	until_over(two);
	transfer_destroy(one);
	transfer_destroy(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_end_before_beginning, begin_again, end_again),
		cmocka_unit_test_setup_teardown(test_later_one_is_over_first, begin_again, end_again),
		cmocka_unit_test_setup_teardown(test_others_do_not_wait, begin_again, end_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
