/*
 * Arming a guest that is off: SIP and boot-args go into its .nvram in one
 * edit, so that they cost no boot of their own, no Recovery, and nothing that
 * SIP could refuse.
 *
 * What the guest is to boot with is worked out from what is known beforehand:
 * its release (lab file, or guestOS in the .vmx), its network adapter (en0), the
 * host's address on its network. Once it is up its facts tell, and where they
 * tell something else it is armed again, at the price of a boot.
 *
 * Where the file cannot be edited from here, boot-args are set in the guest and
 * cost a reboot, and SIP has to be switched off in Recovery.
 */
#ifndef RUN_ARMING_H
#define RUN_ARMING_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/macos/macos_version.h"

struct run;

struct arming {
	bool offline;               /* the .nvram is edited; taken for granted until it is tried */
	char why_not[300];          /* why it is not, for people */
	struct macos_version macos; /* all zero: not known */
	struct macos_version xnu;   /* likewise */
	char interface[16];         /* the guest's, for kdp_match_name */
	char device[16];            /* its adapter in the .vmx, "e1000e"; "" not known */
	char host[16];              /* this host's address on the guest's network; "" not known */
	char server[16];            /* where the guest is to dump to; "" nowhere */
	uint16_t port;
	int socket;            /* bound to that; the dump server's to be. -1: none */
	char port_holder[128]; /* who has the usual port, so that it is another; "" nobody */
	char *args_before;     /* malloc'd; what the user had */
	uint32_t csr_before;   /* 0: none was set, or it was 0 */
	uint32_t csr;          /* what it is now */
	bool console;          /* a serial port is added, see console.h */
	int64_t intent;        /* the journal's; 0: nothing is edited yet */
};

/** Nothing is known yet, and nothing held. */
void arming_init(struct arming *a);
void arming_deinit(struct arming *a);

/**
 * Finds out what can be known before the guest boots, and whether its .nvram
 * can be edited: that it cannot is no error. Changes nothing.
 */
struct pl_error *arming_prepare(struct run *r, const struct pl_wait *w) PL_MUST_USE;

/** What of SIP the run needs off: of enum csr_use. */
unsigned arming_csr_uses(const struct run *r);

/** The guest's own word, which replaces what was taken for granted. */
void arming_believe_facts(struct run *r);

/** Works out run.boot_args from args_before and what is known now. */
struct pl_error *arming_choose_boot_args(struct run *r) PL_MUST_USE;

/**
 * Edits the .nvram of the VM, which is off: journals what was there, sets,
 * reads back. Repeated when more is known.
 */
struct pl_error *arming_edit(struct run *r, const struct pl_wait *w) PL_MUST_USE;

/* What a guest that was armed once turned out to be. */
struct arming_known {
	struct macos_version macos;
	struct macos_version xnu;
	const char *interface;
	const char *server; /* NULL: no dump */
	uint16_t port;
	bool kernel_installed;   /* by the run that armed it */
	const char *variant;     /* of the kernel that it runs */
	const char *args_before; /* for a guest whose .nvram cannot be edited */
};

/**
 * What arming_edit() would set by that, without changing anything: *boot_args
 * (malloc'd; NULL when none are set) and *csr, which stands only where the
 * .nvram is edited. PL_ERR_GUEST where SIP is in the way.
 */
struct pl_error *arming_foresee(
	const struct run *r, const struct arming_known *k, char **boot_args, uint32_t *csr) PL_MUST_USE;

/** True if what is in the file is not what the guest should have by all that is known now; *why for people.
 */
bool arming_is_stale(const struct run *r, char *why, size_t size);

#endif
