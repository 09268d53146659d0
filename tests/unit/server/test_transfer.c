/* server/transfer.h: one transfer without a network, in a time that the test makes. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/transfer.h"
#include "tests/unit/server/dump_folder.h"
#include "tests/unit/server/packets.h"

#define PATIENCE (60 * PL_SECOND)
#define START (INT64_C(1000) * PL_SECOND)
#define UUID "0F1E2D3C-4B5A-6978-8796-A5B4C3D2E1F0"

struct told {
	unsigned count;
	char kinds[32]; /* S, I, P, D in the order of the events */
	bool complete;
	uint64_t bytes;
	uint64_t bytes_per_second;
	uint64_t packets;
	int64_t duration;
	char path[256];
	char core[256];
	char core_reason[256];
	char reason[128];
	char uuid[37];
};

static struct transfer_place place;
static struct transfer *transfer;
static struct told told;
static struct session_step step;
static uint32_t block;

static void copy(char *to, size_t size, const char *text)
{
	snprintf(to, size, "%s", text ? text : "");
}

static void on_event(void *arg, const struct server_event *e)
{
	static const char letters[] = {[SERVER_STARTED] = 'S',
		[SERVER_IDENTIFIED] = 'I',
		[SERVER_PROGRESS] = 'P',
		[SERVER_DONE] = 'D'};
	struct told *t = arg;

	assert_true(t->count + 1 < sizeof t->kinds);
	t->kinds[t->count++] = letters[e->kind];
	assert_string_equal(e->peer, "192.168.56.129:1069");
	t->bytes = e->bytes;
	t->bytes_per_second = e->bytes_per_second;
	copy(t->uuid, sizeof t->uuid, e->kernel_uuid);
	if (e->kind != SERVER_DONE)
		return;
	t->complete = e->complete;
	t->packets = e->packets;
	t->duration = e->duration;
	copy(t->path, sizeof t->path, e->path);
	copy(t->core, sizeof t->core, e->core);
	copy(t->core_reason, sizeof t->core_reason, e->core_reason);
	copy(t->reason, sizeof t->reason, e->reason);
}

static int begin_transfer(void **state)
{
	const struct peer guest = {.address = 0xc0a83881, .port = 1069};

	if (begin(state))
		return -1;
	memset(&told, 0, sizeof told);
	place = (struct transfer_place){
		.dir = dir.path,
		.limits = {.idle_timeout = 100 * PL_SECOND},
		.keep = {.dir_fd = dir_fd},
		.on_event = on_event,
		.arg = &told,
	};
	assert_null(workers_create(1, &place.keep.workers));
	assert_null(transfer_create(&place, guest, START, &transfer));
	return 0;
}

static int end_transfer(void **state)
{
	workers_destroy(place.keep.workers);
	transfer_destroy(transfer);
	return end(state);
}

/* Decoded in place: a step's data points into it. */
static void take(const struct packet *p, int64_t now)
{
	struct wire_packet w;

	assert_true(wire_decode(p->bytes, p->size, &w));
	transfer_packet(transfer, &w, now, &step);
}

static void ask(const char *name, int64_t now)
{
	struct packet p = make_wrq(name, 2, 3, 1406);

	block = 1;
	take(&p, now);
}

static void give(const void *bytes, size_t size, int64_t now)
{
	struct packet p = make_data(block++, bytes, size);

	take(&p, now);
}

static void finish(int64_t now)
{
	struct packet p = make_header(7, block);

	take(&p, now);
}

static void look(int64_t now)
{
	transfer_look(transfer, false, now, &step);
}

/* Looks, always at the same moment, until the worker is done. */
static void until_told(int64_t now)
{
	struct pl_wait w = pl_wait_for(PATIENCE, NULL);

	while (!transfer_over(transfer) && pl_wait_ms(&w) > 0) {
		pl_error_free(pl_wait_sleep(&w, PL_MS / 10));
		look(now);
	}
	assert_true(transfer_over(transfer));
}

/* The opcode of the answer, 0: none. */
static unsigned answered(void)
{
	return step.answer_size ? step.answer[1] : 0;
}

static void test_a_dump(void **state)
{
	char path[256];

	(void)state;
	ask("core", START);
	assert_int_equal(answered(), 4);
	assert_true(transfer_active(transfer));
	give("abc", 3, START + PL_MS);
	assert_int_equal(answered(), 4);
	finish(START + 100 * PL_MS);
	/* Not before it is on the disk. */
	assert_int_equal(answered(), 0);
	assert_int_equal(told.count, 0);
	until_told(START + 400 * PL_MS);
	assert_int_equal(answered(), 4);
	assert_false(transfer_active(transfer));
	check_file("core", "abc", 3);
	assert_string_equal(told.kinds, "SD");
	assert_true(told.complete);
	assert_int_equal(told.bytes, 3);
	assert_int_equal(told.packets, 3);
	assert_int_equal(told.duration, 400 * PL_MS);
	assert_int_equal(told.bytes_per_second, 7);
	snprintf(path, sizeof path, "%s/core", dir.path);
	assert_string_equal(told.path, path);
	assert_string_equal(told.core, "");
	assert_string_equal(told.reason, "");
}

static void test_held_back_for_a_while_only(void **state)
{
	(void)state;
	ask("core", START);
	give("abc", 3, START + PL_MS);
	give("def", 3, START + 5 * PL_MS);
	assert_true(transfer_deadline(transfer, START + 5 * PL_MS) <= START + 11 * PL_MS);
	look(START + 11 * PL_MS - 1);
	assert_int_equal(size_of("core.partial"), 0);
	look(START + 11 * PL_MS);
	check_file("core.partial", "abcdef", 6);
	transfer_stop(transfer, NOTE_SHUT_DOWN, "the server stopped");
	until_told(START + PL_SECOND);
}

static void test_progress_twice_a_second(void **state)
{
	uint8_t bytes[1000] = {0};

	(void)state;
	ask("core", START);
	look(START);
	give(bytes, 1000, START + PL_MS);
	look(START + 499 * PL_MS);
	assert_string_equal(told.kinds, "S");
	look(START + 500 * PL_MS);
	assert_string_equal(told.kinds, "SP");
	assert_int_equal(told.bytes, 1000);
	assert_int_equal(told.bytes_per_second, 2000);
	/* Nothing new is no progress. */
	look(START + 1500 * PL_MS);
	assert_string_equal(told.kinds, "SP");
	give(bytes, 500, START + 1999 * PL_MS);
	look(START + 2000 * PL_MS);
	assert_string_equal(told.kinds, "SPP");
	assert_int_equal(told.bytes, 1500);
	assert_int_equal(told.bytes_per_second, 333);
	transfer_stop(transfer, NOTE_SHUT_DOWN, "the server stopped");
	until_told(START + 2000 * PL_MS);
	assert_string_equal(told.kinds, "SPPD");
}

static bool identify(void *arg, int core_fd, char uuid[static 37])
{
	(void)core_fd;
	memcpy(uuid, arg, 37);
	return true;
}

static void send_gzip(size_t plain_size)
{
	static uint8_t plain[100000];
	static uint8_t gz[110000];

	fill(plain, plain_size, 8);
	size_t size = make_gzip(plain, plain_size, gz, sizeof gz);
	ask("core.gz", START);
	for (size_t at = 0; at < size; at += 1406)
		give(gz + at, size - at < 1406 ? size - at : 1406, START);
	finish(START);
	until_told(START);
	check_file("core.gz", gz, size);
}

static void test_unpacked_core(void **state)
{
	static char answer[37] = UUID;
	char path[256];

	(void)state;
	place.keep.decompress = true;
	place.keep.identify = (struct unpack_identify){identify, answer};
	send_gzip(100000);
	assert_string_equal(told.kinds, "SID");
	assert_true(told.complete);
	assert_string_equal(told.uuid, UUID);
	assert_int_equal(size_of("core"), 100000);
	snprintf(path, sizeof path, "%s/core", dir.path);
	assert_string_equal(told.core, path);
	assert_string_equal(told.core_reason, "");
}

static void test_why_there_is_no_core(void **state)
{
	(void)state;
	place.keep.decompress = true;
	put_file("core", "mine", 4);
	send_gzip(1000);
	assert_string_equal(told.kinds, "SD");
	assert_true(told.complete);
	assert_string_equal(told.core, "");
	assert_string_equal(told.core_reason, "core exists");
	check_file("core", "mine", 4);
}

static void test_a_file_that_cannot_be_made(void **state)
{
	(void)state;
	put_file("core", "mine", 4);
	ask("core", START);
	assert_int_equal(answered(), 5);
	assert_int_equal(step.answer[5], WIRE_E_EXISTS);
	assert_false(transfer_active(transfer));
	look(START);
	assert_int_equal(told.count, 0);
	assert_int_equal(files(), 1);
}

/* A stack for which there is no address space; the C library of GNU lets a process ask for it. */
static bool ask_for_stacks(size_t size)
{
#ifdef __GLIBC__
	pthread_attr_t attr;

	assert_int_equal(pthread_attr_init(&attr), 0);
	assert_int_equal(pthread_attr_setstacksize(&attr, size), 0);
	assert_int_equal(pthread_setattr_default_np(&attr), 0);
	pthread_attr_destroy(&attr);
	return true;
#else
	(void)size;
	return false;
#endif
}

/* Refused, and as if it had not begun. */
static void test_no_thread_can_be_started(void **state)
{
	(void)state;
	if (!ask_for_stacks((size_t)1 << 48))
		skip();
	ask("core", START);
	assert_true(ask_for_stacks((size_t)8 << 20));
	assert_int_equal(answered(), 5);
	assert_false(transfer_active(transfer));
	look(START);
	assert_int_equal(told.count, 0);
	assert_int_equal(files(), 0);
}

static void limit_files(rlim_t size)
{
	const struct rlimit limit = {size, RLIM_INFINITY};

	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Found out when what was held back is written. */
static void test_failed_write(void **state)
{
	(void)state;
	ask("core", START);
	give("abcdef", 6, START);
	limit_files(4);
	look(START + PL_SECOND);
	limit_files(RLIM_INFINITY);
	assert_int_equal(answered(), 5);
	assert_int_equal(step.answer[5], WIRE_E_FULL);
	until_told(START + PL_SECOND);
	assert_false(told.complete);
	assert_non_null(strstr(told.reason, "File too large"));
	check_file("core.incomplete", "abcd", 4);
	assert_true(there("core.incomplete.json"));
}

static void test_stop(void **state)
{
	char path[256];

	(void)state;
	ask("core", START);
	give("abc", 3, START);
	transfer_stop(transfer, NOTE_SHUT_DOWN, "the server stopped");
	/* Its name is free at once. */
	assert_false(there("core.partial"));
	until_told(START);
	assert_string_equal(told.kinds, "SD");
	assert_false(told.complete);
	assert_string_equal(told.reason, "the server stopped");
	snprintf(path, sizeof path, "%s/core.incomplete", dir.path);
	assert_string_equal(told.path, path);
	check_file("core.incomplete", "abc", 3);
}

/* All has come: it ends well by itself. */
static void test_stop_after_the_end(void **state)
{
	(void)state;
	ask("core", START);
	give("abc", 3, START);
	finish(START);
	transfer_stop(transfer, NOTE_SHUT_DOWN, "the server stopped");
	until_told(START);
	assert_int_equal(answered(), 4);
	assert_true(told.complete);
	check_file("core", "abc", 3);
	assert_int_equal(files(), 1);
}

/* The client's next packet may be in the queue: its ACK is not repeated yet. */
static void test_silence_of_a_server_that_is_behind(void **state)
{
	(void)state;
	ask("core", START);
	give("abc", 3, START + PL_MS);
	transfer_look(transfer, true, START + PL_SECOND, &step);
	assert_int_equal(answered(), 0);
	look(START + PL_SECOND);
	assert_int_equal(answered(), 4);
	transfer_stop(transfer, NOTE_SHUT_DOWN, "the server stopped");
	until_told(START + PL_SECOND);
}

static void test_silence(void **state)
{
	(void)state;
	ask("core", START);
	give("abc", 3, START);
	look(START + 99 * PL_SECOND);
	assert_true(transfer_active(transfer));
	for (int s = 100; s < 110; s++)
		look(START + s * PL_SECOND);
	until_told(START + 110 * PL_SECOND);
	assert_false(told.complete);
	check_file("core.incomplete", "abc", 3);
}

static void test_never_asked(void **state)
{
	(void)state;
	transfer_stop(transfer, NOTE_SHUT_DOWN, "the server stopped");
	look(START + PL_SECOND);
	assert_false(transfer_active(transfer));
	assert_false(transfer_over(transfer));
	assert_int_equal(transfer->session.state, SESSION_NEW);
	assert_int_equal(told.count, 0);
	assert_int_equal(files(), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin_transfer, end_transfer)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_dump),
		TEST(test_held_back_for_a_while_only),
		TEST(test_progress_twice_a_second),
		TEST(test_unpacked_core),
		TEST(test_why_there_is_no_core),
		TEST(test_a_file_that_cannot_be_made),
		TEST(test_no_thread_can_be_started),
		TEST(test_failed_write),
		TEST(test_stop),
		TEST(test_stop_after_the_end),
		TEST(test_silence),
		TEST(test_silence_of_a_server_that_is_behind),
		TEST(test_never_asked),
	};

	return cmocka_run_group_tests_name("transfer", tests, NULL, NULL);
}
