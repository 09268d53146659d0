/*
 * Networks that lose packets: kernsim is the guest, with the kernel's own
 * timing. Nothing is pinned; waiting is what takes the time, so all of them
 * run at once. And a guest that is silent for a while.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/wait.h"
#include "tests/bench/bench.h"
#include "tests/bench/child.h"
#include "tests/bench/load.h"
#include "tests/bench/os.h"

#define LEVELS 3
#define SEEDS 5
#define SIZE (4u << 20)
#define SIZE_QUICK (256u << 10)
#define PAUSE (10 * PL_SECOND)
#define PAUSE_QUICK (2 * PL_SECOND)
#define PATIENCE "1500s"

static const char *const levels[LEVELS] = {"1", "5", "20"}; /* percent, each way */

struct lossy {
	pid_t pid;
	char name[32];
	double seconds;
	unsigned long long resent;
};

struct losses {
	const struct bench *b;
	const struct serve *serve;
	char file[512]; /* what each sends */
	uint64_t size;
	unsigned seeds;
	struct lossy run[LEVELS][SEEDS];
};

static void out_path(const struct losses *l, const struct lossy *r, char out[static 600])
{
	snprintf(out, 600, "%s/%s.out", l->b->dir, r->name);
}

/* A port that is free now: a Mac has one loopback address, so the guests can't have one each. */
static unsigned free_port(void)
{
	struct sockaddr_in a = {0};
	socklen_t n = sizeof(a);
	int fd = guest_socket(true);
	if (fd >= 0 && getsockname(fd, (struct sockaddr *)&a, &n) == 0)
		(void)close(fd);
	return ntohs(a.sin_port);
}

static void be_kernsim(const struct losses *l, unsigned level, unsigned seed, const struct lossy *r)
{
	char server[64];
	char port[16];
	char seed_text[16];
	char out[600];
	out_path(l, r, out);
	snprintf(server, sizeof(server), "127.0.0.1:%u", (unsigned)ntohs(l->serve->address.sin_port));
	snprintf(port, sizeof(port), "%u", free_port());
	snprintf(seed_text, sizeof(seed_text), "%u", seed + 1);
	int fd = open(out, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	execl(l->b->kernsim, "kernsim", "send", "--server", server, "--from-port", port, "--file", l->file,
		"--name", r->name, "--loss", levels[level], "--seed", seed_text, "--timeout", PATIENCE,
		(char *)NULL);
	_exit(127);
}

static struct pl_error *start(struct losses *l)
{
	pid_t parent = getpid();
	(void)fflush(NULL);
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned seed = 0; seed < l->seeds; seed++) {
			struct lossy *r = &l->run[level][seed];
			snprintf(r->name, sizeof(r->name), "loss-%s-%u", levels[level], seed + 1);
			r->pid = fork();
			if (r->pid < 0)
				return pl_error_errno(PL_ERR_LAB, errno, "cannot fork");
			if (r->pid == 0) {
				os_die_with(parent);
				be_kernsim(l, level, seed, r);
			}
		}
	return NULL;
}

/* kernsim says "... resent=12 ..." in its one line. */
static void read_resent(const struct losses *l, struct lossy *r)
{
	char path[600];
	char line[512] = "";
	out_path(l, r, path);
	FILE *f = fopen(path, "re");
	const char *at = f && fgets(line, sizeof(line), f) ? strstr(line, " resent=") : NULL;
	if (at)
		(void)sscanf(at, " resent=%llu", &r->resent);
	if (f)
		(void)fclose(f);
	(void)unlink(path);
}

static struct lossy *by_pid(struct losses *l, pid_t pid)
{
	for (unsigned level = 0; level < LEVELS; level++)
		for (unsigned seed = 0; seed < l->seeds; seed++)
			if (l->run[level][seed].pid == pid)
				return &l->run[level][seed];
	return NULL;
}

static struct pl_error *collect(struct losses *l, int64_t started)
{
	struct pl_error *e = NULL;
	for (unsigned left = LEVELS * l->seeds; left > 0;) {
		int status = 0;
		pid_t pid = waitpid(-1, &status, 0);
		if (pid < 0 && errno != EINTR)
			return pl_error_errno(PL_ERR_LAB, errno, "a guest is missing");
		struct lossy *r = by_pid(l, pid);
		if (!r) /* the server? its end shows elsewhere */
			continue;
		left--;
		r->seconds = (double)(pl_now() - started) / 1e9;
		read_resent(l, r);
		if (status != 0 && !e)
			e = pl_error_new(PL_ERR_CAPTURE, "%s is not complete", r->name);
		if (!e)
			e = content_check(&l->b->content, 0, l->size, l->serve->dir, r->name);
	}
	return e;
}

static void report(const struct losses *l, json_t *list)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		double seconds[SEEDS];
		double resent[SEEDS];
		printf("%2s %% lost each way: s", levels[level]);
		for (unsigned i = 0; i < l->seeds; i++) {
			seconds[i] = l->run[level][i].seconds;
			resent[i] = (double)l->run[level][i].resent;
			printf(" %.2f", seconds[i]);
		}
		double middle = bench_median(seconds, l->seeds);
		printf("; median %.2f; sent again %.0f\n", middle, bench_median(resent, l->seeds));
		(void)json_array_append_new(list,
			json_pack("{s:s, s:I, s:f, s:f, s:f, s:f}", "percent", levels[level], "seeds",
				(json_int_t)l->seeds, "seconds", middle, "fastest", seconds[0], "slowest",
				seconds[l->seeds - 1], "resent", bench_median(resent, l->seeds)));
	}
}

static struct pl_error *send_lossy(const struct bench *b, const struct serve *s, json_t *ret)
{
	struct losses l = {
		.b = b, .serve = s, .size = b->quick ? SIZE_QUICK : SIZE, .seeds = b->quick ? 1 : SEEDS};
	json_t *list = json_array();
	(void)json_object_set_new(ret, "bytes", json_integer((json_int_t)l.size));
	(void)json_object_set_new(ret, "losses", list);
	snprintf(l.file, sizeof(l.file), "%s/sent", b->dir);
	struct pl_error *e = pl_fs_write(l.file, b->content.bytes, l.size, 0600);
	if (e)
		return e;
	printf("%.2f MiB, %u seeds each\n", (double)l.size / MIB, l.seeds);
	int64_t started = pl_now();
	e = start(&l);
	if (!e)
		e = collect(&l, started);
	if (!e)
		report(&l, list);
	(void)unlink(l.file);
	return e;
}

static struct pl_error *send_slowly(const struct bench *b, const struct serve *s, json_t *ret)
{
	static struct load_result r; /* large */
	struct load l = {.guests = 1,
		.core = -1,
		.config = {.server = s->address,
			.large = GUEST_LARGE,
			.name = "paused",
			.content = &b->content,
			.size = b->quick ? SIZE_QUICK : SIZE}};
	l.config.pause = b->quick ? PAUSE_QUICK : PAUSE;
	l.config.pause_at = l.config.size / 2;
	struct pl_error *e = load_run(&l, &r);
	if (!e)
		e = load_check(&l, s->dir);
	if (e)
		return pl_error_context(e, "a pause");
	printf("silent for %.0f s in the middle: exact, %.2f s; the server's extra ACKs %llu, sent again "
	       "%llu\n",
		(double)l.config.pause / 1e9, r.seconds, (unsigned long long)r.guest[0].extra,
		(unsigned long long)r.resent);
	(void)json_object_set_new(ret, "pause",
		json_pack("{s:f, s:f, s:I, s:I}", "pause_seconds", (double)l.config.pause / 1e9, "seconds",
			r.seconds, "extra_acks", (json_int_t)r.guest[0].extra, "resent",
			(json_int_t)r.resent));
	return NULL;
}

struct pl_error *bench_loss(const struct bench *b, json_t *ret)
{
	struct serve s;
	struct pl_error *e = serve_start(&s, b, NULL, -1);
	if (!e)
		e = send_lossy(b, &s, ret);
	if (!e)
		e = send_slowly(b, &s, ret);
	pl_error_keep_first(&e, serve_stop(&s));
	return e;
}
