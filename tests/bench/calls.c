/*
 * System calls that the server makes for each packet. Counted by perf where it
 * may be used (it hardly disturbs), else by strace (which slows the server so
 * much that with many guests more packets wait for it each time it looks).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/wait.h"
#include "tests/bench/bench.h"
#include "tests/bench/child.h"
#include "tests/bench/load.h"

#define BYTES (UINT64_C(64) << 20)
#define BYTES_QUICK (UINT64_C(8) << 20)
#define STOP_TIME (10 * PL_SECOND)
#define KINDS_MAX 40

/* raw_syscalls is the sum, the others what a server like this may use. */
static const char perf_events[] =
	"raw_syscalls:sys_enter,"
	"syscalls:sys_enter_recvfrom,syscalls:sys_enter_recvmsg,syscalls:sys_enter_recvmmsg,"
	"syscalls:sys_enter_sendto,syscalls:sys_enter_sendmsg,syscalls:sys_enter_sendmmsg,"
	"syscalls:sys_enter_write,syscalls:sys_enter_pwrite64,syscalls:sys_enter_pwritev,"
	"syscalls:sys_enter_poll,syscalls:sys_enter_ppoll,syscalls:sys_enter_epoll_wait,"
	"syscalls:sys_enter_epoll_pwait2,syscalls:sys_enter_futex,syscalls:sys_enter_madvise,"
	"syscalls:sys_enter_sync_file_range,syscalls:sys_enter_fsync,syscalls:sys_enter_statfs";

/*
 * The tool counts while the `cat` that it starts lives. A byte that comes back
 * through that cat says that counting has begun.
 */
struct counter {
	bool is_strace;
	char out[512]; /* what it writes at the end */
	pid_t pid;
	int to;
	int from;
};

struct tally {
	double all;
	size_t kinds;
	struct {
		char name[64];
		double count;
	} kind[KINDS_MAX];
};

static void be_counter(const struct counter *c, pid_t target, int in, int out)
{
	char pid[16];
	int null = open("/dev/null", O_WRONLY);
	snprintf(pid, sizeof(pid), "%d", (int)target);
	if (null < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(null, 2) < 0)
		_exit(126);
	if (c->is_strace)
		execlp("strace", "strace", "-I2", "-f", "-c", "-o", c->out, "-p", pid, "cat", (char *)NULL);
	else
		execlp("perf", "perf", "stat", "-x,", "-o", c->out, "-e", perf_events, "-p", pid, "cat",
			(char *)NULL);
	_exit(127);
}

/* strace would wait for the end of the server; -I2 lets it be interrupted. */
static void counter_stop(struct counter *c)
{
	struct pl_wait w = pl_wait_for(STOP_TIME, NULL);
	struct pl_error *e = NULL;
	close(c->to);
	close(c->from);
	if (c->pid <= 0)
		return;
	if (c->is_strace)
		(void)kill(c->pid, SIGINT);
	while (!e && waitpid(c->pid, NULL, WNOHANG) == 0)
		e = pl_wait_sleep(&w, 1 * PL_MS);
	if (e) {
		(void)kill(c->pid, SIGKILL);
		(void)waitpid(c->pid, NULL, 0);
	}
	pl_error_free(e);
}

/* False if the tool is not there or may not be used. */
static bool counter_start(struct counter *c, const struct bench *b, bool strace, pid_t target)
{
	int in[2];
	int out[2];
	char byte = 0;
	c->is_strace = strace;
	snprintf(c->out, sizeof(c->out), "%s/counted", b->dir);
	if (pipe(in) < 0)
		return false;
	if (pipe(out) < 0) {
		close(in[0]);
		close(in[1]);
		return false;
	}
	c->to = in[1];
	c->from = out[0];
	(void)fcntl(c->to, F_SETFD, FD_CLOEXEC);
	(void)fcntl(c->from, F_SETFD, FD_CLOEXEC);
	c->pid = fork();
	if (c->pid == 0)
		be_counter(c, target, in[0], out[1]);
	close(in[0]);
	close(out[1]);
	if (c->pid > 0 && write(c->to, &byte, 1) == 1 && read(c->from, &byte, 1) == 1)
		return true;
	counter_stop(c);
	return false;
}

static void add(struct tally *t, const char *name, double count)
{
	if (strcmp(name, "all") == 0) {
		t->all = count;
	} else if (t->kinds < KINDS_MAX && count > 0) {
		snprintf(t->kind[t->kinds].name, sizeof(t->kind[0].name), "%s", name);
		t->kind[t->kinds++].count = count;
	}
}

/* "414,,syscalls:sys_enter_poll,..." */
static void read_perf_line(char *line, struct tally *t)
{
	char *rest = NULL;
	double count = strtod(line, &rest);
	const char *name = strstr(rest, "sys_enter");
	if (rest == line || !name)
		return;
	name += strlen("sys_enter");
	char shorter[64];
	snprintf(shorter, sizeof(shorter), "%.*s", (int)strcspn(name, ","), name);
	add(t, shorter[0] == '_' ? shorter + 1 : "all", count);
}

/* "% time, seconds, usecs/call, calls, errors (may be blank), name"; the last line is the total. */
static void read_strace_line(char *line, struct tally *t)
{
	char *word[6] = {NULL};
	char *rest = NULL;
	size_t n = 0;
	for (char *w = strtok_r(line, " \n", &rest); w && n < 6; w = strtok_r(NULL, " \n", &rest))
		word[n++] = w;
	if (n < 5 || strspn(word[3], "0123456789") != strlen(word[3]))
		return;
	const char *name = word[n - 1];
	add(t, strcmp(name, "total") == 0 ? "all" : name, strtod(word[3], NULL));
}

static struct pl_error *read_tally(const struct counter *c, struct tally *t)
{
	char line[512];
	FILE *f = fopen(c->out, "re");
	memset(t, 0, sizeof(*t));
	while (f && fgets(line, sizeof(line), f)) {
		if (c->is_strace)
			read_strace_line(line, t);
		else
			read_perf_line(line, t);
	}
	if (f)
		(void)fclose(f);
	(void)unlink(c->out);
	return t->all > 0 ? NULL : pl_error_new(PL_ERR_LAB, "nothing was counted");
}

static void report(const struct tally *t, const struct load_result *r, unsigned guests, json_t *ret)
{
	json_t *kinds = json_object();
	double packets = (double)r->packets;
	printf("%3u guests: %.3f calls a packet:", guests, t->all / packets);
	for (size_t i = 0; i < t->kinds; i++) {
		double each = t->kind[i].count / packets;
		(void)json_object_set_new(kinds, t->kind[i].name, json_real(each));
		if (each >= 0.005)
			printf(" %s %.3f", t->kind[i].name, each);
	}
	printf("\n");
	(void)json_array_append_new(json_object_get(ret, "runs"),
		json_pack("{s:I, s:f, s:o}", "transfers", (json_int_t)guests, "calls_per_packet",
			t->all / packets, "by_call", kinds));
}

static struct pl_error *measure(const struct bench *b, struct serve *s, unsigned guests, json_t *ret)
{
	static struct load_result r; /* large */
	struct counter c;
	struct tally t;
	struct load l = {.guests = guests,
		.core = b->core,
		.config = {.server = s->address,
			.large = GUEST_LARGE,
			.name = "bench-core",
			.content = &b->content}};
	l.config.size = (b->quick ? BYTES_QUICK : BYTES) / guests;
	if (!counter_start(&c, b, false, s->pid) && !counter_start(&c, b, true, s->pid)) {
		printf("skipped: neither perf nor strace can be used here\n");
		return NULL;
	}
	struct pl_error *e = load_run(&l, &r);
	counter_stop(&c);
	if (!e)
		e = read_tally(&c, &t);
	if (!e)
		(void)json_object_set_new(ret, "counted_by", json_string(c.is_strace ? "strace" : "perf"));
	if (!e)
		report(&t, &r, guests, ret);
	return e;
}

struct pl_error *bench_calls(const struct bench *b, json_t *ret)
{
	static const unsigned crowds[] = {1, 8, 64};
	struct pl_error *e = NULL;
	(void)json_object_set_new(ret, "runs", json_array());
	for (unsigned i = 0; i < sizeof(crowds) / sizeof(crowds[0]) && !e; i++) {
		struct serve s;
		e = serve_start(&s, b, NULL, b->core);
		if (!e)
			e = measure(b, &s, crowds[i], ret);
		pl_error_keep_first(&e, serve_stop(&s));
	}
	return e;
}
