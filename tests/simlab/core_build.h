/*
 * A kernel core as xnu writes it: Mach-O MH_CORE x86_64, one LC_SEGMENT_64
 * for each run of present pages (empty name, r--, no sections), an LC_THREAD
 * (x86_THREAD_STATE64) for each CPU, LC_IDENT or LC_NOTEs, data from the next
 * page on, notes' payloads last. Source: xnu osfmk/kdp/kdp_core.c,
 * osfmk/kern/kern_coredump.c; what lldb wants: its DynamicLoaderDarwinKernel.
 *
 * In the memory of it are the kernel's own slid MH_EXECUTE header, version
 * string, boot-args, panic log (pointed at by debug_buf_base, debug_buf_ptr),
 * optionally gLoadedKextSummaries, and the stacks, on which a walk from each
 * thread's rbp finds the frames of the panic text. The rest is made up page by
 * page as it is written, so a core of any size needs no memory. It packs to
 * about a quarter.
 */
#ifndef SIMLAB_CORE_BUILD_H
#define SIMLAB_CORE_BUILD_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tests/simlab/kernel_desc.h"
#include "tests/simlab/panic_text.h"

/* Where the bytes go. */
struct core_sink {
	struct pl_error *(*write)(void *arg, const void *bytes, size_t size);
	/* NULL: gaps are written as zeroes. Else called before each load command and segment, as
	 * kernels before 10.11 (and those told not to compress) do; absolute file offset. */
	struct pl_error *(*seek)(void *arg, uint64_t offset);
	void *arg;
};

struct core_stats {
	uint64_t segments;
	uint64_t segment_bytes;
	uint64_t threads;
	uint64_t file_size;
};

struct core;

/** Lays the core out. d and p (may be NULL: no panic log, empty stacks) must outlive it. */
struct pl_error *core_create(
	const struct kernel_desc *d, const struct panic *p, struct core **ret) PL_MUST_USE;
void core_destroy(struct core *c);

/** Sizes; the same that core_write() will write. */
void core_stats(const struct core *c, struct core_stats *ret);

/** Writes all of it. Can be called again and gives the same bytes. */
struct pl_error *core_write(struct core *c, const struct core_sink *sink) PL_MUST_USE;

/* Where things are, for tests and tools. */
struct core_places {
	uint64_t header;         /* the MH_EXECUTE header: the load address */
	uint64_t version;        /* version string */
	uint64_t boot_args;      /* PE boot-args */
	uint64_t debug_buf;      /* the panic log's text */
	uint64_t debug_buf_base; /* u64: address of the text */
	uint64_t debug_buf_ptr;  /* u64: its end */
	uint64_t debug_buf_size; /* u32 */
	uint64_t kext_summaries; /* u64: address of the header, 0 if there are none */
};
void core_places(const struct core *c, struct core_places *ret);

#endif
