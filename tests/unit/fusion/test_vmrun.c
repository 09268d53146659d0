/* vmrun's client against a script with vmrun's habits, and its readers. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/proc.h"
#include "orchestrator/fusion/vm.h"
#include "orchestrator/fusion/vmrun.h"
#include "tests/unit/temp_dir.h"

struct fixture {
	struct temp_dir dir;
	struct vmrun v;
	struct pl_wait w;
};

static void set_up(struct fixture *x, const char *script, const char *vm_password)
{
	char path[256];

	temp_make(&x->dir);
	temp_script(&x->dir, "vmrun", script, path);
	assert_null(vmrun_init(&x->v, path, vm_password, NULL));
	x->w = pl_wait_for(30 * PL_SECOND, NULL);
}

static void tear_down(struct fixture *x)
{
	vmrun_deinit(&x->v);
	temp_remove(&x->dir);
}

#define RECORD "for a; do printf '%s|' \"$a\"; done >> $D/args; echo >> $D/args\n"

static void commands_are_what_vmrun_takes(void **state)
{
	struct fixture x;
	char text[1024];

	(void)state;
	set_up(&x, RECORD, NULL);
	assert_null(vmrun_start(&x.v, "/a b.vmx", &x.w));
	assert_null(vmrun_stop(&x.v, "/a b.vmx", true, &x.w));
	assert_null(vmrun_stop(&x.v, "/a b.vmx", false, &x.w));
	assert_null(vmrun_snapshot_take(&x.v, "/a b.vmx", "paniclab-1", &x.w));
	assert_null(vmrun_snapshot_revert(&x.v, "/a b.vmx", "paniclab-1", &x.w));
	assert_null(vmrun_snapshot_delete(&x.v, "/a b.vmx", "paniclab-1", &x.w));
	temp_read(&x.dir, "args", text, sizeof(text));
	assert_string_equal(text, "-T|fusion|start|/a b.vmx|nogui|\n"
				  "-T|fusion|stop|/a b.vmx|hard|\n"
				  "-T|fusion|stop|/a b.vmx|soft|\n"
				  "-T|fusion|snapshot|/a b.vmx|paniclab-1|\n"
				  "-T|fusion|revertToSnapshot|/a b.vmx|paniclab-1|\n"
				  "-T|fusion|deleteSnapshot|/a b.vmx|paniclab-1|\n");
	tear_down(&x);
}

/* The VM's process lives on with what vmrun gave it: nobody may wait for that, nor lose a lock to it. */
static void a_started_vm_keeps_nothing_of_ours(void **state)
{
	struct fixture x;
	char alive[256];
	int fds[2];
	struct pl_proc_result r;
	struct pl_proc_spec wait_spec = {
		.argv = (const char *const[]){
			"sh", "-c", "while [ ! -e \"$0-gone\" ]; do sleep 0.05; done", alive, NULL}};

	(void)state;
	assert_int_equal(pipe(fds), 0);
	set_up(&x,
		"(while [ -e $D/alive ]; do sleep 0.05; done; : > $D/alive-gone) &\n"
		"echo 'Warning: of little interest'\n",
		NULL);
	temp_file(&x.dir, "alive", "", alive);
	assert_null(vmrun_start(&x.v, "/a.vmx", &x.w));
	close(fds[1]);
	assert_int_equal(poll(&(struct pollfd){.fd = fds[0], .events = POLLIN}, 1, 0), 1);
	close(fds[0]);
	assert_int_equal(unlink(alive), 0);
	/* Leave nothing behind. */
	assert_null(pl_proc_run(&wait_spec, &x.w, &r));
	pl_proc_result_deinit(&r);
	tear_down(&x);
}

/* What it said is known all the same. */
static void a_start_that_fails_says_why(void **state)
{
	struct fixture x;
	struct pl_error *e;
	char line[512];

	(void)state;
	set_up(&x, "echo 'Error: Cannot open VM'; exit 255\n", NULL);
	e = vmrun_start(&x.v, "/a.vmx", &x.w);
	pl_error_line(e, line, sizeof(line));
	assert_non_null(strstr(line, "vmrun start: failed (Cannot open VM)"));
	pl_error_free(e);
	tear_down(&x);
}

static void questions_carry_the_vm_password(void **state)
{
	struct fixture x;
	char text[1024], ip[16];
	char **names;
	size_t count;

	(void)state;
	set_up(&x,
		RECORD "case $5 in getGuest*) echo 10.0.0.7;; list) echo Total running VMs: 0;; "
		       "listS*) echo Total snapshots: 0;; esac\n",
		"pass word");
	assert_null(vmrun_guest_ip(&x.v, "/a.vmx", &x.w, ip));
	assert_string_equal(ip, "10.0.0.7");
	assert_null(vmrun_list(&x.v, &x.w, &names, &count));
	vm_names_free(names, count);
	assert_null(vmrun_snapshots(&x.v, "/a.vmx", &x.w, &names, &count));
	vm_names_free(names, count);
	temp_read(&x.dir, "args", text, sizeof(text));
	assert_string_equal(text, "-T|fusion|-vp|pass word|getGuestIPAddress|/a.vmx|\n"
				  "-T|fusion|-vp|pass word|list|\n"
				  "-T|fusion|-vp|pass word|listSnapshots|/a.vmx|\n");
	tear_down(&x);
}

/* An error on standard output, behind log lines, whatever the exit status. */
static void errors_are_found_wherever_they_stand(void **state)
{
	static const struct {
		const char *script;
		const char *line;
	} cases[] = {
		{"echo '2026-01-02T03:04:05.6| log'; echo 'Error: Cannot open VM: /a.vmx, no such file'; "
		 "exit 255\n",
			"vmrun snapshot: failed (Cannot open VM: /a.vmx, no such file)"},
		{"echo 'Error: The operation was canceled'\n",
			"vmrun snapshot: failed (The operation was canceled)"},
		{"printf 'Error: \\033[2J\\r\\n'; exit 255\n", "vmrun snapshot: failed (\\x1b[2J)"},
		{"echo oops >&2; exit 3\n", "vmrun snapshot: failed (exit status 3: oops"},
		{"exit 3\n", "vmrun snapshot: failed (exit status 3)"},
		{"kill -9 $$\n", "vmrun snapshot: failed (killed by signal 9)"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture x;
		struct pl_error *e;
		char line[512];

		set_up(&x, cases[i].script, "secret");
		e = vmrun_snapshot_take(&x.v, "/a.vmx", "s", &x.w);
		assert_non_null(e);
		assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
		pl_error_line(e, line, sizeof(line));
		if (strncmp(line, cases[i].line, strlen(cases[i].line)))
			fail_msg("'%s' is not '%s'", line, cases[i].line);
		assert_null(strstr(line, "secret"));
		pl_error_free(e);
		tear_down(&x);
	}
}

static void file_in_use_is_tried_again(void **state)
{
	struct fixture x;
	char text[64];

	(void)state;
	set_up(&x,
		"echo x >> $D/count\n[ $(wc -l < $D/count) -ge 3 ] && exit 0\n"
		"echo 'Error: The file is already in use'; exit 255\n",
		NULL);
	assert_null(vmrun_snapshot_take(&x.v, "/a.vmx", "s", &x.w));
	assert_string_equal(temp_read(&x.dir, "count", text, sizeof(text)), "x\nx\nx\n");
	tear_down(&x);
}

static void file_in_use_for_ever_ends_with_the_reason(void **state)
{
	struct fixture x;
	struct pl_error *e;
	char line[512];

	(void)state;
	set_up(&x, "echo 'Error: The file is already in use'; exit 255\n", NULL);
	x.w = pl_wait_for(400 * PL_MS, NULL);
	e = vmrun_snapshot_take(&x.v, "/a.vmx", "s", &x.w);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_line(e, line, sizeof(line));
	assert_non_null(strstr(line, "vmrun snapshot: failed (The file is already in use): close the VM"));
	pl_error_free(e);
	tear_down(&x);
}

static void other_errors_are_not_tried_again(void **state)
{
	struct fixture x;
	struct pl_error *e;
	char text[64];

	(void)state;
	set_up(&x, "echo x >> $D/count; echo 'Error: The snapshot does not exist'; exit 255\n", NULL);
	e = vmrun_snapshot_revert(&x.v, "/a.vmx", "s", &x.w);
	assert_non_null(e);
	pl_error_free(e);
	assert_string_equal(temp_read(&x.dir, "count", text, sizeof(text)), "x\n");
	tear_down(&x);
}

static void hanging_vmrun_is_killed(void **state)
{
	struct fixture x;
	struct pl_error *e;
	char ip[16];

	(void)state;
	set_up(&x, "echo 10.0.0.7; exec sleep 600\n", NULL);
	x.w = pl_wait_for(200 * PL_MS, NULL);
	e = vmrun_guest_ip(&x.v, "/a.vmx", &x.w, ip);
	assert_int_equal(pl_error_kind(e), PL_ERR_TIMEOUT);
	assert_string_equal(pl_error_place(e), "vmrun getGuestIPAddress");
	pl_error_free(e);
	tear_down(&x);
}

static void snapshot_names_hold_no_slash(void **state)
{
	static const char *const names[] = {"", "a/b", "/"};
	struct fixture x;

	(void)state;
	set_up(&x, "echo x >> $D/count\n", NULL);
	for (size_t i = 0; i < 3; i++) {
		struct pl_error *e = vmrun_snapshot_delete(&x.v, "/a.vmx", names[i], &x.w);
		char text[8];

		assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
		assert_string_equal(temp_read(&x.dir, "count", text, sizeof(text)), "");
		pl_error_free(e);
	}
	tear_down(&x);
}

static void vmrun_in_path_is_found(void **state)
{
	struct pl_wait w = pl_wait_for(30 * PL_SECOND, NULL);
	struct fixture x;
	struct vmrun v;
	struct pl_error *e;
	char *old = strdup(getenv("PATH")), path[512], line[512];

	(void)state;
	set_up(&x, "exit 0\n", NULL);
	assert_null(vmrun_init(&v, "auto", NULL, NULL));
	setenv("PATH", "/nowhere", 1);
	e = vmrun_start(&v, "/a.vmx", &w);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_non_null(strstr(pl_error_line(e, line, sizeof(line)), "fusion.vmrun"));
	pl_error_free(e);
	snprintf(path, sizeof(path), "/nowhere:%s:%s", x.dir.path, old);
	setenv("PATH", path, 1);
	assert_null(vmrun_start(&v, "/a.vmx", &w));
	setenv("PATH", old, 1);
	free(old);
	vmrun_deinit(&v);
	tear_down(&x);
}

static void check_list(const char *text, const char *head, const char *wanted)
{
	char joined[512] = "";
	char **names;
	size_t count, n = 0;

	assert_null(vmrun_read_list(text, strlen(text), head, &names, &count));
	for (size_t i = 0; i < count; i++)
		n += (size_t)snprintf(joined + n, sizeof(joined) - n, "%s|", names[i]);
	assert_string_equal(joined, wanted);
	vm_names_free(names, count);
}

static void lists_are_read_between_the_noise(void **state)
{
	(void)state;
	check_list("Total running VMs: 0\n", "Total running VMs", "");
	check_list("Total running VMs: 2\r\n/a b/c.vmx\r\n/d.vmx\r\n", "Total running VMs",
		"/a b/c.vmx|/d.vmx|");
	check_list("[AppLoader] Use shipped Linux kernel AIO access library.\nAn up-to-date \"libaio\" is "
		   "preferred.\n"
		   "Total snapshots: 1\nfirst\n",
		"Total snapshots", "first|");
	check_list("Total snapshots: 2\n2026-01-02T03:04:05.678| main| warning\nfirst\n\nWarning: "
		   "slow\nsecond\n",
		"Total snapshots", "first|second|");
	/* without a surplus every line is a name */
	check_list("Total snapshots: 2\nError: no\n[x]", "Total snapshots", "Error: no|[x]|");
}

static void lists_that_lie_are_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"Error: no\n",
		"Total snapshots: \n",
		"Total snapshots: -1\n",
		"Total snapshots: 1x\na\n",
		"Total snapshots: 2\nfirst\n",
		"Total snapshots: 99999999999999999999\n",
		"Total snapshots: 4097\n",
		"Total running VMs: 1\n/a.vmx\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		char **names;
		size_t count;
		struct pl_error *e =
			vmrun_read_list(texts[i], strlen(texts[i]), "Total snapshots", &names, &count);

		if (!e)
			fail_msg("'%s' was taken", texts[i]);
		assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
		assert_null(names);
		pl_error_free(e);
	}
}

static void snapshot_may_be_called_like_an_error(void **state)
{
	struct fixture x;
	char **names;
	size_t count;

	(void)state;
	set_up(&x, "echo 'Total snapshots: 1'; echo 'Error: a strange name'\n", NULL);
	assert_null(vmrun_snapshots(&x.v, "/a.vmx", &x.w, &names, &count));
	assert_int_equal(count, 1);
	assert_string_equal(names[0], "Error: a strange name");
	vm_names_free(names, count);
	tear_down(&x);
}

static void addresses_are_checked(void **state)
{
	static const struct {
		const char *text;
		const char *ip; /* NULL: none */
	} cases[] = {
		{"192.168.64.9\n", "192.168.64.9"},
		{"Warning: something\n 192.168.64.9 \r\n", "192.168.64.9"},
		{"unknown\n", NULL},
		{"fe80::1\n", NULL},
		{"0.0.0.0\n", NULL},
		{"255.255.255.255\n", NULL},
		{"192.168.64.9.1\n192.168.64\n", NULL},
		{"", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char ip[16] = "";
		bool found = vmrun_read_ip(cases[i].text, strlen(cases[i].text), ip);

		assert_int_equal(found, cases[i].ip != NULL);
		assert_string_equal(ip, cases[i].ip ? cases[i].ip : "");
	}
}

static void tools_that_do_not_run_are_an_error(void **state)
{
	struct fixture x;
	struct pl_error *e;
	char ip[16], line[256];

	(void)state;
	set_up(&x,
		"echo 'Error: The VMware Tools are not running in the virtual machine: /a.vmx'; exit 255\n",
		NULL);
	e = vmrun_guest_ip(&x.v, "/a.vmx", &x.w, ip);
	assert_non_null(strstr(
		pl_error_line(e, line, sizeof(line)), "vmrun getGuestIPAddress: failed (The VMware Tools"));
	pl_error_free(e);
	tear_down(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(commands_are_what_vmrun_takes),
		cmocka_unit_test(a_started_vm_keeps_nothing_of_ours),
		cmocka_unit_test(a_start_that_fails_says_why),
		cmocka_unit_test(questions_carry_the_vm_password),
		cmocka_unit_test(errors_are_found_wherever_they_stand),
		cmocka_unit_test(file_in_use_is_tried_again),
		cmocka_unit_test(file_in_use_for_ever_ends_with_the_reason),
		cmocka_unit_test(other_errors_are_not_tried_again),
		cmocka_unit_test(hanging_vmrun_is_killed),
		cmocka_unit_test(snapshot_names_hold_no_slash),
		cmocka_unit_test(vmrun_in_path_is_found),
		cmocka_unit_test(lists_are_read_between_the_noise),
		cmocka_unit_test(lists_that_lie_are_refused),
		cmocka_unit_test(snapshot_may_be_called_like_an_error),
		cmocka_unit_test(addresses_are_checked),
		cmocka_unit_test(tools_that_do_not_run_are_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
