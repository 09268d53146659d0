/*
 * A guest that is up: paniclab's own scripts in it, as the user or as root.
 *
 * guest-scripts/ holds one small POSIX sh script an action. They are embedded
 * in the program, uploaded into a private folder (mode 0700) when first used,
 * and removed with it by guest_close(). The folder is paniclab.TAG.XXXXXX, so
 * that cleanup.sh TAG finds those that were left behind. Each script prints
 * key=value lines (the value may hold anything but a newline) and means what
 * it exits with. That status is the guest's own word, printed after the script's
 * last command: whatever ends a session earlier is "cut off", never success.
 */
#ifndef GUEST_GUEST_H
#define GUEST_GUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/sha256.h"
#include "base/wait.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/guest/ssh.h"
#include "orchestrator/macos/csr_status.h"

struct guest;

#define GUEST_TAG_MAX 40

/**
 * Takes over ssh (also on an error). The sudo password is read from cfg when
 * it is needed, and goes over standard input only. Makes the private folder;
 * tag: 1 to GUEST_TAG_MAX of A-Z, a-z, 0-9 and '-'.
 */
struct pl_error *guest_open(struct ssh *ssh, const struct lab_guest *cfg, const char *tag,
	const struct pl_log *log, const struct pl_wait *w, struct guest **ret) PL_MUST_USE;

struct guest_value {
	char *key;
	char *value;
};

struct guest_output {
	struct guest_value *values;
	size_t count;
	int status;  /* exit status; -1: it was cut off, and nobody knows how it went on */
	bool lost;   /* cut off because the connection died; else the guest closed the session alone */
	char *error; /* standard error, escaped, at most 4 KiB; never NULL */
};

/** The value of key, or NULL. */
const char *guest_value(const struct guest_output *o, const char *key);
void guest_output_deinit(struct guest_output *o);

/**
 * Runs an embedded script ("facts.sh") with argv (NULL-terminated, may be
 * NULL). A non-zero exit is not an error here: see ret->status.
 */
struct pl_error *guest_script(struct guest *g, const char *script, const char *const *argv, bool as_root,
	const struct pl_wait *w, struct guest_output *ret) PL_MUST_USE;

/** As guest_script(), but a non-zero exit is PL_ERR_GUEST with the script's own words. */
struct pl_error *guest_script_ok(struct guest *g, const char *script, const char *const *argv, bool as_root,
	const struct pl_wait *w, struct guest_output *ret) PL_MUST_USE;

/** The session, for transfers. */
struct ssh *guest_ssh(struct guest *g);

/** The private folder in the guest. */
const char *guest_folder(const struct guest *g);

/** Removes the private folder if the guest still answers, and closes. NULL-safe. */
void guest_close(struct guest *g);

/** The connection is gone for good (panic, reboot): closes without trying to tidy up. NULL-safe. */
void guest_abandon(struct guest *g);

/* What guest-scripts/facts.sh finds out. Strings are never NULL ("" = not known). */
struct guest_facts {
	char *product_version; /* 10.12.6 */
	char *build;           /* 16G29 */
	char *kernel_version;  /* uname -v, "Darwin Kernel Version ..." */
	char *xnu;             /* 3789.70.16 */
	char *variant;         /* release, development, debug, kasan */
	char *kernel_uuid;
	char *boot_args;    /* sysctl kern.bootargs: what this boot runs with */
	char *boot_time;    /* sysctl kern.boottime, seconds: moves when the guest's clock is set */
	char *boot_session; /* sysctl kern.bootsessionuuid: tells one boot from the next; "" on old releases
			     */
	char *nvram_boot_args; /* nvram boot-args: what the next boot gets, exactly; "" if not set */
	bool nvram_boot_args_set;
	char *sip; /* csrutil status' headline, without the label */
	/*
	 * 1 restricted, 0 not, -1 not known: from the lines, not from the headline.
	 * sip_debug is the kernel's debugger, and with it the dump.
	 */
	int sip_dtrace, sip_nvram, sip_kext, sip_debug;
	struct csr_status csrutil; /* the same, line by line */
	bool csr_known;            /* nvram csr-active-config could be read */
	uint32_t csr;
	char *arch;       /* x86_64 */
	char *model;      /* VMware7,1 */
	char *interface;  /* en0: the one that leads to us */
	char *nic_driver; /* "" if not known */
};

struct pl_error *guest_facts_read(
	struct guest *g, const struct pl_wait *w, struct guest_facts *ret) PL_MUST_USE;
void guest_facts_deinit(struct guest_facts *f);

/**
 * True if both are of one boot. Where a release does not name its boots the
 * time of the boot decides, which setting the clock moves: that looks like another one.
 */
bool guest_same_boot(const struct guest_facts *a, const struct guest_facts *b);

/** SHA-256 of all embedded scripts, by name and content. */
void guest_scripts_digest(char hex[static SHA256_HEX]);

#endif
