/*
 * The kernel's version text, as uname -v, panic texts and cores have it:
 *
 *   Darwin Kernel Version 20.6.0: DATE; root:xnu-7195.141.2~5/RELEASE_X86_64
 *   Darwin Kernel Version 24.1.0: DATE; root:xnu_development-11215.41.3~2/DEVELOPMENT_X86_64
 *
 * and with what a core's LC_IDENT or "kern ver str" adds:
 *
 *   ...; UUID=B814CFE3-...; stext=0xffffff8017400000
 */
#ifndef CORE_KERNEL_VERSION_H
#define CORE_KERNEL_VERSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KERNEL_VERSION_MAX 512

/* What is not there is "" or false. */
struct kernel_version {
	char text[KERNEL_VERSION_MAX]; /* "Darwin Kernel Version ... RELEASE_X86_64" */
	char xnu[64];                  /* "7195.141.2~5" */
	char variant[64];              /* "RELEASE_X86_64" */
	char uuid[37];                 /* upper case */
	bool has_stext;
	uint64_t stext;
};

/** Takes apart what it can find; true when "Darwin Kernel Version N" was there. */
bool kernel_version_parse(const char *text, size_t len, struct kernel_version *ret);

/** True if the 36 bytes at text are a UUID; an upper-case copy goes to out. */
bool kernel_uuid_parse(const char *text, size_t len, char out[static 37]);

#endif
