/*
 * A little HTTP server for tests: one thread, the loopback, a free port, one
 * request a connection; what it answers is the test's to say, good or bad.
 */
#ifndef TEST_SCRIPT_SERVER_H
#define TEST_SCRIPT_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum script_way {
	SCRIPT_SEND,   /* text, then close */
	SCRIPT_RESET,  /* text, then a reset instead of an end */
	SCRIPT_SILENT, /* text, then nothing until the client goes */
	SCRIPT_HUGE,   /* text, then bytes without an end */
};

struct script_reply {
	enum script_way way;
	const char *text; /* the whole answer, status line included */
};

#define SCRIPT_REQUESTS 64

struct script_server;
typedef struct script_reply (*script_handler)(struct script_server *s, const char *request, int number);

struct script_server {
	int fd;
	int stop[2];
	unsigned port;
	char url[64];
	pthread_t thread;
	script_handler handle;
	const struct script_reply *replies; /* in turn, the last one for ever; unless handle is set */
	int replies_count;
	void *arg;
	atomic_int count; /* requests so far */
	char requests[SCRIPT_REQUESTS][2048];
};

static inline struct script_reply script_choose(struct script_server *s, const char *request, int number)
{
	if (s->handle)
		return s->handle(s, request, number);
	return s->replies[number < s->replies_count ? number : s->replies_count - 1];
}

/* Head and, by its Content-Length, body. */
static inline void script_read(int fd, char *out, size_t size)
{
	size_t n = 0;

	while (n + 1 < size) {
		ssize_t got = read(fd, out + n, size - 1 - n);
		const char *end, *length;

		if (got <= 0)
			break;
		n += (size_t)got;
		out[n] = '\0';
		end = strstr(out, "\r\n\r\n");
		length = strstr(out, "Content-Length: ");
		if (end && (!length || n >= (size_t)(end + 4 - out) + strtoul(length + 16, NULL, 10)))
			break;
	}
	out[n] = '\0';
}

/* True when the client has gone, false when the server is to stop. */
static inline bool script_wait_gone(struct script_server *s, int fd)
{
	struct pollfd fds[2] = {{.fd = fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};

	return poll(fds, 2, -1) > 0 && !fds[1].revents;
}

static inline void script_serve(struct script_server *s, int fd)
{
	static const char noise[4096];
	struct linger reset = {.l_onoff = 1};
	int number = atomic_load(&s->count);
	char *request = s->requests[number % SCRIPT_REQUESTS];
	struct script_reply r;

	script_read(fd, request, sizeof(s->requests[0]));
	r = script_choose(s, request, number);
	atomic_fetch_add(&s->count, 1);
	if (r.text && write(fd, r.text, strlen(r.text)) < 0)
		return;
	if (r.way == SCRIPT_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	if (r.way == SCRIPT_SILENT)
		script_wait_gone(s, fd);
	while (r.way == SCRIPT_HUGE && write(fd, noise, sizeof(noise)) > 0)
		;
}

static inline void *script_main(void *arg)
{
	struct script_server *s = arg;

	for (;;) {
		struct pollfd fds[2] = {
			{.fd = s->fd, .events = POLLIN}, {.fd = s->stop[0], .events = POLLIN}};
		int fd;

		if (poll(fds, 2, -1) < 0 || fds[1].revents)
			return NULL;
		fd = accept(s->fd, NULL, NULL);
		if (fd < 0)
			continue;
		script_serve(s, fd);
		close(fd);
	}
}

static inline struct script_server *script_start(
	script_handler handle, const struct script_reply *replies, int count)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof(a);
	struct script_server *s = calloc(1, sizeof(*s));

	signal(SIGPIPE, SIG_IGN);
	if (!s)
		abort();
	s->handle = handle;
	s->replies = replies;
	s->replies_count = count;
	s->fd = socket(AF_INET, SOCK_STREAM, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&a, sizeof(a)) || listen(s->fd, 8) ||
		getsockname(s->fd, (struct sockaddr *)&a, &size) || pipe(s->stop))
		abort();
	s->port = ntohs(a.sin_port);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
	return s;
}

/* After the test has set arg. */
static inline void script_go(struct script_server *s)
{
	if (pthread_create(&s->thread, NULL, script_main, s))
		abort();
}

static inline void script_end(struct script_server *s)
{
	close(s->stop[1]);
	pthread_join(s->thread, NULL);
	close(s->stop[0]);
	close(s->fd);
	free(s);
}

#endif
