/*
 * The commands of macOS 10.12.6 that tell of, or change, the simulated
 * machine itself: what tests/simlab/macos forwards. Wordings as macOS has them.
 */
#ifndef SIMLAB_MACOS_H
#define SIMLAB_MACOS_H

#include "tests/simlab/simlab/calls.h"

/* macos_system.c */
void macos_sw_vers(struct sim *s, struct call *c);
void macos_uname(struct sim *s, struct call *c);
void macos_uptime(struct sim *s, struct call *c);
void macos_sysctl(struct sim *s, struct call *c);
void macos_scutil(struct sim *s, struct call *c);
void macos_system_profiler(struct sim *s, struct call *c);
void macos_shutdown(struct sim *s, struct call *c); /* reboot and halt too */
void macos_mount(struct sim *s, struct call *c);

/* macos_sip.c */
void macos_nvram(struct sim *s, struct call *c);
void macos_csrutil(struct sim *s, struct call *c);
void macos_dtrace(struct sim *s, struct call *c);

/* macos_kext.c */
void macos_kextload(struct sim *s, struct call *c);
void macos_kextunload(struct sim *s, struct call *c);
void macos_kextstat(struct sim *s, struct call *c);
void macos_kextcache(struct sim *s, struct call *c);
void macos_hdiutil(struct sim *s, struct call *c);
void macos_installer(struct sim *s, struct call *c);

/* macos_network.c */
void macos_ifconfig(struct sim *s, struct call *c);
void macos_ipconfig(struct sim *s, struct call *c);
void macos_route(struct sim *s, struct call *c);
void macos_networksetup(struct sim *s, struct call *c);
void macos_ioreg(struct sim *s, struct call *c);
void macos_ping(struct sim *s, struct call *c);

/** `simlab panic [TRIGGER]`: an NMI, or whatever is named, from outside. */
void macos_panic_from_host(struct sim *s, struct call *c);

/* SIP's bits in csr-active-config. */
enum {
	CSR_KEXTS = 0x1,
	CSR_FS = 0x2,
	CSR_TASK_FOR_PID = 0x4,
	CSR_KERNEL_DEBUGGER = 0x8,
	CSR_APPLE_INTERNAL = 0x10,
	CSR_DTRACE = 0x20,
	CSR_NVRAM = 0x40,
	CSR_ANY_RECOVERY = 0x100,
};

/** True if nobody's root; says `text` on standard error then. */
bool macos_needs_root(struct call *c, const char *text);

#endif
