/*
 * A thousand guests that begin at the same moment, all on one core with the
 * server: does it lose a packet, how fast is it, what does a session cost in
 * memory?
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/wait.h"
#include "tests/bench/bench.h"
#include "tests/bench/child.h"
#include "tests/bench/crowd.h"
#include "tests/bench/os.h"

#define GUESTS 1000
#define SIZE (256u << 10) /* bytes a guest sends */
#define SIZE_QUICK (32u << 10)
#define APART 10007u

struct figures {
	uint64_t idle;
	uint64_t peak;
	uint64_t drops;
	double done; /* s until the last "done" event */
	bool has_drops;
	bool has_memory;
};

static struct pl_error *check_one(const struct guest_config *g, const struct serve *s, unsigned i)
{
	struct stat st;
	char path[600];
	struct pl_error *e = content_check(g->content, g->start, g->size, s->dir, g->name);
	if (e || g->content->plain == 0)
		return e;
	snprintf(path, sizeof(path), "%s/crowd-%u", s->dir, i);
	if (stat(path, &st) < 0)
		return pl_error_errno(PL_ERR_CAPTURE, errno, "no decompressed %s", path);
	if ((uint64_t)st.st_size != g->content->plain)
		return pl_error_new(PL_ERR_CAPTURE, "%s is not as long as what was compressed", path);
	return NULL;
}

static void report(const char *what, const struct crowd_result *r, const struct figures *f, json_t *list)
{
	uint64_t each = f->peak > f->idle ? (f->peak - f->idle) / GUESTS : 0;
	uint64_t again = r->silent + r->asked + r->errors;
	char drops[24] = "unknown";
	char memory[24] = "unknown";
	if (f->has_drops)
		snprintf(drops, sizeof(drops), "%llu", (unsigned long long)f->drops);
	if (f->has_memory)
		snprintf(memory, sizeof(memory), "%.1f KiB", (double)each / 1024);
	printf("%-19s %9.0f packets/s, all acknowledged after %.2f s, all done after %.2f s, spread %.2f\n",
		what, (double)r->packets / r->seconds, r->seconds, f->done, r->slowest / r->fastest);
	printf("%-19s sent again %llu (no answer %llu, asked for %llu, ERROR %llu), extra ACKs %llu;\n", "",
		(unsigned long long)again, (unsigned long long)r->silent, (unsigned long long)r->asked,
		(unsigned long long)r->errors, (unsigned long long)r->extra);
	printf("%-19s dropped at its socket: %s; memory a session: %s (idle %.1f MiB, peak %.1f MiB)\n", "",
		drops, memory, (double)f->idle / MIB, (double)f->peak / MIB);
	(void)json_array_append_new(
		list, json_pack("{s:s, s:I, s:f, s:f, s:f, s:f, s:I, s:I, s:I, s:I, s:I, s:I}", "content",
			      what, "transfers", (json_int_t)GUESTS, "packets_per_second",
			      (double)r->packets / r->seconds, "seconds", r->seconds, "done_seconds", f->done,
			      "slowest_to_fastest", r->slowest / r->fastest, "resent", (json_int_t)again,
			      "extra_acks", (json_int_t)r->extra, "socket_drops",
			      f->has_drops ? (json_int_t)f->drops : -1, "bytes_per_session", (json_int_t)each,
			      "idle_bytes", (json_int_t)f->idle, "peak_bytes", (json_int_t)f->peak));
}

static struct pl_error *measure(const struct bench *b, struct serve *s, struct guest_config *guests,
	struct crowd_result *r, struct figures *f)
{
	uint64_t ignored = 0;
	int64_t started = pl_now();
	f->has_memory = os_memory(s->pid, &f->idle, &ignored);
	for (unsigned i = 0; i < GUESTS; i++)
		guests[i].server = s->address;
	struct pl_error *e = crowd_run(guests, GUESTS, b->core, r);
	f->has_drops = os_udp_drops(ntohs(s->address.sin_port), &f->drops);
	if (!e)
		e = serve_wait_done(s, GUESTS);
	f->done = (double)(pl_now() - started) / 1e9;
	f->has_memory = f->has_memory && os_memory(s->pid, &ignored, &f->peak);
	return e;
}

static void prepare(struct guest_config *guests, const struct content *content, uint64_t size, bool gzip)
{
	for (unsigned i = 0; i < GUESTS; i++) {
		guests[i] = (struct guest_config){.large = GUEST_LARGE,
			.content = content,
			.start = gzip ? 0 : (uint64_t)i * APART, /* a gzip stream has one place to begin */
			.size = size};
		snprintf(guests[i].name, sizeof(guests[i].name), gzip ? "crowd-%u.gz" : "crowd-%u", i);
	}
}

static struct pl_error *run(const struct bench *b, const struct content *content, bool gzip, json_t *list)
{
	static const char *const plain_options[] = {"--max-sessions", "1000", NULL};
	static const char *const gzip_options[] = {"--max-sessions", "1000", "--decompress", NULL};
	static struct guest_config guests[GUESTS];
	struct crowd_result result;
	struct figures f = {0};
	struct serve s;
	prepare(guests, content, gzip ? content->cycle : b->quick ? SIZE_QUICK : SIZE, gzip);
	struct pl_error *e = serve_start(&s, b, gzip ? gzip_options : plain_options, b->core);
	if (!e)
		e = measure(b, &s, guests, &result, &f);
	for (unsigned i = 0; i < GUESTS && !e; i++)
		e = check_one(&guests[i], &s, i);
	if (!e)
		report(gzip ? "gzip, --decompress:" : "not compressed:", &result, &f, list);
	pl_error_keep_first(&e, serve_stop(&s));
	return e;
}

struct pl_error *bench_thousand(const struct bench *b, json_t *ret)
{
	json_t *list = json_array();
	struct content gzip = {0};
	(void)json_object_set_new(ret, "runs", list);
	printf("%d guests of %u KiB at once, %s; targets: none sent again, none dropped\n", GUESTS,
		(b->quick ? SIZE_QUICK : SIZE) >> 10, b->core >= 0 ? "on one core" : "on any core");
	struct pl_error *e = run(b, &b->content, false, list);
	if (!e)
		e = content_gzip(b->quick ? SIZE_QUICK : SIZE, &gzip);
	if (!e)
		e = run(b, &gzip, true, list);
	content_deinit(&gzip);
	return e;
}
