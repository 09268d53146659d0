#include "tests/simlab/panic_report.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/simlab/panic_style.h"

#define REPORT_MAX (64U << 10)

static void made_up(const struct kernel_desc *d, uint8_t uuid[static 16])
{
	for (unsigned i = 0; i < 16; i++)
		uuid[i] = (uint8_t)kernel_mix(d->seed + 100 + i);
}

static struct pl_error *write_text(
	const struct kernel_desc *d, const struct panic *p, const struct tm *tm, struct pl_buf *b)
{
	char date[64], uuid[37];
	uint8_t anonymous[16];
	made_up(d, anonymous);
	strftime(date, sizeof(date), "%a %b %e %H:%M:%S %Y", tm);
	struct pl_error *e = pl_buf_printf(b, "Anonymous UUID:       %s\n\n%s\n\n*** Panic Report ***\n%s\n",
		kernel_uuid_text(anonymous, uuid), date, p->text);
	if (e)
		return e;
	return pl_buf_printf(b,
		"System Profile:\nModel: %.9s, BootROM VMW71.00V.0.B64, %u processors, 2.9 GHz, 4 "
		"GB, SMC 2.8f0\n"
		"Network Service: Ethernet, Ethernet, en0\n",
		d->model, d->cpus);
}

/* Takes the object. */
static struct pl_error *write_object(json_t *o, struct pl_buf *b)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;
	struct pl_error *e = text ? pl_buf_printf(b, "%s\n", text) : pl_error_nomem();
	free(text);
	json_decref(o);
	return e;
}

static struct pl_error *write_json(
	const struct kernel_desc *d, const struct panic *p, const struct tm *tm, struct pl_buf *b)
{
	char date[64], uuid[37], version[64];
	uint8_t anonymous[16];
	const struct release *r = release_of_build(d->build);
	made_up(d, anonymous);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S.00 +0000", tm);
	snprintf(version, sizeof(version), "%s %s (%s)", r ? r->product : "macOS", d->release, d->build);
	struct pl_error *e =
		write_object(json_pack("{s:s, s:s, s:s, s:s}", "timestamp", date, "bug_type", "210",
				     "os_version", version, "incident_id", kernel_uuid_text(anonymous, uuid)),
			b);
	if (e)
		return e;
	return write_object(json_pack("{s:s, s:s, s:s, s:s}", "build", version, "product", "VMware7,1",
				    "notes", "simulated", "macOSPanicString", p->text),
		b);
}

struct pl_error *panic_report(const struct kernel_desc *d, const struct panic *p, time_t when, char **ret)
{
	struct tm tm;
	struct pl_buf b;
	gmtime_r(&when, &tm);
	pl_buf_init(&b, REPORT_MAX);
	bool text = panic_style_of(kernel_xnu_major(d))->report == REPORT_TEXT;
	struct pl_error *e = text ? write_text(d, p, &tm, &b) : write_json(d, p, &tm, &b);
	if (!e)
		e = pl_buf_take(&b, ret);
	pl_buf_deinit(&b);
	return e;
}

const char *panic_report_name(
	const struct kernel_desc *d, time_t when, const char *host, char *out, size_t size)
{
	struct tm tm;
	char date[32];
	gmtime_r(&when, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d-%H%M%S", &tm);
	if (panic_style_of(kernel_xnu_major(d))->report == REPORT_JSON_KERNEL)
		snprintf(out, size, "Kernel-%s.panic", date);
	else
		snprintf(out, size, "Kernel_%s_%s.panic", date, host);
	return out;
}
