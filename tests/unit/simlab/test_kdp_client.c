/* Each rule of the kernel's side, driven by a server that follows a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/simlab/kdp_client.h"
#include "tests/unit/simlab/fake_server.h"

#define assert_ok(e) assert_null(e)

static struct fake_server server;

static struct kdp_config config_for(const struct fake_server *f)
{
	return (struct kdp_config){
		.local_ip = f->client_ip, .server_ip = f->ip, .port = f->port, .time_factor = 1};
}

static struct kdp_client *client_with(const struct kdp_config *config)
{
	struct kdp_client *c = NULL;
	assert_ok(kdp_client_create(config, &c));
	return c;
}

static struct pl_wait wait_long(void)
{
	return pl_wait_for(30 * PL_SECOND, NULL);
}

static enum kdp_failure wrq(struct kdp_client *c, const char *name)
{
	enum kdp_failure f;
	struct pl_wait w = wait_long();
	assert_ok(kdp_packet_wrq(c, name, &w, &f));
	return f;
}

static enum kdp_failure data(struct kdp_client *c, const char *bytes, size_t junk)
{
	enum kdp_failure f;
	struct pl_wait w = wait_long();
	assert_ok(kdp_packet_data(c, bytes, strlen(bytes), junk, &w, &f));
	return f;
}

static enum kdp_failure seek(struct kdp_client *c, uint64_t offset)
{
	enum kdp_failure f;
	struct pl_wait w = wait_long();
	assert_ok(kdp_packet_seek(c, offset, &w, &f));
	return f;
}

static enum kdp_failure eof(struct kdp_client *c)
{
	enum kdp_failure f;
	struct pl_wait w = wait_long();
	assert_ok(kdp_packet_eof(c, &w, &f));
	return f;
}

static void assert_packet(size_t n, const char *bytes, size_t size)
{
	assert_true(n < server.count);
	assert_int_equal(server.packets[n].size, size);
	assert_memory_equal(server.packets[n].bytes, bytes, size);
}

static void check_wrq(enum kdp_wrq form, const char *bytes, size_t size)
{
	fake_start(&server, fake_polite);
	struct kdp_config config = config_for(&server);
	config.wrq = form;
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core-x"), KDP_OK);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, 1);
	assert_packet(0, bytes, size);
}

static void test_wrq_forms(void **state)
{
	(void)state;
	/* 1406 is 0x57e */
	static const char full[] = "\0\2core-x\0octet\0features\0\0\0\0\3\0\0\5\x7e";
	static const char mask[] = "\0\2core-x\0octet\0features\0\0\0\0\3";
	static const char old[] = "\0\2core-x\0octet";
	static const char stale[] = "\0\2core-x\0octet\0features\0\0\0\0\3\0\0\0\0";
	check_wrq(KDP_WRQ_SIZE, full, sizeof(full) - 1);
	check_wrq(KDP_WRQ_MASK, mask, sizeof(mask) - 1);
	check_wrq(KDP_WRQ_OLD, old, sizeof(old)); /* with the NUL of "octet" */
	check_wrq(KDP_WRQ_STALE_SIZE, stale, sizeof(stale) - 1);
}

static void test_packets_by_hand(void **state)
{
	(void)state;
	fake_start(&server, fake_polite);
	struct kdp_config config = config_for(&server);
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	assert_int_equal(data(c, "abc", 0), KDP_OK);
	assert_int_equal(seek(c, UINT64_C(0x123456789)), KDP_OK);
	assert_int_equal(eof(c), KDP_OK);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, 4);
	assert_packet(1, "\0\3\0\0\0\1abc", 9);
	assert_packet(2, "\0\6\0\0\0\2\0\0\0\1\x23\x45\x67\x89", 14);
	assert_packet(3, "\0\7\0\0\0\3", 6);
	for (size_t i = 0; i < 4; i++) /* panicd_port is the source port, too */
		assert_int_equal(server.packets[i].from_port, server.port);
}

static void no_features(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	(void)n;
	fake_answer(f, 0, 4, fake_opcode(p) == 2 ? 0 : fake_block(p));
}

static void test_no_features_falls_back(void **state)
{
	(void)state;
	struct kdp_stats stats;
	fake_start(&server, no_features);
	struct kdp_config config = config_for(&server);
	struct kdp_client *c = client_with(&config);
	kdp_client_stats(c, &stats);
	assert_int_equal(stats.packet_size, 1406);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	kdp_client_stats(c, &stats);
	assert_int_equal(stats.packet_size, 512);
	assert_int_equal(seek(c, UINT64_C(0x123456789)), KDP_OK);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_packet(1, "\0\6\0\0\0\1\x23\x45\x67\x89", 10);
}

static void test_packet_size_boot_arg(void **state)
{
	(void)state;
	struct kdp_stats stats;
	fake_start(&server, fake_polite);
	struct kdp_config config = config_for(&server);
	config.packet_size = 1000; /* 0x3e8 */
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "c"), KDP_OK);
	kdp_client_stats(c, &stats);
	assert_int_equal(stats.packet_size, 1000);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_packet(0, "\0\2c\0octet\0features\0\0\0\0\3\0\0\3\xe8", 27);
}

/* Packet 1 (the DATA) is answered with block - 1 as often as *arg says. */
static void repeat_ack(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	unsigned times = *(const unsigned *)f->arg;
	if (n != 1) {
		fake_polite(f, n, p);
		return;
	}
	for (unsigned i = 0; i < times; i++)
		fake_answer(f, 0, 4, 0);
	if (times == 1)
		fake_answer(f, 0, 4, 1);
}

static void check_repeated_acks(unsigned times, size_t packets)
{
	fake_start(&server, repeat_ack);
	server.arg = &times;
	struct kdp_config config = config_for(&server);
	config.time_factor = 100; /* so that no time-out can be what made it resend */
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	assert_int_equal(data(c, "abc", 0), KDP_OK);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, packets);
	if (packets == 3)
		assert_packet(2, "\0\3\0\0\0\1abc", 9);
}

static void test_ack_of_the_block_before(void **state)
{
	(void)state;
	check_repeated_acks(1, 2); /* the first is skipped */
	check_repeated_acks(2, 3); /* the second makes it resend */
}

static void stale_ack(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	if (n == 1)
		fake_answer(f, 0, 4, 77);
	else
		fake_polite(f, n, p);
}

static void test_ack_of_any_other_block_is_success(void **state)
{
	(void)state;
	struct kdp_stats stats;
	fake_start(&server, stale_ack);
	struct kdp_config config = config_for(&server);
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	assert_int_equal(data(c, "lost", 0), KDP_OK);
	assert_int_equal(data(c, "next", 0), KDP_OK);
	kdp_client_stats(c, &stats);
	assert_int_equal(stats.stale, 1);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_packet(2, "\0\3\0\0\0\2next", 10);
}

static void refuse(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	(void)n;
	(void)p;
	fake_answer(f, 0, 5, 2);
}

static void test_error_fourteen_times(void **state)
{
	(void)state;
	struct kdp_stats stats;
	fake_start(&server, refuse);
	struct kdp_config config = config_for(&server);
	config.time_factor = 100;
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_TIMEOUT);
	kdp_client_stats(c, &stats);
	assert_int_equal(stats.errors, 14);
	assert_int_equal(stats.last_error, 2);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, 14);
}

static void test_silence_fourteen_tries(void **state)
{
	(void)state;
	fake_start(&server, NULL);
	struct kdp_config config = config_for(&server);
	config.time_factor = 0.0005;
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_TIMEOUT);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, 14);
	for (size_t i = 1; i < 14; i++)
		assert_packet(i, (const char *)server.packets[0].bytes, server.packets[0].size);
}

static void other_port(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	(void)n;
	fake_answer(f, 1, fake_opcode(p) == 2 ? 0x0304 : 4, fake_opcode(p) == 2 ? 0 : fake_block(p));
}

static void test_follows_the_port_of_the_last_answer(void **state)
{
	(void)state;
	fake_start(&server, other_port);
	struct kdp_config config = config_for(&server);
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	assert_int_equal(data(c, "abc", 0), KDP_OK);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_false(server.packets[0].second_port);
	assert_true(server.packets[1].second_port);
}

/* A refusal from the ephemeral port must not take a repeated WRQ away from the well-known one. */
static void refuse_from_other_port(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	if (n == 0)
		fake_answer(f, 1, 5, 1);
	else
		fake_polite(f, n, p);
}

static void test_repeated_wrq_goes_to_the_well_known_port(void **state)
{
	(void)state;
	fake_start(&server, refuse_from_other_port);
	struct kdp_config config = config_for(&server);
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, 2);
	assert_false(server.packets[1].second_port);
}

static void call_debugger(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	if (n != 1) {
		fake_polite(f, n, p);
		return;
	}
	struct sockaddr_in a = f->client;
	a.sin_port = htons(KDP_DEBUGGER_PORT);
	(void)!sendto(f->fds[0], "?", 1, 0, (const struct sockaddr *)&a, sizeof(a));
}

static void test_debugger_packet_ends_it(void **state)
{
	(void)state;
	fake_start(&server, call_debugger);
	struct kdp_config config = config_for(&server);
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	assert_int_equal(data(c, "abc", 0), KDP_DEBUGGER);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, 2);
}

static void test_log_tails(void **state)
{
	(void)state;
	char full[513];
	memset(full, 'x', 512);
	full[512] = '\0';
	fake_start(&server, no_features);
	struct kdp_config config = config_for(&server);
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "log"), KDP_OK);
	assert_int_equal(data(c, full, 4), KDP_OK);
	assert_int_equal(data(c, "end", 4), KDP_OK);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.packets[1].size, 6 + 512 + 4); /* the junk is whatever was there */
	assert_packet(2, "\0\3\0\0\0\2endYYYY", 13);
}

static void ignore_first(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	if (n != 0)
		fake_polite(f, n, p);
}

static void test_lost_wrq_is_repeated(void **state)
{
	(void)state;
	struct kdp_stats stats;
	fake_start(&server, ignore_first);
	struct kdp_config config = config_for(&server);
	config.time_factor = 0.01;
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	kdp_client_stats(c, &stats);
	assert_true(stats.resent >= 1);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_true(server.count >= 2);
	assert_packet(1, (const char *)server.packets[0].bytes, server.packets[0].size);
}

static void test_dies_at_a_byte(void **state)
{
	(void)state;
	fake_start(&server, fake_polite);
	struct kdp_config config = config_for(&server);
	config.faults.stop = true;
	config.faults.stop_at = 5;
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	assert_int_equal(data(c, "abc", 0), KDP_OK);
	assert_int_equal(data(c, "def", 0), KDP_OK);
	assert_int_equal(data(c, "ghi", 0), KDP_DIED);
	assert_int_equal(eof(c), KDP_DIED);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, 3);
}

static void test_faults_on_the_way(void **state)
{
	(void)state;
	struct kdp_stats stats;
	fake_start(&server, fake_polite);
	struct kdp_config config = config_for(&server);
	config.faults = (struct kdp_faults){.loss_out = 100};
	config.time_factor = 0.0002;
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_TIMEOUT);
	kdp_client_stats(c, &stats);
	assert_int_equal(stats.sent, 14);
	kdp_client_destroy(c);
	config.faults = (struct kdp_faults){.dup_out = 100};
	config.time_factor = 1;
	c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_OK);
	kdp_client_stats(c, &stats);
	assert_int_equal(stats.sent, 1);
	/* The second ACK 0 is the first of block - 1 for the DATA: skipped. */
	assert_int_equal(data(c, "abc", 0), KDP_OK);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(fake_opcode(&server.packets[0]), 2);
	assert_int_equal(fake_opcode(&server.packets[1]), 2);
}

static void test_power_off(void **state)
{
	(void)state;
	struct pl_cancel cancel;
	enum kdp_failure failure;
	assert_ok(pl_cancel_init(&cancel));
	fake_start(&server, NULL);
	struct kdp_config config = config_for(&server);
	struct kdp_client *c = client_with(&config);
	struct pl_wait w = pl_wait_for(PL_TIME_FOREVER, &cancel);
	pl_cancel_set(&cancel);
	struct pl_error *e = kdp_packet_wrq(c, "core", &w, &failure);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_INTERRUPTED);
	pl_error_free(e);
	kdp_client_destroy(c);
	fake_stop(&server);
	pl_cancel_deinit(&cancel);
}

static void test_sends_to_loopback_only(void **state)
{
	(void)state;
	fake_start(&server, fake_polite);
	struct kdp_config config = config_for(&server);
	config.server_ip = "0.0.0.0"; /* on some systems another name of this host */
	config.time_factor = 0.0002;
	struct kdp_client *c = client_with(&config);
	assert_int_equal(wrq(c, "core"), KDP_TIMEOUT);
	kdp_client_destroy(c);
	fake_stop(&server);
	assert_int_equal(server.count, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wrq_forms),
		cmocka_unit_test(test_packets_by_hand),
		cmocka_unit_test(test_no_features_falls_back),
		cmocka_unit_test(test_packet_size_boot_arg),
		cmocka_unit_test(test_ack_of_the_block_before),
		cmocka_unit_test(test_ack_of_any_other_block_is_success),
		cmocka_unit_test(test_error_fourteen_times),
		cmocka_unit_test(test_silence_fourteen_tries),
		cmocka_unit_test(test_follows_the_port_of_the_last_answer),
		cmocka_unit_test(test_repeated_wrq_goes_to_the_well_known_port),
		cmocka_unit_test(test_debugger_packet_ends_it),
		cmocka_unit_test(test_log_tails),
		cmocka_unit_test(test_lost_wrq_is_repeated),
		cmocka_unit_test(test_dies_at_a_byte),
		cmocka_unit_test(test_faults_on_the_way),
		cmocka_unit_test(test_power_off),
		cmocka_unit_test(test_sends_to_loopback_only),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
