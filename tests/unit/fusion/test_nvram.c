/* .nvram files: read, edited, and everything else left alone. Bytes by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "orchestrator/fusion/nvram.h"
#include "tests/unit/fusion/nvram_bytes.h"

static unsigned char file[FILE_SIZE], want[FILE_SIZE];

static struct nvram_id id(const char *text)
{
	struct nvram_id ret;

	assert_null(nvram_id_parse(text, &ret));
	return ret;
}

static struct nvram parsed(const char *records, size_t size)
{
	struct nvram n;

	nvram_file_of(records, size, file);
	assert_null(nvram_parse(file, sizeof file, &n));
	return n;
}

static void is_now(const struct nvram *n, const char *records, size_t size)
{
	nvram_file_of(records, size, want);
	assert_int_equal(n->size, FILE_SIZE);
	assert_memory_equal(n->bytes, want, FILE_SIZE);
}

static void fails(struct pl_error *e, enum pl_error_kind kind, const char *words)
{
	char line[400];

	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), kind);
	if (!strstr(pl_error_line(e, line, sizeof line), words))
		fail_msg("'%s' is not in '%s'", words, line);
	pl_error_free(e);
}

static void reads(void **state)
{
	struct nvram n = parsed(BYTES(BOOT_ARGS_V PK));
	struct nvram_id boot_args = id("boot-args");
	const struct nvram_variable *v;
	char guid[NVRAM_GUID_TEXT];

	(void)state;
	assert_int_equal(n.count, 2);
	assert_int_equal(nvram_free(&n), 151);
	assert_null(nvram_find(&n, &boot_args, &v));
	assert_non_null(v);
	assert_int_equal(v->attributes, 7);
	assert_int_equal(v->value_size, 3);
	assert_memory_equal(v->value, "-v", 3);
	assert_true(v->nul);
	assert_string_equal(nvram_guid_text(v->guid, guid), "7C436110-AB2A-4BBB-A880-FE41995C9F82");
	assert_string_equal(n.variables[1].name, "PK");
	assert_string_equal(
		nvram_guid_text(n.variables[1].guid, guid), "8BE4DF61-93CA-11D2-AA0D-00E098032B8C");
	nvram_deinit(&n);
}

static void sets(void **state)
{
	struct nvram n = parsed(BYTES(BOOT_ARGS_V PK));
	struct nvram_id boot_args = id("boot-args"), csr = id("csr-active-config");

	(void)state;
	/* longer, in its place; the one behind it moves */
	assert_null(nvram_set(&n, &boot_args, 0, BYTES("-v x\0")));
#define LONGER                                                                                               \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x19\0\0\0"                                                                                   \
	      "\x14\0\0\0" BOOT_ARGS_NAME "-v x\0"
	is_now(&n, BYTES(LONGER PK));
	/* shorter: 0xFF behind */
	assert_null(nvram_set(&n, &boot_args, 0, BYTES("\0")));
#define EMPTY                                                                                                \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x15\0\0\0"                                                                                   \
	      "\x14\0\0\0" BOOT_ARGS_NAME "\0"
	is_now(&n, BYTES(EMPTY PK));
	/* a new one, behind the last */
	assert_null(nvram_set(&n, &csr, 0, BYTES("\x77\0\0\0")));
	is_now(&n, BYTES(EMPTY PK CSR_77));
	assert_null(nvram_set(&n, &csr, 0, BYTES("\x77\0\0\0")));
	is_now(&n, BYTES(EMPTY PK CSR_77));
	assert_null(nvram_delete(&n, &boot_args));
	is_now(&n, BYTES(PK CSR_77));
	assert_null(nvram_delete(&n, &boot_args));
	assert_null(nvram_delete(&n, &csr));
	is_now(&n, BYTES(PK));
	nvram_deinit(&n);
}

/* Another GUID, attributes of its own, a name without a NUL, one with a colon. */
static void other_owners(void **state)
{
#define BARE                                                                                                 \
	GLOBAL "\x03\0\0\0"                                                                                  \
	       "\x06\0\0\0"                                                                                  \
	       "\x04\0\0\0"                                                                                  \
	       "P\0K\0"                                                                                      \
	       "ab"
#define BARE_CD                                                                                              \
	GLOBAL "\x03\0\0\0"                                                                                  \
	       "\x06\0\0\0"                                                                                  \
	       "\x04\0\0\0"                                                                                  \
	       "P\0K\0"                                                                                      \
	       "cd"
#define COLON                                                                                                \
	APPLE "\x05\0\0\0"                                                                                   \
	      "\x07\0\0\0"                                                                                   \
	      "\x06\0\0\0"                                                                                   \
	      "a\0:\0\0\0"                                                                                   \
	      "x"
	struct nvram n = parsed(BYTES(BARE));
	struct nvram_id pk = id("8be4df61-93ca-11d2-aa0d-00e098032b8c:PK"), colon = id("a:"),
			lower = id("pk");
	const struct nvram_variable *v;

	(void)state;
	assert_null(nvram_set(&n, &pk, 0, BYTES("cd")));
	is_now(&n, BYTES(BARE_CD));
	assert_null(nvram_set(&n, &colon, 5, BYTES("x")));
	is_now(&n, BYTES(BARE_CD COLON));
	memcpy(lower.guid, pk.guid, 16);
	assert_null(nvram_find(&n, &lower, &v));
	assert_null(v);
	nvram_deinit(&n);
}

static void names(void **state)
{
	/* "é𝄞", one unit and a surrogate pair */
#define MUSIC                                                                                                \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x09\0\0\0"                                                                                   \
	      "\x08\0\0\0"                                                                                   \
	      "\xe9\0\x34\xd8\x1e\xdd\0\0"                                                                   \
	      "x"
	struct nvram n = parsed(BYTES(BOOT_ARGS_V));
	struct nvram_id music = id("é𝄞"), any;
	char long_name[NVRAM_NAME_MAX + 2];

	(void)state;
	assert_null(nvram_set(&n, &music, 0, BYTES("x")));
	is_now(&n, BYTES(BOOT_ARGS_V MUSIC));
	assert_string_equal(n.variables[1].name, "é𝄞");
	nvram_deinit(&n);

	memset(long_name, 'a', sizeof long_name);
	long_name[sizeof long_name - 1] = '\0';
	fails(nvram_id_parse(long_name, &any), PL_ERR_USAGE, "names no variable");
	fails(nvram_id_parse("", &any), PL_ERR_USAGE, "names no variable");
	fails(nvram_id_parse("a\nb", &any), PL_ERR_USAGE, "names no variable");
	fails(nvram_id_parse("a\xff", &any), PL_ERR_USAGE, "names no variable");
	fails(nvram_id_parse("7C436110-AB2A-4BBB-A880-FE41995C9F82:", &any), PL_ERR_USAGE,
		"names no variable");
	assert_null(nvram_id_parse("7C436110-AB2A-4BBB-A880-FE41995C9F8:x", &any));
	assert_string_equal(any.name, "7C436110-AB2A-4BBB-A880-FE41995C9F8:x");
}

/* Kept, listed, and never taken for one that can be named. */
static void odd_names(void **state)
{
#define ODD_SIZE                                                                                             \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x04\0\0\0"                                                                                   \
	      "\x03\0\0\0"                                                                                   \
	      "a\0b"                                                                                         \
	      "x"
#define NUL_INSIDE                                                                                           \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x07\0\0\0"                                                                                   \
	      "\x06\0\0\0"                                                                                   \
	      "a\0\0\0b\0"                                                                                   \
	      "x"
#define LONE                                                                                                 \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x03\0\0\0"                                                                                   \
	      "\x02\0\0\0"                                                                                   \
	      "\0\xd8"                                                                                       \
	      "x"
#define NAMELESS                                                                                             \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x02\0\0\0"                                                                                   \
	      "\0\0\0\0"                                                                                     \
	      "xy"
#define A                                                                                                    \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x05\0\0\0"                                                                                   \
	      "\x04\0\0\0"                                                                                   \
	      "a\0\0\0"                                                                                      \
	      "x"
	struct nvram n = parsed(BYTES(ODD_SIZE NUL_INSIDE LONE NAMELESS));
	struct nvram_id a = id("a");

	(void)state;
	assert_int_equal(n.count, 4);
	for (size_t i = 0; i < 4; i++)
		assert_false(n.variables[i].plain);
	assert_null(nvram_set(&n, &a, 0, BYTES("x")));
	is_now(&n, BYTES(ODD_SIZE NUL_INSIDE LONE NAMELESS A));
	assert_null(nvram_delete(&n, &a));
	is_now(&n, BYTES(ODD_SIZE NUL_INSIDE LONE NAMELESS));
	nvram_deinit(&n);
}

static void restores(void **state)
{
	struct nvram n = parsed(BYTES(BARE BOOT_ARGS_V PK));
	struct nvram_id pk = id("8BE4DF61-93CA-11D2-AA0D-00E098032B8C:PK"), csr = id("csr-active-config");
	struct nvram_id boot_args = id("boot-args");
	struct pl_buf was, none;

	(void)state;
	pl_buf_init(&was, 1024);
	pl_buf_init(&none, 1024);
	assert_null(nvram_save(&n, &boot_args, &was));
	assert_null(nvram_save(&n, &csr, &none));
	assert_int_equal(none.size, 0);
	assert_null(nvram_set(&n, &boot_args, 3, BYTES("else\0")));
	assert_null(nvram_set(&n, &csr, 0, BYTES("\x77\0\0\0")));
	assert_null(nvram_restore(&n, &csr, none.data, none.size));
	assert_null(nvram_restore(&n, &boot_args, was.data, was.size));
	is_now(&n, BYTES(BARE BOOT_ARGS_V PK));
	/* it went away meanwhile: the same record, behind the others */
	assert_null(nvram_delete(&n, &boot_args));
	assert_null(nvram_restore(&n, &boot_args, was.data, was.size));
	is_now(&n, BYTES(BARE PK BOOT_ARGS_V));
	fails(nvram_restore(&n, &csr, was.data, was.size), PL_ERR_DATA, "not its record");
	fails(nvram_restore(&n, &boot_args, was.data, was.size - 1), PL_ERR_DATA, "cut short");
	/* PK is there twice now, signed and not */
	fails(nvram_delete(&n, &pk), PL_ERR_DATA, "PK is there more than once");
	pl_buf_deinit(&was);
	pl_buf_deinit(&none);
	nvram_deinit(&n);
}

static void refuses(void **state)
{
	struct nvram n = parsed(BYTES(BOOT_ARGS_V PK));
	struct nvram_id pk = id("8BE4DF61-93CA-11D2-AA0D-00E098032B8C:PK"), boot_args = id("boot-args");
	char big[300] = {0};

	(void)state;
	fails(nvram_set(&n, &pk, 0, BYTES("x")), PL_ERR_USAGE, "signed");
	fails(nvram_delete(&n, &pk), PL_ERR_USAGE, "signed");
	fails(nvram_set(&n, &boot_args, 0, "", 0), PL_ERR_USAGE, "without a value");
	fails(nvram_set(&n, &boot_args, 0x27, BYTES("x")), PL_ERR_USAGE, "attributes");
	fails(nvram_set(&n, &boot_args, 6, BYTES("x")), PL_ERR_USAGE, "attributes");
	/* 151 free and its own 51: 48 of head and name leave 154 for the value */
	fails(nvram_set(&n, &boot_args, 0, big, 155), PL_ERR_LAB, "1 bytes too many");
	fails(nvram_set(&n, &boot_args, 0, big, 257), PL_ERR_LAB, "do not fit");
	is_now(&n, BYTES(BOOT_ARGS_V PK));
	assert_null(nvram_set(&n, &boot_args, 0, big, 154));
	assert_int_equal(nvram_free(&n), 0);
	assert_int_equal(n.count, 2);
	nvram_deinit(&n);
}

static void does_not_parse(size_t at, unsigned char byte, const char *words)
{
	struct nvram n;

	nvram_file_of(BYTES(BOOT_ARGS_V PK), file);
	file[at] = byte;
	fails(nvram_parse(file, sizeof file, &n), PL_ERR_DATA, words);
	nvram_deinit(&n);
}

static void damaged(void **state)
{
	struct nvram n;
	unsigned char two[STORE_AT + 2 * (12 + 16)];

	(void)state;
	does_not_parse(0, 'm', "MRVN");
	does_not_parse(4, 2, "version");
	does_not_parse(16, 5, "beyond the end");
	does_not_parse(STORE_AT - 12, 'e', "no EFI variables");
	does_not_parse(STORE_AT - 4, 1, "beyond the end");
	does_not_parse(STORE_AT, 'v', "does not begin");
	does_not_parse(STORE_AT + 8, 1, "does not begin");
	does_not_parse(STORE_AT + 12, 15, "uses more");
	does_not_parse(STORE_AT + 13, 1, "uses more");
	does_not_parse(STORE_AT + 12, 104, "cut short");
	does_not_parse(STORE_AT + 12, 106, "cut short");
	does_not_parse(STORE_AT + 16 + 20, 0x13, "cut short");
	does_not_parse(STORE_AT + 16 + 27, 0x80, "cut short");
	for (size_t size = 0; size < FILE_SIZE; size++) {
		nvram_file_of(BYTES(BOOT_ARGS_V PK), file);
		assert_non_null((pl_error_free(nvram_parse(file, size, &n)), file));
		assert_int_equal(n.count, 0);
		nvram_deinit(&n);
	}
	memcpy(two, HEAD, 24);
	for (size_t i = 0; i < 2; i++)
		memcpy(two + 24 + 28 * i,
			"EFI_NV\0\0"
			"\x10\0\0\0"
			"VMWNVRAM\0\0\0\0\x10\0\0\0",
			28);
	fails(nvram_parse(two, 24 + 56, &n), PL_ERR_DATA, "two sections");
	nvram_deinit(&n);
	assert_null(nvram_parse(two, 24 + 28, &n));
	assert_int_equal(n.count, 0);
	nvram_deinit(&n);
}

/* What is behind the variables may be what the firmware goes by: read only. */
static void dirty_tail(void **state)
{
	struct nvram n;
	struct nvram_id boot_args = id("boot-args");

	(void)state;
	nvram_file_of(BYTES(BOOT_ARGS_V PK), file);
	file[FILE_SIZE - 1] = 0;
	assert_null(nvram_parse(file, sizeof file, &n));
	assert_int_equal(n.count, 2);
	fails(nvram_delete(&n, &boot_args), PL_ERR_DATA, "should be empty");
	assert_memory_equal(n.bytes, file, sizeof file);
	nvram_deinit(&n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads),
		cmocka_unit_test(sets),
		cmocka_unit_test(other_owners),
		cmocka_unit_test(names),
		cmocka_unit_test(odd_names),
		cmocka_unit_test(restores),
		cmocka_unit_test(refuses),
		cmocka_unit_test(damaged),
		cmocka_unit_test(dirty_tail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
