/*
 * The variables of the next boot, in an .nvram written down by hand
 * (tests/unit/fusion/nvram_bytes.h): set, written, put back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/run/vm_nvram.h"
#include "tests/unit/folder.h"
#include "tests/unit/fusion/nvram_bytes.h"

static char vmx[128], path[128];

static void put(const char *records, size_t size)
{
	unsigned char bytes[FILE_SIZE];
	static const char text[] = "config.version = \"8\"\n";
	snprintf(vmx, sizeof vmx, "%s/v.vmx", folder);
	snprintf(path, sizeof path, "%s/v.nvram", folder);
	nvram_file_of(records, size, bytes);
	assert_null(pl_fs_write(vmx, text, strlen(text), 0600));
	assert_null(pl_fs_write(path, bytes, sizeof bytes, 0600));
}

static void has(const char *records, size_t size)
{
	unsigned char bytes[FILE_SIZE];
	struct pl_buf b;
	nvram_file_of(records, size, bytes);
	pl_buf_init(&b, 4096);
	assert_null(pl_fs_read(path, &b));
	assert_int_equal(b.size, FILE_SIZE);
	assert_memory_equal(b.data, bytes, FILE_SIZE);
	pl_buf_deinit(&b);
}

/* The same two records, changed: "-v" became "debug=0x1" (23 - 3 + 10 = 30 bytes), 0x77 became 0x7f. */
#define BOOT_ARGS_DEBUG                                                                                      \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x1e\0\0\0"                                                                                   \
	      "\x14\0\0\0" BOOT_ARGS_NAME "debug=0x1\0"
#define CSR_7F                                                                                               \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x28\0\0\0"                                                                                   \
	      "\x24\0\0\0" CSR_NAME "\x7f\0\0\0"

static void arm(json_t **before)
{
	struct vm_nvram v;
	assert_null(vm_nvram_open(vmx, &v));
	*before = vm_nvram_before(&v);
	assert_non_null(*before);
	assert_null(vm_nvram_set_boot_args(&v, "debug=0x1"));
	assert_null(vm_nvram_set_csr(&v, 0x7f));
	assert_null(vm_nvram_write(&v));
	vm_nvram_close(&v);
}

/* By way of the journal's text. */
static bool restore(json_t *before)
{
	struct vm_nvram v;
	bool changed = false;
	char *text = json_dumps(before, 0);
	json_t *read = json_loads(text, 0, NULL);
	assert_null(vm_nvram_open(vmx, &v));
	assert_null(vm_nvram_put_back(&v, read, &changed));
	if (changed)
		assert_null(vm_nvram_write(&v));
	vm_nvram_close(&v);
	json_decref(read);
	free(text);
	return changed;
}

static void what_was_there_comes_back(void **state)
{
	json_t *before;
	(void)state;
	put(BYTES(BOOT_ARGS_V PK CSR_77));
	arm(&before);
	has(BYTES(BOOT_ARGS_DEBUG PK CSR_7F));
	assert_true(restore(before));
	has(BYTES(BOOT_ARGS_V PK CSR_77));
	assert_false(restore(before));
	json_decref(before);
}

static void what_was_not_there_goes(void **state)
{
	json_t *before;
	(void)state;
	put(BYTES(PK));
	arm(&before);
	has(BYTES(PK BOOT_ARGS_DEBUG CSR_7F));
	assert_true(restore(before));
	has(BYTES(PK));
	json_decref(before);
}

static void reads_what_the_next_boot_gets(void **state)
{
	struct vm_nvram v;
	char *args = NULL;
	uint32_t csr = 1;
	bool set;
	(void)state;
	put(BYTES(BOOT_ARGS_V CSR_77));
	assert_null(vm_nvram_open(vmx, &v));
	assert_null(vm_nvram_boot_args(&v, &args, &set));
	assert_true(set);
	assert_string_equal(args, "-v");
	assert_null(vm_nvram_csr(&v, &csr));
	assert_int_equal(csr, 0x77);
	free(args);
	vm_nvram_close(&v);
	put(BYTES(PK));
	assert_null(vm_nvram_open(vmx, &v));
	assert_null(vm_nvram_boot_args(&v, &args, &set));
	assert_false(set);
	assert_string_equal(args, "");
	assert_null(vm_nvram_csr(&v, &csr));
	assert_int_equal(csr, 0);
	free(args);
	vm_nvram_close(&v);
}

static void by_hand_are_commands(void **state)
{
	char wanted[512], got[512];
	json_t *before;
	(void)state;
	put(BYTES(BOOT_ARGS_V));
	arm(&before);
	vm_nvram_by_hand(before, got, sizeof got);
	snprintf(wanted, sizeof wanted,
		"with the VM off: paniclab nvram %s set boot-args hex:2d7600; paniclab nvram %s delete "
		"csr-active-config",
		path, path);
	assert_string_equal(got, wanted);
	json_decref(before);
}

static void a_damaged_journal_changes_nothing(void **state)
{
	static const char *const bad[] = {"{}", "{\"variables\":{}}",
		"{\"variables\":{\"boot-args\":{\"record\":\"0\"},\"csr-active-config\":null}}",
		"{\"variables\":{\"boot-args\":{\"record\":\"zz\"},\"csr-active-config\":null}}",
		"{\"variables\":{\"boot-args\":{\"record\":\"00\"},\"csr-active-config\":null}}"};
	(void)state;
	put(BYTES(BOOT_ARGS_V CSR_77));
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct vm_nvram v;
		bool changed;
		json_t *before = json_loads(bad[i], 0, NULL);
		assert_null(vm_nvram_open(vmx, &v));
		struct pl_error *e = vm_nvram_put_back(&v, before, &changed);
		assert_non_null(e);
		assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
		pl_error_free(e);
		vm_nvram_close(&v);
		json_decref(before);
	}
	has(BYTES(BOOT_ARGS_V CSR_77));
}

static void an_encrypted_vm_is_told_apart(void **state)
{
	static const char text[] = "encryption.keySafe = \"vmware:key/list\"\nencryption.data = \"x\"\n";
	struct vm_nvram v;
	(void)state;
	put(BYTES(BOOT_ARGS_V));
	assert_null(pl_fs_write(vmx, text, strlen(text), 0600));
	struct pl_error *e = vm_nvram_open(vmx, &v);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_non_null(strstr(pl_error_what(e), "encrypted"));
	pl_error_free(e);
	vm_nvram_close(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_there_comes_back),
		cmocka_unit_test(what_was_not_there_goes),
		cmocka_unit_test(reads_what_the_next_boot_gets),
		cmocka_unit_test(by_hand_are_commands),
		cmocka_unit_test(a_damaged_journal_changes_nothing),
		cmocka_unit_test(an_encrypted_vm_is_told_apart),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
