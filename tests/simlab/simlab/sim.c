#include "tests/simlab/simlab/sim.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"

void sim_event(const char *fmt, ...)
{
	char now[32];
	va_list args;
	FILE *f = fopen(SIM_EVENTS, "ae");
	if (f == NULL)
		return;
	pl_timestamp(now);
	fprintf(f, "%s simulated: ", now);
	va_start(args, fmt);
	vfprintf(f, fmt, args);
	va_end(args);
	fputc('\n', f);
	fclose(f);
}

void sim_complain(struct pl_error *e)
{
	char line[1024];
	if (e == NULL)
		return;
	sim_event("trouble: %s", pl_error_line(e, line, sizeof line));
	pl_error_free(e);
}

void sim_timer_in(struct sim *s, enum timer t, int64_t ns)
{
	s->timers[t] = pl_now() + ns;
}

char *sim_path(const struct sim *s, const char *relative)
{
	char *path = NULL;
	struct pl_error *e = pl_fs_join(s->dir, relative, &path);
	if (e != NULL)
		abort();
	return path;
}

/* ---- the machine's files ---- */

static char bundle[1024] = SIM_OWN_BUNDLE;
static char name[256] = SIM_VM_NAME;
static char mac[24] = SIM_OWN_MAC;

void sim_use(const char *vmx, unsigned number)
{
	const char *path = vmx != NULL ? vmx : SIM_OWN_VMX;
	const char *slash = strrchr(path, '/');
	snprintf(bundle, sizeof bundle, "%.*s", (int)(slash - path), path);
	snprintf(name, sizeof name, "%.*s", (int)(strlen(slash + 1) - strlen(".vmx")), slash + 1);
	if (vmx != NULL)
		snprintf(mac, sizeof mac, SIM_CLONE_MAC, number & 0xFF);
	else
		snprintf(mac, sizeof mac, SIM_OWN_MAC);
}

const char *sim_bundle(void)
{
	return bundle;
}

const char *sim_name(void)
{
	return name;
}

const char *sim_mac(void)
{
	return mac;
}

const char *sim_file(const char *suffix)
{
	static char paths[8][sizeof bundle + sizeof name + 16];
	static unsigned next;
	char *path = paths[next++ % 8];
	snprintf(path, sizeof paths[0], "%s/%s%s", bundle, name, suffix);
	return path;
}

const char *sim_address(const struct sim *s, unsigned last, char out[static 16])
{
	const char *dot = strrchr(s->opt.ip, '.');
	snprintf(out, 16, "%.*s.%u", dot != NULL ? (int)(dot - s->opt.ip) : 0, s->opt.ip, last & 0xFF);
	return out;
}

bool sim_is_on(const struct sim *s)
{
	return s->power == POWER_ON;
}
