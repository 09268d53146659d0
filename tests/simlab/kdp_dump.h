/*
 * Whole dumps over a kdp_client: a core (a gzip stream made on the way, or
 * bare with SEEKs) or a log. Source: xnu osfmk/kdp/kdp_core.c,
 * output_stages/{zlib,buffer,net}_stage.c.
 *
 * A core's bytes are gathered into full packets; after a DATA that failed, the
 * same block is flushed once more, then EOF is sent whatever came of it.
 */
#ifndef SIMLAB_KDP_DUMP_H
#define SIMLAB_KDP_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "tests/simlab/core_build.h"
#include "tests/simlab/kdp_client.h"

/* Anything that can write itself into a sink: core_write() of a struct core, a file. */
struct kdp_source {
	struct pl_error *(*write)(void *arg, const struct core_sink *sink);
	void (*sent)(void *arg); /* all of it is acknowledged, EOF comes next; may be NULL */
	void *arg;
};

struct kdp_dump_result {
	bool complete;            /* every packet, EOF included, was acknowledged */
	bool started;             /* the WRQ was */
	enum kdp_failure failure; /* the first one */
	uint64_t bytes;           /* data bytes acknowledged */
};

enum kdp_core_form {
	KDP_CORE_GZIP,
	KDP_CORE_BARE,       /* one stream, no SEEKs */
	KDP_CORE_BARE_SEEKS, /* SEEK before each load command and segment */
};

/**
 * WRQ, the core, EOF. When the source itself fails its error is returned. The wait ends everything
 * at once, without an EOF: power off.
 */
struct pl_error *kdp_dump_core(struct kdp_client *c, const char *name, enum kdp_core_form form,
	const struct kdp_source *source, const struct pl_wait *w, struct kdp_dump_result *ret) PL_MUST_USE;

/** WRQ, the log with its junk tails, EOF. */
struct pl_error *kdp_dump_log(struct kdp_client *c, const char *name, const void *text, size_t size,
	const struct pl_wait *w, struct kdp_dump_result *ret) PL_MUST_USE;

#endif
