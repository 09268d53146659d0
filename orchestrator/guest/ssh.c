#include "orchestrator/guest/ssh.h"

#include "orchestrator/guest/ssh_auth.h"
#include "orchestrator/guest/ssh_hostkey.h"
#include "orchestrator/guest/ssh_io.h"

/* One connection with the key exchange done. *other: the guest has no host key of these kinds. */
static struct pl_error *dial(const struct ssh_target *t, const char *methods, const struct pl_log *log,
	const struct pl_wait *w, bool *other, struct ssh **ret)
{
	struct ssh *s = NULL;
	int rc;
	struct pl_error *e = ssh_io_open(t, methods, log, w, &s);
	if (e != NULL)
		return e;
	ssh_io_begin(s, w);
	while ((rc = libssh2_session_handshake(s->session, s->fd)) == LIBSSH2_ERROR_EAGAIN && e == NULL)
		e = ssh_io_wait(s, w);
	if (e == NULL && rc != 0) {
		*other = rc == LIBSSH2_ERROR_KEX_FAILURE;
		e = ssh_io_error(s, rc, "the SSH handshake failed");
	}
	if (e != NULL) {
		e = pl_error_context(e, "handshake");
		ssh_io_free(s);
		return e;
	}
	*ret = s;
	return NULL;
}

/* A connection whose host key was asked for in this way, and checked. *wrong_key: another way may do. */
static struct pl_error *meet(const struct hostkey_policy *p, const char *methods, const struct pl_log *log,
	const struct pl_wait *w, bool *no_key, bool *wrong_key, struct ssh **ret)
{
	struct ssh *s = NULL;
	*no_key = *wrong_key = false;
	struct pl_error *e = dial(p->target, methods, log, w, no_key, &s);
	if (e != NULL)
		return e;
	e = pl_error_at(hostkey_check(p, s), "%s", s->place);
	if (e == NULL) {
		*ret = s;
		return NULL;
	}
	*wrong_key = true;
	ssh_io_free(s);
	return e;
}

/*
 * Asks for one kind of host key after the other until one is the known one.
 * When the guest has none of those kinds, whatever it has tells what is wrong.
 */
static struct pl_error *meet_known(
	const struct hostkey_policy *p, const struct pl_log *log, const struct pl_wait *w, struct ssh **ret)
{
	struct pl_error *first = NULL;
	bool no_key;
	bool wrong_key;
	for (size_t i = 0; p->methods[i] != NULL; i++) {
		struct pl_error *e = meet(p, p->methods[i], log, w, &no_key, &wrong_key, ret);
		if (e == NULL || (!no_key && !wrong_key)) {
			pl_error_free(first);
			return e;
		}
		if (no_key)
			pl_error_free(e);
		else
			pl_error_keep_first(&first, e);
	}
	return first != NULL ? first : meet(p, HOSTKEY_ANY, log, w, &no_key, &wrong_key, ret);
}

struct pl_error *ssh_connect(
	const struct ssh_target *t, const struct pl_log *log, const struct pl_wait *w, struct ssh **ret)
{
	struct hostkey_policy policy;
	struct ssh *s = NULL;
	*ret = NULL;
	struct pl_error *e = hostkey_policy_init(&policy, t);
	if (e == NULL)
		e = meet_known(&policy, log, w, &s);
	if (e == NULL)
		e = ssh_auth(s, t->key, w);
	hostkey_policy_deinit(&policy);
	if (e != NULL) {
		ssh_io_free(s);
		return pl_error_at(e, "ssh %s@%s:%u", t->user, t->host, t->port);
	}
	s->ready = true;
	pl_log(log, PL_LOG_DEBUG, "%s: logged in, host key %s", s->place, s->fingerprint);
	*ret = s;
	return NULL;
}

bool ssh_dead(const struct ssh *s)
{
	return s->gone;
}

const char *ssh_fingerprint(const struct ssh *s)
{
	return s->fingerprint;
}

void ssh_close(struct ssh *s)
{
	if (s == NULL)
		return;
	struct pl_wait w = pl_wait_for(PL_SECOND, NULL);
	struct pl_error *e = NULL;
	ssh_io_begin(s, &w);
	while (!s->gone && libssh2_session_disconnect(s->session, "done") == LIBSSH2_ERROR_EAGAIN &&
		e == NULL)
		e = ssh_io_wait(s, &w);
	pl_error_free(e);
	ssh_io_free(s);
}
