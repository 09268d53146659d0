/*
 * scenario.yaml, checked: which guest panics, how, and what is expected of it.
 *
 * The conventions are those of lab.h.
 */
#ifndef CONFIG_SCENARIO_H
#define CONFIG_SCENARIO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Which kernel must run. AS_IS takes what boots; the others are verified. */
enum scenario_kernel { KERNEL_AS_IS, KERNEL_RELEASE, KERNEL_DEVELOPMENT, KERNEL_DEBUG, KERNEL_KASAN };

/* A kit of a lower build of the guest's version, where there is none of its own: not taken, or taken. */
enum scenario_mismatch { MISMATCH_REFUSE, MISMATCH_ACCEPT };

/*
 * SNAPSHOT: taken before, reverted and deleted after. CLONE: a clone is made for it, and deleted after.
 * NONE: undone by the journal alone.
 */
enum scenario_isolation { ISOLATION_SNAPSHOT, ISOLATION_CLONE, ISOLATION_NONE };

/*
 * System Integrity Protection. NEEDED: what trigger, kernel and dump need is
 * switched off, OFF: all of it; each put back. AS_IS: the guest's state decides what works.
 */
enum scenario_sip { SIP_NEEDED, SIP_OFF, SIP_AS_IS };

/* When SIP cannot be switched off from here: end with instructions, or wait for somebody to follow them. */
enum scenario_recovery { RECOVERY_END, RECOVERY_WAIT };

enum scenario_trigger_kind {
	TRIGGER_DTRACE,  /* dtrace -w -n TEXT, as root */
	TRIGGER_COMMAND, /* TEXT, run by sh as root */
	TRIGGER_KEXT,    /* load payload.kext */
};

struct scenario_trigger {
	enum scenario_trigger_kind kind;
	char *text;      /* "" for TRIGGER_KEXT */
	int64_t timeout; /* from the trigger to the first sign of a panic */
};

struct scenario_file {
	char *from; /* on this host */
	char *to;   /* absolute path in the guest */
};

enum scenario_core { CORE_REQUIRED, CORE_OPTIONAL, CORE_NONE };

struct scenario_expect {
	bool panic;     /* false: the trigger must leave the guest alive */
	char *matching; /* text that the panic string holds; NULL: any */
	enum scenario_core core;
	int64_t within; /* from the trigger to the end of the dump */
};

/* Evidence, as bits. */
enum scenario_evidence {
	EVIDENCE_CORE = 1,
	EVIDENCE_PANIC_REPORT = 2,
	EVIDENCE_SERIAL_LOG = 4,
	EVIDENCE_SYSTEM_LOG = 8,
};

enum scenario_keep { KEEP_ALL, KEEP_CORE, KEEP_REPORT };

struct scenario {
	char *path;
	char *name;  /* [A-Za-z0-9._-], at most 64 */
	char *guest; /* NULL: the lab's only guest */
	enum scenario_kernel kernel;
	char *kdk; /* "auto", or the Kernel Debug Kit to take that kernel from: folder, .dmg or .pkg */
	enum scenario_mismatch kdk_mismatch;
	char *boot_args; /* added to ours and to what is there; may be "" */
	enum scenario_isolation isolation;
	enum scenario_sip sip;
	enum scenario_recovery recovery;
	struct {
		struct scenario_file *files;
		size_t files_count;
		char *kext;  /* bundle folder on this host; NULL: none */
		char *setup; /* script on this host, run as root before the trigger; NULL */
	} payload;
	struct scenario_trigger trigger;
	struct scenario_expect expect;
	unsigned collect; /* enum scenario_evidence */
	/* ALL: the .gz and the unpacked core; CORE: the unpacked core; REPORT: no core. */
	enum scenario_keep keep;
};

/** Reads and checks path. PL_ERR_USAGE, at "file:line". */
struct pl_error *scenario_load(const char *path, struct scenario **ret) PL_MUST_USE;

/** The same from a text; path names it in errors and gives the folder. */
struct pl_error *scenario_parse(
	const char *text, size_t size, const char *path, struct scenario **ret) PL_MUST_USE;

/** YAML that scenario_load() reads back as the same, defaults included. */
struct pl_error *scenario_print(const struct scenario *s, struct pl_buf *out) PL_MUST_USE;

/** The same as JSON, which scenario_load() reads as well. */
struct pl_error *scenario_print_json(const struct scenario *s, struct pl_buf *out) PL_MUST_USE;

/* The words that the files use for the values above. */
const char *scenario_kernel_name(enum scenario_kernel k);
const char *scenario_isolation_name(enum scenario_isolation i);
const char *scenario_trigger_name(enum scenario_trigger_kind k);

void scenario_destroy(struct scenario *s);

#endif
