/* Runs by their ids; the lock on a VM, seen by whoever means the same VM, and gone without a trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/run/store.h"
#include "tests/unit/folder.h"

static void make_vm(const char *name, char vmx[static 200])
{
	char bundle[150];
	snprintf(bundle, sizeof bundle, "%s/%s.vmwarevm", folder, name);
	assert_null(pl_fs_mkdirs(bundle));
	snprintf(vmx, 200, "%s/%s.vmx", bundle, name);
	assert_null(pl_fs_write(vmx, "", 0, 0600));
}

static void refused(const char *state, const char *vmx, const char *why)
{
	char line[512];
	struct store_lock lock;
	struct pl_error *e = store_lock(in_folder(state), vmx, "second", &lock);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_line(e, line, sizeof line);
	pl_error_free(e);
	assert_non_null(strstr(line, "in use"));
	assert_non_null(strstr(line, why));
	assert_int_equal(lock.named.fd, -1);
	assert_int_equal(lock.folder.fd, -1);
}

static int entries(const char *dir)
{
	int n = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	while (readdir(d) != NULL)
		n++;
	closedir(d);
	return n;
}

static void test_one_run_a_vm(void **state)
{
	(void)state;
	char vmx[200], other[200], link[200];
	struct store_lock first, second;
	make_vm("a", vmx);
	make_vm("b", other);
	snprintf(link, sizeof link, "%s/link.vmx", folder);
	assert_int_equal(symlink(vmx, link), 0);
	assert_null(store_lock(in_folder("one"), vmx, "first", &first));
	assert_true(store_locked(in_folder("one"), vmx));
	assert_false(store_locked(in_folder("two"), vmx));
	refused("one", vmx, "held by run first");
	refused("two", vmx, "another state folder");
	/* Another name of the same VM. */
	refused("two", link, "another state folder");
	/* What was refused holds nothing back. */
	assert_false(store_locked(in_folder("two"), vmx));
	assert_null(store_lock(in_folder("two"), other, "second", &second));
	store_unlock(&second);
	/* A file that Fusion has put in the place of the .vmx. */
	assert_null(pl_fs_write(vmx, "new", 3, 0600));
	refused("two", vmx, "another state folder");
	store_unlock(&first);
	assert_null(store_lock(in_folder("two"), link, "second", &second));
	store_unlock(&second);
	store_unlock(&second);
	char bundle[200];
	snprintf(bundle, sizeof bundle, "%.*s", (int)(strrchr(vmx, '/') - vmx), vmx);
	assert_int_equal(entries(bundle), 3); /* ".", ".." and the .vmx */
}

/* A VM of another machine: its path means nothing here. */
static void test_absent_vmx(void **state)
{
	(void)state;
	struct store_lock first, second;
	assert_null(store_lock(in_folder("one"), "/nowhere/at/all.vmx", "first", &first));
	refused("one", "/nowhere/at/all.vmx", "held by run first");
	assert_null(store_lock(in_folder("two"), "/nowhere/at/all.vmx", "second", &second));
	store_unlock(&first);
	store_unlock(&second);
}

/* A child that outlives its run keeps both locks until it ends. */
static void test_children_inherit(void **state)
{
	(void)state;
	char vmx[200];
	int ready[2], over[2];
	char byte;
	struct store_lock lock;
	make_vm("c", vmx);
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(over), 0);
	assert_null(store_lock(in_folder("one"), vmx, "first", &lock));
	pid_t pid = fork();
	if (pid == 0) {
		close(over[1]);
		dup2(over[0], 0);
		dup2(ready[1], 1);
		execl("/bin/sh", "sh", "-c", "echo; read x", (char *)NULL);
		_exit(127);
	}
	store_unlock(&lock);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	refused("one", vmx, "held by run first");
	refused("two", vmx, "another state folder");
	close(over[1]);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_null(store_lock(in_folder("two"), vmx, "second", &lock));
	store_unlock(&lock);
	close(over[0]);
	close(ready[0]);
	close(ready[1]);
}

static void test_ids(void **state)
{
	(void)state;
	char *id = NULL, *dir = NULL, *found = NULL, *found_dir = NULL, **ids = NULL;
	size_t count = 9;
	assert_null(store_ids(folder, &ids, &count));
	assert_int_equal(count, 0);
	store_ids_free(ids, count);
	assert_null(store_create(folder, &id, &dir));
	assert_int_equal(strlen(id), 20);
	/* Eight digits of a date are enough when there is one run. */
	char prefix[9] = "";
	memcpy(prefix, id, 8);
	assert_null(store_find(folder, prefix, &found, &found_dir));
	assert_string_equal(found, id);
	assert_string_equal(found_dir, dir);
	free(found);
	free(found_dir);
	struct pl_error *e = store_find(folder, "../..", &found, &found_dir);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_free(e);
	free(id);
	free(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ids),
		cmocka_unit_test(test_one_run_a_vm),
		cmocka_unit_test(test_absent_vmx),
		cmocka_unit_test(test_children_inherit),
	};
	return cmocka_run_group_tests_name("store", tests, make_folder, remove_folder);
}
