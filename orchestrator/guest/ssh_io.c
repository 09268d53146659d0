#include "orchestrator/guest/ssh_io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/guest/tcp.h"

#define SILENCE_DEFAULT (20 * PL_SECOND)
#define PING_INTERVAL 2 /* seconds; the least that libssh2 takes */

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS: the socket has SO_NOSIGPIPE */
#endif

void ssh_io_lose(struct ssh *s, const char *why)
{
	if (s->gone)
		return;
	s->gone = true;
	s->gone_why = why;
	pl_log(s->log, PL_LOG_DEBUG, "%s: connection lost: %s", s->place, why);
}

/* libssh2 talks to the agent through the same callbacks, on a blocking socket of its own. */
static ssize_t receive_from_agent(const struct ssh *s, int fd, void *buffer, size_t size, int flags)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	struct pl_error *e = pl_wait_poll(s->wait, &p, 1);
	if (e != NULL) {
		pl_error_free(e);
		return -ETIMEDOUT;
	}
	ssize_t n = recv(fd, buffer, size, flags);
	return n < 0 ? -errno : n;
}

static ssize_t receive(libssh2_socket_t fd, void *buffer, size_t size, int flags, void **abstract)
{
	struct ssh *s = *abstract;
	if (s->closing)
		return -ECONNRESET;
	if (fd != s->fd)
		return receive_from_agent(s, fd, buffer, size, flags);
	ssize_t n = recv(fd, buffer, size, flags);
	if (n > 0) {
		s->received += (uint64_t)n;
		s->heard = pl_now();
		return n;
	}
	if (n == 0)
		ssh_io_lose(s, "the guest closed it");
	else if (errno != EAGAIN && errno != EINTR)
		ssh_io_lose(s, errno == ECONNRESET ? "reset by the guest" : "the network failed");
	return -EAGAIN;
}

static ssize_t transmit(libssh2_socket_t fd, const void *buffer, size_t size, int flags, void **abstract)
{
	struct ssh *s = *abstract;
	if (s->closing)
		return -ECONNRESET;
	ssize_t n = send(fd, buffer, size, flags | MSG_NOSIGNAL);
	if (n >= 0)
		return n;
	if (fd != s->fd)
		return -errno;
	if (errno != EAGAIN && errno != EINTR)
		ssh_io_lose(s,
			errno == EPIPE || errno == ECONNRESET ? "reset by the guest" : "the network failed");
	return -EAGAIN;
}

static void set_callbacks(LIBSSH2_SESSION *session)
{
#if LIBSSH2_VERSION_NUM >= 0x010b01
	libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_RECV, (libssh2_cb_generic *)receive);
	libssh2_session_callback_set2(session, LIBSSH2_CALLBACK_SEND, (libssh2_cb_generic *)transmit);
#else
	libssh2_session_callback_set(session, LIBSSH2_CALLBACK_RECV, (void *)receive);
	libssh2_session_callback_set(session, LIBSSH2_CALLBACK_SEND, (void *)transmit);
#endif
}

static struct pl_error *create(const struct ssh_target *t, const struct pl_log *log, struct ssh **ret)
{
	struct ssh *s = calloc(1, sizeof *s);
	if (s == NULL)
		return pl_error_nomem();
	s->fd = -1;
	s->log = log;
	s->port = t->port;
	s->silence = t->silence > 0 ? t->silence : SILENCE_DEFAULT;
	struct pl_error *e = pl_strdup(t->user, &s->user);
	if (e == NULL)
		e = pl_strdup(t->host, &s->host);
	if (e == NULL)
		e = pl_asprintf(&s->place, "ssh %s@%s:%u", t->user, t->host, t->port);
	if (e != NULL) {
		ssh_io_free(s);
		return e;
	}
	*ret = s;
	return NULL;
}

static bool supported(const char *const *algorithms, int count, const char *name, size_t size)
{
	for (int i = 0; i < count; i++)
		if (strlen(algorithms[i]) == size && memcmp(algorithms[i], name, size) == 0)
			return true;
	return false;
}

/*
 * Names that libssh2 does not know are left out here: when 1.10 drops them
 * itself, it copies within the list with memcpy().
 */
static struct pl_error *ask_for_host_key(struct ssh *s, const char *methods)
{
	struct pl_buf list;
	const char **algorithms = NULL;
	struct pl_error *e = NULL;
	pl_buf_init(&list, 1024);
	int count = libssh2_session_supported_algs(s->session, LIBSSH2_METHOD_HOSTKEY, &algorithms);
	for (const char *name = methods; *name != '\0' && e == NULL;) {
		size_t size = strcspn(name, ",");
		if (supported(algorithms, count, name, size))
			e = pl_buf_printf(&list, "%s%.*s", list.size == 0 ? "" : ",", (int)size, name);
		name += size + (name[size] == ',');
	}
	if (e == NULL &&
		libssh2_session_method_pref(s->session, LIBSSH2_METHOD_HOSTKEY, pl_buf_text(&list)) != 0)
		e = ssh_io_error(
			s, LIBSSH2_ERROR_METHOD_NOT_SUPPORTED, "cannot ask for this kind of host key");
	if (algorithms != NULL)
		libssh2_free(s->session, algorithms);
	pl_buf_deinit(&list);
	return e;
}

struct pl_error *ssh_io_open(const struct ssh_target *t, const char *methods, const struct pl_log *log,
	const struct pl_wait *w, struct ssh **ret)
{
	struct ssh *s = NULL;
	struct pl_error *e = create(t, log, &s);
	if (e != NULL)
		return e;
	e = tcp_connect(t->host, t->port, w, &s->fd);
	if (e != NULL)
		goto fail;
	s->session = libssh2_session_init_ex(NULL, NULL, NULL, s);
	if (s->session == NULL) {
		e = pl_error_nomem();
		goto fail;
	}
	libssh2_session_set_blocking(s->session, 0);
	set_callbacks(s->session);
	libssh2_keepalive_config(s->session, 1, PING_INTERVAL);
	e = ask_for_host_key(s, methods);
	if (e != NULL)
		goto fail;
	*ret = s;
	return NULL;
fail:
	e = pl_error_at(e, "%s", s->place);
	ssh_io_free(s);
	return e;
}

void ssh_io_begin(struct ssh *s, const struct pl_wait *w)
{
	s->wait = w;
	s->heard = s->pinged = pl_now();
}

/*
 * Keep-alives are sent only into an idle connection with room to send: a
 * second message behind one half sent would confuse libssh2.
 */
static void ping(struct ssh *s)
{
	struct pollfd p = {.fd = s->fd, .events = POLLOUT};
	int next;
	s->pinged = pl_now();
	if (libssh2_session_block_directions(s->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND)
		return;
	if (poll(&p, 1, 0) == 1 && p.revents == POLLOUT)
		(void)libssh2_keepalive_send(s->session, &next);
}

static struct pl_error *gone(const struct ssh *s)
{
	return pl_error_at(
		pl_error_why(pl_error_new(PL_ERR_GUEST, "the connection was lost"), "%s", s->gone_why), "%s",
		s->place);
}

/* One poll() of at most a quarter of the silence that is allowed. */
static struct pl_error *poll_once(struct ssh *s, const struct pl_wait *w, bool *ready)
{
	/* While half a message is unsent libssh2 reads nothing: POLLIN would only spin. */
	bool out = libssh2_session_block_directions(s->session) & LIBSSH2_SESSION_BLOCK_OUTBOUND;
	struct pollfd p = {.fd = s->fd, .events = out ? POLLOUT : POLLIN};
	struct pl_wait slice = pl_wait_at_most(w, s->silence / 4);
	struct pl_error *e = pl_wait_poll(&slice, &p, 1);
	*ready = e == NULL;
	if (e == NULL || pl_error_kind(e) != PL_ERR_TIMEOUT)
		return e;
	pl_error_free(e);
	return pl_wait_check(w);
}

struct pl_error *ssh_io_wait(struct ssh *s, const struct pl_wait *w)
{
	bool ready = false;
	while (!ready && !s->gone) {
		struct pl_error *e = poll_once(s, w, &ready);
		if (e != NULL)
			return pl_error_at(e, "%s", s->place);
		if (ready || !s->ready)
			continue;
		if (pl_now() - s->heard >= s->silence)
			ssh_io_lose(s, "no answer to keep-alives: it hangs, or it panicked");
		else if (pl_now() - s->pinged >= s->silence / 4)
			ping(s);
	}
	return s->gone ? gone(s) : NULL;
}

struct pl_error *ssh_io_error(struct ssh *s, int rc, const char *what)
{
	char *words = NULL;
	char safe[256];
	if (s->gone)
		return gone(s);
	libssh2_session_last_error(s->session, &words, NULL, 0);
	if (rc == LIBSSH2_ERROR_SOCKET_DISCONNECT || rc == LIBSSH2_ERROR_SOCKET_SEND ||
		rc == LIBSSH2_ERROR_SOCKET_RECV)
		ssh_io_lose(s, "the guest ended the session");
	struct pl_error *e = pl_error_new(PL_ERR_GUEST, "%s", what);
	e = pl_error_why(e, "%s", pl_escape_str(words == NULL ? "libssh2" : words, safe, sizeof safe));
	return pl_error_at(e, "%s", s->place);
}

void ssh_io_free(struct ssh *s)
{
	if (s == NULL)
		return;
	/* Else libssh2 would wait for answers before it frees anything. */
	s->closing = true;
	if (s->session != NULL)
		libssh2_session_free(s->session);
	if (s->fd >= 0)
		close(s->fd);
	free(s->user);
	free(s->host);
	free(s->place);
	free(s);
}
