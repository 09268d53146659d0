#include "tests/simlab/kernel_desc.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define KEXT_BASE UINT64_C(0xffffff7f80000000)

/* Where the kexts of a collection (11 on) lie: behind the kernel in it. */
#define COLLECTED_KEXT_BASE UINT64_C(0xffffff8002000000)

/* A UUID of version 3, as ld64 makes them, from a number. */
static void made_up_uuid(uint64_t n, uint8_t uuid[static 16])
{
	for (unsigned i = 0; i < 16; i++)
		uuid[i] = (uint8_t)(kernel_mix(n + i / 8) >> (8 * (i % 8)));
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x30);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

uint64_t kernel_mix(uint64_t x)
{
	x += UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
	return x ^ (x >> 31);
}

static uint64_t hash_text(const char *s)
{
	uint64_t h = 0;
	while (*s)
		h = kernel_mix(h ^ (uint8_t)*s++);
	return h;
}

static void add_kext(
	struct kernel_desc *d, const char *name, const char *version, uint64_t offset, uint64_t size)
{
	struct kernel_kext *k = &d->kexts[d->kext_count++];
	snprintf(k->name, sizeof(k->name), "%s", name);
	snprintf(k->version, sizeof(k->version), "%s", version);
	made_up_uuid(hash_text(name), k->uuid);
	k->address = (d->in_collection != 0 ? COLLECTED_KEXT_BASE : KEXT_BASE) + offset + d->slide;
	k->size = size;
}

void kernel_uuid_of(const char *text, uint8_t uuid[static 16])
{
	made_up_uuid(hash_text(text), uuid);
}

void kernel_desc_default(struct kernel_desc *d)
{
	kernel_desc_release(d, release_default(), 0);
}

/* 11 and later: seen 0x10000 (11.5), 0xe0000 and 0xe8000 (14, 15). */
static uint64_t place_in_collection(const struct release *r)
{
	if (r->number < 1100)
		return 0;
	return r->number < 1300 ? 0x10000 : 0xe8000;
}

void kernel_desc_release(struct kernel_desc *d, const struct release *r, size_t variant)
{
	memset(d, 0, sizeof(*d));
	snprintf(d->release, sizeof(d->release), "%s", r->version);
	snprintf(d->build, sizeof(d->build), "%s", r->build);
	release_kernel_version(r, variant, d->version, sizeof(d->version));
	release_kernel_uuid(r, variant, d->uuid);
	d->slide = UINT64_C(0x17200000);
	d->in_collection = place_in_collection(r);
	snprintf(d->model, sizeof(d->model), "VMware7,1 (Mac-AA95B1DDAB278B95)");
	snprintf(d->boot_args, sizeof(d->boot_args), "keepsyms=1");
	snprintf(d->process, sizeof(d->process), "dtrace");
	d->cpus = 2;
	d->panic_cpu = 1;
	d->core_size = UINT64_C(64) << 20;
	d->seed = 1;
	d->uptime_ns = UINT64_C(184273644112);
	d->kext_summaries = true;
	add_kext(d, "com.apple.iokit.IOPCIFamily", "2.9", 0x92a000, 0x28000);
	add_kext(d, "com.apple.iokit.IONetworkingFamily", "3.2", 0xc87000, 0x2f000);
	add_kext(d, "com.apple.driver.Intel82574L", "2.7.2", 0xcb9000, 0x16000);
	add_kext(d, "com.apple.driver.AppleAHCIPort", "329", 0xd33000, 0x1d000);
	add_kext(d, "com.vmware.kext.vmhgfs", "0525.14.97", 0x1f72000, 0x14000);
	add_kext(d, "net.example.driver.Panicker", "1.0.0", 0x1fa4000, 0x4000);
}

static void set_slide(struct kernel_desc *d, uint64_t slide)
{
	for (size_t i = 0; i < d->kext_count; i++)
		d->kexts[i].address += slide - d->slide;
	d->slide = slide;
}

void kernel_desc_boot(struct kernel_desc *d, uint64_t entropy)
{
	/* 10.8 to 10.15 slide by 1 to 255 steps of 2 MiB. */
	set_slide(d, (1 + kernel_mix(entropy) % 255) * KERNEL_SLIDE_STEP);
	d->seed = kernel_mix(entropy + 1);
	d->uptime_ns = UINT64_C(40000000000) + kernel_mix(entropy + 2) % UINT64_C(400000000000);
}

static bool parse_uuid(const char *s, uint8_t uuid[static 16])
{
	unsigned digits = 0;
	for (; *s; s++) {
		if (*s == '-')
			continue;
		if (!isxdigit((unsigned char)*s) || digits >= 32)
			return false;
		unsigned v = *s <= '9' ? (unsigned)(*s - '0') : (unsigned)((*s | 0x20) - 'a' + 10);
		uuid[digits / 2] = (uint8_t)(digits % 2 ? uuid[digits / 2] | v : v << 4);
		digits++;
	}
	return digits == 32;
}

static bool parse_identity(const char *s, enum kernel_identity *ret)
{
	static const char *const names[] = {"auto", "lc-ident", "kern-ver-str", "main-bin-spec", "none"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(s, names[i]) == 0) {
			*ret = (enum kernel_identity)i;
			return true;
		}
	return false;
}

static bool parse_kext(struct kernel_desc *d, const char *value)
{
	struct kernel_kext k;
	char uuid[40], address[24], size[24];
	if (strcmp(value, "none") == 0) {
		d->kext_count = 0;
		return true;
	}
	memset(&k, 0, sizeof(k));
	if (d->kext_count == KERNEL_KEXTS_MAX)
		return false;
	if (sscanf(value, "%63s %23s %39s %23s %23s", k.name, k.version, uuid, address, size) != 5)
		return false;
	if (!parse_uuid(uuid, k.uuid) || !pl_parse_u64(address, UINT64_MAX, &k.address) ||
		!pl_parse_u64(size, UINT32_MAX, &k.size))
		return false;
	d->kexts[d->kext_count++] = k;
	return true;
}

static bool set_text(char *out, size_t size, const char *value)
{
	return (size_t)snprintf(out, size, "%s", value) < size;
}

static bool set_unsigned(const char *value, unsigned max, unsigned *ret)
{
	uint64_t v;
	if (!pl_parse_u64(value, max, &v))
		return false;
	*ret = (unsigned)v;
	return true;
}

static bool set_text_key(struct kernel_desc *d, const char *key, const char *value, bool *known)
{
	const struct {
		const char *key;
		char *out;
		size_t size;
	} texts[] = {
		{"release", d->release, sizeof(d->release)},
		{"build", d->build, sizeof(d->build)},
		{"version", d->version, sizeof(d->version)},
		{"model", d->model, sizeof(d->model)},
		{"boot-args", d->boot_args, sizeof(d->boot_args)},
		{"process", d->process, sizeof(d->process)},
	};
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcmp(key, texts[i].key) == 0) {
			*known = true;
			return set_text(texts[i].out, texts[i].size, value);
		}
	*known = false;
	return false;
}

static bool set_number_key(struct kernel_desc *d, const char *key, const char *value, bool *known)
{
	uint64_t v;
	*known = true;
	if (strcmp(key, "cpus") == 0)
		return set_unsigned(value, KERNEL_CPUS_MAX, &d->cpus) && d->cpus > 0;
	if (strcmp(key, "panic-cpu") == 0)
		return set_unsigned(value, KERNEL_CPUS_MAX - 1, &d->panic_cpu);
	if (strcmp(key, "size") == 0)
		return pl_parse_size(value, &d->core_size) && d->core_size >= KERNEL_CORE_SIZE_MIN;
	if (strcmp(key, "seed") == 0)
		return pl_parse_u64(value, UINT64_MAX, &d->seed);
	if (strcmp(key, "uptime") == 0)
		return pl_parse_u64(value, UINT64_MAX, &d->uptime_ns);
	if (strcmp(key, "slide") == 0) {
		if (!pl_parse_u64(value, UINT64_C(0x7fffffff), &v) || v % KERNEL_SLIDE_STEP != 0)
			return false;
		set_slide(d, v);
		return true;
	}
	*known = false;
	return false;
}

/* "13.6", "13.6 DEVELOPMENT" */
static bool set_release(struct kernel_desc *d, const char *value)
{
	char version[16];
	char variant[16] = "RELEASE";
	const struct release *r = NULL;
	size_t i = 0;
	if (sscanf(value, "%15s %15s", version, variant) < 1)
		return false;
	struct pl_error *e = release_find(version, &r);
	while (i < RELEASE_VARIANTS && strcmp(RELEASE_VARIANT_NAMES[i], variant) != 0)
		i++;
	bool ok = e == NULL && i < RELEASE_VARIANTS && release_has_variant(r, i);
	pl_error_free(e);
	if (ok)
		kernel_desc_release(d, r, i);
	return ok;
}

static bool set_other_key(struct kernel_desc *d, const char *key, const char *value, bool *known)
{
	*known = true;
	if (strcmp(key, "uuid") == 0)
		return parse_uuid(value, d->uuid);
	if (strcmp(key, "macos") == 0)
		return set_release(d, value);
	if (strcmp(key, "identity") == 0)
		return parse_identity(value, &d->identity);
	if (strcmp(key, "kext") == 0)
		return parse_kext(d, value);
	if (strcmp(key, "kext-summaries") == 0) {
		d->kext_summaries = strcmp(value, "yes") == 0;
		return d->kext_summaries || strcmp(value, "no") == 0;
	}
	*known = false;
	return false;
}

struct pl_error *kernel_desc_set(struct kernel_desc *d, const char *key, const char *value)
{
	bool known;
	bool ok = set_text_key(d, key, value, &known);
	if (!known)
		ok = set_number_key(d, key, value, &known);
	if (!known)
		ok = set_other_key(d, key, value, &known);
	if (!known)
		return pl_error_new(PL_ERR_USAGE, "unknown key '%s' of a kernel description", key);
	if (!ok)
		return pl_error_new(PL_ERR_USAGE, "bad value for '%s': '%s'", key, value);
	return NULL;
}

static char *trim(char *s)
{
	s += strspn(s, " \t");
	size_t len = strlen(s);
	while (len > 0 && isspace((unsigned char)s[len - 1]))
		s[--len] = '\0';
	return s;
}

static struct pl_error *parse_line(struct kernel_desc *d, char *line)
{
	line = trim(line);
	if (*line == '\0' || *line == '#')
		return NULL;
	char *equals = strchr(line, '=');
	if (!equals)
		return pl_error_new(PL_ERR_USAGE, "'%s' is not 'key = value'", line);
	*equals = '\0';
	return kernel_desc_set(d, trim(line), trim(equals + 1));
}

struct pl_error *kernel_desc_parse(struct kernel_desc *d, const char *text, const char *where)
{
	for (unsigned number = 1; *text; number++) {
		char line[2048];
		size_t len = strcspn(text, "\n");
		if (len >= sizeof(line))
			return pl_error_at(
				pl_error_new(PL_ERR_USAGE, "line too long"), "%s:%u", where, number);
		memcpy(line, text, len);
		line[len] = '\0';
		text += len + (text[len] == '\n');
		struct pl_error *e = parse_line(d, line);
		if (e)
			return pl_error_at(e, "%s:%u", where, number);
	}
	return NULL;
}

void kernel_xnu_version(const struct kernel_desc *d, char *out, size_t size)
{
	/* xnu (kdp_get_xnu_version) looks at 115 characters and takes at most 19, "xnu-" included. */
	const char *at = strstr(d->version, "xnu-");
	size_t len = 0;
	if (at && at - d->version <= 111) {
		len = strspn(at + 4, "0123456789.");
		len = len > 15 ? 15 : len;
		while (len > 0 && at[4 + len - 1] == '.')
			len--;
	}
	if (len > 0)
		snprintf(out, size, "%.*s", (int)len, at + 4);
	else
		snprintf(out, size, "custom");
}

unsigned kernel_xnu_major(const struct kernel_desc *d)
{
	/* root:xnu-3789..., root:xnu_development-11215... */
	const char *at = strstr(d->version, "root:xnu");
	at = at ? strchr(at, '-') : NULL;
	return at ? (unsigned)strtoul(at + 1, NULL, 10) : 0;
}

uint64_t kernel_slide(const struct kernel_desc *d)
{
	return d->slide + d->in_collection;
}

uint64_t kernel_text_base(const struct kernel_desc *d)
{
	return KERNEL_TEXT_UNSLID + kernel_slide(d);
}

uint64_t kernel_hib_base(const struct kernel_desc *d)
{
	return KERNEL_TEXT_UNSLID - 0x100000 + d->slide;
}

uint64_t kernel_text_size(const struct kernel_desc *d)
{
	uint64_t size = d->core_size / 4;
	uint64_t most = UINT64_C(8) << 20; /* about what 10.12's is */
	return (size > most ? most : size) & ~UINT64_C(0xfff);
}

/* Functions: behind 64 KiB of header and constants, close together so that a kernel's file is small. */
static uint64_t code_size(const struct kernel_desc *d)
{
	uint64_t room = kernel_text_size(d) - 0x20000;
	return room < 0x40000 ? room : 0x40000;
}

uint64_t kernel_code_end(const struct kernel_desc *d)
{
	return 0x10000 + code_size(d) + 0x1000;
}

uint64_t kernel_function(const struct kernel_desc *d, const char *name, unsigned offset)
{
	return kernel_text_base(d) + 0x10000 + (hash_text(name) % code_size(d) & ~UINT64_C(15)) + offset;
}

uint64_t kernel_stack_base(const struct kernel_desc *d, unsigned cpu)
{
	return UINT64_C(0xffffff9210000000) + (d->slide >> 5) + cpu * 2 * KERNEL_STACK_SIZE;
}

const char *kernel_uuid_text(const uint8_t uuid[static 16], char out[static 37])
{
	char *p = out;
	for (unsigned i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			*p++ = '-';
		p += snprintf(p, 3, "%02X", uuid[i]);
	}
	return out;
}
