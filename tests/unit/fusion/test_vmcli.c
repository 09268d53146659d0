/* vmcli as a script: what it is asked, what its answers mean, who is asked where both are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "orchestrator/fusion/vm.h"
#include "orchestrator/fusion/vmcli.h"
#include "tests/unit/temp_dir.h"

#define RECORD "for a; do printf '%s|' \"$a\"; done >> $D/args; echo >> $D/args\n"
#define ANSWER                                                                                               \
	"case $3 in query) echo 'a warning {'; echo '{\"currentUID\":2,\"snapshots\":["                      \
	"{\"displayName\":\"base\",\"parentUID\":0,\"uid\":1},"                                              \
	"{\"displayName\":\"paniclab-1\",\"parentUID\":1,\"uid\":2},"                                        \
	"{\"displayName\":\"twin\",\"parentUID\":1,\"uid\":3},"                                              \
	"{\"displayName\":\"twin\",\"parentUID\":1,\"uid\":4}]}'; echo bye;; esac\n"

struct fixture {
	struct temp_dir dir;
	struct vmcli v;
	struct pl_wait w;
	char vmrun[256];
};

static void set_up(struct fixture *x, const char *script)
{
	char path[256];
	temp_make(&x->dir);
	temp_script(&x->dir, "vmcli", script, path);
	snprintf(x->vmrun, sizeof x->vmrun, "%.*s/vmrun", (int)(strrchr(path, '/') - path), path);
	assert_null(vmcli_init(&x->v, x->vmrun, NULL));
	assert_true(vmcli_is_there(&x->v));
	x->w = pl_wait_for(30 * PL_SECOND, NULL);
}

static void tear_down(struct fixture *x)
{
	vmcli_deinit(&x->v);
	temp_remove(&x->dir);
}

static void commands_are_by_uid(void **state)
{
	struct fixture x;
	char text[1024], **names;
	size_t count;

	(void)state;
	set_up(&x, RECORD ANSWER);
	assert_null(vmcli_snapshots(&x.v, "/a b.vmx", &x.w, &names, &count));
	assert_int_equal(count, 4);
	assert_string_equal(names[0], "base");
	assert_string_equal(names[3], "twin");
	vm_names_free(names, count);
	assert_null(vmcli_snapshot_take(&x.v, "/a b.vmx", "new", false, &x.w));
	assert_null(vmcli_snapshot_take(&x.v, "/a b.vmx", "new", true, &x.w));
	assert_null(vmcli_snapshot_revert(&x.v, "/a b.vmx", "base", &x.w));
	assert_null(vmcli_snapshot_delete(&x.v, "/a b.vmx", "paniclab-1", &x.w));
	temp_read(&x.dir, "args", text, sizeof text);
	assert_string_equal(text, "/a b.vmx|Snapshot|query|-f|json|\n"
				  "/a b.vmx|Snapshot|Take|new|\n"
				  "/a b.vmx|Snapshot|Take|--memory|new|\n"
				  "/a b.vmx|Snapshot|query|-f|json|\n"
				  "/a b.vmx|Snapshot|Revert|1|\n"
				  "/a b.vmx|Snapshot|query|-f|json|\n"
				  "/a b.vmx|Snapshot|Delete|2|\n");
	tear_down(&x);
}

static void refused(struct pl_error *e, const char *wanted)
{
	char line[512];

	assert_non_null(e);
	assert_non_null(strstr(pl_error_line(e, line, sizeof line), wanted));
	pl_error_free(e);
}

static void a_name_must_be_one_snapshots(void **state)
{
	struct fixture x;
	char text[1024];

	(void)state;
	set_up(&x, RECORD ANSWER);
	refused(vmcli_snapshot_revert(&x.v, "/a.vmx", "twin", &x.w),
		"vmcli Snapshot Revert: several snapshots are called 'twin'");
	refused(vmcli_snapshot_delete(&x.v, "/a.vmx", "none", &x.w),
		"vmcli Snapshot Delete: no snapshot 'none'");
	temp_read(&x.dir, "args", text, sizeof text);
	assert_null(strstr(text, "Revert|"));
	assert_null(strstr(text, "Delete|"));
	tear_down(&x);
}

static void failures_are_its_words(void **state)
{
	struct fixture x;
	char **names;
	size_t count;

	(void)state;
	set_up(&x, "printf 'no \\033[2J\\nmore' >&2; exit 1\n");
	refused(vmcli_snapshot_take(&x.v, "/a.vmx", "s", true, &x.w),
		"vmcli Snapshot Take: failed (no \\x1b[2J)");
	tear_down(&x);
	set_up(&x, "echo '{\"currentUID\":0}'\n");
	refused(vmcli_snapshots(&x.v, "/a.vmx", &x.w, &names, &count), "no list of snapshots in the answer");
	assert_null(names);
	tear_down(&x);
	/* In use once, and not the next time */
	set_up(&x, "[ -e $D/once ] && exit 0; : > $D/once; echo 'The file is already in use' >&2; exit 1\n");
	assert_null(vmcli_snapshot_take(&x.v, "/a.vmx", "s", false, &x.w));
	tear_down(&x);
}

static void none_is_no_error(void **state)
{
	struct vmcli v;

	(void)state;
	assert_null(vmcli_init(&v, "/nonexistent/vmrun", NULL));
	assert_false(vmcli_is_there(&v));
	vmcli_deinit(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_by_uid),
		cmocka_unit_test(a_name_must_be_one_snapshots),
		cmocka_unit_test(failures_are_its_words),
		cmocka_unit_test(none_is_no_error),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
