/*
 * A thread's backtrace: its frame pointers, walked through the core's memory.
 *
 * xnu is built with frame pointers on every architecture, and its trap handlers
 * push a frame whose return address is where the trap happened (x86_64: "cframe" in
 * osfmk/x86_64/idt64.s), so the walk goes through traps as xnu's own panic text does.
 *
 * Memory is outside data: each frame must lie above the last one, be aligned, and be
 * there; CORE_FRAMES_MAX ends a walk that would not end.
 */
#ifndef CORE_CORE_BACKTRACE_H
#define CORE_CORE_BACKTRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orchestrator/core/core_file.h"

#define CORE_FRAMES_MAX 256

struct core_frame {
	uint64_t frame; /* where its return address was found, as in a panic text; of frame 0 the register */
	uint64_t address; /* frame 0: the program counter, else a return address */
};

enum core_backtrace_end {
	CORE_BACKTRACE_ROOT,   /* a saved frame pointer, or a return address, of 0 */
	CORE_BACKTRACE_BELOW,  /* the next frame is not above this one, e.g. on a user's stack */
	CORE_BACKTRACE_ABSENT, /* the next frame is not in the core */
	CORE_BACKTRACE_FULL,   /* CORE_FRAMES_MAX */
};

struct core_backtrace {
	struct core_frame frames[CORE_FRAMES_MAX];
	size_t count; /* 0: the thread's registers are not known */
	enum core_backtrace_end end;
};

void core_backtrace(const struct core_file *c, const struct macho_thread *t, struct core_backtrace *ret);

#endif
