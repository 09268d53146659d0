/* Guest and server on two cores: where the scheduler puts them decides; --busy-poll spares the waking. */
#include <stdio.h>

#include "tests/bench/bench.h"
#include "tests/bench/child.h"
#include "tests/bench/load.h"

#define ROUNDS_MAX 16
#define BYTES (UINT64_C(64) << 20)
#define BYTES_QUICK (UINT64_C(16) << 20)
#define BUSY_POLL "1ms"

struct setup {
	const char *name;
	bool echo;
	bool pinned;
	bool busy;
};

static const struct setup setups[] = {
	{"echo, anywhere", true, false, false},
	{"echo, pinned", true, true, false},
	{"serve, anywhere", false, false, false},
	{"serve, pinned", false, true, false},
	{"serve, anywhere, --busy-poll " BUSY_POLL, false, false, true},
	{"serve, pinned, --busy-poll " BUSY_POLL, false, true, true},
};
#define SETUPS (sizeof(setups) / sizeof(setups[0]))
#define ECHO_PINNED 1
#define SERVE_ANYWHERE 2

static struct pl_error *run_echo(struct load *l, int core, struct load_result *r)
{
	struct echo echo;
	struct pl_error *e = echo_start(&echo, NULL, core);
	l->config.server = echo.address;
	if (!e)
		e = load_run(l, r);
	echo_stop(&echo);
	return e;
}

static struct pl_error *run_serve(
	const struct bench *b, struct load *l, bool busy, int core, struct load_result *r)
{
	static const char *const options[] = {"--busy-poll", BUSY_POLL, NULL};
	struct serve s;
	struct pl_error *e = serve_start(&s, b, busy ? options : NULL, core);
	l->config.server = s.address;
	if (!e)
		e = load_run(l, r);
	if (!e)
		e = serve_wait_done(&s, 1);
	if (!e)
		e = load_check(l, s.dir);
	pl_error_keep_first(&e, serve_stop(&s));
	return e;
}

static struct pl_error *measure(const struct bench *b, const struct setup *s, double *rate)
{
	static struct load_result r; /* large */
	struct load l = {.guests = 1,
		.core = s->pinned ? b->core : -1,
		.config = {
			.echo = s->echo, .large = GUEST_LARGE, .name = "bench-core", .content = &b->content}};
	l.config.size = b->quick ? BYTES_QUICK : BYTES;
	int core = s->pinned ? b->other_core : -1;
	struct pl_error *e = s->echo ? run_echo(&l, core, &r) : run_serve(b, &l, s->busy, core, &r);
	*rate = (double)r.packets / r.seconds;
	return pl_error_context(e, "%s", s->name);
}

static bool possible(const struct bench *b, const struct setup *s)
{
	return !(s->pinned && b->other_core < 0) && !(s->busy && !bench_serve_has(b, "--busy-poll"));
}

static void report(const struct bench *b, double rate[SETUPS][ROUNDS_MAX], json_t *ret)
{
	double middle[SETUPS];
	json_t *list = json_array();
	for (size_t i = 0; i < SETUPS; i++)
		middle[i] = possible(b, &setups[i]) ? bench_median(rate[i], b->rounds) : 0;
	printf("packets of 1412 bytes a second, medians of %u rounds\n", b->rounds);
	for (size_t i = 0; i < SETUPS; i++) {
		if (middle[i] == 0) {
			printf("%-34s not possible here\n", setups[i].name);
			continue;
		}
		double to_anywhere = middle[i] / middle[SERVE_ANYWHERE];
		double to_echo = middle[ECHO_PINNED] > 0 ? middle[i] / middle[ECHO_PINNED] : 0;
		printf("%-34s %9.0f (%.0f to %.0f), of serve anywhere %.2f, of the pinned echo %.2f\n",
			setups[i].name, middle[i], rate[i][0], rate[i][b->rounds - 1], to_anywhere, to_echo);
		(void)json_array_append_new(
			list, json_pack("{s:s, s:f, s:f, s:f, s:f}", "setup", setups[i].name,
				      "packets_per_second", middle[i], "lowest", rate[i][0],
				      "to_serve_anywhere", to_anywhere, "to_pinned_echo", to_echo));
	}
	(void)json_object_set_new(ret, "setups", list);
}

struct pl_error *bench_cores(const struct bench *b, json_t *ret)
{
	static double rate[SETUPS][ROUNDS_MAX];
	struct pl_error *e = NULL;
	for (unsigned round = 0; round < b->rounds; round++)
		for (size_t i = 0; i < SETUPS && !e; i++)
			if (possible(b, &setups[i]))
				e = measure(b, &setups[i], &rate[i][round]);
	if (!e)
		report(b, rate, ret);
	return e;
}
