/* The whole server over real sockets on loopback; lab.h has the guest. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/unit/server/lab.h"

#define GUESTS 8

static void test_a_core(void **state)
{
	struct lab *lab = *state;
	static uint8_t gz[FILE_MAX];
	size_t size = make_gzip(gz, sizeof gz, 100000, 1);

	serve(lab);
	send_file(lab, "core.gz", gz, size);
	check_file(lab, "core.gz", gz, size);
	assert_int_equal(files(lab), 1);
	assert_true(lab->seen.complete);
	assert_int_equal(lab->seen.gzip, SERVER_GZIP_OK);
	assert_int_equal(lab->seen.bytes, size);
	assert_int_equal(lab->seen.started, 1);
	assert_string_equal(lab->seen.reason, "");
	assert_int_equal(server_active(lab->server), 0);
}

static void test_losses(void **state)
{
	struct lab *lab = *state;
	static uint8_t gz[FILE_MAX];
	size_t size = make_gzip(gz, sizeof gz, 100000, 2);

	serve(lab);
	struct guest g = boot(lab);
	g.loss = 3;
	assert_int_equal(ask(lab, &g, "core.gz"), 3);
	give_all(lab, &g, gz, size);
	assert_int_equal(finish(lab, &g), 0);
	check_file(lab, "core.gz", gz, size);
	close(g.fd);
}

static void test_many_guests(void **state)
{
	struct lab *lab = *state;
	struct guest guests[GUESTS];
	uint8_t bytes[GUESTS][4000];
	char name[32];

	serve(lab);
	for (unsigned i = 0; i < GUESTS; i++) {
		guests[i] = boot(lab);
		memset(bytes[i], (int)('A' + i), sizeof bytes[i]);
		snprintf(name, sizeof name, "core-%u", i);
		assert_int_equal(ask(lab, &guests[i], name), 3);
	}
	assert_int_equal(server_active(lab->server), GUESTS);
	for (size_t at = 0; at < 4000; at += 1000)
		for (unsigned i = 0; i < GUESTS; i++)
			assert_int_equal(give(lab, &guests[i], bytes[i] + at, 1000), 0);
	for (unsigned i = 0; i < GUESTS; i++) {
		assert_int_equal(finish(lab, &guests[i]), 0);
		snprintf(name, sizeof name, "core-%u", i);
		check_file(lab, name, bytes[i], 4000);
		close(guests[i].fd);
	}
	assert_int_equal(lab->seen.done, GUESTS);
}

static void test_repeats(void **state)
{
	struct lab *lab = *state;

	serve(lab);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "core"), 3);
	assert_int_equal(ask(lab, &g, "core"), 3);
	assert_int_equal(give(lab, &g, "one", 3), 0);
	g.block--;
	assert_int_equal(give(lab, &g, "one", 3), 0);
	for (int i = 0; i < 5; i++) {
		assert_int_equal(finish(lab, &g), 0);
		g.block--;
	}
	check_file(lab, "core", "one", 3);
	assert_int_equal(lab->seen.started, 1);
	assert_int_equal(lab->seen.done, 1);
	assert_int_equal(lab->seen.resent, 2);
	/* A paniclog follows from the same port. */
	assert_int_equal(ask(lab, &g, "paniclog-x"), 3);
	assert_int_equal(give(lab, &g, "panic(cpu 0)paniclog-x", 23), 0);
	assert_int_equal(finish(lab, &g), 0);
	check_file(lab, "paniclog-x", "panic(cpu 0)", 12);
	close(g.fd);
}

static void test_existing_files(void **state)
{
	struct lab *lab = *state;
	char path[256];

	serve(lab);
	path_of(lab, "core", path);
	assert_null(pl_fs_write(path, "mine", 4, 0600));
	path_of(lab, "other.partial", path);
	assert_int_equal(symlink("core", path), 0);
	struct guest g = boot(lab);
	for (int i = 0; i < 15; i++)
		assert_int_equal(ask(lab, &g, "core"), 1006);
	assert_int_equal(lab->seen.refused, 1);
	assert_int_equal(ask(lab, &g, "other"), 1006);
	check_file(lab, "core", "mine", 4);
	assert_int_equal(files(lab), 2);
	/* A name that appears while the dump is under way is not replaced either. */
	assert_int_equal(ask(lab, &g, "late"), 3);
	path_of(lab, "late", path);
	assert_null(pl_fs_write(path, "mine", 4, 0600));
	assert_int_equal(finish(lab, &g), 1006);
	check_file(lab, "late", "mine", 4);
	check_file(lab, "late.incomplete", "", 0);
	close(g.fd);
}

static void test_bad_requests(void **state)
{
	struct lab *lab = *state;
	struct packet p = {.size = 20};

	serve(lab);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "../escape"), 1002);
	assert_int_equal(ask(lab, &g, "/etc/passwd"), 1002);
	assert_int_equal(ask(lab, &g, ""), 1002);
	memcpy(p.bytes, "\0\2text\0netascii", 16);
	p.size = 16;
	assert_int_equal(exchange(lab, &g, &p), 1004);
	assert_int_equal(files(lab), 0);
	assert_int_equal(lab->seen.refused, 4);
	/* From a guest with a transfer under way, too; it goes on. */
	assert_int_equal(ask(lab, &g, "core"), 3);
	uint32_t block = g.block;
	assert_int_equal(ask(lab, &g, "a b"), 1002);
	g.block = block;
	assert_int_equal(give(lab, &g, "x", 1), 0);
	close(g.fd);
}

static void test_limits(void **state)
{
	struct lab *lab = *state;

	lab->config.max_sessions = 1;
	lab->config.max_size = 5000;
	serve(lab);
	struct guest a = boot(lab);
	struct guest b = boot(lab);
	uint8_t bytes[1406] = {0};
	assert_int_equal(ask(lab, &a, "one"), 3);
	assert_int_equal(ask(lab, &b, "two"), 1000);
	for (int i = 0; i < 3; i++)
		assert_int_equal(give(lab, &a, bytes, sizeof bytes), 0);
	assert_int_equal(give(lab, &a, bytes, sizeof bytes), 1003);
	assert_int_equal(finish(lab, &a), 1003);
	assert_false(lab->seen.complete);
	assert_true(there(lab, "one.incomplete"));
	assert_int_equal(ask(lab, &b, "three"), 3);
	close(a.fd);
	close(b.fd);
}

static void test_allow(void **state)
{
	struct lab *lab = *state;

	lab->allow = (struct server_network){.address = 0x0a000000, .mask = 0xff000000};
	lab->config.allow = &lab->allow;
	lab->config.allow_count = 1;
	serve(lab);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "core"), 1002);
	assert_int_equal(lab->seen.refused, 1);
	assert_int_equal(files(lab), 0);
	close(g.fd);
}

/* A server that was restarted knows nothing of the dump; an ERROR ends the guest's wait. */
static void test_packets_of_another_life(void **state)
{
	struct lab *lab = *state;
	struct packet eof = make_header(7, 13);

	serve(lab);
	struct guest g = boot(lab);
	g.block = 12;
	assert_int_equal(give(lab, &g, "abc", 3), 1000);
	assert_int_equal(give(lab, &g, "abc", 3), 1000);
	assert_int_equal(exchange(lab, &g, &eof), 1000);
	assert_int_equal(lab->seen.refused, 1);
	assert_int_equal(files(lab), 0);
	assert_int_equal(ask(lab, &g, "core"), 3);
	close(g.fd);
}

/* An ERROR would cost the client its dump; without an answer it asks again. */
static void test_too_many_a_second(void **state)
{
	struct lab *lab = *state;
	struct packet p = make_wrq("second", 2, 3, 1406);
	uint8_t answer[600];

	lab->config.max_rate = 1;
	serve(lab);
	struct guest first = boot(lab);
	struct guest second = boot(lab);
	assert_int_equal(ask(lab, &first, "first"), 3);
	transmit(&second, &p);
	assert_int_equal(pump(lab, &second, answer, sizeof answer, 200 * PL_MS), 0);
	assert_int_equal(lab->seen.refused, 1);
	assert_int_equal(lab->seen.code, 0);
	assert_false(there(lab, "second.partial"));
	assert_int_equal(pump(lab, &second, answer, sizeof answer, PL_SECOND), 0);
	assert_int_equal(ask(lab, &second, "second"), 3);
	close(first.fd);
	close(second.fd);
}

/* Data is written some time after it was acknowledged; the failure comes before the end is. */
static void test_write_failure(void **state)
{
	struct lab *lab = *state;
	const struct rlimit small = {2000, RLIM_INFINITY};
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	uint8_t bytes[1406];
	unsigned taken = 0;

	memset(bytes, 'b', sizeof bytes);
	serve(lab);
	signal(SIGXFSZ, SIG_IGN);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "core"), 3);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	while (taken < 100 && give(lab, &g, bytes, sizeof bytes) == 0)
		taken++;
	/* 64 KiB may be held back, not more. */
	assert_in_range(taken, 1, 47);
	assert_int_equal(give(lab, &g, bytes, sizeof bytes), 1003);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(finish(lab, &g), 1003);
	until_done(lab, 1);
	assert_false(lab->seen.complete);
	assert_true(there(lab, "core.incomplete"));
	assert_true(there(lab, "core.incomplete.json"));
	assert_false(there(lab, "core"));
	send_file(lab, "core-2", bytes, sizeof bytes);
	check_file(lab, "core-2", bytes, sizeof bytes);
	close(g.fd);
}

static void test_write_failure_at_the_end(void **state)
{
	struct lab *lab = *state;
	const struct rlimit small = {2000, RLIM_INFINITY};
	const struct rlimit none = {RLIM_INFINITY, RLIM_INFINITY};
	uint8_t bytes[1406] = {0};

	serve(lab);
	signal(SIGXFSZ, SIG_IGN);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "core"), 3);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_int_equal(give(lab, &g, bytes, sizeof bytes), 0);
	assert_int_equal(give(lab, &g, bytes, sizeof bytes), 0);
	assert_int_equal(finish(lab, &g), 1003);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	until_done(lab, 1);
	assert_false(lab->seen.complete);
	assert_true(there(lab, "core.incomplete"));
	close(g.fd);
}

static void test_damaged_gzip(void **state)
{
	struct lab *lab = *state;
	static uint8_t gz[FILE_MAX];
	size_t size = make_gzip(gz, sizeof gz, 20000, 3);

	serve(lab);
	send_file(lab, "cut.gz", gz, size - 1);
	assert_false(lab->seen.complete);
	assert_int_equal(lab->seen.gzip, SERVER_GZIP_TRUNCATED);
	check_file(lab, "cut.gz.incomplete", gz, size - 1);
	send_file(lab, "empty.gz", gz, 0);
	assert_int_equal(lab->seen.gzip, SERVER_GZIP_TRUNCATED);
	gz[size / 2] ^= 1;
	send_file(lab, "bad.gz", gz, size);
	assert_int_equal(lab->seen.gzip, SERVER_GZIP_CORRUPT);
	assert_false(lab->seen.complete);
	gz[size / 2] ^= 1;
	/* Two members are one file too, and zeros may follow. */
	memcpy(gz + size, gz, size);
	memset(gz + 2 * size, 0, 100);
	send_file(lab, "two.gz", gz, 2 * size + 100);
	assert_int_equal(lab->seen.gzip, SERVER_GZIP_OK);
	assert_true(lab->seen.complete);
}

/* A header, one LC_SEGMENT_64 of 100 bytes at 104: mach-o/loader.h by hand. */
static void test_bare_core(void **state)
{
	struct lab *lab = *state;
	uint8_t core[204] = {0xcf, 0xfa, 0xed, 0xfe, 7, 0, 0, 1, 3, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 72};

	serve(lab);
	core[32] = 0x19;
	core[36] = 72;
	core[32 + 40] = 104; /* fileoff */
	core[32 + 48] = 100; /* filesize */
	send_file(lab, "whole", core, 204);
	assert_true(lab->seen.complete);
	assert_int_equal(lab->seen.gzip, SERVER_GZIP_NONE);
	send_file(lab, "cut", core, 203);
	assert_false(lab->seen.complete);
	check_file(lab, "cut.incomplete", core, 203);
}

static void test_seeks(void **state)
{
	struct lab *lab = *state;
	uint8_t expected[8192] = {0};
	struct packet p;

	serve(lab);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "core"), 3);
	p = make_seek(g.block, 8189, 8);
	assert_int_equal(exchange(lab, &g, &p), 0);
	assert_int_equal(give(lab, &g, "end", 3), 0);
	p = make_seek(g.block, 0, 8);
	assert_int_equal(exchange(lab, &g, &p), 0);
	assert_int_equal(give(lab, &g, "start", 5), 0);
	assert_int_equal(finish(lab, &g), 0);
	memcpy(expected, "start", 5);
	memcpy(expected + 8189, "end", 3);
	check_file(lab, "core", expected, sizeof expected);
	close(g.fd);
}

/* Gzip in crumbs, and gzip whose first half comes last. */
static void test_gzip_in_pieces(void **state)
{
	struct lab *lab = *state;
	static uint8_t gz[FILE_MAX];
	size_t size = make_gzip(gz, sizeof gz, 1000, 4);
	size_t half = size / 2;

	serve(lab);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "crumbs.gz"), 3);
	for (size_t i = 0; i < size; i++)
		assert_int_equal(give(lab, &g, gz + i, 1), 0);
	assert_int_equal(finish(lab, &g), 0);
	assert_int_equal(lab->seen.gzip, SERVER_GZIP_OK);
	for (size_t missing = 0; missing < 2; missing++) {
		assert_int_equal(ask(lab, &g, missing ? "cut.gz" : "swapped.gz"), 3);
		struct packet p = make_seek(g.block, half, 8);
		assert_int_equal(exchange(lab, &g, &p), 0);
		assert_int_equal(give(lab, &g, gz + half, size - half - missing), 0);
		p = make_seek(g.block, 0, 8);
		assert_int_equal(exchange(lab, &g, &p), 0);
		assert_int_equal(give(lab, &g, gz, half), 0);
		assert_int_equal(finish(lab, &g), 0);
		assert_int_equal(lab->seen.gzip, missing ? SERVER_GZIP_TRUNCATED : SERVER_GZIP_OK);
		assert_int_equal(lab->seen.complete, !missing);
	}
	close(g.fd);
}

static void test_stop(void **state)
{
	struct lab *lab = *state;

	for (int i = 0; i < 2; i++) {
		serve(lab);
		struct guest g = boot(lab);
		assert_int_equal(ask(lab, &g, "core"), 3);
		assert_int_equal(give(lab, &g, "abc", 3), 0);
		server_destroy(lab->server);
		lab->server = NULL;
		close(g.fd);
	}
	assert_int_equal(lab->seen.done, 2);
	assert_false(lab->seen.complete);
	check_file(lab, "core.incomplete", "abc", 3);
	check_file(lab, "core.incomplete-2", "abc", 3);
	/* Each has its note. */
	assert_int_equal(files(lab), 4);
}

static void test_idle(void **state)
{
	struct lab *lab = *state;
	uint8_t answer[100];

	lab->config.idle_timeout = 50 * PL_MS;
	serve(lab);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "core"), 3);
	for (int i = 0; i < 1000 && lab->seen.done == 0; i++)
		(void)pump(lab, &g, answer, sizeof answer, 10 * PL_MS);
	assert_int_equal(lab->seen.done, 1);
	assert_true(there(lab, "core.incomplete"));
	assert_int_equal(server_active(lab->server), 0);
	assert_true(server_deadline(lab->server) == PL_TIME_FOREVER);
	close(g.fd);
}

/* A client that gets no answer asks again; one that gets an ERROR gives its dump up. */
static void test_no_descriptors(void **state)
{
	struct lab *lab = *state;
	struct pl_wait w = pl_wait_for(10 * PL_SECOND, NULL);
	struct packet wrq = make_wrq("core", 2, 3, 1406);
	struct rlimit before, none;
	uint8_t answer[100];

	serve(lab);
	struct guest g = boot(lab);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = before;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	transmit(&g, &wrq);
	while (lab->seen.refused == 0 && pl_wait_ms(&w) > 0)
		assert_null(server_dispatch(lab->server));
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	assert_int_equal(lab->seen.refused, 1);
	assert_int_equal(recv(g.fd, answer, sizeof answer, 0), -1);
	assert_int_equal(ask(lab, &g, "core"), 3);
	close(g.fd);
}

/* A disk that is full enough takes no new file, not even an empty one. */
static void test_no_room(void **state)
{
	struct lab *lab = *state;

	lab->config.min_free = UINT64_MAX / 2;
	serve(lab);
	struct guest g = boot(lab);
	assert_int_equal(ask(lab, &g, "core"), 1003);
	assert_int_equal(lab->seen.refused, 1);
	assert_int_equal(files(lab), 0);
	close(g.fd);
}

static void test_create_errors(void **state)
{
	struct lab *lab = *state;
	struct server *second;

	serve(lab);
	struct server_config c = lab->config;
	c.port = server_port(lab->server);
	struct pl_error *err = server_create(&c, NULL, NULL, NULL, &second);
	assert_non_null(err);
	assert_int_equal(pl_error_kind(err), PL_ERR_LAB);
	pl_error_free(err);
	c.bind = "nonsense";
	err = server_create(&c, NULL, NULL, NULL, &second);
	assert_int_equal(pl_error_kind(err), PL_ERR_USAGE);
	pl_error_free(err);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_core),
		TEST(test_losses),
		TEST(test_many_guests),
		TEST(test_repeats),
		TEST(test_existing_files),
		TEST(test_bad_requests),
		TEST(test_limits),
		TEST(test_allow),
		TEST(test_packets_of_another_life),
		TEST(test_too_many_a_second),
		TEST(test_write_failure),
		TEST(test_write_failure_at_the_end),
		TEST(test_damaged_gzip),
		TEST(test_bare_core),
		TEST(test_seeks),
		TEST(test_gzip_in_pieces),
		TEST(test_stop),
		TEST(test_idle),
		TEST(test_no_descriptors),
		TEST(test_no_room),
		TEST(test_create_errors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
