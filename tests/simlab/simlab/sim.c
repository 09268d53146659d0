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
