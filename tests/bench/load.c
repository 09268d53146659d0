#include "tests/bench/load.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wait.h"
#include "tests/bench/os.h"

#define SHARED (LOAD_MAX * sizeof(struct guest_result))
#define APART 100003u /* bytes in the content between two guests */

void load_config(const struct load *l, unsigned i, struct guest_config *ret)
{
	*ret = l->config;
	ret->start += (uint64_t)i * APART;
	if (l->guests > 1)
		snprintf(ret->name, sizeof(ret->name), "%.40s-%u", l->config.name, i);
}

/* The child tells that it is ready by a byte, and begins when `go` is closed. */
static void be_guest(const struct load *l, unsigned i, int ready, const int go[2], struct guest_result *ret)
{
	char byte = 0;
	struct guest_config config;
	close(go[1]);
	load_config(l, i, &config);
	(void)os_pin(l->core);
	(void)!write(ready, &byte, 1);
	(void)!read(go[0], &byte, 1);
	guest_run(&config, ret);
	_exit(0);
}

static struct pl_error *fork_guests(struct load_run *r, const int ready[2], const int go[2])
{
	const struct load *l = r->load;
	pid_t parent = getpid();
	(void)fflush(NULL);
	for (unsigned i = 0; i < l->guests; i++) {
		r->pid[i] = fork();
		if (r->pid[i] < 0)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot fork");
		if (r->pid[i] == 0) {
			os_die_with(parent);
			be_guest(l, i, ready[1], go, &r->shared[i]);
		}
	}
	for (unsigned i = 0; i < l->guests; i++) {
		char byte;
		if (read(ready[0], &byte, 1) != 1)
			return pl_error_new(PL_ERR_LAB, "a guest did not start");
	}
	return NULL;
}

static struct pl_error *sum_up(const struct load *l, struct load_result *r)
{
	int64_t first = INT64_MAX;
	int64_t last = 0;
	struct pl_error *e = NULL;
	for (unsigned i = 0; i < l->guests; i++) {
		const struct guest_result *g = &r->guest[i];
		double took = (double)(g->ended - g->started) / 1e9;
		if (!g->ok && !e)
			e = pl_error_why(pl_error_new(PL_ERR_CAPTURE, "guest %u failed", i), "%s",
				g->why[0] ? g->why : "it died");
		first = g->started < first ? g->started : first;
		last = g->ended > last ? g->ended : last;
		r->fastest = i == 0 || took < r->fastest ? took : r->fastest;
		r->slowest = took > r->slowest ? took : r->slowest;
		r->packets += g->packets;
		r->resent += g->silent + g->asked + g->errors;
	}
	r->seconds = (double)(last - first) / 1e9;
	return e;
}

struct pl_error *load_start(const struct load *l, struct load_run *ret)
{
	int ready[2] = {-1, -1};
	int go[2] = {-1, -1};
	struct pl_error *e = NULL;
	memset(ret, 0, sizeof(*ret));
	ret->load = l;
	void *shared = mmap(NULL, SHARED, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return pl_error_errno(PL_ERR_LAB, errno, "no shared memory");
	ret->shared = shared;
	if (pipe(ready) < 0 || pipe(go) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "no pipe");
	else
		e = fork_guests(ret, ready, go);
	for (unsigned i = 0; i < 2; i++) { /* closing go[1] starts them */
		close(go[i]);
		close(ready[i]);
	}
	return e;
}

struct pl_error *load_finish(struct load_run *r, struct load_result *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!r->shared)
		return NULL;
	for (unsigned i = 0; i < r->load->guests; i++)
		while (r->pid[i] > 0 && waitpid(r->pid[i], NULL, 0) < 0 && errno == EINTR)
			continue;
	memcpy(ret->guest, r->shared, SHARED);
	(void)munmap(r->shared, SHARED);
	r->shared = NULL;
	return sum_up(r->load, ret);
}

struct pl_error *load_run(const struct load *l, struct load_result *ret)
{
	struct load_run run;
	struct pl_error *e = load_start(l, &run);
	pl_error_keep_first(&e, load_finish(&run, ret));
	return e;
}

struct pl_error *load_check(const struct load *l, const char *dir)
{
	struct pl_error *e = NULL;
	for (unsigned i = 0; i < l->guests && !e; i++) {
		struct guest_config c;
		load_config(l, i, &c);
		e = content_check(c.content, c.start, c.size, dir, c.name);
	}
	return e;
}
