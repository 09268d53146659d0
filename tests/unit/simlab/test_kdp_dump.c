/* Whole dumps against a scripted server. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <zlib.h>

#include "tests/simlab/kdp_dump.h"
#include "tests/unit/simlab/fake_server.h"

#define assert_ok(e) assert_null(e)

static struct fake_server server;

static struct kdp_client *client(double factor)
{
	struct kdp_config config = {.local_ip = server.client_ip,
		.server_ip = server.ip,
		.port = server.port,
		.time_factor = factor};
	struct kdp_client *c = NULL;
	assert_ok(kdp_client_create(&config, &c));
	return c;
}

/* Five thousand bytes that do not compress. */
static void sample(uint8_t out[static 5000])
{
	for (unsigned i = 0; i < 5000; i++)
		out[i] = (uint8_t)(kernel_mix(i) >> 17);
}

static struct pl_error *write_sample(void *arg, const struct core_sink *sink)
{
	uint8_t bytes[5000];
	(void)arg;
	sample(bytes);
	struct pl_error *e = sink->write(sink->arg, bytes, 2000);
	return e ? e : sink->write(sink->arg, bytes + 2000, 3000);
}

static struct kdp_dump_result dump(struct kdp_client *c, enum kdp_core_form form)
{
	const struct kdp_source source = {.write = write_sample};
	struct kdp_dump_result r;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	assert_ok(kdp_dump_core(c, "core", form, &source, &w, &r));
	return r;
}

/* The DATA packets' bytes one after the other. */
static size_t gather(uint8_t *out, size_t max)
{
	size_t size = 0;
	for (size_t i = 0; i < server.count; i++) {
		const struct fake_packet *p = &server.packets[i];
		if (fake_opcode(p) != 3)
			continue;
		assert_true(size + p->size - 6 <= max);
		memcpy(out + size, p->bytes + 6, p->size - 6);
		size += p->size - 6;
	}
	return size;
}

static void test_bare_core_in_full_packets(void **state)
{
	(void)state;
	uint8_t bytes[5000], got[8000];
	sample(bytes);
	fake_start(&server, fake_polite);
	struct kdp_client *c = client(1);
	struct kdp_dump_result r = dump(c, KDP_CORE_BARE);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_true(r.complete);
	assert_int_equal(r.bytes, 5000);
	assert_int_equal(server.count, 6); /* WRQ, 1406 * 3 + 782, EOF */
	assert_int_equal(server.packets[1].size, 1412);
	assert_int_equal(server.packets[4].size, 6 + 782);
	assert_int_equal(fake_opcode(&server.packets[5]), 7);
	assert_int_equal(fake_block(&server.packets[5]), 5);
	assert_int_equal(gather(got, sizeof(got)), 5000);
	assert_memory_equal(got, bytes, 5000);
}

static void test_gzip_stream(void **state)
{
	(void)state;
	uint8_t bytes[5000], got[8000] = {0}, out[8000];
	sample(bytes);
	fake_start(&server, fake_polite);
	struct kdp_client *c = client(1);
	struct kdp_dump_result r = dump(c, KDP_CORE_GZIP);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_true(r.complete);
	z_stream z = {0};
	z.next_in = got;
	z.avail_in = (uInt)gather(got, sizeof(got));
	z.next_out = out;
	z.avail_out = sizeof(out);
	assert_int_equal(got[0], 0x1f);
	assert_int_equal(got[1], 0x8b);
	assert_int_equal(inflateInit2(&z, 15 + 16), Z_OK);
	assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
	assert_int_equal(z.avail_in, 0);
	assert_int_equal(z.total_out, 5000);
	assert_memory_equal(out, bytes, 5000);
	inflateEnd(&z);
}

struct pause {
	size_t silent; /* packets with block 3 that are not answered */
	size_t seen;
};

static void pause_answers(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	struct pause *pause = f->arg;
	if (fake_opcode(p) != 2 && fake_block(p) == 3 && pause->seen++ < pause->silent)
		return;
	fake_polite(f, n, p);
}

/* How often that opcode came with block 3; they must all be the same. */
static size_t count_block_3(uint16_t opcode)
{
	const struct fake_packet *first = NULL;
	size_t count = 0;
	for (size_t i = 0; i < server.count; i++) {
		const struct fake_packet *p = &server.packets[i];
		if (fake_opcode(p) != opcode || fake_block(p) != 3)
			continue;
		if (!first)
			first = p;
		assert_int_equal(p->size, first->size);
		assert_memory_equal(p->bytes, first->bytes, p->size);
		count++;
	}
	return count;
}

static void test_flushes_the_same_block_once_more_then_eof(void **state)
{
	(void)state;
	struct pause pause = {.silent = SIZE_MAX};
	fake_start(&server, pause_answers);
	server.arg = &pause;
	struct kdp_client *c = client(0.0005);
	struct kdp_dump_result r = dump(c, KDP_CORE_BARE);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_true(r.started);
	assert_false(r.complete);
	assert_int_equal(r.failure, KDP_TIMEOUT);
	assert_true(server.count <= FAKE_PACKETS);
	assert_int_equal(count_block_3(3), 14 + 14);
	assert_int_equal(count_block_3(7), 14);
	assert_int_equal(fake_opcode(&server.packets[server.count - 1]), 7);
}

static void test_server_that_comes_back_sees_a_clean_end(void **state)
{
	(void)state;
	struct pause pause = {.silent = 14};
	fake_start(&server, pause_answers);
	server.arg = &pause;
	struct kdp_client *c = client(0.005);
	struct kdp_dump_result r = dump(c, KDP_CORE_BARE);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_false(r.complete);
	assert_int_equal(r.bytes, 3 * 1406);
	assert_int_equal(fake_opcode(&server.packets[server.count - 1]), 7);
	assert_int_equal(fake_block(&server.packets[server.count - 1]), 4);
}

static void refuse_all(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	(void)n;
	(void)p;
	fake_answer(f, 0, 5, 17);
}

static void test_refused_dump_sends_no_eof(void **state)
{
	(void)state;
	fake_start(&server, refuse_all);
	struct kdp_client *c = client(1);
	struct kdp_dump_result r = dump(c, KDP_CORE_BARE);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_false(r.started);
	assert_int_equal(server.count, 14);
	for (size_t i = 0; i < 14; i++)
		assert_int_equal(fake_opcode(&server.packets[i]), 2);
}

static struct pl_error *write_with_seeks(void *arg, const struct core_sink *sink)
{
	(void)arg;
	struct pl_error *e = sink->write(sink->arg, "abc", 3);
	if (!e)
		e = sink->seek(sink->arg, 4096);
	if (!e)
		e = sink->write(sink->arg, "def", 3);
	if (!e)
		e = sink->seek(sink->arg, 3);
	return e ? e : sink->write(sink->arg, "!", 1);
}

static void test_seeks_flush_what_is_before_them(void **state)
{
	(void)state;
	const struct kdp_source source = {.write = write_with_seeks};
	struct kdp_dump_result r;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	fake_start(&server, fake_polite);
	struct kdp_client *c = client(1);
	assert_ok(kdp_dump_core(c, "core", KDP_CORE_BARE_SEEKS, &source, &w, &r));
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_true(r.complete);
	assert_int_equal(server.count, 7);
	assert_memory_equal(server.packets[1].bytes, "\0\3\0\0\0\1abc", 9);
	assert_memory_equal(server.packets[2].bytes, "\0\6\0\0\0\2\0\0\0\0\0\0\x10\0", 14);
	assert_memory_equal(server.packets[3].bytes, "\0\3\0\0\0\3def", 9);
	assert_memory_equal(server.packets[4].bytes, "\0\6\0\0\0\4\0\0\0\0\0\0\0\3", 14);
	assert_memory_equal(server.packets[5].bytes, "\0\3\0\0\0\5!", 7);
	assert_memory_equal(server.packets[6].bytes, "\0\7\0\0\0\6", 6);
}

static void test_log_names_the_file_in_each_packet(void **state)
{
	(void)state;
	char text[1500];
	struct kdp_dump_result r;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	memset(text, 'p', sizeof(text));
	fake_start(&server, fake_polite);
	struct kdp_client *c = client(1);
	assert_ok(kdp_dump_log(c, "paniclog-x", text, sizeof(text), &w, &r));
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_true(r.complete);
	assert_int_equal(server.count, 4);
	assert_int_equal(server.packets[1].size, 1412 + 11);
	assert_int_equal(server.packets[2].size, 6 + 94 + 11);
	assert_memory_equal(server.packets[2].bytes + 6 + 94, "YYYYYYYYYYY", 11);
	assert_int_equal(server.packets[3].size, 6); /* EOF has no name */
}

static struct pl_error *fail_to_write(void *arg, const struct core_sink *sink)
{
	(void)arg;
	(void)sink;
	return pl_error_new(PL_ERR_LAB, "no such file");
}

static void test_a_broken_source_is_an_error(void **state)
{
	(void)state;
	const struct kdp_source source = {.write = fail_to_write};
	struct kdp_dump_result r;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	fake_start(&server, fake_polite);
	struct kdp_client *c = client(1);
	struct pl_error *e = kdp_dump_core(c, "core", KDP_CORE_GZIP, &source, &w, &r);
	assert_non_null(e);
	assert_string_equal(pl_error_what(e), "no such file");
	pl_error_free(e);
	kdp_client_destroy(c);
	fake_stop(&server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bare_core_in_full_packets),
		cmocka_unit_test(test_gzip_stream),
		cmocka_unit_test(test_flushes_the_same_block_once_more_then_eof),
		cmocka_unit_test(test_server_that_comes_back_sees_a_clean_end),
		cmocka_unit_test(test_refused_dump_sends_no_eof),
		cmocka_unit_test(test_seeks_flush_what_is_before_them),
		cmocka_unit_test(test_log_names_the_file_in_each_packet),
		cmocka_unit_test(test_a_broken_source_is_an_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
