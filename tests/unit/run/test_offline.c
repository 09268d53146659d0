/* A run's edits of a VM that is off: journaled records, put back to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/json.h"
#include "orchestrator/run/offline.h"
#include "tests/unit/fusion/nvram_bytes.h"
#include "tests/unit/temp_dir.h"

struct fixture {
	struct temp_dir dir;
	char vmx[256];
	char nvram[256];
	char vmrun[256];
};

static void put(const char *path, const char *records, size_t size)
{
	unsigned char file[FILE_SIZE];

	nvram_file_of(records, size, file);
	assert_null(pl_fs_write(path, file, sizeof file, 0644));
}

static void set_up(struct fixture *x, const char *records, size_t size)
{
	temp_make(&x->dir);
	temp_file(&x->dir, "vm/a.vmx", "displayName = \"A\"\n", x->vmx);
	temp_file(&x->dir, "vm/a.nvram", "", x->nvram);
	temp_script(&x->dir, "vmrun", "echo 'Total running VMs: 0'\n", x->vmrun);
	put(x->nvram, records, size);
}

static struct pl_error *open_it(const struct fixture *x, struct offline *o)
{
	struct pl_wait w = pl_wait_for(200 * PL_MS, NULL);

	return offline_open(x->vmx, x->vmrun, &w, NULL, o);
}

static void holds(const struct fixture *x, const char *records, size_t size)
{
	unsigned char want[FILE_SIZE];
	struct pl_buf b;

	pl_buf_init(&b, FILE_SIZE);
	nvram_file_of(records, size, want);
	assert_null(pl_fs_read(x->nvram, &b));
	assert_int_equal(b.size, FILE_SIZE);
	assert_memory_equal(b.data, want, FILE_SIZE);
	pl_buf_deinit(&b);
}

/* Puts the variables back, in the file; true if something had to be. */
static bool restored(const struct fixture *x, const json_t *variables)
{
	struct offline o;
	bool changed = false;

	assert_null(open_it(x, &o));
	assert_null(offline_restore(&o, variables, &changed));
	if (changed)
		assert_null(offline_write(&o));
	offline_close(&o);
	return changed;
}

static void there_and_back(void **state)
{
	struct fixture x;
	struct offline o;
	json_t *args, *csr;

	(void)state;
	set_up(&x, BYTES(BOOT_ARGS_V PK));
	assert_null(open_it(&x, &o));
	assert_null(offline_save(&o, "boot-args", &args));
	assert_null(offline_save(&o, "csr-active-config", &csr));
	offline_close(&o);
	assert_string_equal(pl_json_str_or(args, "value", "?"), "2d7600");
	assert_string_equal(pl_json_str_or(args, "record", "?"), "1061437c2aabbb4ba880fe41995c9f82"
								 "07000000"
								 "17000000"
								 "14000000"
								 "62006f006f0074002d006100720067007300"
								 "0000"
								 "2d7600");
	assert_string_equal(pl_json_str_or(csr, "record", "?"), "");
	assert_true(json_is_null(json_object_get(csr, "value")));
	json_t *both = json_pack("[o,o]", args, csr);

	assert_false(restored(&x, both));
	put(x.nvram, BYTES(CSR_77 PK));
	assert_true(restored(&x, both));
	holds(&x, BYTES(PK BOOT_ARGS_V));
	assert_false(restored(&x, both));
	json_decref(both);
	temp_remove(&x.dir);
}

static void fails(struct pl_error *e, const char *words)
{
	char line[500];

	assert_non_null(e);
	if (!strstr(pl_error_line(e, line, sizeof line), words))
		fail_msg("'%s' is not in '%s'", words, line);
	pl_error_free(e);
}

static void refuses(void **state)
{
	struct fixture x;
	struct offline o;
	bool changed;
	char path[256];

	(void)state;
	set_up(&x, BYTES(BOOT_ARGS_V));
	json_t *odd = json_pack("[{s:s, s:s}]", "name", "boot-args", "record", "123");
	json_t *other = json_pack("[{s:s, s:s}]", "name", "boot-args", "record", "1234");
	assert_null(open_it(&x, &o));
	fails(offline_restore(&o, odd, &changed), "damaged");
	fails(offline_restore(&o, other, &changed), "cut short");
	offline_close(&o);
	holds(&x, BYTES(BOOT_ARGS_V));
	json_decref(odd);
	json_decref(other);
	/* it is waited for, and then it is too late */
	temp_file(&x.dir, "vm/a.vmss", "", path);
	fails(open_it(&x, &o), "suspended");
	offline_close(&o);
	assert_int_equal(unlink(path), 0);
	temp_file(&x.dir, "vm/a.vmx", "encryption.data = \"x\"\n", x.vmx);
	fails(open_it(&x, &o), "encrypted");
	offline_close(&o);
	temp_remove(&x.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(refuses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
