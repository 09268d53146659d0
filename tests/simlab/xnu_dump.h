/*
 * What a kernel does once it panics: whether it dumps at all, to whom, what it
 * prints on the serial console on the way, and whether it reboots after. The
 * rules are xnu's (kdp_udp.c, kdp_core.c, model_dep.c), by version:
 *
 *   - No KDP, so no dump and a reboot at once, without debug= (or with 0) or
 *     where SIP keeps debuggers out: none of its bits kernel debugger (8),
 *     kexts (1, in 0x77 of "csrutil disable") and Apple internal (0x10) is set
 *     (csr_check() in bsd/kern/kern_csr.c lets the latter two stand for the first).
 *   - With KDP but no DB_KERN_DUMP_ON_PANIC (0x400) and no DB_PANICLOG_DUMP
 *     (0x2000) it waits for a debugger for ever.
 *   - DB_REBOOT_ALWAYS (0x100000, xnu 4570 on) reboots before a network dump.
 *   - A local core comes first where there is a place for one, unless
 *     DB_DISABLE_LOCAL_CORE (0x20000); then DB_REBOOT_POST_CORE reboots.
 *   - The NIC must have a polled-mode driver (e1000, e1000e; not vmxnet3) and
 *     be the one that kdp_match_name= names, if it is given.
 *   - The server is _panicd_ip=, the port panicd_port= (NOT _panicd_port=).
 *   - DB_REBOOT_POST_CORE (0x4000) reboots after a core that went through
 *     (since 10.11; before, after any attempt); else it waits for a debugger.
 */
#ifndef SIMLAB_XNU_DUMP_H
#define SIMLAB_XNU_DUMP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"
#include "tests/simlab/kdp_client.h"
#include "tests/simlab/kernel_desc.h"
#include "tests/simlab/panic_text.h"

enum xnu_debug {
	DB_HALT = 0x1,
	DB_NMI = 0x4,
	DB_KERN_DUMP_ON_PANIC = 0x400,
	DB_KERN_DUMP_ON_NMI = 0x800,
	DB_DBG_POST_CORE = 0x1000,
	DB_PANICLOG_DUMP = 0x2000,
	DB_REBOOT_POST_CORE = 0x4000,
	DB_DISABLE_LOCAL_CORE = 0x20000,
	DB_DISABLE_GZIP_CORE = 0x40000,
	DB_REBOOT_ALWAYS = 0x100000,
};

struct xnu_panic_args {
	const struct kernel_desc *kernel; /* its boot_args are what it booted with */
	enum panic_trigger trigger;
	const char *message;   /* NULL: the trigger's own */
	const char *kext;      /* NULL: the last loaded */
	uint32_t csr;          /* csr-active-config of that boot: 0x77 is SIP off */
	const char *nic;       /* VMware's virtualDev: "e1000e", "vmxnet3", ... */
	const char *interface; /* NULL: "en0" */
	const char *guest_ip;  /* bound to, for the dump */
	const char *guest_mac; /* NULL: a VMware one */
	bool local_core_place; /* a core partition or file exists */
	bool zlib_broken;      /* the zlib stage could not get its memory at boot */
	double time_factor;    /* of the client's waits; 0: real time */
	struct kdp_faults faults;
	int serial_fd;       /* the serial log, appended to; -1: none */
	uint16_t local_port; /* 0: panicd_port; for tests on one address */
};

enum xnu_dumped { XNU_DUMPED_NONE, XNU_DUMPED_PARTLY, XNU_DUMPED_FULLY };
enum xnu_after {
	XNU_REBOOTS, /* the VM starts again by itself */
	XNU_WAITS,   /* for a debugger, for ever: hangs until someone resets it */
	XNU_DEAD,    /* killed by faults.stop: as if powered off */
};
enum xnu_why {
	XNU_WHY_DUMPED,        /* a core (or log) went out */
	XNU_WHY_NO_DEBUG,      /* debug= is absent or 0 */
	XNU_WHY_SIP,           /* SIP keeps the debugger out */
	XNU_WHY_NOT_ASKED,     /* neither 0x400 nor 0x2000 */
	XNU_WHY_REBOOT_ALWAYS, /* rebooted first */
	XNU_WHY_LOCAL_CORE,    /* went to the guest's disk instead */
	XNU_WHY_NO_TRANSPORT,  /* NIC without KDP, or kdp_match_name= of another one */
	XNU_WHY_NO_SERVER,     /* no _panicd_ip= */
	XNU_WHY_NO_ANSWER,     /* the server did not answer, or refused */
	XNU_WHY_LOST,          /* the server stopped answering in the middle */
	XNU_WHY_DEBUGGER,      /* a debugger's packet ended it */
	XNU_WHY_ZLIB,          /* zlib stage not initialized */
	XNU_WHY_DIED,          /* faults.stop */
};

struct xnu_outcome {
	enum xnu_dumped dumped;
	enum xnu_after after;
	enum xnu_why why;
	char name[KDP_NAME_MAX + 1]; /* of the file on the server; "" if none was asked for */
	struct kdp_stats stats;
	struct panic panic; /* text and frames; for the report after the reboot */
};

/**
 * Panics. Blocks until the kernel would have rebooted or settled down to wait.
 * An error is the wait's (the VM was powered off) or the lab's own trouble; what
 * a real kernel would suffer is in *ret. *ret always needs xnu_outcome_deinit().
 */
struct pl_error *xnu_panic(
	const struct xnu_panic_args *args, const struct pl_wait *w, struct xnu_outcome *ret) PL_MUST_USE;
void xnu_outcome_deinit(struct xnu_outcome *o);

/** "dumped", "sip", "no-transport", ...; "fully", ...; "reboots", ... */
const char *xnu_why_name(enum xnu_why why);
const char *xnu_dumped_name(enum xnu_dumped dumped);
const char *xnu_after_name(enum xnu_after after);

/** True if SIP with those bits set (csr-active-config) lets KDP in. */
bool xnu_csr_allows_debugger(uint32_t csr);

/** True if that virtualDev has a driver with KDP's polled mode in macOS. */
bool xnu_nic_can_dump(const char *nic);

#endif
