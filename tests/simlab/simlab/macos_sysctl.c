/* sysctl(8): what tells of the kernel, and what makes one panic. */
#include <stdio.h>
#include <string.h>

#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/panic.h"

/* On kernels that are no release kernel: writing `value` panics. By xnu major. */
static const struct {
	const char *name;
	const char *value;
	unsigned since;
	unsigned until;
} PANICS[] = {
	{"debug.debugger_test", "1", 0, 99999},
	{"debug.panic_test", "entry", 4570, 8020},
	{"debug.xnu_spinlock_panic_test", "1", 8792, 99999},
};

/* Index into PANICS, or -1 if this kernel has no such thing. */
static int panic_index(const struct sim *s, const char *name)
{
	unsigned xnu = kernel_xnu_major(&s->boot.kernel);
	for (int i = 0; i < (int)(sizeof PANICS / sizeof PANICS[0]); i++)
		if (strcmp(PANICS[i].name, name) == 0 && xnu >= PANICS[i].since && xnu <= PANICS[i].until &&
			strcmp(s->boot.variant, "RELEASE") != 0)
			return i;
	return -1;
}

static void boot_time(const struct sim *s, char *out, size_t size)
{
	char text[64];
	struct tm tm;
	strftime(text, sizeof text, "%a %b %e %H:%M:%S %Y", localtime_r(&s->boot.at, &tm));
	snprintf(out, size, "{ sec = %lld, usec = %u } %s", (long long)s->boot.at,
		(unsigned)(s->boot.entropy % 1000000), text);
}

/* Made up anew at each boot; what a memory holds, it keeps. */
static void boot_session(const struct sim *s, char *out, size_t size)
{
	uint64_t n = s->boot.entropy;
	snprintf(out, size, "%08X-%04X-4%03X-8%03X-%012llX", (unsigned)(n >> 32),
		(unsigned)(n >> 16 & 0xffff), (unsigned)(n >> 8 & 0xfff), (unsigned)(n & 0xfff),
		(unsigned long long)(n ^ n >> 20) & 0xffffffffffff);
}

/* "release", "development": kern.osbuildconfig. */
static void build_config(const struct sim *s, char *out, size_t size)
{
	size_t i = 0;
	for (; s->boot.variant[i] != '\0' && i + 1 < size; i++)
		out[i] = (char)(s->boot.variant[i] | 0x20);
	out[i] = '\0';
}

static const char *constant(const struct sim *s, const char *name)
{
	const struct release *r = s->release;
	const struct {
		const char *name;
		const char *value;
		unsigned since;
	} texts[] = {
		{"kern.bootargs", s->boot.kernel.boot_args, 0},
		{"kern.version", s->boot.kernel.version, 0},
		{"kern.osversion", r->build, 0},
		{"kern.osrelease", r->darwin, 0},
		{"kern.osproductversion", r->version, 1013},
		{"kern.ostype", "Darwin", 0},
		{"kern.hostname", SIM_HOST_NAME ".local", 0},
		{"hw.machine", "x86_64", 0},
		{"hw.memsize", "4294967296", 0},
		{"kern.hv_vmm_present", "1", 1015},
	};
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
		if (strcmp(texts[i].name, name) == 0 && r->number >= texts[i].since)
			return texts[i].value;
	return NULL;
}

static bool sysctl_value(const struct sim *s, const char *name, char *out, size_t size)
{
	const struct kernel_desc *d = &s->boot.kernel;
	char text[64];
	const char *value = constant(s, name);
	if (value != NULL)
		snprintf(out, size, "%s", value);
	else if (strcmp(name, "kern.osbuildconfig") == 0 && s->release->number >= 1014)
		build_config(s, out, size);
	else if (strcmp(name, "kern.uuid") == 0)
		snprintf(out, size, "%s", kernel_uuid_text(d->uuid, text));
	else if (strcmp(name, "kern.slide") == 0)
		snprintf(out, size, "%d", d->slide != 0);
	else if (strcmp(name, "kern.boottime") == 0)
		boot_time(s, out, size);
	else if (strcmp(name, "kern.bootsessionuuid") == 0)
		boot_session(s, out, size);
	else if (strcmp(name, "hw.model") == 0)
		snprintf(out, size, "%.*s", (int)strcspn(d->model, " "), d->model);
	else if (strcmp(name, "hw.ncpu") == 0)
		snprintf(out, size, "%u", d->cpus);
	else if (panic_index(s, name) >= 0)
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
	int panics = panic_index(s, name);
	if (panics < 0 || !c->root) {
		call_err(c, "sysctl: oid '%s' is read only\n", name);
		c->status = 1;
		return;
	}
	call_out(c, "%s: %s -> %s\n", name, old, value);
	if (strcmp(value, PANICS[panics].value) == 0) {
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
