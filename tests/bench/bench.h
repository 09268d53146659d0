/* What the parts of the benchmark share. Each part is a file and an entry of main.c's table. */
#ifndef BENCH_BENCH_H
#define BENCH_BENCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tests/bench/content.h"

#define MIB (1024.0 * 1024.0)

struct bench {
	char paniclab[512];
	char kernsim[512];
	const char *dir; /* everything is written in there */
	bool quick;
	unsigned rounds;
	uint64_t total; /* bytes sent in a measurement */
	int core;       /* -1: there is no pinning here */
	int other_core; /* -1: there is one core only */
	struct content content;
	char *help; /* of paniclab serve, to see which options it has */
};

/** Has paniclab serve this option ("--busy-poll")? */
bool bench_serve_has(const struct bench *b, const char *option);

/** The median of count values, which it sorts. */
double bench_median(double *values, size_t count);

/* Each prints its table and puts its figures into ret, an object. */
struct pl_error *bench_pairs(const struct bench *b, json_t *ret) PL_MUST_USE;
struct pl_error *bench_calls(const struct bench *b, json_t *ret) PL_MUST_USE;
struct pl_error *bench_thousand(const struct bench *b, json_t *ret) PL_MUST_USE;
struct pl_error *bench_loss(const struct bench *b, json_t *ret) PL_MUST_USE;
struct pl_error *bench_cores(const struct bench *b, json_t *ret) PL_MUST_USE;
struct pl_error *bench_ready(const struct bench *b, json_t *ret) PL_MUST_USE;
struct pl_error *bench_unpack(const struct bench *b, json_t *ret) PL_MUST_USE;

#endif
