#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/panic.h"
#include "tests/simlab/simlab/power.h"

bool macos_needs_root(struct call *c, const char *text)
{
	if (c->root)
		return false;
	call_err(c, "%s\n", text);
	c->status = 1;
	return true;
}

void macos_sw_vers(struct sim *s, struct call *c)
{
	const struct kernel_desc *d = &s->boot.kernel;
	const char *option = c->argc > 0 ? c->argv[0] : "";
	if (strcmp(option, "-productVersion") == 0)
		call_out(c, "%s\n", d->release);
	else if (strcmp(option, "-buildVersion") == 0)
		call_out(c, "%s\n", d->build);
	else if (strcmp(option, "-productName") == 0)
		call_out(c, "Mac OS X\n");
	else
		call_out(c, "ProductName:\tMac OS X\nProductVersion:\t%s\nBuildVersion:\t%s\n", d->release,
			d->build);
}

/* "16.7.0" out of "Darwin Kernel Version 16.7.0: ..." */
static void darwin_release(const struct kernel_desc *d, char out[static 16])
{
	const char *at = strstr(d->version, "Version ");
	snprintf(out, 16, "%.*s", at != NULL ? (int)strcspn(at + 8, ":") : 0, at != NULL ? at + 8 : "");
}

static const char *uname_part(const struct kernel_desc *d, char letter, char release[static 16])
{
	darwin_release(d, release);
	switch (letter) {
	case 's':
		return "Darwin";
	case 'n':
		return SIM_HOST_NAME ".local";
	case 'r':
		return release;
	case 'v':
		return d->version;
	case 'm':
		return "x86_64";
	case 'p':
		return "i386";
	default:
		return NULL;
	}
}

void macos_uname(struct sim *s, struct call *c)
{
	static const char ORDER[] = "snrvmp";
	char release[16];
	bool wanted[sizeof ORDER] = {false};
	bool any = false;
	for (int i = 0; i < c->argc; i++) {
		for (const char *p = c->argv[i] + (c->argv[i][0] == '-'); *p != '\0'; p++) {
			const char *at = strchr(ORDER, *p);
			if (at == NULL && *p != 'a') {
				call_err(c, "uname: illegal option -- %c\nusage: uname [-amnprsv]\n", *p);
				c->status = 1;
				return;
			}
			for (int k = 0; k < 6; k++)
				wanted[k] |= *p == 'a' ? k < 5 : at == ORDER + k;
			any = true;
		}
	}
	wanted[0] |= !any;
	const char *separator = "";
	for (int k = 0; k < 6; k++) {
		if (!wanted[k])
			continue;
		call_out(c, "%s%s", separator, uname_part(&s->boot.kernel, ORDER[k], release));
		separator = " ";
	}
	call_out(c, "\n");
}

void macos_uptime(struct sim *s, struct call *c)
{
	long long up = (long long)(time(NULL) - s->boot.at);
	call_out(c, "12:00  up %lld secs, 1 user, load averages: 1.20 1.30 1.10\n", up);
}

/* ---- sysctl ---- */

static bool sysctl_value(const struct sim *s, const char *name, char *out, size_t size)
{
	const struct kernel_desc *d = &s->boot.kernel;
	char text[64];
	struct tm tm;
	if (strcmp(name, "kern.bootargs") == 0)
		snprintf(out, size, "%s", d->boot_args);
	else if (strcmp(name, "kern.version") == 0)
		snprintf(out, size, "%s", d->version);
	else if (strcmp(name, "kern.osversion") == 0)
		snprintf(out, size, "%s", d->build);
	else if (strcmp(name, "kern.osrelease") == 0) {
		darwin_release(d, text);
		snprintf(out, size, "%s", text);
	} else if (strcmp(name, "kern.ostype") == 0)
		snprintf(out, size, "Darwin");
	else if (strcmp(name, "kern.hostname") == 0)
		snprintf(out, size, SIM_HOST_NAME ".local");
	else if (strcmp(name, "kern.uuid") == 0)
		snprintf(out, size, "%s", kernel_uuid_text(d->uuid, text));
	else if (strcmp(name, "kern.slide") == 0)
		snprintf(out, size, "%d", d->slide != 0);
	else if (strcmp(name, "kern.boottime") == 0) {
		strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", localtime_r(&s->boot.at, &tm));
		snprintf(out, size, "{ sec = %lld, usec = %u } %s", (long long)s->boot.at,
			(unsigned)(s->boot.entropy % 1000000), text);
	} else if (strcmp(name, "hw.model") == 0)
		snprintf(out, size, "%.*s", (int)strcspn(d->model, " "), d->model);
	else if (strcmp(name, "hw.machine") == 0)
		snprintf(out, size, "x86_64");
	else if (strcmp(name, "hw.ncpu") == 0)
		snprintf(out, size, "%u", d->cpus);
	else if (strcmp(name, "hw.memsize") == 0)
		snprintf(out, size, "4294967296");
	else if (strcmp(name, "debug.debugger_test") == 0 && strcmp(s->boot.variant, "RELEASE") != 0)
		snprintf(out, size, "0");
	else
		return false;
	return true;
}

/* The one writable thing here: DEVELOPMENT kernels panic when told to. */
static void sysctl_write(struct sim *s, struct call *c, const char *name, const char *value)
{
	char old[2048];
	if (!sysctl_value(s, name, old, sizeof old)) {
		call_err(c, "sysctl: unknown oid '%s'\n", name);
		c->status = 1;
		return;
	}
	if (strcmp(name, "debug.debugger_test") != 0 || !c->root) {
		call_err(c, "sysctl: oid '%s' is read only\n", name);
		c->status = 1;
		return;
	}
	call_out(c, "%s: %s -> %s\n", name, old, value);
	if (strcmp(value, "1") == 0) {
		panic_begin(s, PANIC_SYSCTL, NULL, NULL);
		c->ready = call_hangs;
	}
}

void macos_sysctl(struct sim *s, struct call *c)
{
	char value[2048];
	bool only_value = false;
	int i = 0;
	for (; i < c->argc && c->argv[i][0] == '-'; i++)
		only_value |= strchr(c->argv[i], 'n') != NULL;
	for (; i < c->argc; i++) {
		char *name = c->argv[i];
		char *equals = strchr(name, '=');
		if (equals != NULL) {
			*equals = '\0';
			sysctl_write(s, c, name, equals + 1);
		} else if (!sysctl_value(s, name, value, sizeof value)) {
			call_err(c, "sysctl: unknown oid '%s'\n", name);
			c->status = 1;
		} else if (only_value)
			call_out(c, "%s\n", value);
		else
			call_out(c, "%s: %s\n", name, value);
	}
}

void macos_scutil(struct sim *s, struct call *c)
{
	(void)s;
	call_out(c, "%s\n", SIM_HOST_NAME);
}

void macos_system_profiler(struct sim *s, struct call *c)
{
	call_out(c,
		"Hardware:\n\n    Hardware Overview:\n\n      Model Identifier: %.*s\n      Memory: 4 GB\n"
		"      Serial Number (system): SIMULATED\n",
		(int)strcspn(s->boot.kernel.model, " "), s->boot.kernel.model);
}

void macos_mount(struct sim *s, struct call *c)
{
	(void)s;
	if (c->argc == 0)
		call_out(c, "/dev/disk0s2 on / (hfs, local, journaled)\ndevfs on /dev (devfs, local, "
			    "nobrowse)\n");
}

/* reboot, halt, shutdown -h|-r TIME */
void macos_shutdown(struct sim *s, struct call *c)
{
	bool off = strcmp(c->name, "halt") == 0;
	bool shutdown = strcmp(c->name, "shutdown") == 0;
	if (shutdown && macos_needs_root(c, "shutdown: NOT super-user"))
		return;
	if (!shutdown && macos_needs_root(c,
				 off ? "halt: Operation not permitted" : "reboot: Operation not permitted"))
		return;
	if (shutdown && (c->argc < 2 || c->argv[0][0] != '-' || strpbrk(c->argv[0], "hr") == NULL)) {
		call_err(c, "usage: shutdown [-] [-h [-u] [-n] | -r [-n] | -s | -k] time [warning-message "
			    "...]\n");
		c->status = 1;
		return;
	}
	if (shutdown)
		off = strchr(c->argv[0], 'h') != NULL;
	if (shutdown)
		call_out(c, "Shutdown NOW!\n\n*** FINAL System shutdown message from lab@" SIM_HOST_NAME
			    " ***\n\n"
			    "System going down IMMEDIATELY\n\n");
	power_guest_down(s, off);
}
