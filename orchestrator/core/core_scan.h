/*
 * Looking through a core's memory for bytes, in windows: little memory however
 * big the core. Holes of a sparse file are skipped.
 */
#ifndef CORE_CORE_SCAN_H
#define CORE_CORE_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/core_file.h"

/* Bytes that a window shows beyond its end, so that no short pattern is cut. */
#define CORE_SCAN_OVERLAP 256

struct core_window {
	uint64_t address;
	const uint8_t *data;
	size_t size; /* report what starts in these bytes ... */
	size_t room; /* ... and may reach to here; >= size */
};

/** Called for each window in address order; true ends the scan. */
typedef bool core_scan_fn(void *arg, const struct core_window *window);

/**
 * Shows all memory of the core that is present to fn. Segments that claim the
 * same bytes of the file again and again cannot make it run for ever: it stops
 * after twice the file's size.
 */
struct pl_error *core_scan(
	const struct core_file *c, const struct pl_wait *w, core_scan_fn *fn, void *arg) PL_MUST_USE;

#endif
