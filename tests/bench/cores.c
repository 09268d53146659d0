/*
 * Guest and server on two cores: where the scheduler puts them decides, and
 * what it costs to wake a process on the other core; --busy-poll spares the
 * server's waking. A blocking guest sleeps as well, one that spins does not,
 * as a kernel that polls its network card.
 */
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
	bool spin; /* the guest */
};

static const struct setup setups[] = {
	{"echo, anywhere", true, false, false, false},
	{"echo, two cores", true, true, false, false},
	{"echo, two cores, guest spins", true, true, false, true},
	{"serve, anywhere", false, false, false, false},
	{"serve, two cores", false, true, false, false},
	{"serve, two cores, guest spins", false, true, false, true},
	{"serve --busy-poll, anywhere", false, false, true, false},
	{"serve --busy-poll, two cores", false, true, true, false},
	{"serve --busy-poll, two cores, guest spins", false, true, true, true},
};
#define SETUPS (sizeof(setups) / sizeof(setups[0]))

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

/* The setup with these properties, to compare with. */
static size_t find(bool echo, bool busy, const struct setup *like)
{
	for (size_t i = 0; i < SETUPS; i++)
		if (setups[i].echo == echo && setups[i].busy == busy && setups[i].pinned == like->pinned &&
			setups[i].spin == like->spin)
			return i;
	return 0;
}

static void report_setup(const struct bench *b, double rate[SETUPS][ROUNDS_MAX], size_t i, json_t *list)
{
	const struct setup *s = &setups[i];
	const double *r = rate[i];
	double middle = r[b->rounds / 2]; /* they are sorted */
	double to_echo = middle / rate[find(true, false, s)][b->rounds / 2];
	double to_plain = middle / rate[find(false, false, s)][b->rounds / 2];
	printf("%-42s %9.0f %9.0f %9.0f | ", s->name, middle, r[0], r[b->rounds - 1]);
	if (!s->echo)
		printf("%5.2f %13.2f", to_echo, to_plain);
	printf("\n");
	json_t *o = json_pack("{s:s, s:f, s:f, s:f}", "setup", s->name, "packets_per_second", middle,
		"lowest", r[0], "highest", r[b->rounds - 1]);
	if (!s->echo)
		(void)json_object_update_new(
			o, json_pack("{s:f, s:f}", "to_echo", to_echo, "to_no_busy_poll", to_plain));
	(void)json_array_append_new(list, o);
}

static void report(const struct bench *b, double rate[SETUPS][ROUNDS_MAX], json_t *ret)
{
	json_t *list = json_array();
	for (size_t i = 0; i < SETUPS; i++)
		if (possible(b, &setups[i]))
			(void)bench_median(rate[i], b->rounds); /* sorts */
	printf("packets of 1412 bytes a second, %u rounds; --busy-poll is " BUSY_POLL "\n", b->rounds);
	printf("%-42s %9s %9s %9s | /echo /no busy poll\n", "", "median", "lowest", "highest");
	for (size_t i = 0; i < SETUPS; i++) {
		if (possible(b, &setups[i]))
			report_setup(b, rate, i, list);
		else
			printf("%-42s not possible here\n", setups[i].name);
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
