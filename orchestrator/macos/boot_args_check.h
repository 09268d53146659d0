/*
 * What is wrong with boot-args: recipes for a kernel dump that cannot work, or
 * do something else than their reader thinks. docs/boot-args.md tells each rule
 * and its reason. Pure.
 */
#ifndef MACOS_BOOT_ARGS_CHECK_H
#define MACOS_BOOT_ARGS_CHECK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "orchestrator/macos/macos_version.h"

/* What is to come of a panic. */
enum boot_args_dump {
	DUMP_NONE,
	DUMP_NETWORK,  /* a core, to a dump server */
	DUMP_LOCAL,    /* a core, on the guest's own disk */
	DUMP_PANICLOG, /* the panic log, to a dump server */
};
const char *boot_args_dump_name(enum boot_args_dump d);
/** False if it is no such name: "network", "local", "paniclog". */
bool boot_args_dump_parse(const char *name, enum boot_args_dump *ret);

/** What the text itself is after, by the keys and bits in it. */
enum boot_args_dump boot_args_dump_meant(const char *args, const struct macos_version *xnu);

enum boot_args_weight {
	FINDING_NOTE,    /* worth to know */
	FINDING_WARNING, /* something will not be as expected */
	FINDING_STOPS,   /* what is wanted cannot come */
};
const char *boot_args_weight_name(enum boot_args_weight w); /* "note", "warning", "stops" */

struct boot_args_finding {
	const char *code; /* "reboot-always": stable, for scripts */
	enum boot_args_weight weight;
	char subject[80];   /* "debug=0x100000 (REBOOT_ALWAYS)", printable; the text goes on from it */
	const char *text;   /* "reboots before the network dump has begun" */
	const char *advice; /* "take it away" */
};

/* No text gives more: a rule or a bit once, a key at most twice. */
enum { BOOT_ARGS_FINDINGS_MAX = 128 };

struct boot_args_findings {
	struct boot_args_finding list[BOOT_ARGS_FINDINGS_MAX];
	size_t count;
};

/* What is known of the guest. All zero: nothing, and the newest kernel is assumed. */
struct boot_args_guest {
	struct macos_version xnu;
	const char *const *nics; /* each one's device in the .vmx ("e1000e") or driver; NULL allowed */
	size_t nics_count;
	bool sip_forbids_debugger; /* SIP as it will be at the panic */
};

/** The rules' findings, in the order of their table. */
void boot_args_check(const char *args, enum boot_args_dump wanted, const struct boot_args_guest *guest,
	struct boot_args_findings *ret);

/** The first finding that stops, or NULL. */
const struct boot_args_finding *boot_args_stops(const struct boot_args_findings *f);

/** [{"code","weight","subject","text","advice"}]; NULL without memory. */
json_t *boot_args_findings_json(const struct boot_args_findings *f);

/** True for a NIC (VMware's name of it, or its driver's) over which no kernel is known to dump. */
bool boot_args_nic_cannot_dump(const char *nic);

#endif
