/* Apple's kdumpd, by a script with launchctl's commands and habits; and who holds a port. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "orchestrator/host/kdumpd.h"
#include "orchestrator/host/port_holder.h"
#include "tests/unit/temp_dir.h"

/* $D/loaded is there while it is; $D/habit: one word. */
static const char tool[] =
	"habit=$(cat $D/habit)\n"
	"echo \"$*\" >>$D/calls\n"
	"case $1 in\n"
	"list) printf 'PID\\tStatus\\tLabel\\n312\\t0\\tcom.apple.securityd\\n'\n"
	"  [ ! -e $D/loaded ] || printf -- '-\\t0\\tcom.apple.kdumpd\\n'\n"
	"  [ ! -e $D/later ] || { rm $D/later $D/loaded; }; exit 0;;\n"
	"esac\n"
	"case $habit:$1 in\n"
	"old:bootout|old:bootstrap) echo 'Unrecognized subcommand: '$1 >&2; exit 64;;\n"
	"sip:*) echo 'Boot-out failed: 150: Operation not permitted while System Integrity Protection is "
	"engaged' >&2; exit 150;;\n"
	"liar:*) exit 0;;\n"
	"slow:bootout) touch $D/later; echo 'Boot-out failed: 36: Operation now in progress' >&2; exit 36;;\n"
	"*:bootout|*:unload) rm -f $D/loaded;;\n"
	"*:bootstrap|*:load) touch $D/loaded;;\n"
	"esac\nexit 0\n";

struct fixture {
	struct temp_dir dir;
	struct kdumpd k;
	struct pl_wait w;
	char path[256];
};

static void set_up(struct fixture *x, const char *habit, bool loaded)
{
	char path[256];

	temp_make(&x->dir);
	temp_file(&x->dir, "habit", habit, path);
	if (loaded)
		temp_file(&x->dir, "loaded", "", path);
	temp_script(&x->dir, "launchctl", tool, x->path);
	assert_null(kdumpd_open(x->path, NULL, &x->k));
	x->w = pl_wait_for(60 * PL_SECOND, NULL);
}

static bool loaded(const struct fixture *x)
{
	bool yes;

	assert_null(kdumpd_loaded(&x->k, &x->w, &yes));
	return yes;
}

static void tear_down(struct fixture *x)
{
	kdumpd_close(&x->k);
	temp_remove(&x->dir);
}

static void unloads_and_loads(void **state)
{
	static const char *const habits[] = {"usual", "old", "slow"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture x;

		set_up(&x, habits[i], true);
		assert_true(loaded(&x));
		for (int again = 0; again < 2; again++) {
			assert_null(kdumpd_unload(&x.k, &x.w));
			assert_false(loaded(&x));
		}
		for (int again = 0; again < 2; again++) {
			assert_null(kdumpd_load(&x.k, &x.w));
			assert_true(loaded(&x));
		}
		tear_down(&x);
	}
}

/* Whether it is enabled is the user's: no -w, and nothing at all when nothing is needed. */
static void only_what_is_needed(void **state)
{
	struct fixture x;
	char text[512];

	(void)state;
	set_up(&x, "usual", true);
	assert_null(kdumpd_load(&x.k, &x.w));
	assert_null(kdumpd_unload(&x.k, &x.w));
	assert_string_equal(temp_read(&x.dir, "calls", text, sizeof(text)),
		"list\nlist\nbootout system/com.apple.kdumpd\nlist\n");
	tear_down(&x);
}

static void says_what_launchctl_said(void **state)
{
	struct fixture x;
	struct pl_error *e;
	char line[512];

	(void)state;
	set_up(&x, "sip", true);
	e = kdumpd_unload(&x.k, &x.w);
	pl_error_line(e, line, sizeof(line));
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_non_null(
		strstr(line, "launchctl bootout: kdumpd is still loaded (it said: Boot-out failed: 150"));
	assert_non_null(strstr(line, "server.port to auto"));
	pl_error_free(e);
	tear_down(&x);
}

static void a_failed_restoration_names_the_command(void **state)
{
	struct fixture x;
	struct pl_error *e;
	char line[512];

	(void)state;
	set_up(&x, "sip", false);
	e = kdumpd_load(&x.k, &x.w);
	pl_error_line(e, line, sizeof(line));
	assert_int_equal(pl_error_kind(e), PL_ERR_RESTORE);
	assert_non_null(strstr(line, "by hand: sudo launchctl bootstrap system "
				     "/System/Library/LaunchDaemons/com.apple.kdumpd.plist"));
	pl_error_free(e);
	tear_down(&x);
}

static void host_without_launchctl(void **state)
{
	struct kdumpd k;
	struct pl_wait w = pl_wait_for(PL_SECOND, NULL);
	struct pl_error *e;
	bool yes;

	(void)state;
	e = kdumpd_open("/nowhere/launchctl", NULL, &k);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_free(e);
	if (!access("/bin/launchctl", X_OK))
		skip();
	assert_null(kdumpd_open("auto", NULL, &k));
	assert_null(kdumpd_loaded(&k, &w, &yes));
	assert_false(yes);
	assert_null(kdumpd_unload(&k, &w));
	kdumpd_close(&k);
}

/* This process, by the real lsof where there is one. */
static void port_and_its_holder(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	socklen_t size = sizeof(at);
	char who[128], process[32];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	(void)state;
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
	assert_true(port_taken("127.0.0.1", ntohs(at.sin_port)));
	port_holder("127.0.0.1", ntohs(at.sin_port), "auto", &w, who, sizeof(who));
	snprintf(process, sizeof(process), "(process %d)", (int)getpid());
	if (strcmp(who, "another program") != 0)
		assert_non_null(strstr(who, process));
	close(fd);
	assert_false(port_taken("127.0.0.1", ntohs(at.sin_port)));
	assert_false(port_taken("127.0.0.1", 0));
	assert_false(port_taken("192.0.2.1", 1069));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unloads_and_loads),
		cmocka_unit_test(only_what_is_needed),
		cmocka_unit_test(says_what_launchctl_said),
		cmocka_unit_test(a_failed_restoration_names_the_command),
		cmocka_unit_test(host_without_launchctl),
		cmocka_unit_test(port_and_its_holder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
