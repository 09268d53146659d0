/* Unpacking a compressed core, beside what gzip needs to test it. */
#include <stdio.h>

#include "tests/bench/bench.h"
#include "tests/bench/core.h"

#define ROUNDS_MAX 16

static struct pl_error *measure(const struct bench *b, const struct core *c, json_t *ret)
{
	const char *const inspect[] = {b->paniclab, "inspect", "--json", c->gz_path, NULL};
	const char *const gzip[] = {"gzip", "-t", c->gz_path, NULL};
	double mine[ROUNDS_MAX];
	double theirs[ROUNDS_MAX];
	double ratio[ROUNDS_MAX];
	struct pl_error *e = NULL;
	for (unsigned i = 0; i < b->rounds && !e; i++) {
		e = core_run(inspect, &mine[i]);
		if (!e)
			e = core_run(gzip, &theirs[i]);
		if (!e)
			ratio[i] = mine[i] / theirs[i];
	}
	if (e)
		return e;
	double of = bench_median(ratio, b->rounds);
	printf("inspect of a core.gz of %.0f MiB (decompresses, verifies, reads it): %.3f s; gzip -t: %.3f "
	       "s; "
	       "ratio %.2f\n",
		(double)c->size / MIB, bench_median(mine, b->rounds), bench_median(theirs, b->rounds), of);
	(void)json_object_update_new(
		ret, json_pack("{s:I, s:I, s:f, s:f, s:f}", "bytes", (json_int_t)c->size, "compressed",
			     (json_int_t)c->gz_size, "inspect_seconds", bench_median(mine, b->rounds),
			     "gzip_t_seconds", bench_median(theirs, b->rounds), "inspect_to_gzip_t", of));
	return NULL;
}

struct pl_error *bench_unpack(const struct bench *b, json_t *ret)
{
	struct core c;
	struct pl_error *e = core_make(b, b->quick ? "64M" : "512M", &c);
	if (!e)
		e = measure(b, &c, ret);
	core_remove(&c);
	return e;
}
