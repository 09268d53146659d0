#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/power.h"

bool macos_needs_root(struct call *c, const char *text)
{
	if (c->root)
		return false;
	call_err(c, "%s\n", text);
	c->status = 1;
	return true;
}

bool macos_on_disk(const struct call *c, const char *path, char *out, size_t size)
{
	if (strstr(path, "..") != NULL)
		return false;
	int n = path[0] == '/' ? snprintf(out, size, SIM_DISK "%s", path)
			       : snprintf(out, size, SIM_DISK "%s/%s", c->cwd, path);
	if (n <= 0 || (size_t)n >= size)
		return false;
	while (n > (int)sizeof SIM_DISK && out[n - 1] == '/')
		out[--n] = '\0';
	return true;
}

bool macos_has(const struct call *c, const char *word)
{
	for (int i = 0; i < c->argc; i++)
		if (strcmp(c->argv[i], word) == 0)
			return true;
	return false;
}

const char *macos_option(const struct call *c, const char *name, const char *other)
{
	for (int i = 0; i < c->argc; i++) {
		const char *word = c->argv[i];
		size_t len = strcspn(word, "=");
		if (strcmp(word, name) == 0 || strcmp(word, other) == 0)
			return i + 1 < c->argc ? c->argv[i + 1] : NULL;
		if (word[len] == '=' && strncmp(word, name, len) == 0 && name[len] == '\0')
			return word + len + 1;
	}
	return NULL;
}

void macos_sw_vers(struct sim *s, struct call *c)
{
	const struct release *r = s->release;
	const char *option = c->argc > 0 ? c->argv[0] : "";
	/* 13 and later take two dashes as well. */
	option += r->number >= 1300 && strncmp(option, "--", 2) == 0;
	const char *tab = r->number >= 1300 ? "\t\t" : "\t";
	if (strcmp(option, "-productVersion") == 0)
		call_out(c, "%s\n", r->version);
	else if (strcmp(option, "-buildVersion") == 0)
		call_out(c, "%s\n", r->build);
	else if (strcmp(option, "-productName") == 0)
		call_out(c, "%s\n", r->product);
	else
		call_out(c, "ProductName:%s%s\nProductVersion:%s%s\nBuildVersion:%s%s\n", tab, r->product,
			tab, r->version, tab, r->build);
}

static const char *uname_part(const struct sim *s, char letter)
{
	switch (letter) {
	case 's':
		return "Darwin";
	case 'n':
		return SIM_HOST_NAME ".local";
	case 'r':
		return s->release->darwin;
	case 'v':
		return s->boot.kernel.version;
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
		call_out(c, "%s%s", separator, uname_part(s, ORDER[k]));
		separator = " ";
	}
	call_out(c, "\n");
}

void macos_uptime(struct sim *s, struct call *c)
{
	long long up = (long long)(time(NULL) - s->boot.at);
	call_out(c, "12:00  up %lld secs, 1 user, load averages: 1.20 1.30 1.10\n", up);
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
