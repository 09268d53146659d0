/*
 * A serial console for a VM that has none: a port into a file of the run's folder,
 * added to the .vmx in the same edit as the .nvram's, and taken away with it.
 *
 * Only where no key of serial0 is there: a port of the user's is left as it is.
 * serial=3 in the boot-args makes the kernel use it. Fusion asks what to do with the file when
 * it is there at the second power-on; answer.msg.serial.file.open answers.
 */
#ifndef RUN_CONSOLE_H
#define RUN_CONSOLE_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"

struct run;

/**
 * True if the run adds one: the scenario collects serial_log or wants a debug kernel, and
 * the .vmx has no serial0. Never for `prepare`, whose guest outlives the run's folder.
 */
bool console_is_wanted(const struct run *r);

/** What console_remove() needs, for the journal; *ret a new reference. Reads only. */
struct pl_error *console_before(const struct run *r, json_t **ret) PL_MUST_USE;

/** Adds it to the .vmx of the VM, which is off; the run reads its console from there from now on. */
struct pl_error *console_add(struct run *r, const json_t *before) PL_MUST_USE;

/** Removes it from the .vmx; absent is ok. The VM is off. `before` NULL: there was none to add. */
struct pl_error *console_remove(const json_t *before) PL_MUST_USE;

#endif
