#include "base/wait.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

int64_t pl_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * PL_SECOND + t.tv_nsec;
}

void pl_timestamp(char out[static 32])
{
	struct timespec t;
	struct tm tm;
	char date[24];
	clock_gettime(CLOCK_REALTIME, &t);
	gmtime_r(&t.tv_sec, &tm);
	strftime(date, sizeof date, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, 32, "%s.%03dZ", date, (int)(t.tv_nsec / 1000000));
}

static_assert(ATOMIC_BOOL_LOCK_FREE == 2, "a signal handler sets pl_cancel.set");

static int set_flags(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -1;
	return fcntl(fd, F_SETFD, FD_CLOEXEC);
}

struct pl_error *pl_cancel_init(struct pl_cancel *c)
{
	int fds[2];
	if (pipe(fds) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "no pipe for interruptions");
	*c = (struct pl_cancel){.read_fd = fds[0], .write_fd = fds[1]};
	if (set_flags(fds[0]) < 0 || set_flags(fds[1]) < 0) {
		struct pl_error *e = pl_error_errno(PL_ERR_LAB, errno, "no pipe for interruptions");
		pl_cancel_deinit(c);
		return e;
	}
	return NULL;
}

void pl_cancel_deinit(struct pl_cancel *c)
{
	close(c->read_fd);
	close(c->write_fd);
	c->read_fd = c->write_fd = -1;
}

void pl_cancel_set(struct pl_cancel *c)
{
	int saved = errno;
	atomic_store(&c->set, true);
	/* A full pipe already wakes every poll(). */
	if (write(c->write_fd, "", 1) < 0)
		errno = saved;
	errno = saved;
}

bool pl_cancelled(const struct pl_cancel *c)
{
	return c != NULL && atomic_load(&c->set);
}

static int64_t add(int64_t now, int64_t ns)
{
	return ns > INT64_MAX - now ? PL_TIME_FOREVER : now + ns;
}

struct pl_wait pl_wait_for(int64_t ns, const struct pl_cancel *cancel)
{
	return (struct pl_wait){.until = add(pl_now(), ns), .cancel = cancel};
}

struct pl_wait pl_wait_at_most(const struct pl_wait *w, int64_t ns)
{
	int64_t until = add(pl_now(), ns);
	return (struct pl_wait){.until = until < w->until ? until : w->until, .cancel = w->cancel};
}

int pl_wait_ms(const struct pl_wait *w)
{
	if (w->until == PL_TIME_FOREVER)
		return -1;
	int64_t left = w->until - pl_now();
	if (left <= 0)
		return 0;
	int64_t ms = (left - 1) / PL_MS + 1;
	return ms > INT_MAX ? INT_MAX : (int)ms;
}

struct pl_error *pl_wait_check(const struct pl_wait *w)
{
	if (pl_cancelled(w->cancel))
		return pl_error_new(PL_ERR_INTERRUPTED, "interrupted");
	if (w->until != PL_TIME_FOREVER && pl_now() >= w->until)
		return pl_error_new(PL_ERR_TIMEOUT, "timed out");
	return NULL;
}

struct pl_error *pl_wait_poll(const struct pl_wait *w, struct pollfd *fds, size_t count)
{
	enum { MAX = 16 };
	struct pollfd all[MAX + 1];
	if (count > MAX)
		return pl_error_new(PL_ERR_LAB, "poll over %zu descriptors", count);
	for (;;) {
		struct pl_error *e = pl_wait_check(w);
		if (e != NULL)
			return e;
		if (count > 0)
			memcpy(all, fds, count * sizeof *fds);
		size_t n = count;
		if (w->cancel != NULL)
			all[n++] = (struct pollfd){.fd = w->cancel->read_fd, .events = POLLIN};
		int ready = poll(all, (nfds_t)n, pl_wait_ms(w));
		if (ready < 0 && errno != EINTR)
			return pl_error_errno(PL_ERR_LAB, errno, "poll failed");
		if (ready <= 0 || pl_cancelled(w->cancel))
			continue;
		if (count > 0)
			memcpy(fds, all, count * sizeof *fds);
		for (size_t i = 0; i < count; i++)
			if (fds[i].revents != 0)
				return NULL;
	}
}

struct pl_error *pl_wait_sleep(const struct pl_wait *w, int64_t ns)
{
	struct pl_wait nap = pl_wait_at_most(w, ns);
	bool cut = nap.until == w->until && w->until != PL_TIME_FOREVER;
	struct pl_error *e = pl_wait_poll(&nap, NULL, 0);
	if (e != NULL && pl_error_kind(e) == PL_ERR_TIMEOUT && !cut) {
		pl_error_free(e);
		e = NULL;
	}
	return e;
}
