/* A VM's folder: which files, whether it is off, and replacing one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/wait.h>

#include "orchestrator/fusion/bundle.h"
#include "orchestrator/fusion/bundle_lock.h"
#include "tests/unit/temp_dir.h"

struct fixture {
	struct temp_dir dir;
	char vmx[256];
	char path[256];
};

static void set_up(struct fixture *x, const char *vmx)
{
	temp_make(&x->dir);
	temp_file(&x->dir, "vm/a.vmx", vmx, x->vmx);
	temp_file(&x->dir, "vm/a.nvram", "x", x->path);
}

/* The end of the path that comes behind the folder, or "" for NULL. */
static void ends_as(const char *path, const char *end)
{
	if (!end) {
		assert_null(path);
		return;
	}
	assert_non_null(path);
	assert_true(strlen(path) >= strlen(end));
	assert_string_equal(path + strlen(path) - strlen(end), end);
}

static void finds(const struct fixture *x, const char *name, const char *vmx, const char *nvram)
{
	struct bundle b;
	char path[300];

	snprintf(path, sizeof path, "%s/%s", x->dir.path, name);
	assert_null(bundle_find(path, &b));
	ends_as(b.vmx, vmx);
	ends_as(b.nvram, nvram);
	bundle_deinit(&b);
}

static void fails(struct pl_error *e, enum pl_error_kind kind, const char *words)
{
	char line[600];

	assert_non_null(e);
	if (pl_error_kind(e) != kind || !strstr(pl_error_line(e, line, sizeof line), words))
		fail_msg("'%s' is not in '%s'", words, pl_error_line(e, line, sizeof line));
	pl_error_free(e);
}

static void which_files(void **state)
{
	struct fixture x;
	struct bundle b;
	char other[256];

	(void)state;
	set_up(&x, "displayName = \"A\"\n");
	finds(&x, "vm", "vm/a.vmx", "vm/a.nvram");
	finds(&x, "vm/a.vmx", "vm/a.vmx", "vm/a.nvram");
	finds(&x, "vm/a.nvram", "vm/a.vmx", "vm/a.nvram");
	temp_file(&x.dir, "copies/a.nvram", "x", other);
	finds(&x, "copies/a.nvram", NULL, "copies/a.nvram");
	fails(bundle_find(x.dir.path, &b), PL_ERR_USAGE, "no .vmx");
	bundle_deinit(&b);
	temp_file(&x.dir, "vm/b.vmx", "nvram = \"|41.nvram\"\n", other);
	finds(&x, "vm/b.vmx", "vm/b.vmx", "vm/A.nvram");
	snprintf(other, sizeof other, "%s/vm", x.dir.path);
	fails(bundle_find(other, &b), PL_ERR_USAGE, "more than one .vmx");
	bundle_deinit(&b);
	fails(bundle_find("/nowhere/a.nvram", &b), PL_ERR_LAB, "cannot open it");
	bundle_deinit(&b);
	/* a link to the .nvram is the file itself, in its own folder */
	snprintf(other, sizeof other, "%s/link", x.dir.path);
	assert_int_equal(symlink(x.path, other), 0);
	finds(&x, "link", "vm/a.vmx", "vm/a.nvram");
	temp_remove(&x.dir);
}

/* vmrun is a script that prints this; NULL: there is none. */
static struct pl_error *check(const struct fixture *x, const char *script)
{
	struct pl_wait w = pl_wait_for(30 * PL_SECOND, NULL);
	char path[256] = "/nowhere/vmrun";
	struct bundle b;
	struct vmrun v;

	if (script)
		temp_script(&x->dir, "vmrun", script, path);
	assert_null(vmrun_init(&v, path, NULL, NULL));
	struct pl_error *e = bundle_find(x->vmx, &b);
	if (!e)
		e = bundle_check_off(&b, &v, &w, NULL);
	bundle_deinit(&b);
	vmrun_deinit(&v);
	return e;
}

#define NONE "echo 'Total running VMs: 0'\n"

static void on_or_off(void **state)
{
	struct fixture x;
	char script[600], other[256];

	(void)state;
	set_up(&x, "checkpoint.vmState = \"\"\n");
	assert_null(check(&x, NULL));
	assert_null(check(&x, NONE));
	snprintf(script, sizeof script, "echo 'Total running VMs: 1'\necho '%s'\n", x.vmx);
	fails(check(&x, script), PL_ERR_LAB, "powered on (vmrun lists it");
	snprintf(script, sizeof script, "echo 'Total running VMs: 1'\necho '%s/vm2/a.vmx'\n", x.dir.path);
	assert_null(check(&x, script));
	assert_null(check(&x, "echo 'Error: no'\nexit 255\n"));
	temp_file(&x.dir, "vm/a-1234.vmss", "x", other);
	fails(check(&x, NONE), PL_ERR_LAB, "suspended (its state is in a-1234.vmss");
	temp_remove(&x.dir);
	set_up(&x, "checkpoint.vmState = \"a.vmss\"\n");
	fails(check(&x, NONE), PL_ERR_LAB, "suspended (its state is in a.vmss");
	temp_remove(&x.dir);
}

/* The id of a process that is gone. */
static long dead_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return (long)pid;
}

static void locks(void **state)
{
	struct fixture x;
	char text[200], lock[256];

	(void)state;
	set_up(&x, "");
	snprintf(text, sizeof text, "uuid=1234 %ld-5678(vmware-vmx) 1 X [ lc=1\n", dead_process());
	temp_file(&x.dir, "vm/a.vmx.lck/M00001.lck", text, lock);
	assert_null(check(&x, NONE));
	assert_null(check(&x, NULL));
	snprintf(text, sizeof text, "uuid=1234 %ld-5678(vmware-vmx) 1 X [ lc=1\n", (long)getpid());
	temp_file(&x.dir, "vm/a.vmx.lck/M00002.lck", text, lock);
	fails(check(&x, NONE), PL_ERR_LAB, "powered on, or open in Fusion (process ");
	fails(check(&x, NULL), PL_ERR_LAB, "powered on, or open in Fusion (process ");
	temp_file(&x.dir, "vm/a.vmx.lck/M00002.lck", "something else", lock);
	assert_null(check(&x, NONE));
	fails(check(&x, NULL), PL_ERR_LAB, "may be a lock of it");
	assert_int_equal(remove(lock), 0);
	temp_file(&x.dir, "vm/a.vmem.lck", text, lock);
	fails(check(&x, NONE), PL_ERR_LAB, "powered on, or open in Fusion (process ");
	temp_remove(&x.dir);
}

static void lock_words(void **state)
{
	long pid = 0;

	(void)state;
	assert_int_equal(bundle_lock_parse("m 12-0 1 X", 10, &pid), BUNDLE_LOCK_PROCESS);
	assert_int_equal(pid, 12);
	assert_int_equal(bundle_lock_parse("m 34(x) 1", 9, &pid), BUNDLE_LOCK_PROCESS);
	assert_int_equal(pid, 34);
	assert_int_equal(bundle_lock_parse("m 56 1 X", 8, &pid), BUNDLE_LOCK_PROCESS);
	assert_int_equal(pid, 56);
	assert_int_equal(bundle_lock_parse("m 0-0 1 X", 9, &pid), BUNDLE_LOCK_UNKNOWN);
	assert_int_equal(bundle_lock_parse("m 99999999999 1", 15, &pid), BUNDLE_LOCK_UNKNOWN);
	assert_int_equal(bundle_lock_parse("m 12x 1 X", 9, &pid), BUNDLE_LOCK_UNKNOWN);
	assert_int_equal(bundle_lock_parse("m 12", 4, &pid), BUNDLE_LOCK_UNKNOWN);
	assert_int_equal(bundle_lock_parse("", 0, &pid), BUNDLE_LOCK_UNKNOWN);
}

static void writes(void **state)
{
	struct fixture x;
	struct pl_buf b;
	struct stat seen, now;
	char text[64];

	(void)state;
	set_up(&x, "");
	pl_buf_init(&b, 16);
	assert_int_equal(chmod(x.path, 0640), 0);
	assert_null(bundle_read(x.path, &b, &seen));
	assert_string_equal(pl_buf_text(&b), "x");
	assert_null(bundle_write(x.path, &seen, "new", 3));
	assert_string_equal(temp_read(&x.dir, "vm/a.nvram", text, sizeof text), "new");
	assert_int_equal(stat(x.path, &now), 0);
	assert_int_equal(now.st_mode & 07777, 0640);
	assert_int_equal(now.st_uid, seen.st_uid);
	assert_true(now.st_ino != seen.st_ino);
	/* it is not the file that was read any more */
	fails(bundle_write(x.path, &seen, "late", 4), PL_ERR_LAB, "something else has changed it");
	assert_string_equal(temp_read(&x.dir, "vm/a.nvram", text, sizeof text), "new");
	temp_file(&x.dir, "vm/a.nvram", "more than sixteen", x.path);
	fails(bundle_read(x.path, &b, &seen), PL_ERR_DATA, "too big");
	pl_buf_deinit(&b);
	temp_remove(&x.dir);
}

static void sweeps_what_a_cut_off_write_left(void **state)
{
	static const char *const stay[] = {"a.nvram.tmp", "a.nvram.tmp.12", "a.nvram.tmp.12-",
		"a.nvram.tmp.x-1", "a.nvram.tmp.12-1b", "b.nvram.tmp.1-1"};
	struct fixture x;
	char path[256];

	(void)state;
	set_up(&x, "");
	temp_file(&x.dir, "vm/a.nvram.tmp.4711-0", "half", path);
	for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) {
		char name[64], p[256];
		snprintf(name, sizeof name, "vm/%s", stay[i]);
		temp_file(&x.dir, name, "", p);
	}
	bundle_sweep(x.path);
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(access(x.path, F_OK), 0);
	for (size_t i = 0; i < sizeof stay / sizeof *stay; i++) {
		snprintf(path, sizeof path, "%s/vm/%s", x.dir.path, stay[i]);
		assert_int_equal(access(path, F_OK), 0);
	}
	temp_remove(&x.dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(which_files),
		cmocka_unit_test(on_or_off),
		cmocka_unit_test(locks),
		cmocka_unit_test(lock_words),
		cmocka_unit_test(writes),
		cmocka_unit_test(sweeps_what_a_cut_off_write_left),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
