#include "tests/simlab/simlab/launchctl.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fs.h"

#define LABEL "com.apple.kdumpd"
#define PLIST "/System/Library/LaunchDaemons/" LABEL ".plist"
#define LOADED "kdumpd-loaded" /* a file of the lab: is there while it is */

static bool loaded(void)
{
	return access(LOADED, F_OK) == 0;
}

/* The socket is what a dump server meets. */
static void hold_port(struct sim *s)
{
	char ip[16];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(1069)};
	if (!loaded() && s->kdumpd > 0) {
		close(s->kdumpd);
		s->kdumpd = 0;
	}
	if (!loaded() || s->kdumpd > 0)
		return;
	inet_pton(AF_INET, sim_address(s, 1, ip), &at.sin_addr);
	s->kdumpd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (bind(s->kdumpd, (struct sockaddr *)&at, sizeof at) != 0)
		sim_event("launchd cannot hold port 1069");
}

static void load(struct sim *s, struct call *c, const char *how)
{
	if (s->faults.on[FAULT_KDUMPD_LOST]) {
		call_err(c, "%s failed: 5: Input/output error\n",
			strcmp(how, "bootstrap") == 0 ? "Bootstrap" : "Load");
		/* `load` says so and exits with 0 */
		c->status = strcmp(how, "bootstrap") == 0 ? 5 : 0;
		return;
	}
	sim_event("launchctl %s kdumpd", how);
	sim_complain(pl_fs_write(LOADED, "", 0, 0644));
}

static void unload(struct sim *s, struct call *c, const char *how)
{
	if (s->faults.on[FAULT_KDUMPD_STAYS]) {
		call_err(c, "Boot-out failed: 150: Operation not permitted while System Integrity Protection "
			    "is engaged\n");
		c->status = 150;
		return;
	}
	if (!loaded() && strcmp(how, "bootout") == 0) {
		call_err(c, "Boot-out failed: 3: No such process\n");
		c->status = 3;
		return;
	}
	sim_event("launchctl %s kdumpd", how);
	unlink(LOADED);
}

static bool is(const struct call *c, int argc, const char *command, const char *last)
{
	return c->argc == argc && strcmp(c->argv[0], command) == 0 && strcmp(c->argv[argc - 1], last) == 0;
}

void launchctl_call(struct sim *s, struct call *c)
{
	if (is(c, 1, "list", "list")) {
		call_out(c, "PID\tStatus\tLabel\n312\t0\tcom.apple.securityd\n");
		if (loaded())
			call_out(c, "-\t0\t" LABEL "\n");
		call_out(c, "-\t0\tcom.apple.kextd\n");
	} else if (is(c, 2, "bootout", "system/" LABEL) || is(c, 2, "unload", PLIST)) {
		unload(s, c, c->argv[0]);
	} else if (is(c, 3, "bootstrap", PLIST) || is(c, 2, "load", PLIST) || is(c, 3, "load", PLIST)) {
		load(s, c, c->argv[0]);
	} else {
		call_err(c, "Unrecognized subcommand: %s (simulated)\n", c->argc > 0 ? c->argv[0] : "");
		c->status = 64;
	}
	hold_port(s);
}

struct pl_error *launchctl_state(struct pl_buf *out)
{
	return pl_buf_printf(out, "kdumpd %s\n", loaded() ? "loaded" : "not loaded");
}
