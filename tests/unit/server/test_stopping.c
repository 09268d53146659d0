/* server/keep.h when the server stops: nobody waits for all that a stream holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/keep.h"
#include "tests/unit/server/dump_folder.h"

#define PATIENCE (60 * PL_SECOND)
#define MIB ((size_t)1 << 20)

static struct keep_place place;
static struct sink sink;
static struct keep keep;

static uint8_t plain[4 * MIB]; /* more than one turn decodes */
static uint8_t gz[5 * MIB];
static size_t gz_size;

static int begin_keep(void **state)
{
	if (begin(state))
		return -1;
	place = (struct keep_place){.dir_fd = dir_fd};
	assert_null(workers_create(1, &place.workers));
	sink_init(&sink, dir_fd, NULL);
	fill(plain, sizeof plain, 6);
	gz_size = make_gzip(plain, sizeof plain, gz, sizeof gz);
	assert_null(sink_open(&sink, "core.gz"));
	assert_null(keep_begin(&keep, &place, &sink));
	assert_null(sink_write(&sink, 0, gz, gz_size));
	assert_null(sink_flush(&sink));
	return 0;
}

static int end_keep(void **state)
{
	workers_destroy(place.workers);
	keep_deinit(&keep);
	sink_deinit(&sink);
	return end(state);
}

static void until_over(enum keep_order order)
{
	struct pl_wait w = pl_wait_for(PATIENCE, NULL);

	keep_end(&keep, order);
	while (!keep_over(&keep) && pl_wait_ms(&w) > 0)
		pl_error_free(pl_wait_sleep(&w, PL_MS / 10));
	assert_true(keep_over(&keep));
}

static bool note_has(const char *file, const char *text)
{
	char note[1024] = "";
	int fd = openat(dir_fd, file, O_RDONLY | O_CLOEXEC);

	assert_true(fd >= 0);
	assert_true(read(fd, note, sizeof note - 1) > 0);
	close(fd);
	return strstr(note, text) != NULL;
}

static void test_no_time_to_check(void **state)
{
	(void)state;
	atomic_store(&place.decode_until, 1);
	until_over(KEEP_COMMIT);
	assert_true(keep.result.received);
	assert_false(keep.result.whole);
	assert_string_equal(keep.result.reason, "the server stopped before it was checked");
	check_file("core.gz.incomplete", gz, gz_size);
	assert_true(note_has("core.gz.incomplete.json", "\"why\": \"shut-down\""));
	assert_true(note_has("core.gz.incomplete.json", "\"gzip\": null"));
}

static void test_no_time_for_what_stopped(void **state)
{
	(void)state;
	atomic_store(&place.decode_until, 1);
	assert_null(sink_set_aside(&sink));
	keep.note.why = NOTE_TIMED_OUT;
	snprintf(keep.reason, sizeof keep.reason, "the client went silent");
	until_over(KEEP_ABANDON);
	assert_string_equal(keep.result.reason, "the client went silent");
	check_file("core.gz.incomplete", gz, gz_size);
	assert_true(note_has("core.gz.incomplete.json", "\"why\": \"timed-out\""));
}

static void test_time_enough(void **state)
{
	(void)state;
	atomic_store(&place.decode_until, pl_now() + PATIENCE);
	until_over(KEEP_COMMIT);
	assert_true(keep.result.whole);
	check_file("core.gz", gz, gz_size);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_no_time_to_check, begin_keep, end_keep),
		cmocka_unit_test_setup_teardown(test_no_time_for_what_stopped, begin_keep, end_keep),
		cmocka_unit_test_setup_teardown(test_time_enough, begin_keep, end_keep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
