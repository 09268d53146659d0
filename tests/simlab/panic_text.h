/*
 * The text that a panicking kernel of 10.9 to 15 writes, in our own words but
 * in the shape of its version (panic_style.h): xnu osfmk/kern/debug.c,
 * osfmk/i386/AT386/model_dep.c.
 */
#ifndef SIMLAB_PANIC_TEXT_H
#define SIMLAB_PANIC_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "tests/simlab/kernel_desc.h"

enum panic_trigger {
	PANIC_DTRACE,     /* dtrace -w -n 'BEGIN{ panic(); }' */
	PANIC_KEXT,       /* a kext's start routine calls panic() */
	PANIC_PAGE_FAULT, /* a kext dereferences NULL: trap with registers */
	PANIC_SYSCTL,     /* debug.panic_test=entry and the like */
	PANIC_REBOOT,     /* reboot(2) with RB_PANIC */
	PANIC_NMI,        /* a non-maskable interrupt where debug= has DB_NMI */
	PANIC_BOOT,       /* while it boots: `message` says why */
};

/* "dtrace", "kext", "page-fault", "sysctl", "reboot", "nmi", "boot"; PL_ERR_USAGE if it is none. */
struct pl_error *panic_trigger_parse(const char *name, enum panic_trigger *ret) PL_MUST_USE;

/** The functions that backtraces name, each once; NULL behind the last. */
const char *panic_function_name(size_t index);

#define PANIC_FRAMES_MAX 24

struct panic_frame {
	uint64_t frame;   /* the frame pointer; memory there holds the next one */
	uint64_t address; /* the return address; at frame + 8 in memory */
};

struct panic {
	enum panic_trigger trigger;
	struct panic_frame frames[PANIC_FRAMES_MAX]; /* innermost first */
	size_t frame_count;
	char *text; /* from "panic(cpu " to the loaded kexts; NUL-terminated, newlines */
};

/**
 * Makes text and frames. `message` replaces the panic message (NULL: the
 * trigger's own); `kext` is the bundle identifier that PANIC_KEXT and
 * PANIC_PAGE_FAULT blame (NULL: the last of d->kexts).
 */
struct pl_error *panic_make(const struct kernel_desc *d, enum panic_trigger trigger, const char *message,
	const char *kext, struct panic *ret) PL_MUST_USE;
void panic_deinit(struct panic *p);

#endif
