/*
 * How long after the guest's last packet a core is ready for a debugger, when
 * the server decompresses it: a guest that sends as fast as the server lets
 * it, and one that compresses its memory at the pace of a real one.
 */
#include <stdio.h>

#include "base/wait.h"
#include "tests/bench/bench.h"
#include "tests/bench/child.h"
#include "tests/bench/core.h"
#include "tests/bench/load.h"

#define PACE (50 * MIB) /* of the core, a second */

static void report(
	const char *what, const struct core *c, const struct load_result *r, int64_t done, json_t *list)
{
	const struct guest_result *g = &r->guest[0];
	double to_ack = (double)(g->ended - g->eof_sent) / 1e9;
	double from_eof = (double)(done - g->eof_sent) / 1e9;
	double from_ack = (double)(done - g->ended) / 1e9;
	double rate = (double)c->size / MIB / r->seconds;
	printf("%-14s %7.1f MiB/s of core, %6.2f s; EOF to its ACK %7.1f ms, to done %7.1f ms; ACK to done "
	       "%7.1f ms; sent again %llu\n",
		what, rate, r->seconds, to_ack * 1e3, from_eof * 1e3, from_ack * 1e3,
		(unsigned long long)r->resent);
	(void)json_array_append_new(list,
		json_pack("{s:s, s:f, s:f, s:f, s:f, s:f, s:I}", "guest", what, "core_mib_per_second", rate,
			"seconds", r->seconds, "eof_to_ack_seconds", to_ack, "eof_to_done_seconds", from_eof,
			"ack_to_done_seconds", from_ack, "resent", (json_int_t)r->resent));
}

/* The event is looked for every millisecond: finer than that no figure here is. */
static struct pl_error *send_core(
	const struct load *l, const struct serve *s, struct load_result *r, int64_t *done)
{
	struct load_run run;
	struct pl_error *e = load_start(l, &run);
	if (!e)
		e = serve_wait_done(s, 1);
	*done = pl_now();
	pl_error_keep_first(&e, load_finish(&run, r));
	return e;
}

static struct pl_error *measure(
	const struct bench *b, const struct core *c, const struct content *content, double pace, json_t *list)
{
	static const char *const options[] = {"--decompress", NULL};
	static struct load_result r; /* large */
	struct content plain = {0};
	int64_t done = 0;
	struct serve s;
	struct load l = {.guests = 1,
		.core = -1,
		.config = {
			.large = GUEST_LARGE, .name = "core.gz", .content = content, .size = content->cycle}};
	l.config.rate = pace / (double)c->size * (double)c->gz_size;
	struct pl_error *e = serve_start(&s, b, options, -1);
	l.config.server = s.address;
	if (!e)
		e = send_core(&l, &s, &r, &done);
	if (!e)
		e = content_file(c->path, &plain);
	if (!e)
		e = content_check(&plain, 0, c->size, s.dir, "core");
	content_deinit(&plain);
	if (!e)
		report(pace > 0 ? "50 MiB/s guest:" : "fast guest:", c, &r, done, list);
	pl_error_keep_first(&e, serve_stop(&s));
	return e;
}

struct pl_error *bench_ready(const struct bench *b, json_t *ret)
{
	json_t *list = json_array();
	struct content content = {0};
	struct core c;
	(void)json_object_set_new(ret, "runs", list);
	struct pl_error *e = core_make(b, b->quick ? "128M" : "1G", &c);
	if (!e)
		e = content_file(c.gz_path, &content);
	if (!e) {
		printf("a core of %.0f MiB, %.0f compressed; serve --decompress, nothing pinned\n",
			(double)c.size / MIB, (double)c.gz_size / MIB);
		(void)json_object_set_new(ret, "bytes", json_integer((json_int_t)c.size));
		(void)json_object_set_new(ret, "compressed", json_integer((json_int_t)c.gz_size));
		e = measure(b, &c, &content, 0, list);
	}
	if (!e)
		e = measure(b, &c, &content, PACE, list);
	content_deinit(&content);
	core_remove(&c);
	return e;
}
