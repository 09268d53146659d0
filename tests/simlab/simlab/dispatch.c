/* Which program's call is whose to answer. */
#include <stdlib.h>
#include <string.h>

#include "tests/simlab/simlab/calls.h"
#include "tests/simlab/simlab/daemon.h"
#include "tests/simlab/simlab/firewall.h"
#include "tests/simlab/simlab/launchctl.h"
#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/state.h"
#include "tests/simlab/simlab/vmcli.h"
#include "tests/simlab/simlab/vmrun.h"

static void stop_call(struct sim *s, struct call *c)
{
	call_out(c, "simulated lab: stopping\n");
	s->quit = true;
}

static void fault_call(struct sim *s, struct call *c)
{
	char line[512];
	struct faults before = s->faults;
	struct pl_error *e = NULL;
	for (int i = 0; i < c->argc && e == NULL; i++) {
		e = faults_set(&s->faults, c->argv[i]);
		if (e == NULL)
			sim_event("fault %s", c->argv[i]);
	}
	if (e == NULL && c->argc > 0)
		daemon_faults_changed(s, &before);
	if (e == NULL)
		e = faults_print(&s->faults, &c->out);
	if (e == NULL)
		return;
	call_err(c, "simlab (simulated): %s\n", pl_error_line(e, line, sizeof line));
	c->status = pl_error_exit_code(e);
	pl_error_free(e);
}

static void panic_call(struct sim *s, struct call *c)
{
	macos_panic_from_host(s, c);
}

typedef void (*call_fn)(struct sim *s, struct call *c);

struct entry {
	const char *name;
	call_fn run;
};

static const struct entry HOST[] = {
	{"fault", fault_call},
	{"launchctl", launchctl_call},
	{"panic", panic_call},
	{"socketfilterfw", firewall_call},
	{"state", state_call},
	{"stop", stop_call},
	{"vmcli", vmcli_call},
	{"vmrun", vmrun_call},
	{"vmware-vmx", vmrun_vm_process},
};

static const struct entry GUEST[] = {
	{"bless", macos_bless},
	{"csrutil", macos_csrutil},
	{"diskutil", macos_diskutil},
	{"dtrace", macos_dtrace},
	{"halt", macos_shutdown},
	{"hdiutil", macos_hdiutil},
	{"ifconfig", macos_ifconfig},
	{"installer", macos_installer},
	{"ioreg", macos_ioreg},
	{"ipconfig", macos_ipconfig},
	{"kcditto", macos_kcditto},
	{"kextcache", macos_kextcache},
	{"kextload", macos_kextload},
	{"kextstat", macos_kextstat},
	{"kextunload", macos_kextunload},
	{"kextutil", macos_kextload},
	{"kmutil", macos_kmutil},
	{"mount", macos_mount},
	{"networksetup", macos_networksetup},
	{"nvram", macos_nvram},
	{"ping", macos_ping},
	{"reboot", macos_shutdown},
	{"route", macos_route},
	{"scutil", macos_scutil},
	{"shutdown", macos_shutdown},
	{"spctl", macos_spctl},
	{"sw_vers", macos_sw_vers},
	{"sysctl", macos_sysctl},
	{"system_profiler", macos_system_profiler},
	{"umount", macos_umount},
	{"uname", macos_uname},
	{"uptime", macos_uptime},
};

void dispatch(struct sim *s, struct call *c)
{
	const struct entry *table = c->guest ? GUEST : HOST;
	size_t count = c->guest ? sizeof GUEST / sizeof GUEST[0] : sizeof HOST / sizeof HOST[0];
	for (size_t i = 0; i < count; i++)
		if (strcmp(table[i].name, c->name) == 0) {
			table[i].run(s, c);
			return;
		}
	call_err(c, "%s: not in this simulated lab\n", c->name);
	c->status = 127;
}
