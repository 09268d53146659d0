/* Scripts in a guest that is a real sshd, with a stand-in for sudo. */
#include "orchestrator/guest/guest.h"
#include "orchestrator/guest/output.h"
#include "tests/unit/guest/sshd.h"

static struct sshd server;
static char *pin;
static char run_id[32]; /* of this process alone: the places are everybody's */
static char longer[40]; /* begins with it */
static struct pl_wait forever = {.until = PL_TIME_FOREVER};

/*
 * Does what sudo does as far as we use it: -n fails unless $dir/nopasswd is
 * there; -S reads one line and no more. It notes its arguments.
 */
static const char sudo[] =
	"#!/bin/sh\n"
	"here=$(dirname \"$(dirname \"$0\")\")\n"
	"printf '%s\\n' \"$*\" >> \"$here/sudo-args\"\n"
	"test -e \"$here/locale\" || test \"$LC_ALL\" = C || { echo 'sudo: ein Passwort ist noetig' >&2; "
	"exit 1; }\n"
	"if [ \"$1\" = -n ]; then\n"
	"	test -e \"$here/nopasswd\" || { echo 'sudo: a password is required' >&2; exit 1; }\n"
	"	shift\n"
	"else\n"
	"	test \"$1 $2 $3 $4\" = '-k -S -p ' || exit 99\n"
	"	shift 4\n"
	"	if [ -e \"$here/outsider\" ]; then\n"
	"		echo 'me is not in the sudoers file.  This incident will be reported.' >&2; exit 1\n"
	"	fi\n"
	"	test -e \"$here/nopasswd\" || { read -r word && test \"$word\" = 'right horse'; } || {\n"
	"		printf 'Sorry, try again.\\nsudo: no password was provided\\n' >&2\n"
	"		echo 'sudo: 1 incorrect password attempt' >&2; exit 1; }\n"
	"fi\n"
	"SUDO_UID=501 exec \"$@\"\n";

static void stand_in(const char *name, const char *text)
{
	write_text(sshd_file(server.dir, name), text);
	chmod(sshd_file(server.dir, name), 0755);
}

static int setup(void **state)
{
	(void)state;
	char path[256];
	snprintf(run_id, sizeof run_id, "test-%ld", (long)getpid());
	snprintf(longer, sizeof longer, "%s-2", run_id);
	sshd_folder(&server);
	pin = fingerprint(sshd_file(server.dir, "host_ed25519.pub"));
	assert_ok(pl_fs_mkdirs(sshd_file(server.dir, "bin")));
	stand_in("bin/sudo", sudo);
	/* So that sudo is asked for when root runs the test, too. */
	stand_in("bin/id", "#!/bin/sh\necho 501\n");
	write_text(sshd_file(server.dir, "right"), "right horse\n");
	write_text(sshd_file(server.dir, "wrong"), "wrong horse\n");
	snprintf(path, sizeof path, "SetEnv PATH=%s/bin:/usr/bin:/bin", server.dir);
	sshd_start(&server, path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&server);
	free(pin);
	return 0;
}

static void mark(const char *name, bool there)
{
	if (there)
		write_text(sshd_file(server.dir, name), "");
	else
		unlink(sshd_file(server.dir, name));
}

static struct lab_guest config(const char *password_file)
{
	struct lab_guest cfg = {
		.name = "mac", .sudo = password_file == NULL ? LAB_SUDO_NOPASSWD : LAB_SUDO_PASSWORD};
	cfg.ssh.user = server.user;
	if (password_file != NULL)
		assert_ok(pl_asprintf(&cfg.sudo_password.file, "%s/%s", server.dir, password_file));
	return cfg;
}

static struct ssh *log_in(void)
{
	struct ssh_target t = {.host = "127.0.0.1",
		.port = server.port,
		.user = server.user,
		.key = sshd_file(server.dir, "user"),
		.host_key = pin};
	struct ssh *s;
	assert_ok(ssh_connect(&t, NULL, &forever, &s));
	return s;
}

static struct guest *open_tagged(const struct lab_guest *cfg, const char *tag)
{
	struct guest *g;
	struct ssh *s = log_in();
	assert_ok(guest_open(s, cfg, tag, NULL, &forever, &g));
	return g;
}

static struct guest *open_guest(const struct lab_guest *cfg)
{
	return open_tagged(cfg, run_id);
}

static void test_folder(void **state)
{
	(void)state;
	struct lab_guest cfg = config(NULL);
	struct guest *g = open_guest(&cfg);
	struct stat st;
	char folder[256];
	snprintf(folder, sizeof folder, "%s", guest_folder(g));
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0700);
	char name[64];
	snprintf(name, sizeof name, "/paniclab.%s.", run_id);
	assert_non_null(strstr(folder, name));
	guest_close(g);
	assert_false(pl_fs_exists(folder));
}

/* A tag is part of a path, and of a pattern. */
static void test_bad_tags(void **state)
{
	(void)state;
	const char *const bad[] = {"", "*", "../etc", "a b", "a.b", "a\nb", "$(id)",
		"12345678901234567890123456789012345678901"};
	struct lab_guest cfg = config(NULL);
	struct guest *g;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_error(
			guest_open(log_in(), &cfg, bad[i], NULL, &forever, &g), PL_ERR_GUEST, "run's id");
		assert_null(g);
	}
	g = open_guest(&cfg);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct guest_output o;
		const char *const argv[] = {bad[i], NULL};
		assert_error(guest_script_ok(g, "cleanup.sh", argv, false, &forever, &o), PL_ERR_GUEST,
			"not a run's id");
		guest_output_deinit(&o);
	}
	assert_true(pl_fs_exists(guest_folder(g)));
	guest_close(g);
}

static void test_cleanup(void **state)
{
	(void)state;
	struct lab_guest cfg = config(NULL);
	char folder[256], link[256], others[256];
	struct guest *other = open_tagged(&cfg, longer);
	snprintf(others, sizeof others, "%s", guest_folder(other));

	/* A guest that is gone is left alone; cleanup.sh tidies up later. */
	struct guest *g = open_guest(&cfg);
	snprintf(folder, sizeof folder, "%s", guest_folder(g));
	guest_abandon(g);
	assert_true(pl_fs_exists(folder));
	snprintf(link, sizeof link, "%.*s/paniclab.%s.linked", (int)(strrchr(folder, '/') - folder), folder,
		run_id);
	assert_int_equal(symlink(others, link), 0);
	g = open_guest(&cfg);
	struct guest_output o;
	assert_ok(guest_script_ok(g, "cleanup.sh", (const char *const[]){run_id, NULL}, false, &forever, &o));
	assert_int_equal(o.count, 2);
	guest_output_deinit(&o);
	assert_false(pl_fs_exists(folder));
	assert_false(pl_fs_exists(guest_folder(g)));
	struct stat st;
	assert_int_equal(lstat(link, &st), 0);
	assert_int_equal(unlink(link), 0);
	assert_true(pl_fs_exists(others));
	guest_close(g);
	guest_close(other);
	assert_false(pl_fs_exists(others));
	guest_close(NULL);
	guest_abandon(NULL);
}

static struct pl_error *command(struct guest *g, const char *text, bool root, struct guest_output *o)
{
	return guest_script(g, "trigger-command.sh", (const char *const[]){text, NULL}, root, &forever, o);
}

static void test_script(void **state)
{
	(void)state;
	struct lab_guest cfg = config(NULL);
	struct guest *g = open_guest(&cfg);
	struct guest_output o;
	assert_ok(command(g, "echo \"it's $((6 * 7))\"; exit 3", false, &o));
	assert_int_equal(o.status, 3);
	assert_false(o.lost);
	assert_string_equal(o.error, "it's 42");
	assert_string_equal(guest_value(&o, "trigger"), "command");
	assert_null(guest_value(&o, "paniclab-started"));
	guest_output_deinit(&o);

	/* Uploaded once, and again in a new folder. */
	assert_true(pl_fs_exists(sshd_file(guest_folder(g), "trigger-command.sh")));
	unlink(sshd_file(guest_folder(g), "trigger-command.sh"));
	assert_ok(command(g, "true", false, &o));
	assert_int_not_equal(o.status, 0);
	guest_output_deinit(&o);

	assert_error(guest_script_ok(g, "panic-report.sh", NULL, false, &forever, &o), PL_ERR_GUEST,
		"status 2 (usage: panic-report.sh");
	guest_output_deinit(&o);
	assert_error(guest_script(g, "none.sh", NULL, false, &forever, &o), PL_ERR_GUEST, "no guest script");
	guest_output_deinit(&o);
	guest_close(g);
}

static void test_root_without_password(void **state)
{
	(void)state;
	struct lab_guest cfg = config(NULL);
	struct guest *g = open_guest(&cfg);
	struct guest_output o;
	mark("nopasswd", true);
	assert_ok(command(g, "echo $SUDO_UID", true, &o));
	assert_int_equal(o.status, 0);
	assert_string_equal(o.error, "501");
	guest_output_deinit(&o);
	mark("nopasswd", false);
	assert_error(command(g, "true", true, &o), PL_ERR_GUEST, "sudo wants a password");
	guest_output_deinit(&o);
	assert_error(command(g, "true", true, &o), PL_ERR_GUEST, "NOPASSWD");
	guest_output_deinit(&o);
	guest_close(g);
}

static void test_root_with_password(void **state)
{
	(void)state;
	struct lab_guest right = config("right");
	struct lab_guest wrong = config("wrong");
	struct guest *g = open_guest(&right);
	struct guest_output o;
	unlink(sshd_file(server.dir, "sudo-args"));
	assert_ok(command(g, "echo $SUDO_UID; cat", true, &o));
	assert_string_equal(o.error, "501");
	guest_output_deinit(&o);
	/* sudo does not ask: the password must not reach the command. */
	mark("nopasswd", true);
	assert_ok(command(g, "cat", true, &o));
	assert_string_equal(o.error, "");
	guest_output_deinit(&o);
	mark("nopasswd", false);
	char *args = read_text(sshd_file(server.dir, "sudo-args"));
	assert_null(strstr(args, "horse"));
	free(args);
	mark("outsider", true);
	assert_error(command(g, "true", true, &o), PL_ERR_GUEST, "may not use sudo");
	guest_output_deinit(&o);
	mark("outsider", false);
	guest_close(g);

	g = open_guest(&wrong);
	assert_error(command(g, "true", true, &o), PL_ERR_GUEST, "refuses the password");
	guest_output_deinit(&o);
	guest_close(g);
	free(right.sudo_password.file);
	free(wrong.sudo_password.file);
}

static void test_lost_under_a_script(void **state)
{
	(void)state;
	struct lab_guest cfg = config(NULL);
	struct guest *g = open_guest(&cfg);
	struct guest_output o;
	char folder[256];
	snprintf(folder, sizeof folder, "%s", guest_folder(g));
	/* The sshd of this session, above the shells that lead to the script (bash replaces itself, dash
	 * not). */
	assert_ok(command(g,
		"p=$PPID; while [ -e /proc/$p/comm ] && [ \"$(cat /proc/$p/comm)\" != sshd ]; do "
		"p=$(sed -n 's/^PPid:[^0-9]*//p' /proc/$p/status); done; kill -KILL $p",
		false, &o));
	assert_true(o.lost);
	assert_int_equal(o.status, -1);
	guest_output_deinit(&o);
	assert_error(guest_script_ok(g, "reboot.sh", NULL, false, &forever, &o), PL_ERR_GUEST,
		"connection was lost");
	guest_output_deinit(&o);
	guest_close(g);
	assert_ok(pl_fs_remove_tree(folder));
}

/* ChannelTimeout came with OpenSSH 9.2. */
static bool sshd_knows(const char *line)
{
	char config[640];
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct pl_proc_result r;
	snprintf(config, sizeof config, "HostKey %s/host_ed25519\n%s\n", server.dir, line);
	write_text(sshd_file(server.dir, "config-asked"), config);
	const char *argv[] = {"/usr/sbin/sshd", "-t", "-f", sshd_file(server.dir, "config-asked"), NULL};
	assert_ok(pl_proc_run(&(struct pl_proc_spec){.argv = argv}, &w, &r));
	bool knows = r.status == 0;
	pl_proc_result_deinit(&r);
	return knows;
}

/* A server that closes the channel of a quiet command: without an exit status, and the connection lives. */
static void test_session_closed_under_a_script(void **state)
{
	(void)state;
	static const char timeout[] = "ChannelTimeout session*=2s";
	if (!sshd_knows(timeout))
		skip();
	struct lab_guest cfg = config(NULL);
	struct guest_output o;
	char text[256];
	sshd_stop(&server);
	sshd_start(&server, timeout);
	struct guest *g = open_guest(&cfg);
	mark("hang", true);
	snprintf(text, sizeof text, "while [ -e '%s' ]; do sleep 0.1; done", sshd_file(server.dir, "hang"));
	assert_ok(command(g, text, false, &o));
	assert_int_equal(o.status, -1);
	assert_false(o.lost);
	assert_string_equal(guest_value(&o, "trigger"), "command");
	guest_output_deinit(&o);
	const char *const argv[] = {text, NULL};
	assert_error(
		guest_script_ok(g, "trigger-command.sh", argv, false, &forever, &o), PL_ERR_GUEST, "cut off");
	guest_output_deinit(&o);
	mark("hang", false);
	assert_ok(command(g, "true", false, &o));
	assert_int_equal(o.status, 0);
	guest_output_deinit(&o);
	guest_close(g);
}

/* What a script prints is no mark of its end, whatever it looks like. */
static void test_printed_marks(void **state)
{
	(void)state;
	size_t size;
	int status = -1;
	static const char text[] = "a=1\npaniclab-ended=0000 0\nb=2\n\npaniclab-ended=1234 7\n";
	size = sizeof text - 1;
	assert_false(output_end(text, "999", &size, &status));
	assert_int_equal(size, sizeof text - 1);
	assert_true(output_end(text, "1234", &size, &status));
	assert_int_equal(size, strlen("a=1\npaniclab-ended=0000 0\nb=2\n"));
	assert_int_equal(status, 7);
	/* Cut off within the mark. */
	for (size_t cut = 0; cut < sizeof text - 1; cut++) {
		size = cut;
		assert_false(output_end(text, "1234", &size, &status));
	}
	size = strlen("\npaniclab-ended=1 256\n");
	assert_false(output_end("\npaniclab-ended=1 256\n", "1", &size, &status));
}

/* This host has no nvram: that must not read as "not set". */
static void test_facts_need_nvram(void **state)
{
	(void)state;
	struct lab_guest cfg = config(NULL);
	struct guest *g = open_guest(&cfg);
	struct guest_facts f;
	assert_error(guest_facts_read(g, &forever, &f), PL_ERR_GUEST, "cannot read the guest's nvram");
	guest_facts_deinit(&f);
	guest_close(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_folder),
		cmocka_unit_test(test_bad_tags),
		cmocka_unit_test(test_cleanup),
		cmocka_unit_test(test_script),
		cmocka_unit_test(test_root_without_password),
		cmocka_unit_test(test_root_with_password),
		cmocka_unit_test(test_lost_under_a_script),
		cmocka_unit_test(test_facts_need_nvram),
		cmocka_unit_test(test_printed_marks),
		cmocka_unit_test(test_session_closed_under_a_script),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
