#include "tests/simlab/simlab/calls.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/reader.h"

#define OUTPUT_MAX (8U << 20)

struct calls {
	struct sim *sim;
	int listeners[2]; /* the host's, the guest's */
	struct call *calls[CALLS_MAX];
	size_t count;
};

static void PL_PRINTF(2, 0) append(struct pl_buf *b, const char *fmt, va_list args)
{
	char *text = NULL;
	int n = vasprintf(&text, fmt, args);
	if (n >= 0)
		pl_buf_append_capped(b, text, (size_t)n);
	free(text);
}

void call_out(struct call *c, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	append(&c->out, fmt, args);
	va_end(args);
}

void call_err(struct call *c, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	append(&c->err, fmt, args);
	va_end(args);
}

bool call_hangs(struct sim *s, struct call *c)
{
	(void)s;
	(void)c;
	return false;
}

/* ---- sockets ---- */

static struct pl_error *listen_at(const char *path, int *ret)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	snprintf(sun.sun_path, sizeof sun.sun_path, "%s", path);
	unlink(path);
	*ret = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (*ret < 0 || bind(*ret, (struct sockaddr *)&sun, sizeof sun) != 0 || listen(*ret, 64) != 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot listen at %s", path);
	return NULL;
}

struct pl_error *calls_create(struct sim *s, struct calls **ret)
{
	struct calls *l = calloc(1, sizeof *l);
	if (l == NULL)
		return pl_error_nomem();
	l->sim = s;
	l->listeners[0] = -1;
	l->listeners[1] = -1;
	struct pl_error *e = listen_at(CALL_HOST_SOCKET, &l->listeners[0]);
	if (e == NULL)
		e = listen_at(SIM_GUEST_RUN "/" CALL_GUEST_SOCKET, &l->listeners[1]);
	if (e != NULL) {
		calls_destroy(l);
		return e;
	}
	*ret = l;
	return NULL;
}

static void destroy(struct call *c)
{
	close(c->fd);
	pl_buf_deinit(&c->in);
	pl_buf_deinit(&c->out);
	pl_buf_deinit(&c->err);
	free(c);
}

void calls_destroy(struct calls *l)
{
	if (l == NULL)
		return;
	for (size_t i = 0; i < l->count; i++)
		destroy(l->calls[i]);
	for (int i = 0; i < 2; i++)
		if (l->listeners[i] >= 0)
			close(l->listeners[i]);
	unlink(CALL_HOST_SOCKET);
	unlink(SIM_GUEST_RUN "/" CALL_GUEST_SOCKET);
	free(l);
}

size_t calls_poll(const struct calls *l, struct pollfd *fds, size_t max)
{
	size_t n = 0;
	for (int i = 0; i < 2 && n < max; i++)
		fds[n++] = (struct pollfd){.fd = l->listeners[i], .events = POLLIN};
	for (size_t i = 0; i < l->count && n < max; i++)
		fds[n++] = (struct pollfd){
			.fd = l->calls[i]->fd, .events = l->calls[i]->state == CALL_READING ? POLLIN : 0};
	return n;
}

bool calls_waiting(const struct calls *l)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->calls[i]->state == CALL_WAITING && l->calls[i]->ready != call_hangs)
			return true;
	return false;
}

static void accept_from(struct calls *l, int which)
{
	while (l->count < CALLS_MAX) {
		int fd = accept4(l->listeners[which], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		struct call *c = fd >= 0 ? calloc(1, sizeof *c) : NULL;
		if (c == NULL) {
			if (fd >= 0)
				close(fd);
			return;
		}
		*c = (struct call){.fd = fd, .guest = which == 1};
		pl_buf_init(&c->in, CALL_REQUEST_MAX);
		pl_buf_init(&c->out, OUTPUT_MAX);
		pl_buf_init(&c->err, OUTPUT_MAX);
		l->calls[l->count++] = c;
	}
}

/* ---- one call ---- */

/* 1: the request is whole, 0: more to come, -1: broken. */
static int read_request(struct call *c)
{
	char chunk[8192];
	for (;;) {
		ssize_t n = read(c->fd, chunk, sizeof chunk);
		if (n == 0)
			return 1;
		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		if (!pl_buf_append_capped(&c->in, chunk, (size_t)n))
			return -1;
	}
}

static bool parse_request(struct call *c)
{
	struct pl_reader r = pl_reader_le(c->in.data, c->in.size);
	c->name = pl_read_cstr(&r, CALL_REQUEST_MAX, NULL);
	const char *uid = pl_read_cstr(&r, 16, NULL);
	c->cwd = pl_read_cstr(&r, CALL_REQUEST_MAX, NULL);
	if (!pl_reader_ok(&r) || uid == NULL)
		return false;
	c->root = strcmp(uid, "0") == 0;
	c->argv = c->args;
	while (pl_reader_left(&r) > 0 && c->argc < CALL_ARGS_MAX) {
		size_t at = r.pos;
		if (pl_read_cstr(&r, CALL_REQUEST_MAX, NULL) == NULL)
			return false;
		c->args[c->argc++] = c->in.data + at;
	}
	return true;
}

static void answer(struct call *c)
{
	uint8_t head[CALL_ANSWER_HEAD] = {(uint8_t)c->status};
	pl_put_be32(head + 1, (uint32_t)c->out.size);
	fcntl(c->fd, F_SETFL, 0);
	struct pl_error *e = pl_fs_write_all(c->fd, head, sizeof head);
	if (e == NULL)
		e = pl_fs_write_all(c->fd, pl_buf_text(&c->out), c->out.size);
	if (e == NULL)
		e = pl_fs_write_all(c->fd, pl_buf_text(&c->err), c->err.size);
	pl_error_free(e); /* it went away: nobody to tell */
}

static bool hung_up(const struct call *c)
{
	struct pollfd p = {.fd = c->fd};
	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR)) != 0;
}

/* True when the call is over. */
static bool step(struct sim *s, struct call *c)
{
	if (c->state == CALL_READING) {
		int whole = read_request(c);
		if (whole < 0 || (whole == 1 && !parse_request(c)))
			return true;
		if (whole == 0)
			return false;
		dispatch(s, c);
		c->state = c->ready != NULL ? CALL_WAITING : CALL_ANSWER;
	}
	if (c->state == CALL_WAITING) {
		if (hung_up(c))
			return true;
		if (c->ready(s, c))
			c->state = CALL_ANSWER;
	}
	if (c->state == CALL_ANSWER) {
		answer(c);
		return true;
	}
	return false;
}

void calls_run(struct calls *l)
{
	accept_from(l, 0);
	accept_from(l, 1);
	for (size_t i = 0; i < l->count;) {
		if (step(l->sim, l->calls[i])) {
			destroy(l->calls[i]);
			l->calls[i] = l->calls[--l->count];
		} else
			i++;
	}
}
