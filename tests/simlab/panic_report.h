/*
 * The panic report that macOS leaves below /Library/Logs/DiagnosticReports
 * after the reboot: up to 10.14 text ("Anonymous UUID", the date, "*** Panic
 * Report ***", a system profile), from 10.15 on two JSON objects, one a line.
 */
#ifndef SIMLAB_PANIC_REPORT_H
#define SIMLAB_PANIC_REPORT_H

#include <stddef.h>
#include <time.h>

#include "base/err.h"
#include "tests/simlab/kernel_desc.h"
#include "tests/simlab/panic_text.h"

/** malloc'd. */
struct pl_error *panic_report(
	const struct kernel_desc *d, const struct panic *p, time_t when, char **ret) PL_MUST_USE;

/** "Kernel_2017-06-15-173627_HOST.panic", from 12 on "Kernel-2017-06-15-173627.panic". Returns out. */
const char *panic_report_name(
	const struct kernel_desc *d, time_t when, const char *host, char *out, size_t size);

#endif
