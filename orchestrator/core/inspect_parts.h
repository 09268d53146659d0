/* The parts of inspect: one function a family of files. Internal to core/. */
#ifndef CORE_INSPECT_PARTS_H
#define CORE_INSPECT_PARTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/core_file.h"
#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/inspect.h"
#include "orchestrator/core/kernel_version.h"

/* The file's first bytes are looked at to tell its kind. */
#define INSPECT_HEAD (64 * 1024)

struct inspect {
	int fd; /* stays the caller's */
	uint64_t bytes;
	const uint8_t *head; /* at most INSPECT_HEAD */
	size_t head_size;
	const struct pl_wait *wait;
	const struct inspect_options *options;
	json_t *doc;
	struct inspect_symbols *symbols; /* of the core whose panic text comes next, or NULL */
	bool partial; /* of a gzip-core only the beginning was read: what lacks is not lost */
};

/** pread(2) until size bytes or the end; the count. */
size_t inspect_read(int fd, uint64_t offset, void *data, size_t size);

/* Each sets its keys, "kind" included, and fails only without memory or time. */
struct pl_error *inspect_core(struct inspect *in, int fd, const char *kind) PL_MUST_USE;
struct pl_error *inspect_gzip(struct inspect *in) PL_MUST_USE;
struct pl_error *inspect_macho(struct inspect *in, uint64_t offset) PL_MUST_USE;
struct pl_error *inspect_image(struct inspect *in) PL_MUST_USE;

/** What gzip data held that are no core: an on-disk core or a panic text, else "kind" stays. */
struct pl_error *inspect_unpacked(struct inspect *in, int fd, uint64_t size) PL_MUST_USE;

/** Sets "memory_map"; after "panic", whose kexts it marks. */
struct pl_error *inspect_memory_map(
	struct inspect *in, const struct core_file *c, const struct core_identity *id) PL_MUST_USE;

struct inspect_found {
	bool panic;  /* there was one at all */
	bool report; /* in the JSON of a report */
};

/**
 * Sets "panic", "panic_text" and what the panic says of the kernel, where the
 * document does not say it yet.
 */
struct pl_error *inspect_panic(
	struct inspect *in, const char *text, size_t size, struct inspect_found *found) PL_MUST_USE;

/** Sets kernel_version, xnu, variant. 0 or -1. */
int inspect_set_version(json_t *doc, const struct kernel_version *v);

struct pl_error *inspect_warn(struct inspect *in, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;

/** The error of a key that could not be set: bad != 0. */
struct pl_error *inspect_check(int bad) PL_MUST_USE;

/* Magic numbers, judged by the head. */
bool inspect_is_macho(const struct inspect *in);
bool inspect_is_image(const struct inspect *in);

#endif
