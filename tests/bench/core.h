/* Cores to send and to unpack, and other programs to compare with. */
#ifndef BENCH_CORE_H
#define BENCH_CORE_H

#include <stdint.h>

#include "base/err.h"
#include "tests/bench/bench.h"

struct core {
	char path[512];    /* DIR/core */
	char gz_path[520]; /* DIR/core.gz: by zlib, level 1, as the kernel does */
	uint64_t size;
	uint64_t gz_size;
};

/** A made-up core of that size ("512M"), on disk when this returns. */
struct pl_error *core_make(const struct bench *b, const char *size, struct core *ret) PL_MUST_USE;
void core_remove(const struct core *c);

/** Runs a program to its end, which has to be a good one; *seconds may be NULL. */
struct pl_error *core_run(const char *const *argv, double *seconds) PL_MUST_USE;

#endif
