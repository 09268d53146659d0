/* Who answers, and who we are: host keys, user keys, the agent, and what is no SSH server. */
#include "tests/unit/guest/sshd.h"

#ifdef __SANITIZE_ADDRESS__
/* libssh2 1.10 leaks two numbers of libcrypto's with each signature by an ECDSA key. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:CRYPTO_zalloc\nleak:libcrypto.so\n";
}
#endif

static struct sshd server; /* with ed25519, ecdsa and rsa host keys */
static char *pins[3];
static const char *const hosts[] = {"host_ed25519", "host_ecdsa", "host_rsa"};

static int setup(void **state)
{
	(void)state;
	sshd_folder(&server);
	keygen(server.dir, "ecdsa", "host_ecdsa", "");
	keygen(server.dir, "rsa", "host_rsa", "");
	keygen(server.dir, "ed25519", "stranger", "");
	keygen(server.dir, "ed25519", "locked", "secret words");
	keygen(server.dir, "ecdsa", "user_ecdsa", "");
	keygen(server.dir, "rsa", "user_rsa", "");
	static const char *const more[] = {"user.pub", "user_ecdsa.pub", "user_rsa.pub"};
	struct pl_buf b;
	pl_buf_init(&b, 65536);
	for (size_t i = 0; i < 3; i++) {
		char *pub = read_text(sshd_file(server.dir, more[i]));
		assert_ok(pl_buf_puts(&b, pub));
		free(pub);
		pins[i] = fingerprint(sshd_file(server.dir, hosts[i]));
	}
	write_text(sshd_file(server.dir, "authorized"), pl_buf_text(&b));
	pl_buf_deinit(&b);
	/* ssh-rsa stands for the old servers, whose SHA-1 is all that libssh2 1.10 can do. */
	sshd_start(&server, "HostKeyAlgorithms ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,ssh-rsa\n"
			    "PubkeyAcceptedAlgorithms ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,ssh-rsa");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sshd_remove(&server);
	for (size_t i = 0; i < 3; i++)
		free(pins[i]);
	return 0;
}

static struct pl_error *try_connect(const char *key, const char *host_key, const char *known_hosts)
{
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct ssh_target t = {.host = "127.0.0.1",
		.port = server.port,
		.user = server.user,
		.key = key == NULL ? NULL : sshd_file(server.dir, key),
		.host_key = host_key,
		.known_hosts = known_hosts == NULL ? NULL : sshd_file(server.dir, known_hosts)};
	struct ssh *s;
	struct pl_error *e = ssh_connect(&t, NULL, &w, &s);
	if (e == NULL)
		ssh_close(s);
	else
		assert_null(s);
	return e;
}

static void test_every_pin_of_the_server(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		assert_ok(try_connect("user", pins[i], NULL));
	char padded[80];
	snprintf(padded, sizeof padded, "%s=", pins[0]);
	assert_ok(try_connect("user", padded, NULL));
}

static void test_wrong_pin(void **state)
{
	(void)state;
	char *other = fingerprint(sshd_file(server.dir, "user"));
	struct pl_error *e = try_connect("user", other, NULL);
	char line[2048];
	pl_error_line(e, line, sizeof line);
	assert_non_null(strstr(line, other));
	assert_non_null(strstr(line, pins[0]));
	assert_non_null(strstr(line, "another VM"));
	assert_non_null(strstr(line, "attack"));
	assert_non_null(strstr(line, "ssh.host_key"));
	assert_error(e, PL_ERR_GUEST, "has changed");
	free(other);
}

/* A known_hosts file with one line for this server, of the given key. */
static void write_known(const char *name, const char *key, bool hashed, const char *prefix, const char *host)
{
	char *pub = read_text(sshd_file(server.dir, key));
	char *text;
	assert_ok(pl_asprintf(
		&text, "# a comment\n\n%s%s%s %s", hashed ? "" : "not a line\n", prefix, host, pub));
	write_text(sshd_file(server.dir, name), text);
	free(text);
	free(pub);
	if (hashed)
		free(RUN("ssh-keygen", "-q", "-H", "-f", sshd_file(server.dir, name)));
}

static const char *own_name(void)
{
	static char name[64];
	snprintf(name, sizeof name, "[127.0.0.1]:%u", server.port);
	return name;
}

static void test_known_hosts(void **state)
{
	(void)state;
	static const char *const pubs[] = {"host_ed25519.pub", "host_ecdsa.pub", "host_rsa.pub"};
	for (size_t i = 0; i < 3; i++) {
		write_known("known", pubs[i], false, "", own_name());
		assert_ok(try_connect("user", NULL, "known"));
	}
	write_known("known", "host_ecdsa.pub", true, "", own_name());
	char *hashed = read_text(sshd_file(server.dir, "known"));
	assert_null(strstr(hashed, "127.0.0.1"));
	free(hashed);
	assert_ok(try_connect("user", NULL, "known"));
}

static void test_known_hosts_changed(void **state)
{
	(void)state;
	char *other = fingerprint(sshd_file(server.dir, "stranger"));
	for (int hashed = 0; hashed < 2; hashed++) {
		write_known("known", "stranger.pub", hashed, "", own_name());
		assert_error(try_connect("user", NULL, "known"), PL_ERR_GUEST, "has changed");
		assert_error(try_connect("user", NULL, "known"), PL_ERR_GUEST, other);
		assert_error(try_connect("user", NULL, "known"), PL_ERR_GUEST, pins[0]);
		assert_error(try_connect("user", NULL, "known"), PL_ERR_GUEST, "ssh-keygen -R");
	}
	free(other);
}

static void test_known_hosts_unknown(void **state)
{
	(void)state;
	/* The same address on another port is another server. */
	write_known("known", "host_ed25519.pub", false, "", "127.0.0.1");
	assert_error(try_connect("user", NULL, "known"), PL_ERR_GUEST, "is not known");
	write_known("known", "host_ed25519.pub", false, "", "[127.0.0.1]:1");
	char expected[128];
	snprintf(expected, sizeof expected, "host_key: %s", pins[0]);
	assert_error(try_connect("user", NULL, "known"), PL_ERR_GUEST, expected);
	assert_error(try_connect("user", NULL, "no such file"), PL_ERR_GUEST, "is not known");
	assert_error(try_connect("user", NULL, NULL), PL_ERR_GUEST, "is not known");
}

static void test_known_hosts_revoked(void **state)
{
	(void)state;
	write_known("known", "host_ed25519.pub", false, "@revoked ", own_name());
	assert_error(try_connect("user", NULL, "known"), PL_ERR_GUEST, "@revoked");
	write_known("known", "host_ed25519.pub", false, "@cert-authority ", own_name());
	assert_error(try_connect("user", NULL, "known"), PL_ERR_GUEST, "is not known");
}

static void test_keys_that_work(void **state)
{
	(void)state;
	assert_ok(try_connect("user", pins[0], NULL));
	assert_ok(try_connect("user_ecdsa", pins[0], NULL));
	assert_ok(try_connect("user_rsa", pins[0], NULL));
}

static void test_keys_that_do_not(void **state)
{
	(void)state;
	assert_error(try_connect("stranger", pins[0], NULL), PL_ERR_GUEST, "refused the key");
	assert_error(try_connect("absent", pins[0], NULL), PL_ERR_GUEST, "No such file");
	assert_error(try_connect("locked", pins[0], NULL), PL_ERR_GUEST, "encrypted with a passphrase");
	assert_error(try_connect("locked", pins[0], NULL), PL_ERR_GUEST, "ssh-add");
	assert_error(try_connect("user.pub", pins[0], NULL), PL_ERR_GUEST, "is a public key");
	assert_error(try_connect("config", pins[0], NULL), PL_ERR_GUEST, "is not a private key");
	write_text(sshd_file(server.dir, "broken"),
		"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n");
	assert_error(try_connect("broken", pins[0], NULL), PL_ERR_GUEST, "cannot log in with the key");
	if (geteuid() != 0) {
		write_text(sshd_file(server.dir, "unreadable"), "x");
		chmod(sshd_file(server.dir, "unreadable"), 0);
		assert_error(try_connect("unreadable", pins[0], NULL), PL_ERR_GUEST, "ermission denied");
	}
}

static void test_agent(void **state)
{
	(void)state;
	char socket_path[128];
	snprintf(socket_path, sizeof socket_path, "%s/agent", server.dir);
	unsetenv("SSH_AUTH_SOCK");
	assert_error(try_connect(NULL, pins[0], NULL), PL_ERR_GUEST, "SSH_AUTH_SOCK is not set");
	setenv("SSH_AUTH_SOCK", socket_path, 1);
	assert_error(try_connect(NULL, pins[0], NULL), PL_ERR_GUEST, "cannot be reached");

	char *out = RUN("ssh-agent", "-s", "-a", socket_path);
	const char *pid = strstr(out, "SSH_AGENT_PID=");
	assert_non_null(pid);
	pid_t agent = atoi(pid + 14);
	free(out);
	assert_true(agent > 1);
	assert_error(try_connect(NULL, pins[0], NULL), PL_ERR_GUEST, "holds no key");
	free(RUN("ssh-add", "-q", sshd_file(server.dir, "stranger")));
	assert_error(try_connect(NULL, pins[0], NULL), PL_ERR_GUEST, "refused all 1 keys");
	free(RUN("ssh-add", "-q", sshd_file(server.dir, "user")));
	assert_ok(try_connect(NULL, pins[0], NULL));

	/* An agent that hangs (or asks its user) is under our deadline. */
	kill(agent, SIGSTOP);
	struct pl_wait w = pl_wait_for(300 * PL_MS, NULL);
	struct ssh_target t = {
		.host = "127.0.0.1", .port = server.port, .user = server.user, .host_key = pins[0]};
	struct ssh *s;
	struct pl_error *e = ssh_connect(&t, NULL, &w, &s);
	kill(agent, SIGKILL);
	assert_error(e, PL_ERR_TIMEOUT, "agent");
	unsetenv("SSH_AUTH_SOCK");
}

static void test_nobody_listens(void **state)
{
	(void)state;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	uint16_t port = free_port();
	struct ssh_target t = {.host = "127.0.0.1", .port = port, .user = "nobody", .key = "/none"};
	struct ssh *s;
	char place[64];
	snprintf(place, sizeof place, "ssh nobody@127.0.0.1:%u: ", port);
	assert_error(ssh_connect(&t, NULL, &w, &s), PL_ERR_GUEST, place);
	assert_error(ssh_connect(&t, NULL, &w, &s), PL_ERR_GUEST, "Remote Login");
	assert_error(ssh_probe("127.0.0.1", port, &w), PL_ERR_GUEST, "refused");
	assert_error(ssh_probe("guest.local", port, &w), PL_ERR_GUEST, "not an IPv4 address");
}

/* A listener that accepts by itself (its backlog) and never says a word. */
static void test_silent_server(void **state)
{
	(void)state;
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
	assert_int_equal(listen(fd, 5), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	struct ssh_target t = {.host = "127.0.0.1", .port = ntohs(a.sin_port), .user = "u", .key = "/none"};
	struct ssh *s;
	struct pl_wait w = pl_wait_for(100 * PL_MS, NULL);
	assert_error(ssh_connect(&t, NULL, &w, &s), PL_ERR_TIMEOUT, "timed out");
	w = pl_wait_for(100 * PL_MS, NULL);
	assert_error(ssh_probe("127.0.0.1", t.port, &w), PL_ERR_TIMEOUT, "no SSH server greets");
	close(fd);
}

static void test_probe(void **state)
{
	(void)state;
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	assert_ok(ssh_probe("127.0.0.1", server.port, &w));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_pin_of_the_server),
		cmocka_unit_test(test_wrong_pin),
		cmocka_unit_test(test_known_hosts),
		cmocka_unit_test(test_known_hosts_changed),
		cmocka_unit_test(test_known_hosts_unknown),
		cmocka_unit_test(test_known_hosts_revoked),
		cmocka_unit_test(test_keys_that_work),
		cmocka_unit_test(test_keys_that_do_not),
		cmocka_unit_test(test_agent),
		cmocka_unit_test(test_nobody_listens),
		cmocka_unit_test(test_silent_server),
		cmocka_unit_test(test_probe),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
