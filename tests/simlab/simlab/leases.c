#include "tests/simlab/simlab/leases.h"

#include <stdio.h>

#include "base/fs.h"

static struct pl_error *lease(struct pl_buf *b, const char *ip, const char *mac, time_t from, time_t to)
{
	char starts[64];
	char ends[64];
	struct tm tm;
	strftime(starts, sizeof starts, "%w %Y/%m/%d %H:%M:%S", gmtime_r(&from, &tm));
	strftime(ends, sizeof ends, "%w %Y/%m/%d %H:%M:%S", gmtime_r(&to, &tm));
	return pl_buf_printf(b,
		"lease %s {\n\tstarts %s;\n\tends %s;\n\thardware ethernet %s;\n"
		"\tclient-hostname \"" SIM_HOST_NAME "\";\n}\n",
		ip, starts, ends, mac);
}

void leases_write(const struct sim *s)
{
	struct pl_buf b;
	time_t now = time(NULL);
	char stale[16];
	char stranger[16];
	sim_address(s, SIM_STALE, stale);
	pl_buf_init(&b, 65536);
	struct pl_error *e = pl_buf_puts(&b, "# simulated: All times in this file are in UTC (GMT), not your "
					     "local timezone.\n");
	if (e == NULL && !s->faults.on[FAULT_NO_IP]) {
		e = lease(&b, stale, sim_mac(), now - 9000, now - 7200);
		if (e == NULL)
			e = lease(
				&b, sim_address(s, 200, stranger), "00:50:56:11:22:33", now - 60, now + 1740);
		if (e == NULL && s->faults.on[FAULT_STALE_IP])
			e = lease(&b, stale, sim_mac(), now - 60, now + 1740);
		else if (e == NULL)
			e = lease(&b, s->opt.ip, sim_mac(), now - 60, now + 1740);
	}
	if (e == NULL)
		e = pl_fs_write(SIM_LEASES, pl_buf_text(&b), b.size, 0644);
	pl_buf_deinit(&b);
	sim_complain(e);
}
