#include "orchestrator/guest/ssh_auth.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/guest/key_file.h"

/* OpenSSH 8.8 (macOS 13) stopped taking the SHA-1 signatures that are all libssh2 before 1.11 makes with RSA.
 */
static bool rsa_is_sha1(void)
{
	return libssh2_version(0x010b00) == NULL;
}

static struct pl_error *key_refused(struct ssh *s, int rc, const char *key, bool rsa)
{
	if (rc != LIBSSH2_ERROR_AUTHENTICATION_FAILED && rc != LIBSSH2_ERROR_PUBLICKEY_UNVERIFIED)
		return ssh_io_error(s, rc, "cannot log in with the key");
	struct pl_error *e = pl_error_at(
		pl_error_new(PL_ERR_GUEST, "the guest refused the key %s for user %s", key, s->user), "%s",
		s->place);
	if (rsa && rsa_is_sha1())
		return pl_error_hint(e,
			"this libssh2 signs with RSA as OpenSSH 8.8 and later (macOS 13) refuse: use an "
			"ed25519 "
			"key; else put %s.pub into the guest's ~%s/.ssh/authorized_keys",
			key, s->user);
	return pl_error_hint(e,
		"put %s.pub into the guest's ~%s/.ssh/authorized_keys, and allow the user under Remote Login",
		key, s->user);
}

static struct pl_error *with_key(struct ssh *s, const char *path, const struct pl_wait *w)
{
	struct pl_buf text;
	struct key_info info;
	int rc;
	pl_buf_init(&text, KEY_FILE_MAX);
	struct pl_error *e = pl_error_at(key_file_read(path, s->log, &text, &info), "%s", s->place);
	if (e != NULL)
		goto out;
	while ((rc = libssh2_userauth_publickey_frommemory(s->session, s->user, strlen(s->user), NULL, 0,
			text.data, text.size, NULL)) == LIBSSH2_ERROR_EAGAIN &&
		e == NULL)
		e = ssh_io_wait(s, w);
	if (e == NULL && rc != 0)
		e = key_refused(s, rc, path, info.rsa);
out:
	key_text_deinit(&text);
	return e;
}

static struct pl_error *agent_error(const struct ssh *s, const char *what, const char *hint)
{
	struct pl_error *e = pl_wait_check(s->wait);
	if (e != NULL)
		e = pl_error_why(e, "the SSH agent does not answer");
	else
		e = pl_error_hint(pl_error_new(PL_ERR_GUEST, "%s", what), "%s", hint);
	return pl_error_at(e, "%s", s->place);
}

static struct pl_error *try_identity(struct ssh *s, LIBSSH2_AGENT *agent, struct libssh2_agent_publickey *id,
	const struct pl_wait *w, bool *done)
{
	struct pl_error *e = NULL;
	int rc;
	while ((rc = libssh2_agent_userauth(agent, s->user, id)) == LIBSSH2_ERROR_EAGAIN && e == NULL)
		e = ssh_io_wait(s, w);
	*done = e == NULL && rc == 0;
	if (e == NULL && rc != 0) {
		char name[128];
		pl_log(s->log, PL_LOG_DEBUG, "%s: the agent's key '%s' was not taken", s->place,
			pl_escape_str(id->comment == NULL ? "" : id->comment, name, sizeof name));
		e = pl_error_at(pl_wait_check(w), "%s", s->place);
	}
	return e;
}

static struct pl_error *try_identities(struct ssh *s, LIBSSH2_AGENT *agent, const struct pl_wait *w)
{
	struct libssh2_agent_publickey *id = NULL;
	unsigned tried = 0;
	bool done = false;
	while (libssh2_agent_get_identity(agent, &id, id) == 0) {
		struct pl_error *e = try_identity(s, agent, id, w, &done);
		if (e != NULL || done)
			return e;
		tried++;
	}
	if (tried == 0)
		return agent_error(s, "the SSH agent holds no key",
			"load one with ssh-add, or set ssh.key to a key file");
	struct pl_error *e = pl_error_new(
		PL_ERR_GUEST, "the guest refused all %u keys of the SSH agent for user %s", tried, s->user);
	return pl_error_at(
		pl_error_hint(e, "put one of them ('ssh-add -L') into the guest's ~%s/.ssh/authorized_keys%s",
			s->user,
			rsa_is_sha1() ? " (not an RSA one: OpenSSH 8.8 and later refuse this libssh2's RSA)"
				      : ""),
		"%s", s->place);
}

static struct pl_error *with_agent(struct ssh *s, const struct pl_wait *w)
{
	const char *hint = "start ssh-agent and ssh-add a key, or set ssh.key to a key file";
	const char *path = getenv("SSH_AUTH_SOCK");
	if (path == NULL || path[0] == '\0')
		return agent_error(
			s, "no key is configured and no SSH agent runs (SSH_AUTH_SOCK is not set)", hint);
	LIBSSH2_AGENT *agent = libssh2_agent_init(s->session);
	if (agent == NULL)
		return pl_error_nomem();
	struct pl_error *e;
	if (libssh2_agent_connect(agent) != 0)
		e = agent_error(s, "the SSH agent at $SSH_AUTH_SOCK cannot be reached", hint);
	else if (libssh2_agent_list_identities(agent) != 0)
		e = agent_error(s, "the SSH agent does not list its keys", hint);
	else
		e = try_identities(s, agent, w);
	libssh2_agent_disconnect(agent);
	libssh2_agent_free(agent);
	return e;
}

struct pl_error *ssh_auth(struct ssh *s, const char *key, const struct pl_wait *w)
{
	return key == NULL ? with_agent(s, w) : with_key(s, key, w);
}
