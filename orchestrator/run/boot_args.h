/*
 * The boot-args of a run: its choices, on top of what macos/boot_args_encode.h
 * makes of them. A scenario's own boot_args win over everything.
 */
#ifndef RUN_BOOT_ARGS_H
#define RUN_BOOT_ARGS_H

#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "orchestrator/macos/boot_args_check.h"

struct run_boot_args {
	const char *server; /* IPv4 address of the dump server; NULL: no dump, only kcsuffix and extra */
	uint16_t port;
	const char *interface;    /* kdp_match_name; "" leaves it alone */
	struct macos_version xnu; /* all zero when not known */
	bool serial;              /* serial=3 */
	const char *kcsuffix;     /* "development"; NULL leaves it alone */
	const char *extra;        /* the scenario's own, may be "" */
};

/** *ret: what the guest is to boot with, malloc'd. PL_ERR_USAGE when it is too long. */
struct pl_error *run_boot_args_make(
	const char *present, const struct run_boot_args *choices, char **ret) PL_MUST_USE;

/** PL_ERR_USAGE if that kernel (all zero: not known) will send no core with them. */
struct pl_error *run_boot_args_expect_core(const char *args, const struct macos_version *xnu) PL_MUST_USE;

/** Each warning to the log (notes only with --verbose), under the guest's name. */
void run_boot_args_warn(const struct boot_args_findings *f, const char *guest, const struct pl_log *log);

/** What stops, as an error of the scenario; NULL if nothing does. */
struct pl_error *run_boot_args_refuse(const struct boot_args_findings *f) PL_MUST_USE;

#endif
