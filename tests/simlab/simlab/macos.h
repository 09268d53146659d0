/*
 * The commands of macOS that tell of, or change, the simulated machine
 * itself: what tests/simlab/macos forwards. Wordings as the guest's release
 * has them.
 */
#ifndef SIMLAB_MACOS_H
#define SIMLAB_MACOS_H

#include "tests/simlab/simlab/calls.h"
#include "tests/simlab/simlab/sip_words.h"

/* macos_system.c */
void macos_sw_vers(struct sim *s, struct call *c);
void macos_uname(struct sim *s, struct call *c);
void macos_uptime(struct sim *s, struct call *c);
void macos_scutil(struct sim *s, struct call *c);
void macos_system_profiler(struct sim *s, struct call *c);
void macos_shutdown(struct sim *s, struct call *c); /* reboot and halt too */

/* macos_sysctl.c */
void macos_sysctl(struct sim *s, struct call *c);

/* macos_nvram.c */
void macos_nvram(struct sim *s, struct call *c);

/* macos_sip.c */
void macos_csrutil(struct sim *s, struct call *c);
void macos_spctl(struct sim *s, struct call *c);
void macos_dtrace(struct sim *s, struct call *c);

/* macos_kext.c */
void macos_kextload(struct sim *s, struct call *c);
void macos_kextunload(struct sim *s, struct call *c);
void macos_kextstat(struct sim *s, struct call *c);
void macos_load_kext(struct sim *s, struct call *c, const char *path); /* for kmutil too */

/* macos_cache.c */
void macos_kextcache(struct sim *s, struct call *c);
void macos_kcditto(struct sim *s, struct call *c);

/* macos_kmutil.c */
void macos_kmutil(struct sim *s, struct call *c);

/* macos_volume.c */
void macos_mount(struct sim *s, struct call *c);
void macos_umount(struct sim *s, struct call *c);
void macos_diskutil(struct sim *s, struct call *c);
void macos_bless(struct sim *s, struct call *c);

/* macos_image.c */
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

/** A path in the guest as one below the lab's folder; false if it leads out of the guest. */
bool macos_on_disk(const struct call *c, const char *path, char *out, size_t size);

/** The value behind one of two names of an option ("-p", "--bundle-path"; also NAME=VALUE), or NULL. */
const char *macos_option(const struct call *c, const char *name, const char *other);

/** True if that word is among the arguments. */
bool macos_has(const struct call *c, const char *word);

/** What holds of SIP's bits in this boot; all before 10.11. */
bool macos_csr(const struct sim *s, uint32_t bits);

/** True if nobody's root; says `text` on standard error then. */
bool macos_needs_root(struct call *c, const char *text);

#endif
