/* Bytes written by hand from the protocol's tables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "server/name.h"
#include "server/wire.h"

#define DECODE(text, p) wire_decode(text, sizeof text - 1, p)

static void test_full_wrq(void **state)
{
	struct wire_packet p;

	(void)state;
	assert_true(DECODE("\0\2core-x.gz\0octet\0features\0\0\0\0\3\0\0\5\x7e", &p));
	assert_int_equal(p.op, WIRE_WRQ);
	assert_string_equal(p.name, "core-x.gz");
	assert_string_equal(p.mode, "octet");
	assert_int_equal(p.features, 3);
	assert_int_equal(p.segment, 1406);
}

static void test_older_wrqs(void **state)
{
	struct wire_packet p;

	(void)state;
	assert_true(DECODE("\0\2core\0octet\0", &p));
	assert_int_equal(p.features, 0);
	assert_int_equal(p.segment, 0);
	assert_true(DECODE("\0\2core\0octet\0features\0\0\0\0\1", &p));
	assert_int_equal(p.features, 1);
	assert_int_equal(p.segment, 0);
	assert_true(DECODE("\0\2core\0octet\0features\0\0\0", &p));
	assert_int_equal(p.features, 0);
}

static void test_odd_wrqs(void **state)
{
	struct wire_packet p;

	(void)state;
	/* An option that nobody knows is not the mask. */
	assert_true(DECODE("\0\2core\0octet\0blksize\0\0\0\0\3\0\0\5\x7e", &p));
	assert_int_equal(p.features, 0);
	assert_int_equal(p.segment, 0);
	assert_true(DECODE("\0\2\0\0", &p));
	assert_string_equal(p.name, "");
	assert_string_equal(p.mode, "");
	/* Stale memory may follow what newer kernels send. */
	assert_true(DECODE("\0\2c\0octet\0features\0\0\0\0\2\0\0\2\x58YYYY", &p));
	assert_int_equal(p.features, 2);
	assert_int_equal(p.segment, 600);
	assert_true(DECODE("\0\1core\0octet\0", &p));
	assert_int_equal(p.op, WIRE_RRQ);
	assert_string_equal(p.name, "core");
}

static void test_broken_wrqs(void **state)
{
	struct wire_packet p;

	(void)state;
	assert_false(DECODE("\0\2", &p));
	assert_false(DECODE("\0\2core", &p));
	assert_false(DECODE("\0\2core\0", &p));
	assert_false(DECODE("\0\2core\0octe", &p));
}

static void test_blocks(void **state)
{
	struct wire_packet p;
	uint64_t offset;

	(void)state;
	assert_true(DECODE("\0\3\1\2\3\4hello", &p));
	assert_int_equal(p.op, WIRE_DATA);
	assert_int_equal(p.block, 0x01020304);
	assert_int_equal(p.size, 5);
	assert_memory_equal(p.payload, "hello", 5);
	assert_true(DECODE("\0\7\0\0\0\11", &p));
	assert_int_equal(p.op, WIRE_EOF);
	assert_int_equal(p.block, 9);
	assert_true(DECODE("\0\6\0\0\0\1\0\0\0\2\0\0\0\3", &p));
	assert_true(wire_seek_offset(&p, true, &offset));
	assert_int_equal(offset, 0x200000003);
	assert_true(wire_seek_offset(&p, false, &offset));
	assert_int_equal(offset, 2);
	assert_true(DECODE("\0\6\0\0\0\1\0\0\0\2\0\0\0", &p));
	assert_false(wire_seek_offset(&p, true, &offset));
}

static void test_answers_come_in_too(void **state)
{
	struct wire_packet p;

	(void)state;
	assert_true(DECODE("\3\4\0\0\0\0", &p));
	assert_int_equal(p.op, WIRE_ACK);
	assert_int_equal(p.features, 3);
	assert_true(DECODE("\0\5\0\0\0\1gone\0", &p));
	assert_int_equal(p.op, WIRE_ERROR);
	assert_int_equal(p.block, 1);
	assert_int_equal(p.size, 5);
}

static void test_not_packets(void **state)
{
	struct wire_packet p;

	(void)state;
	assert_false(wire_decode("", 0, &p));
	assert_false(DECODE("\0", &p));
	assert_false(DECODE("\0\3\0\0\0", &p));
	assert_false(DECODE("\0\0\0\0\0\0", &p));
	assert_false(DECODE("\0\10\0\0\0\0", &p));
	assert_false(DECODE("\1\3\0\0\0\1", &p));
}

static void test_answers(void **state)
{
	uint8_t ack[WIRE_ACK_SIZE];
	uint8_t error[WIRE_ERROR_MAX];
	char text[200];

	(void)state;
	assert_int_equal(wire_put_ack(ack, 0, 3), 6);
	assert_memory_equal(ack, "\3\4\0\0\0\0", 6);
	assert_int_equal(wire_put_ack(ack, 0xfffffffe, 0), 6);
	assert_memory_equal(ack, "\0\4\xff\xff\xff\xfe", 6);
	assert_int_equal(wire_put_error(error, 6, "no"), 9);
	assert_memory_equal(error, "\0\5\0\0\0\6no\0", 9);
	memset(text, 'x', sizeof text);
	text[sizeof text - 1] = '\0';
	assert_int_equal(wire_put_error(error, 0, text), WIRE_ERROR_MAX);
	assert_int_equal(error[WIRE_ERROR_MAX - 1], 0);
}

static void test_names(void **state)
{
	char hundred[102];

	(void)state;
	assert_true(name_is_safe("core-xnu-3789.72.11-192.168.136.130-a5001516.gz"));
	assert_true(name_is_safe("a_B.9"));
	assert_false(name_is_safe(""));
	assert_false(name_is_safe("."));
	assert_false(name_is_safe(".hidden"));
	assert_false(name_is_safe("-rf"));
	assert_false(name_is_safe("../core"));
	assert_false(name_is_safe("a/b"));
	assert_false(name_is_safe("a b"));
	assert_false(name_is_safe("a\nb"));
	assert_false(name_is_safe("caf\xc3\xa9"));
	memset(hundred, 'a', sizeof hundred);
	hundred[100] = '\0';
	assert_true(name_is_safe(hundred));
	hundred[100] = 'a';
	hundred[101] = '\0';
	assert_false(name_is_safe(hundred));
}

static void test_junk(void **state)
{
	(void)state;
	assert_int_equal(name_junk("core-xnu-1.gz"), 0);
	assert_int_equal(name_junk("paniclog-x"), 11);
	assert_int_equal(name_junk("systemlog-x"), 12);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_wrq),
		cmocka_unit_test(test_older_wrqs),
		cmocka_unit_test(test_odd_wrqs),
		cmocka_unit_test(test_broken_wrqs),
		cmocka_unit_test(test_blocks),
		cmocka_unit_test(test_answers_come_in_too),
		cmocka_unit_test(test_not_packets),
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_junk),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
