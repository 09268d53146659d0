/*
 * paniclab serve against what any server could do at most: a plain echo of the
 * same datagrams, and one that also writes each to a file. All on one core,
 * taking turns, so that each is measured in the same conditions.
 *
 * Many guests are processes of their own, and then all of them once more are
 * played by one: 64 processes on the server's core are switched to and from
 * twice a packet, which real guests, on cores of theirs, are not.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/bench/bench.h"
#include "tests/bench/child.h"
#include "tests/bench/crowd.h"
#include "tests/bench/load.h"

#define ROUNDS_MAX 16
#define SIZES 2
#define CROWDS 3

enum server { ECHO, ECHO_WRITE, SERVE, SERVE_CROWD, SERVERS };

struct series {
	double rate[SERVERS][ROUNDS_MAX]; /* packets a second */
	double spread[ROUNDS_MAX];        /* serve: slowest over fastest transfer */
	double crowd_spread[ROUNDS_MAX];  /* the same of guests that one process plays */
	double eof[ROUNDS_MAX];           /* serve: s from the EOF to its ACK, the longest */
	uint64_t resent;                  /* all rounds, all servers */
	uint64_t extra;
};

struct pairs {
	const struct bench *b;
	struct series series[SIZES][CROWDS];
	const size_t sizes[SIZES];
	const unsigned crowds[CROWDS];
};

static void take_figures(const struct load *l, const struct load_result *r, enum server which, unsigned round,
	struct series *s)
{
	s->rate[which][round] = (double)r->packets / r->seconds;
	s->resent += r->resent;
	if (which != SERVE)
		return;
	s->spread[round] = r->slowest / r->fastest;
	for (unsigned i = 0; i < l->guests; i++) {
		double eof = (double)(r->guest[i].ended - r->guest[i].eof_sent) / 1e9;
		s->eof[round] = eof > s->eof[round] ? eof : s->eof[round];
		s->extra += r->guest[i].extra;
	}
}

static struct pl_error *run_echo(const struct bench *b, struct load *l, bool writes, struct load_result *r)
{
	char file[512];
	struct echo echo;
	snprintf(file, sizeof(file), "%s/echoed", b->dir);
	struct pl_error *e = echo_start(&echo, writes ? file : NULL, b->core);
	l->config.server = echo.address;
	l->config.echo = true;
	if (!e)
		e = load_run(l, r);
	echo_stop(&echo);
	(void)unlink(file);
	return pl_error_context(e, writes ? "echo with write" : "echo");
}

static struct pl_error *run_serve(const struct bench *b, struct load *l, struct load_result *r)
{
	struct serve serve;
	struct pl_error *e = serve_start(&serve, b, NULL, b->core);
	l->config.server = serve.address;
	l->config.echo = false;
	if (!e)
		e = load_run(l, r);
	if (!e)
		e = serve_wait_done(&serve, l->guests);
	if (!e)
		e = load_check(l, serve.dir);
	pl_error_keep_first(&e, serve_stop(&serve));
	return pl_error_context(e, "serve");
}

static struct pl_error *run_crowd(const struct bench *b, const struct load *l, double *rate, double *spread)
{
	static struct guest_config guests[LOAD_MAX];
	struct crowd_result r = {0};
	struct serve serve;
	struct pl_error *e = serve_start(&serve, b, NULL, b->core);
	for (unsigned i = 0; i < l->guests; i++) {
		load_config(l, i, &guests[i]);
		guests[i].server = serve.address;
	}
	if (!e)
		e = crowd_run(guests, l->guests, b->core, &r);
	if (!e)
		e = serve_wait_done(&serve, l->guests);
	if (!e)
		e = load_check(l, serve.dir);
	pl_error_keep_first(&e, serve_stop(&serve));
	if (e)
		return pl_error_context(e, "serve, guests of one process");
	*rate = (double)r.packets / r.seconds;
	*spread = r.slowest / r.fastest;
	return NULL;
}

static struct pl_error *measure(
	struct pairs *p, unsigned size, unsigned crowd, enum server which, unsigned round)
{
	static struct load_result r; /* large */
	struct load l = {.guests = p->crowds[crowd],
		.core = p->b->core,
		.config = {.large = p->sizes[size], .name = "bench-core", .content = &p->b->content}};
	l.config.size = p->b->total / l.guests;
	struct series *s = &p->series[size][crowd];
	if (which == SERVE_CROWD)
		return run_crowd(p->b, &l, &s->rate[which][round], &s->crowd_spread[round]);
	struct pl_error *e =
		which == SERVE ? run_serve(p->b, &l, &r) : run_echo(p->b, &l, which == ECHO_WRITE, &r);
	if (!e)
		take_figures(&l, &r, which, round, s);
	return e;
}

static double median_of(const double *values, unsigned count)
{
	double sorted[ROUNDS_MAX];
	memcpy(sorted, values, count * sizeof(*values));
	return bench_median(sorted, count);
}

/* Of the ratios of each round: what disturbed one round disturbs one ratio. */
static double ratio(const double *mine, const double *theirs, unsigned count)
{
	double r[ROUNDS_MAX];
	for (unsigned i = 0; i < count; i++)
		r[i] = mine[i] / theirs[i];
	return bench_median(r, count);
}

static void add_array(json_t *o, const char *key, const double *values, unsigned count)
{
	json_t *a = json_array();
	for (unsigned i = 0; i < count; i++)
		(void)json_array_append_new(a, json_real(values[i]));
	(void)json_object_set_new(o, key, a);
}

static const char *target_of(unsigned guests)
{
	if (guests == 1)
		return ">= 0.90 of echo, > 1 of +write";
	return guests == 64 ? ">= 1.00 of one echo, spread <= 1.5" : "";
}

static void report_series(const struct pairs *p, unsigned size, unsigned crowd, json_t *list)
{
	const struct series *s = &p->series[size][crowd];
	const struct series *one = &p->series[size][0];
	unsigned n = p->b->rounds;
	double mib = (double)p->sizes[size] / MIB;
	size_t on_wire = p->sizes[size] + 6;
	double rate[SERVERS];
	for (unsigned i = 0; i < SERVERS; i++)
		rate[i] = median_of(s->rate[i], n);
	double to_echo = ratio(s->rate[SERVE], s->rate[ECHO], n);
	double to_write = ratio(s->rate[SERVE], s->rate[ECHO_WRITE], n);
	double to_one = ratio(s->rate[SERVE], one->rate[ECHO], n);
	double crowd_to_one = ratio(s->rate[SERVE_CROWD], one->rate[ECHO], n);
	double spread = median_of(s->spread, n);
	double crowd_spread = median_of(s->crowd_spread, n);
	double eof = median_of(s->eof, n);
	printf("%6zu %5u | %9.0f %9.0f %9.0f %7.1f | %6.2f %6.2f %6.2f | %6.2f %7.1f %6llu | %9.0f %6.2f "
	       "%6.2f | %s\n",
		on_wire, p->crowds[crowd], rate[ECHO], rate[ECHO_WRITE], rate[SERVE], rate[SERVE] * mib,
		to_one, to_echo, to_write, spread, eof * 1e3, (unsigned long long)s->resent,
		rate[SERVE_CROWD], crowd_to_one, crowd_spread, target_of(p->crowds[crowd]));
	json_t *o = json_pack(
		"{s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:f, s:I, s:I, s:f, s:f, s:f}", "packet",
		(json_int_t)on_wire, "transfers", (json_int_t)p->crowds[crowd], "echo", rate[ECHO],
		"echo_write", rate[ECHO_WRITE], "serve", rate[SERVE], "serve_mib_per_second",
		rate[SERVE] * mib, "serve_to_single_echo", to_one, "serve_to_echo", to_echo,
		"serve_to_echo_write", to_write, "slowest_to_fastest", spread, "eof_seconds", eof, "resent",
		(json_int_t)s->resent, "extra_acks", (json_int_t)s->extra, "serve_one_process",
		rate[SERVE_CROWD], "one_process_to_single_echo", crowd_to_one,
		"one_process_slowest_to_fastest", crowd_spread);
	add_array(o, "echo_rounds", s->rate[ECHO], n);
	add_array(o, "echo_write_rounds", s->rate[ECHO_WRITE], n);
	add_array(o, "serve_rounds", s->rate[SERVE], n);
	add_array(o, "slowest_to_fastest_rounds", s->spread, n);
	add_array(o, "serve_one_process_rounds", s->rate[SERVE_CROWD], n);
	(void)json_array_append_new(list, o);
}

static void report(const struct pairs *p, json_t *ret)
{
	json_t *list = json_array();
	printf("packets a second, medians of %u rounds of %.0f MiB; %s\n", p->b->rounds,
		(double)p->b->total / MIB,
		p->b->core >= 0 ? "all on one core" : "NOT on one core: this system has no pinning");
	printf("packet guests|      echo    +write     serve   MiB/s | /echo1  /echo /write | spread  EOF ms "
	       "resent | 1 process /echo1 spread | targets\n");
	for (unsigned size = 0; size < SIZES; size++)
		for (unsigned crowd = 0; crowd < CROWDS; crowd++)
			report_series(p, size, crowd, list);
	printf("/echo1: to the echo of one guest; /echo, /write: to those with as many guests;\n"
	       "spread: slowest transfer / fastest; EOF: until the file is whole, on disk, and said so;\n"
	       "1 process: serve, with all guests played by one process\n");
	(void)json_object_set_new(ret, "pinned", json_boolean(p->b->core >= 0));
	(void)json_object_set_new(ret, "rounds", json_integer(p->b->rounds));
	(void)json_object_set_new(ret, "bytes", json_integer((json_int_t)p->b->total));
	(void)json_object_set_new(ret, "pairs", list);
}

struct pl_error *bench_pairs(const struct bench *b, json_t *ret)
{
	static struct pairs p = {.sizes = {GUEST_LARGE, GUEST_SMALL}, .crowds = {1, 8, 64}};
	struct pl_error *e = NULL;
	p.b = b;
	for (unsigned round = 0; round < b->rounds && !e; round++) {
		fprintf(stderr, "round %u of %u\n", round + 1, b->rounds);
		for (unsigned size = 0; size < SIZES; size++)
			for (unsigned crowd = 0; crowd < CROWDS; crowd++)
				for (unsigned i = 0; i < SERVERS && !e; i++)
					e = measure(&p, size, crowd, (enum server)i, round);
	}
	if (!e)
		report(&p, ret);
	return e;
}
