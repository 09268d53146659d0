#include "tests/bench/crowd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/epoll.h>
#endif

#include "base/wait.h"
#include "tests/bench/os.h"

#ifdef __linux__

#define READY_MAX 256
#define LOOK_EVERY (100 * PL_MS) /* for guests whose patience is over */

struct member {
	struct guest guest;
	int fd;
	int64_t due;
};

struct crowd {
	const struct guest_config *config;
	unsigned count;
	struct member *member;
	struct crowd_result *result; /* shared with the parent */
};

static void send_packet(struct member *m)
{
	const struct sockaddr_in *server = &m->guest.config.server;
	m->due = pl_now() + guest_patience(&m->guest);
	(void)!sendto(m->fd, m->guest.packet, m->guest.packet_size, 0, (const struct sockaddr *)server,
		sizeof(*server));
}

static void stopped(struct crowd *c, struct member *m)
{
	struct crowd_result *r = c->result;
	const struct guest_result *g = &m->guest.result;
	double took = (double)(pl_now() - g->started) / 1e9;
	r->done++;
	if (!g->ok && r->failed++ == 0)
		memcpy(r->why, g->why, sizeof(r->why));
	r->fastest = r->fastest == 0 || took < r->fastest ? took : r->fastest;
	r->slowest = took > r->slowest ? took : r->slowest;
	r->packets += g->packets;
	r->silent += g->silent;
	r->asked += g->asked;
	r->extra += g->extra;
	r->wrong += g->wrong;
	r->errors += g->errors;
	m->due = INT64_MAX;
	close(m->fd);
}

static void take(struct crowd *c, struct member *m, enum guest_todo todo)
{
	if (todo == GUEST_SEND)
		send_packet(m);
	else if (todo == GUEST_STOP)
		stopped(c, m);
}

static void hear(struct crowd *c, struct member *m)
{
	uint8_t bytes[CONTENT_PACKET_MAX];
	ssize_t n = recv(m->fd, bytes, sizeof(bytes), 0);
	if (n >= 0)
		take(c, m, guest_answer(&m->guest, bytes, (size_t)n));
}

static void look_for_silence(struct crowd *c, int64_t now)
{
	for (unsigned i = 0; i < c->count; i++)
		if (c->member[i].due <= now)
			take(c, &c->member[i], guest_silence(&c->member[i].guest));
}

static int open_all(struct crowd *c)
{
	int poll = epoll_create1(EPOLL_CLOEXEC);
	for (unsigned i = 0; i < c->count && poll >= 0; i++) {
		struct member *m = &c->member[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = m};
		guest_begin(&m->guest, &c->config[i]);
		m->fd = guest_socket(false);
		if (m->fd < 0 || epoll_ctl(poll, EPOLL_CTL_ADD, m->fd, &event) < 0)
			return -1;
	}
	return poll;
}

/* The process that is all the guests. */
static void be_crowd(struct crowd *c, int core)
{
	struct epoll_event ready[READY_MAX];
	int64_t look_at = 0;
	os_raise_files();
	(void)os_pin(core);
	int poll = open_all(c);
	if (poll < 0) {
		snprintf(c->result->why, sizeof(c->result->why), "opening sockets: %s", strerror(errno));
		_exit(1);
	}
	int64_t started = pl_now();
	for (unsigned i = 0; i < c->count; i++) {
		c->member[i].guest.result.started = pl_now();
		send_packet(&c->member[i]);
	}
	while (c->result->done < c->count) {
		int n = epoll_wait(poll, ready, READY_MAX, (int)(LOOK_EVERY / PL_MS));
		for (int i = 0; i < n; i++)
			hear(c, ready[i].data.ptr);
		int64_t now = pl_now();
		if (now < look_at)
			continue;
		look_at = now + LOOK_EVERY;
		look_for_silence(c, now);
	}
	c->result->seconds = (double)(pl_now() - started) / 1e9;
	_exit(0);
}

struct pl_error *crowd_run(
	const struct guest_config *guests, unsigned count, int core, struct crowd_result *ret)
{
	struct crowd c = {.config = guests, .count = count};
	pid_t parent = getpid();
	void *shared = mmap(NULL, sizeof(*ret), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	c.member = calloc(count, sizeof(*c.member));
	if (shared == MAP_FAILED || !c.member) {
		free(c.member);
		return pl_error_nomem();
	}
	c.result = shared;
	(void)fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		os_die_with(parent);
		be_crowd(&c, core);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	*ret = *c.result;
	free(c.member);
	(void)munmap(shared, sizeof(*ret));
	if (ret->done == count && ret->failed == 0)
		return NULL;
	return pl_error_why(pl_error_new(PL_ERR_CAPTURE, "of %u guests %u ended, %u of them failed", count,
				    ret->done, ret->failed),
		"%s", ret->why);
}

#else

struct pl_error *crowd_run(
	const struct guest_config *guests, unsigned count, int core, struct crowd_result *ret)
{
	(void)guests;
	(void)count;
	(void)core;
	memset(ret, 0, sizeof(*ret));
	return pl_error_new(PL_ERR_LAB, "this system has no epoll");
}

#endif
