/* Commands over a real sshd: streams, ends, and connections that die. */
#include "tests/unit/guest/sshd.h"

#include <pthread.h>

static struct sshd server;
static char *pin;

static int setup(void **state)
{
	(void)state;
	sshd_folder(&server);
	pin = fingerprint(sshd_file(server.dir, "host_ed25519.pub"));
	sshd_start(&server, NULL);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&server);
	free(pin);
	return 0;
}

static struct ssh *log_in(int64_t silence)
{
	char key[128];
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct ssh *s;
	snprintf(key, sizeof key, "%s/user", server.dir);
	struct ssh_target t = {.host = "127.0.0.1",
		.port = server.port,
		.user = server.user,
		.key = key,
		.host_key = pin,
		.silence = silence};
	assert_ok(ssh_connect(&t, NULL, &w, &s));
	return s;
}

static struct ssh_result run(struct ssh *s, const char *command, const char *input, size_t size)
{
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct ssh_result r;
	assert_ok(ssh_exec(s, command, input, size, 64u << 20, &w, &r));
	return r;
}

static void test_streams_and_status(void **state)
{
	(void)state;
	struct ssh *s = log_in(0);
	struct ssh_result r = run(s, "echo out; echo err >&2; exit 7", NULL, 0);
	assert_string_equal(pl_buf_text(&r.out), "out\n");
	assert_string_equal(pl_buf_text(&r.err), "err\n");
	assert_int_equal(r.status, 7);
	assert_string_equal(r.signal, "");
	assert_false(r.lost);
	ssh_result_deinit(&r);

	r = run(s, "exit 0", NULL, 0);
	assert_int_equal(r.status, 0);
	ssh_result_deinit(&r);
	assert_string_equal(ssh_fingerprint(s), pin);
	assert_false(ssh_dead(s));
	ssh_close(s);
}

static void test_signal(void **state)
{
	(void)state;
	struct ssh *s = log_in(0);
	struct ssh_result r = run(s, "kill -TERM $$", NULL, 0);
	assert_string_equal(r.signal, "TERM");
	assert_int_equal(r.status, -1);
	assert_false(r.lost);
	ssh_result_deinit(&r);
	ssh_close(s);
}

static void test_input(void **state)
{
	(void)state;
	struct ssh *s = log_in(0);
	struct ssh_result r = run(s, "cat", "a\0b\n", 4);
	assert_int_equal(r.out.size, 4);
	assert_memory_equal(r.out.data, "a\0b\n", 4);
	ssh_result_deinit(&r);

	/* A command that does not read must not block us. */
	size_t size = 8u << 20;
	char *big = malloc(size);
	assert_non_null(big);
	memset(big, 'x', size);
	r = run(s, "exec <&-; echo done", big, size);
	assert_string_equal(pl_buf_text(&r.out), "done\n");
	ssh_result_deinit(&r);

	/* Both ways at once: more than any window or buffer holds. */
	r = run(s, "cat", big, size);
	assert_int_equal(r.out.size, size);
	assert_memory_equal(r.out.data, big, size);
	ssh_result_deinit(&r);
	free(big);
	ssh_close(s);
}

static void test_big_output_on_both(void **state)
{
	(void)state;
	struct ssh *s = log_in(0);
	struct ssh_result r =
		run(s, "head -c 5000000 /dev/zero & head -c 3000000 /dev/zero >&2; wait; echo end", NULL, 0);
	assert_int_equal(r.out.size, 5000004);
	assert_int_equal(r.err.size, 3000000);
	assert_false(r.out_cut);
	ssh_result_deinit(&r);
	ssh_close(s);
}

static void test_output_is_capped(void **state)
{
	(void)state;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct ssh *s = log_in(0);
	struct ssh_result r;
	assert_ok(ssh_exec(s, "head -c 100000 /dev/zero; echo no >&2; exit 3", NULL, 0, 1000, &w, &r));
	assert_int_equal(r.out.size, 1000);
	assert_true(r.out_cut);
	assert_false(r.err_cut);
	assert_int_equal(r.status, 3);
	ssh_result_deinit(&r);
	ssh_close(s);
}

static void test_deadline_leaves_the_session_usable(void **state)
{
	(void)state;
	struct ssh *s = log_in(0);
	struct pl_wait w = pl_wait_for(3 * PL_SECOND, NULL);
	struct ssh_result r;
	struct pl_error *e = ssh_exec(s, "echo started; sleep 30", NULL, 0, 1000, &w, &r);
	assert_error(e, PL_ERR_TIMEOUT, "timed out");
	assert_string_equal(pl_buf_text(&r.out), "started\n");
	assert_false(r.lost);
	ssh_result_deinit(&r);
	r = run(s, "echo again", NULL, 0);
	assert_string_equal(pl_buf_text(&r.out), "again\n");
	ssh_result_deinit(&r);
	ssh_close(s);
}

/* Interrupts once the command runs. */
static void *interrupt(void *arg)
{
	char path[128];
	snprintf(path, sizeof path, "%s/runs", server.dir);
	while (!pl_fs_exists(path))
		usleep(1000);
	pl_cancel_set(arg);
	return NULL;
}

static void test_interrupted(void **state)
{
	(void)state;
	struct ssh *s = log_in(0);
	struct pl_cancel cancel;
	pthread_t thread;
	assert_ok(pl_cancel_init(&cancel));
	struct pl_wait w = pl_wait_for(HOUR, &cancel);
	struct ssh_result r;
	char command[256];
	snprintf(command, sizeof command, "touch %s/runs; exec sleep 60", server.dir);
	assert_int_equal(pthread_create(&thread, NULL, interrupt, &cancel), 0);
	struct pl_error *e = ssh_exec(s, command, NULL, 0, 1000, &w, &r);
	pthread_join(thread, NULL);
	assert_error(e, PL_ERR_INTERRUPTED, "");
	assert_false(ssh_dead(s));
	ssh_result_deinit(&r);
	pl_cancel_deinit(&cancel);
	ssh_close(s);
}

/* The shell's parent is the sshd of this very session. */
static void test_connection_dies(void **state)
{
	(void)state;
	struct ssh *s = log_in(0);
	struct ssh_result r = run(s, "echo last words; kill -KILL $PPID", NULL, 0);
	assert_true(r.lost);
	assert_int_equal(r.status, -1);
	assert_string_equal(r.signal, "");
	assert_true(ssh_dead(s));
	ssh_result_deinit(&r);

	struct pl_wait w = pl_wait_for(HOUR, NULL);
	struct pl_error *e = ssh_exec(s, "true", NULL, 0, 1000, &w, &r);
	assert_error(e, PL_ERR_GUEST, "connection was lost");
	assert_false(r.lost);
	ssh_result_deinit(&r);
	ssh_close(s);
}

static void kill_frozen(void)
{
	char *pid = read_text(sshd_file(server.dir, "frozen"));
	assert_true(atoi(pid) > 1);
	kill(atoi(pid), SIGKILL);
	free(pid);
}

/* A panicked guest sends neither data nor FIN: only the keep-alives tell. */
static void test_guest_freezes(void **state)
{
	(void)state;
	struct ssh *s = log_in(1 * PL_SECOND);
	char command[256];
	snprintf(command, sizeof command, "echo $PPID > %s/frozen; kill -STOP $PPID", server.dir);
	struct ssh_result r = run(s, command, NULL, 0);
	kill_frozen();
	assert_true(r.lost);
	assert_true(ssh_dead(s));
	ssh_result_deinit(&r);
	ssh_close(s);
}

static void test_freezes_while_we_send(void **state)
{
	(void)state;
	struct ssh *s = log_in(1 * PL_SECOND);
	char command[256];
	size_t size = 32u << 20;
	char *big = calloc(1, size);
	assert_non_null(big);
	snprintf(command, sizeof command, "echo $PPID > %s/frozen; kill -STOP $PPID; cat >/dev/null",
		server.dir);
	struct ssh_result r = run(s, command, big, size);
	kill_frozen();
	assert_true(r.lost);
	ssh_result_deinit(&r);
	free(big);
	ssh_close(s);
}

/* Quiet is not dead: the answers to keep-alives count. */
static void test_quiet_guest_lives(void **state)
{
	(void)state;
	struct ssh *s = log_in(3 * PL_SECOND);
	struct ssh_result r = run(s, "sleep 5; echo still here", NULL, 0);
	assert_false(r.lost);
	assert_string_equal(pl_buf_text(&r.out), "still here\n");
	ssh_result_deinit(&r);
	ssh_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_streams_and_status),
		cmocka_unit_test(test_signal),
		cmocka_unit_test(test_input),
		cmocka_unit_test(test_big_output_on_both),
		cmocka_unit_test(test_output_is_capped),
		cmocka_unit_test(test_deadline_leaves_the_session_usable),
		cmocka_unit_test(test_interrupted),
		cmocka_unit_test(test_connection_dies),
		cmocka_unit_test(test_guest_freezes),
		cmocka_unit_test(test_freezes_while_we_send),
		cmocka_unit_test(test_quiet_guest_lives),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
