/*
 * Reading panic texts: what xnu prints for i386, x86_64 and arm64 from 10.6 to 26, as it comes
 * in panic logs, serial logs, .panic and .ips reports (plain and JSON) and cores.
 *
 * Tolerant on purpose: CRLF, mail quoting, time stamps, broken JSON, noise before,
 * within and after, other CPUs' backtraces, a text that starts or ends in the
 * middle. What is not there stays absent;
 * lines between the panic's start and end that were not understood are listed.
 * Texts are copied as they are: raw guest bytes, only fit for a terminal after
 * pl_escape().
 */
#ifndef CORE_PANIC_TEXT_H
#define CORE_PANIC_TEXT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define PANIC_TEXT_MAX (1 << 20) /* bytes that are read, from the panic's start on */
#define PANIC_FRAMES_MAX 1024
#define PANIC_KEXTS_MAX 512 /* also dependencies of one kext, also loaded kexts */
#define PANIC_LINES_MAX 64  /* lines kept in not_understood */

struct panic_address {
	bool known;
	uint64_t value;
};

struct panic_frame {
	uint64_t frame;
	uint64_t address;
	char *image;                 /* "mach_kernel", a bundle id, or NULL */
	char *symbol;                /* NULL without keepsyms=1, and for a kext without symbols */
	struct panic_address offset; /* from the symbol, else from the image's start */
	char *source;                /* "file:line" of the call, where somebody looked it up; else NULL */
	bool noise;                  /* the line held other things too */
};

/* "id(version)[UUID]@start->end"; dependencies have no end before macOS 10.15, excerpts no start. */
struct panic_kext {
	char *id;
	char *version;
	char uuid[37]; /* "" if absent */
	struct panic_address start;
	struct panic_address end;
	struct panic_kext *dependencies;
	size_t dependency_count;
};

/* One entry of "loaded kexts:". */
struct panic_loaded {
	char *id; /* with Apple's abbreviations written out */
	char *version;
};

struct panic_text {
	bool found;    /* any part of a panic was there */
	bool complete; /* from its first line to the uptime */
	bool report;   /* it was in the JSON of a report, whole or damaged */
	bool debugger; /* "Debugger called: <string>" without a panic */
	char *string;  /* the message, without quotes and source */
	int cpu;       /* -1 unknown */
	struct panic_address caller;
	char *source; /* "/path/file.c:123" */
	/* What a page fault, or arm64's data or instruction abort, could not touch: CR2, FAR. Of other traps
	 * CR2 is a leftover. */
	struct panic_address fault_address;

	struct panic_frame *frames;
	size_t frame_count;
	struct panic_kext *kexts; /* of the backtrace */
	size_t kext_count;
	struct panic_kext *dependencies; /* of a kext whose own line is cut off */
	size_t dependency_count;
	struct panic_loaded *loaded;
	size_t loaded_count;

	char *process;
	char *boot_args;
	char *build;          /* "20G80"; NULL for "Not yet set" */
	char *kernel_version; /* "Darwin Kernel Version ..." */
	char kernel_uuid[37];
	char *model;
	char *last_loaded_kext; /* the line behind "last loaded kext at " */
	struct panic_address kernel_slide;
	struct panic_address kernel_text_base;
	struct panic_address kernelcache_slide;
	struct panic_address kernelcache_base;
	struct panic_address hib_text_base;
	struct panic_address uptime_ns;

	char **not_understood;
	size_t not_understood_count; /* of those kept */
	size_t lines_before;         /* lines that are not empty before the panic: noise */
	size_t lines_unknown;        /* all that were not understood, kept or not */
	size_t other_panics;         /* further "panic(cpu" lines */
	size_t next;                 /* where in a plain text another boot's panic begins; 0: nowhere */
};

/**
 * Reads a text of any kind named above; only running out of memory is an error.
 * Nothing recognised: found is false. *ret always needs panic_text_deinit().
 */
struct pl_error *panic_text_parse(const char *text, size_t size, struct panic_text *ret) PL_MUST_USE;
void panic_text_deinit(struct panic_text *p);

/**
 * The `panic` object of `inspect --json`, a new reference: string, cpu, caller,
 * source, process, boot_args, backtrace, kexts, dependencies (of a kext that was cut
 * off), signature (with signature_title and signature_class: signature.h) and so
 * on; what is not known is left out. Bytes that are not UTF-8, and NULs, become U+FFFD.
 * rules are signature_make()'s.
 */
struct pl_error *panic_text_json(const struct panic_text *p, const char *rules, json_t **ret) PL_MUST_USE;

#endif
