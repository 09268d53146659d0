/*
 * What of the kernel is in the core's memory: its Mach-O header and strings,
 * the panic log, kexts, stacks. Fills a core_memory from a description.
 */
#ifndef SIMLAB_CORE_IMAGE_H
#define SIMLAB_CORE_IMAGE_H

#include "tests/simlab/core_build.h"
#include "tests/simlab/core_memory.h"

/** Lays out the runs and puts everything in; *places says where. m was initialised by the caller. */
struct pl_error *core_image_fill(struct core_memory *m, const struct kernel_desc *d, const struct panic *p,
	struct core_places *places) PL_MUST_USE;

/** Frames on an idle CPU's stack, as on the panicking one's; returns how many. */
size_t core_image_idle_frames(
	const struct kernel_desc *d, unsigned cpu, struct panic_frame *frames, size_t max);

#endif
