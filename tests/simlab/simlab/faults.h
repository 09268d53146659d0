/* What goes wrong on demand: --fault NAME[=VALUE], `simlab fault`. */
#ifndef SIMLAB_FAULTS_H
#define SIMLAB_FAULTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

enum fault {
	FAULT_REST_DOWN,
	FAULT_REST_SLOW, /* nanoseconds each answer takes */
	FAULT_NO_IP,
	FAULT_STALE_IP,
	FAULT_SSH_REFUSE,
	FAULT_HOST_KEY_CHANGED,
	FAULT_BOOT_HANG,
	FAULT_POWER_STUCK,
	FAULT_VMRUN_HANG,
	FAULT_VMRUN_LEAVES, /* vmrun start leaves the VM's process with all that it inherited */
	FAULT_VMRUN_IN_USE, /* that many commands fail */
	FAULT_LOCKS_LINGER, /* nanoseconds that the locks of a VM outlive its power */
	FAULT_SNAPSHOT_FAIL,
	FAULT_DELETE_FAIL,
	FAULT_REVERT_FAIL,
	FAULT_REVERT_SPARES_NVRAM,
	FAULT_TRIGGER_SILENT,
	FAULT_NVRAM_SILENT,
	FAULT_SSH_CUT,           /* setting nvram hangs, and sshd closes the session without an exit status */
	FAULT_DUMP_STOP_AT,      /* bytes */
	FAULT_DUMP_LOSS,         /* per cent */
	FAULT_DUMP_LOSE_EOF_ACK, /* that many answers to the EOF */
	FAULT_NO_REBOOT,
	FAULT_FIREWALL_SILENT,  /* as without root: says done, does nothing */
	FAULT_FIREWALL_MANAGED, /* refuses */
	FAULT_STOP_LIES,        /* vmrun stop reports an error although the VM stops */
	FAULT_KDUMPD_STAYS,     /* launchctl refuses to unload it, as SIP may */
	FAULT_KDUMPD_LOST,      /* launchctl fails to load it */
	FAULT_VM_TWIN,          /* the other VM has the same name */
	FAULT_KCSUFFIX_STRICT,  /* no fallback to the release kernel: no boot without that of kcsuffix= */
	FAULT_BOOT_PANIC,       /* a kernel that is no release one panics at boot ... */
	FAULT_KERNEL_HANG,      /* ... or does not come up */
	FAULT_KEXTCACHE_SILENT, /* kextcache makes nothing; exits 0 all the same */
	FAULT_KMUTIL_FAIL,      /* kmutil install and create refuse */
	FAULT_BLESS_FAIL,
	FAULT_HDIUTIL_LICENCE, /* images ask for a licence to be agreed to */
	FAULT_INSTALLER_FAIL,
	FAULT_COUNT,
};

struct faults {
	bool on[FAULT_COUNT];
	uint64_t value[FAULT_COUNT];
};

/** "NAME", "NAME=VALUE", "NAME=off" or "clear"; PL_ERR_USAGE lists the names. */
struct pl_error *faults_set(struct faults *f, const char *text) PL_MUST_USE;

/** One line each, of those that are on. */
struct pl_error *faults_print(const struct faults *f, struct pl_buf *out) PL_MUST_USE;

/** True while a counted fault has some left; takes one. */
bool faults_take(struct faults *f, enum fault which);

#endif
