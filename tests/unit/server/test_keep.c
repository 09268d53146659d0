/* server/keep.h: what becomes of a file beside receiving it. The test is the receiving thread. */
#include <jansson.h>
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
#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define UUID "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0"

static struct keep_place place;
static struct sink sink;
static struct keep keep;

static uint8_t plain[3 * MIB];
static uint8_t gz[4 * MIB];
static size_t gz_size;

/* ---- a dump ------------------------------------------------------------------------------- */

static int begin_keep(void **state)
{
	if (begin(state))
		return -1;
	place = (struct keep_place){.dir_fd = dir_fd, .decompress = true};
	assert_null(workers_create(2, &place.workers));
	sink_init(&sink, dir_fd, NULL);
	memset(&keep, 0, sizeof keep);
	return 0;
}

static int end_keep(void **state)
{
	workers_destroy(place.workers);
	keep_deinit(&keep);
	sink_deinit(&sink);
	return end(state);
}

/* Of so many bytes of its plain text; the same each time. */
static void compress_first(size_t size)
{
	fill(plain, size, 6);
	gz_size = make_gzip(plain, size, gz, sizeof gz);
}

static void begin_file(const char *name)
{
	assert_null(sink_open(&sink, name));
	assert_null(keep_begin(&keep, &place, &sink));
}

/* The next bytes. */
static void arrive(const void *bytes, size_t size)
{
	assert_null(sink_write(&sink, sink.size, bytes, size));
	assert_null(sink_flush(&sink));
	keep_arrived(&keep, sink.size, false);
}

static void arrive_at(uint64_t offset, const void *bytes, size_t size)
{
	assert_null(sink_write(&sink, offset, bytes, size));
	assert_null(sink_flush(&sink));
	keep_arrived(&keep, sink.size, true);
}

static void until_over(void)
{
	struct pl_wait w = pl_wait_for(PATIENCE, NULL);

	while (!keep_over(&keep) && pl_wait_ms(&w) > 0)
		pl_error_free(pl_wait_sleep(&w, PL_MS / 10));
	assert_true(keep_over(&keep));
}

static void commit(void)
{
	keep_end(&keep, KEEP_COMMIT);
	until_over();
}

static void abandon(enum note_why why, const char *reason)
{
	assert_null(sink_set_aside(&sink));
	snprintf(keep.peer, sizeof keep.peer, "192.168.56.129:1069");
	snprintf(keep.reason, sizeof keep.reason, "%s", reason);
	keep.note.why = why;
	keep.note.bytes = 1500;
	keep.note.packets = 7;
	keep.note.resent = 2;
	keep_end(&keep, KEEP_ABANDON);
	until_over();
}

/* ---- notes --------------------------------------------------------------------------------- */

/* NULL: null. */
static void expect_text(const json_t *note, const char *key, const char *text)
{
	const json_t *value = json_object_get(note, key);

	if (text)
		assert_string_equal(json_string_value(value), text);
	else
		assert_true(json_is_null(value));
}

static json_t *load_note(const char *file)
{
	char path[256];

	snprintf(path, sizeof path, "%s/%s", dir.path, file);
	json_t *note = json_load_file(path, JSON_REJECT_DUPLICATES, NULL);
	assert_non_null(note);
	return note;
}

static void expect_note(const char *file, const char *why, const char *gzip, const char *core)
{
	json_t *note = load_note(file);

	expect_text(note, "why", why);
	expect_text(note, "gzip", gzip);
	expect_text(note, "core", core);
	expect_text(note, "reason", keep.result.reason);
	json_decref(note);
}

/* ---- all has come -------------------------------------------------------------------------- */

static void test_commit_gzip(void **state)
{
	(void)state;
	compress_first(100 * KIB);
	begin_file("core.gz");
	arrive(gz, gz_size);
	commit();
	assert_true(keep.result.whole);
	assert_true(keep.result.received);
	assert_int_equal(keep.result.gzip, SERVER_GZIP_OK);
	assert_string_equal(keep.result.reason, "");
	check_file("core.gz", gz, gz_size);
	check_file("core", plain, 100 * KIB);
	assert_string_equal(keep.core.now, "core");
	assert_int_equal(files(), 2);
}

/* So much that it is decoded while it arrives, in many turns. */
static void test_commit_large_gzip(void **state)
{
	(void)state;
	compress_first(sizeof plain);
	begin_file("core.gz");
	for (size_t at = 0; at < gz_size; at += 64 * KIB)
		arrive(gz + at, gz_size - at < 64 * KIB ? gz_size - at : 64 * KIB);
	commit();
	assert_true(keep.result.whole);
	check_file("core.gz", gz, gz_size);
	check_file("core", plain, sizeof plain);
}

static void test_commit_without_unpacking(void **state)
{
	(void)state;
	place.decompress = false;
	compress_first(100 * KIB);
	begin_file("core.gz");
	arrive(gz, gz_size);
	commit();
	assert_true(keep.result.whole);
	assert_int_equal(keep.result.gzip, SERVER_GZIP_OK);
	assert_int_equal(files(), 1);
}

static void test_commit_truncated_gzip(void **state)
{
	(void)state;
	compress_first(100 * KIB);
	begin_file("core.gz");
	arrive(gz, gz_size - 1);
	commit();
	assert_false(keep.result.whole);
	assert_true(keep.result.received);
	assert_int_equal(keep.result.gzip, SERVER_GZIP_TRUNCATED);
	check_file("core.gz.incomplete", gz, gz_size - 1);
	expect_note("core.gz.incomplete.json", "truncated-gzip", "truncated", "core.incomplete");
	/* Only the length is missing from its trailer, so all of the core is there. */
	check_file("core.incomplete", plain, 100 * KIB);
	assert_int_equal(files(), 3);
}

static void test_commit_corrupt_gzip(void **state)
{
	(void)state;
	compress_first(100 * KIB);
	gz[gz_size - 8] ^= 1; /* of the CRC */
	begin_file("core.gz");
	arrive(gz, gz_size);
	commit();
	assert_false(keep.result.whole);
	assert_true(keep.result.received);
	assert_int_equal(keep.result.gzip, SERVER_GZIP_CORRUPT);
	check_file("core.gz.incomplete", gz, gz_size);
	expect_note("core.gz.incomplete.json", "corrupt-gzip", "corrupt", "core.incomplete");
	assert_false(there("core"));
}

static void test_commit_empty_gzip(void **state)
{
	(void)state;
	begin_file("core.gz");
	commit();
	assert_false(keep.result.whole);
	assert_int_equal(keep.result.gzip, SERVER_GZIP_TRUNCATED);
	check_file("core.gz.incomplete", "", 0);
	expect_note("core.gz.incomplete.json", "empty-gzip", "truncated", NULL);
	assert_int_equal(files(), 2);
}

/* The second half came first. */
static void test_commit_with_gaps(void **state)
{
	(void)state;
	compress_first(MIB);
	size_t half = gz_size / 2;
	begin_file("core.gz");
	arrive_at(half, gz + half, gz_size - half);
	arrive_at(0, gz, half);
	commit();
	assert_true(keep.result.whole);
	check_file("core.gz", gz, gz_size);
	check_file("core", plain, MIB);
	assert_int_equal(files(), 2);
}

/* mach-o/loader.h by hand: MH_CORE, one LC_SEGMENT_64 of 100 bytes at 104. */
static void make_core(uint8_t core[static 204])
{
	static const uint8_t header[] = {
		0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 72};

	memset(core, 0, 204);
	memcpy(core, header, sizeof header);
	core[32] = 0x19;
	core[36] = 72;
	core[32 + 40] = 104;
	core[32 + 48] = 100;
}

static void test_commit_bare_core(void **state)
{
	uint8_t core[204];

	(void)state;
	make_core(core);
	begin_file("core");
	arrive(core, 204);
	commit();
	assert_true(keep.result.whole);
	assert_int_equal(keep.result.gzip, SERVER_GZIP_NONE);
	check_file("core", core, 204);
	assert_int_equal(files(), 1);
}

static void test_commit_cut_bare_core(void **state)
{
	uint8_t core[204];

	(void)state;
	make_core(core);
	begin_file("core");
	arrive(core, 203);
	commit();
	assert_false(keep.result.whole);
	assert_true(keep.result.received);
	check_file("core.incomplete", core, 203);
	expect_note("core.incomplete.json", "truncated-core", "none", NULL);
}

/* The stream has its end, and what it holds has not. */
static void test_commit_gzip_of_a_cut_core(void **state)
{
	uint8_t core[204];

	(void)state;
	make_core(core);
	gz_size = make_gzip(core, 203, gz, sizeof gz);
	begin_file("core.gz");
	arrive(gz, gz_size);
	commit();
	assert_false(keep.result.whole);
	assert_int_equal(keep.result.gzip, SERVER_GZIP_OK);
	check_file("core.incomplete", core, 203);
	expect_note("core.gz.incomplete.json", "truncated-core", "ok", "core.incomplete");
}

static void test_commit_gz_that_is_none(void **state)
{
	(void)state;
	begin_file("core.gz");
	arrive("panic(cpu 0)", 12);
	commit();
	assert_false(keep.result.whole);
	assert_int_equal(keep.result.gzip, SERVER_GZIP_CORRUPT);
	check_file("core.gz.incomplete", "panic(cpu 0)", 12);
	expect_note("core.gz.incomplete.json", "corrupt-gzip", "corrupt", NULL);
}

/* The dump is not lost, nor is the other file. */
static void test_commit_when_the_name_is_taken(void **state)
{
	(void)state;
	compress_first(KIB);
	begin_file("core.gz");
	arrive(gz, gz_size);
	put_file("core.gz", "mine", 4);
	commit();
	assert_false(keep.result.whole);
	assert_false(keep.result.received);
	assert_int_equal(keep.result.code, WIRE_E_EXISTS);
	assert_non_null(strstr(keep.result.reason, "File exists"));
	check_file("core.gz", "mine", 4);
	check_file("core.gz.incomplete", gz, gz_size);
	expect_note("core.gz.incomplete.json", "name-taken", "ok", "core.incomplete");
}

/* The client is told; what was unpacked of it stays. */
static void test_commit_when_the_file_was_removed(void **state)
{
	(void)state;
	compress_first(KIB);
	begin_file("core.gz");
	arrive(gz, gz_size);
	assert_int_equal(unlinkat(dir_fd, "core.gz.partial", 0), 0);
	commit();
	assert_false(keep.result.whole);
	assert_false(keep.result.received);
	assert_int_equal(keep.result.code, WIRE_E_OTHER);
	assert_non_null(strstr(keep.result.reason, "No such file"));
	expect_note("core.gz.partial.json", "write-error", "ok", "core.incomplete");
	check_file("core.incomplete", plain, KIB);
	assert_int_equal(files(), 2);
}

/* The core can be made again: that there is none is no fault of the dump's. */
static void test_commit_when_the_core_exists(void **state)
{
	(void)state;
	compress_first(KIB);
	put_file("core", "mine", 4);
	begin_file("core.gz");
	arrive(gz, gz_size);
	commit();
	assert_true(keep.result.whole);
	assert_string_equal(keep.core.reason, "core exists");
	assert_string_equal(keep.core.now, "");
	check_file("core", "mine", 4);
	check_file("core.gz", gz, gz_size);
	assert_int_equal(files(), 2);
}

/* Somebody else cut it. */
static void test_commit_what_cannot_be_read_back(void **state)
{
	(void)state;
	compress_first(100 * KIB);
	begin_file("core.gz");
	arrive(gz, gz_size);
	assert_int_equal(ftruncate(sink.fd, 1000), 0);
	commit();
	assert_false(keep.result.whole);
	assert_non_null(strstr(keep.result.reason, "read back"));
	expect_note("core.gz.incomplete.json", "write-error", "none", "core.incomplete");
}

/* ---- no more will come ------------------------------------------------------------------------ */

static void test_abandon_writes_a_note(void **state)
{
	(void)state;
	compress_first(KIB);
	begin_file("core.gz");
	arrive(gz, 600);
	abandon(NOTE_TIMED_OUT, "the client went silent");
	assert_false(keep.result.whole);
	assert_false(keep.result.received);
	assert_string_equal(keep.result.reason, "the client went silent");
	check_file("core.gz.incomplete", gz, 600);
	json_t *note = load_note("core.gz.incomplete.json");
	assert_int_equal(json_object_size(note), 12);
	expect_text(note, "name", "core.gz");
	expect_text(note, "peer", "192.168.56.129:1069");
	expect_text(note, "why", "timed-out");
	expect_text(note, "reason", "the client went silent");
	expect_text(note, "gzip", "truncated");
	expect_text(note, "core", "core.incomplete");
	assert_int_equal(json_integer_value(json_object_get(note, "bytes")), 1500);
	assert_int_equal(json_integer_value(json_object_get(note, "size")), 600);
	assert_int_equal(json_integer_value(json_object_get(note, "packets")), 7);
	assert_int_equal(json_integer_value(json_object_get(note, "resent")), 2);
	/* By pl_timestamp(): of one length, so that their order is that of the text. */
	const char *started = json_string_value(json_object_get(note, "started"));
	const char *ended = json_string_value(json_object_get(note, "ended"));
	assert_int_equal(strlen(started), strlen("2026-01-31T23:59:59.123Z"));
	assert_int_equal(strlen(ended), strlen(started));
	assert_true(strcmp(started, ended) <= 0);
	json_decref(note);
}

/* To the last byte, and no further. */
static void test_abandon_unpacks_what_there_is(void **state)
{
	(void)state;
	compress_first(MIB);
	begin_file("core.gz");
	arrive(gz, gz_size / 2);
	abandon(NOTE_SHUT_DOWN, "the server stopped");
	expect_note("core.gz.incomplete.json", "shut-down", "truncated", "core.incomplete");
	/* It does not compress: half of the one is half of the other, but for what the decoder holds. */
	uint64_t size = size_of("core.incomplete");
	assert_in_range(size, MIB / 2 - 64 * KIB, MIB / 2);
	check_file("core.incomplete", plain, size);
	assert_int_equal(files(), 3);
}

static void test_abandon_nothing(void **state)
{
	(void)state;
	begin_file("core.gz");
	abandon(NOTE_PEER_ERROR, "the client gave up");
	check_file("core.gz.incomplete", "", 0);
	expect_note("core.gz.incomplete.json", "peer-error", "truncated", NULL);
	assert_int_equal(files(), 2);
}

/* ---- while it grows ---------------------------------------------------------------------------- */

static bool identify(void *arg, int core_fd, char uuid[static 37])
{
	(void)core_fd;
	memcpy(uuid, arg, 37);
	return true;
}

/* A MiB of it was decoded: identify() was asked, in the worker's thread. */
static void until_known(void)
{
	struct pl_wait w = pl_wait_for(PATIENCE, NULL);

	while (!keep_uuid(&keep) && pl_wait_ms(&w) > 0)
		pl_error_free(pl_wait_sleep(&w, PL_MS / 10));
	assert_string_equal(keep_uuid(&keep), UUID);
	assert_false(keep_over(&keep));
}

static void test_uuid_while_it_grows(void **state)
{
	static char answer[37] = UUID;

	(void)state;
	place.identify = (struct unpack_identify){identify, answer};
	compress_first(sizeof plain);
	begin_file("core.gz");
	assert_null(keep_uuid(&keep));
	arrive(gz, gz_size / 2);
	until_known();
	arrive(gz + gz_size / 2, gz_size - gz_size / 2);
	commit();
	assert_true(keep.result.whole);
	assert_string_equal(keep_uuid(&keep), UUID);
}

/* What was decoded is not the content any more. */
static void test_overwritten_after_it_was_decoded(void **state)
{
	static char answer[37] = UUID;
	static uint8_t zeros[100 * KIB];

	(void)state;
	place.identify = (struct unpack_identify){identify, answer};
	compress_first(sizeof plain);
	begin_file("core.gz");
	arrive(gz, 2 * MIB);
	arrive(zeros, sizeof zeros);
	arrive(gz + sink.size, gz_size - sink.size);
	until_known();
	arrive_at(2 * MIB, gz + 2 * MIB, sizeof zeros);
	commit();
	assert_true(keep.result.whole);
	check_file("core.gz", gz, gz_size);
	check_file("core", plain, sizeof plain);
	assert_int_equal(files(), 2);
}

static void test_never_begun(void **state)
{
	(void)state;
	assert_false(keep_over(&keep));
	assert_null(keep_uuid(&keep));
	keep_deinit(&keep);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_keep, end_keep)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_commit_gzip),
		TEST(test_commit_large_gzip),
		TEST(test_commit_without_unpacking),
		TEST(test_commit_truncated_gzip),
		TEST(test_commit_corrupt_gzip),
		TEST(test_commit_empty_gzip),
		TEST(test_commit_with_gaps),
		TEST(test_commit_bare_core),
		TEST(test_commit_cut_bare_core),
		TEST(test_commit_gzip_of_a_cut_core),
		TEST(test_commit_gz_that_is_none),
		TEST(test_commit_when_the_name_is_taken),
		TEST(test_commit_when_the_file_was_removed),
		TEST(test_commit_when_the_core_exists),
		TEST(test_commit_what_cannot_be_read_back),
		TEST(test_abandon_writes_a_note),
		TEST(test_abandon_unpacks_what_there_is),
		TEST(test_abandon_nothing),
		TEST(test_uuid_while_it_grows),
		TEST(test_overwritten_after_it_was_decoded),
		TEST(test_never_begun),
	};

	return cmocka_run_group_tests_name("keep", tests, NULL, NULL);
}
