/* boot-args made from what is wanted, merged into what is there. */
#ifndef MACOS_BOOT_ARGS_ENCODE_H
#define MACOS_BOOT_ARGS_ENCODE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/macos/boot_args_check.h"

enum { PANICD_PORT = 1069 }; /* the kernel's, where no panicd_port is set */

struct boot_args_wish {
	enum boot_args_dump dump;
	const char *server;     /* _panicd_ip, for a dump over the network */
	uint16_t port;          /* panicd_port is set when it is not PANICD_PORT, and taken away when it is */
	const char *router;     /* _router_ip; NULL leaves it alone */
	const char *interface;  /* kdp_match_name; NULL or "" leaves it alone */
	bool reboot;            /* after the dump */
	bool nmi;               /* an NMI enters the debugger, and dumps where a dump is wanted */
	bool wait_for_debugger; /* at every boot; without it HALT goes only where a dump is wanted */
	const char *kernel;     /* kcsuffix: "development"; NULL leaves it alone */
	bool keepsyms;          /* keepsyms=1 */
	bool serial;            /* serial=3 */
	struct macos_version xnu; /* all zero: not known, and taken for new */
};

/**
 * *ret: `present` with what the wish needs, malloc'd. The bits of debug= that are
 * there stay, but those that would keep the dump from coming; every other key
 * stays byte for byte. PL_ERR_USAGE as boot_args_set().
 */
struct pl_error *boot_args_encode(
	const char *present, const struct boot_args_wish *wish, char **ret) PL_MUST_USE;

#endif
