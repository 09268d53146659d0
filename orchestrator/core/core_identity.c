#include "orchestrator/core/core_identity.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "orchestrator/core/core_scan.h"

#define PAGE 4096
#define HEADER_BYTES (32 * 1024) /* of the kernel's header and load commands */
#define TRIES 1024               /* hits that are read, of each kind; a file of nothing else ends there */
#define PANIC_MAGIC "DEED"
#define NOTE_KERNEL 1 /* "main bin spec": type */
#define BEST_COMPLETE 15

struct search {
	const struct core_file *core;
	struct core_identity *id;
	char *text;      /* CORE_PANIC_MAX + 1 bytes to read a candidate into */
	int best;        /* score of id->panic_text */
	unsigned panics; /* that were read */
	unsigned versions;
	uint8_t *header; /* HEADER_BYTES */
};

static void take_version(struct core_identity *id, const struct kernel_version *v, const char *source)
{
	id->version = *v;
	id->source = source;
	if (v->uuid[0])
		memcpy(id->uuid, v->uuid, sizeof id->uuid);
	if (v->has_stext) {
		id->load_address = v->stext;
		id->has_load_address = true;
	}
}

static void from_ident(const struct core_file *c, struct core_identity *id)
{
	struct kernel_version v;
	if (kernel_version_parse(c->ident, strlen(c->ident), &v))
		take_version(id, &v, "LC_IDENT");
}

/* u32 version, then the text */
static void from_version_note(const struct core_file *c, struct core_identity *id)
{
	char payload[CORE_IDENT_MAX];
	struct kernel_version v;
	const struct macho_note *n = core_file_note(c, "kern ver str");
	size_t size = n ? core_file_note_read(c, n, payload, sizeof payload) : 0;

	if (size > 4 && kernel_version_parse(payload + 4, strnlen(payload + 4, size - 4), &v))
		take_version(id, &v, "kern ver str");
}

/* u32 version, u32 type, u64 address, uuid[16], u32 log2 page size, u32 unused */
static void from_binary_note(const struct core_file *c, struct core_identity *id)
{
	uint8_t payload[40];
	const struct macho_note *n = core_file_note(c, "main bin spec");
	size_t size = n ? core_file_note_read(c, n, payload, sizeof payload) : 0;
	struct pl_reader r = c->header.big_endian ? pl_reader_be(payload, size) : pl_reader_le(payload, size);

	pl_read_skip(&r, 4);
	uint32_t type = pl_read_u32(&r);
	uint64_t address = pl_read_u64(&r);
	const uint8_t *uuid = pl_read_bytes(&r, 16);
	if (!pl_reader_ok(&r) || type != NOTE_KERNEL)
		return;
	if (!id->source)
		id->source = "main bin spec";
	if (!id->uuid[0])
		macho_uuid_text(uuid, id->uuid);
	if (!id->has_load_address && address != UINT64_MAX) {
		id->load_address = address;
		id->has_load_address = true;
	}
}

/*
 * A kernel's Mach header at this address: MH_EXECUTE whose __TEXT says that it
 * is loaded here, or which has the __KLD segment that only kernels have.
 */
static bool kernel_header_at(struct search *s, uint64_t address, char uuid[static 37])
{
	struct macho_header h;
	struct macho_iter it;
	struct macho_cmd cmd;
	struct macho_segment g;
	uint8_t raw[16];
	bool ours = false;

	size_t size = core_file_read(s->core, address, s->header, HEADER_BYTES);
	struct pl_error *e = macho_header_decode(s->header, size, &h);
	pl_error_free(e);
	if (e || h.file_type != MACHO_EXECUTE || h.cpu_type != s->core->header.cpu_type)
		return false;
	uuid[0] = '\0';
	macho_iter_init(&it, &h, s->header + h.header_size, size - h.header_size);
	while (macho_next(&it, &cmd)) {
		if (cmd.cmd == MACHO_LC_UUID && macho_uuid_decode(cmd, raw))
			macho_uuid_text(raw, uuid);
		if (cmd.cmd != MACHO_LC_SEGMENT && cmd.cmd != MACHO_LC_SEGMENT_64)
			continue;
		if (macho_segment_decode(cmd, &g))
			ours |= strcmp(g.name, "__KLD") == 0 ||
				(strcmp(g.name, "__TEXT") == 0 && g.vmaddr == address);
	}
	return ours;
}

static void look_for_headers(struct search *s, const struct core_window *w)
{
	size_t first = (size_t)((PAGE - w->address % PAGE) % PAGE);
	char uuid[37];

	for (size_t i = first; i < w->size && i + 4 <= w->room && !s->id->header_seen; i += PAGE) {
		const uint8_t *p = w->data + i;
		bool magic = (p[0] == 0xcf || p[0] == 0xce) && p[1] == 0xfa && p[2] == 0xed && p[3] == 0xfe;
		if (!magic || !kernel_header_at(s, w->address + i, uuid))
			continue;
		/* what a note named is not replaced by another program's header */
		if (s->id->has_load_address && s->id->uuid[0] && strcmp(uuid, s->id->uuid) != 0)
			continue;
		memcpy(s->id->memory_uuid, uuid, sizeof uuid);
		s->id->header_seen = true;
		s->id->load_address = w->address + i;
		s->id->has_load_address = true;
	}
}

/* The next place of pattern that starts in the window at or after *at. */
static bool find(const struct core_window *w, const char *pattern, size_t *at)
{
	if (*at >= w->size)
		return false;
	const uint8_t *p = memmem(w->data + *at, w->room - *at, pattern, strlen(pattern));
	if (!p || (size_t)(p - w->data) >= w->size)
		return false;
	*at = (size_t)(p - w->data);
	return true;
}

static void look_for_version(struct search *s, const struct core_window *w)
{
	char text[KERNEL_VERSION_MAX];
	struct kernel_version v;

	for (size_t at = 0; !s->id->version.text[0] && find(w, "Darwin Kernel Version ", &at); at++) {
		if (s->versions++ >= TRIES)
			return;
		size_t n = core_file_read(s->core, w->address + at, text, sizeof text);
		if (!kernel_version_parse(text, strnlen(text, n), &v) || !v.xnu[0])
			continue;
		s->id->version = v;
		if (!s->id->source)
			s->id->source = "memory";
	}
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

/* How much of a panic text it is; format strings and scraps get 0. */
static int score(const char *text)
{
	const char *first = strstr(text, "panic(cpu ");
	if (!(first && isdigit((unsigned char)first[10])) && !has(text, "Debugger called: <"))
		return 0;
	return 1 + (has(text, "Backtrace (CPU ") ? 8 : 0) + (has(text, "Kernel version:") ? 4 : 0) +
	       (has(text, "System uptime in nanoseconds") ? 2 : 0);
}

static struct pl_error *consider(struct search *s, uint64_t address, size_t limit, bool header)
{
	if (s->panics++ >= TRIES)
		return NULL;
	size_t size =
		core_file_read(s->core, address, s->text, limit < CORE_PANIC_MAX ? limit : CORE_PANIC_MAX);
	s->text[size] = '\0';
	size = strlen(s->text);
	int points = score(s->text);
	if (points == 0)
		return NULL;
	s->id->panic_hits++;
	bool better = points > s->best || (points == s->best && header && !s->id->panic_header);
	if (!better)
		return NULL;
	char *copy = malloc(size + 1);
	if (!copy)
		return pl_error_nomem();
	memcpy(copy, s->text, size + 1);
	free(s->id->panic_text);
	s->id->panic_text = copy;
	s->id->panic_size = size;
	s->id->panic_address = address;
	s->id->panic_header = header;
	s->best = points;
	return NULL;
}

/*
 * struct macos_panic_header: u32 magic, crc, version, padding, u64 flags, u32
 * log offset, u32 log length. The length is 0 when the kernel died before it
 * was filled in: the text then ends at its NUL.
 */
static struct pl_error *consider_header(struct search *s, const struct core_window *w, size_t at)
{
	uint8_t raw[32];
	const uint8_t *p = w->data + at;
	size_t size = w->room - at;

	if (size < sizeof raw) {
		size = core_file_read(s->core, w->address + at, raw, sizeof raw);
		p = raw;
	}
	struct pl_reader r = pl_reader_le(p, size);
	pl_read_skip(&r, 24);
	uint32_t offset = pl_read_u32(&r);
	uint32_t length = pl_read_u32(&r);
	if (!pl_reader_ok(&r) || offset < sizeof raw || offset > CORE_PANIC_MAX)
		return NULL;
	return consider(s, w->address + at + offset, length ? length : CORE_PANIC_MAX, true);
}

/* "panic(cpu %d ...": the kernel's own format string, in every core. */
static bool is_format(const struct core_window *w, size_t at)
{
	const size_t mark = sizeof "panic(cpu " - 1;
	return at + mark < w->room && w->data[at + mark] == '%';
}

static struct pl_error *look_for_panic(struct search *s, const struct core_window *w)
{
	static const char *const starts[] = {"panic(cpu ", "Debugger called: <"};
	struct pl_error *e = NULL;

	for (size_t at = 0; !e && find(w, PANIC_MAGIC, &at); at++)
		if ((w->address + at) % 4 == 0)
			e = consider_header(s, w, at);
	for (size_t k = 0; k < sizeof starts / sizeof *starts; k++)
		for (size_t at = 0; !e && find(w, starts[k], &at); at++)
			if (!is_format(w, at))
				e = consider(s, w->address + at, CORE_PANIC_MAX, false);
	return e;
}

struct search_run {
	struct search s;
	struct pl_error *e;
};

static bool look(void *arg, const struct core_window *w)
{
	struct search_run *run = arg;
	struct search *s = &run->s;

	if (!s->id->header_seen)
		look_for_headers(s, w);
	if (!s->id->version.text[0])
		look_for_version(s, w);
	run->e = look_for_panic(s, w);
	bool complete = s->id->panic_header && s->best == BEST_COMPLETE;
	return run->e || (complete && s->id->header_seen && s->id->version.text[0]);
}

/* A note points at the kernel: is it there? If not, memory is searched. */
static void check_note(struct search *s)
{
	if (s->id->has_load_address)
		s->id->header_seen = kernel_header_at(s, s->id->load_address, s->id->memory_uuid);
}

static void conclude(const struct core_file *c, struct core_identity *id)
{
	if (!id->uuid[0])
		memcpy(id->uuid, id->memory_uuid, sizeof id->uuid);
	id->uuid_mismatch = id->memory_uuid[0] && strcmp(id->uuid, id->memory_uuid) != 0;
	if (!id->source && id->header_seen)
		id->source = "memory";
	if (c->header.cpu_type == MACHO_CPU_X86_64 && id->has_load_address &&
		id->load_address >= CORE_UNSLID_TEXT) {
		id->slide = id->load_address - CORE_UNSLID_TEXT;
		id->has_slide = true;
	}
}

struct pl_error *core_identify(const struct core_file *c, const struct pl_wait *w, struct core_identity *ret)
{
	struct search_run run = {.s = {.core = c, .id = ret}};
	struct pl_error *e = NULL;

	memset(ret, 0, sizeof *ret);
	run.s.text = malloc(CORE_PANIC_MAX + 1);
	run.s.header = malloc(HEADER_BYTES);
	if (!run.s.text || !run.s.header)
		e = pl_error_nomem();
	if (!e) {
		from_ident(c, ret);
		from_version_note(c, ret);
		from_binary_note(c, ret);
		check_note(&run.s);
		e = core_scan(c, w, look, &run);
		pl_error_keep_first(&e, run.e);
		conclude(c, ret);
	}
	free(run.s.text);
	free(run.s.header);
	if (e)
		core_identity_deinit(ret);
	return e;
}

void core_identity_deinit(struct core_identity *i)
{
	free(i->panic_text);
	i->panic_text = NULL;
}

/* ---- only the UUID ------------------------------------------------------------------ */

static bool look_for_kernel(void *arg, const struct core_window *w)
{
	struct search *s = arg;

	look_for_headers(s, w);
	return s->id->header_seen;
}

/* A core of many GiB without a kernel in it must not keep others waiting. */
#define UUID_PATIENCE (5 * PL_SECOND)

static void find_uuid(const struct core_file *c, struct core_identity *id)
{
	struct pl_wait w = pl_wait_for(UUID_PATIENCE, NULL);
	struct search s = {.core = c, .id = id};

	from_ident(c, id);
	from_version_note(c, id);
	from_binary_note(c, id);
	if (id->uuid[0])
		return;
	s.header = malloc(HEADER_BYTES);
	if (s.header)
		pl_error_free(core_scan(c, &w, look_for_kernel, &s));
	memcpy(id->uuid, id->memory_uuid, sizeof id->uuid);
	free(s.header);
}

bool core_kernel_uuid(int fd, char uuid[static 37])
{
	struct core_identity id = {0};
	struct core_file c;
	int mine = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	uuid[0] = '\0';
	if (mine < 0)
		return false;
	struct pl_error *e = core_file_open_fd(mine, &c);
	if (!e) {
		find_uuid(&c, &id);
		core_file_close(&c);
	}
	pl_error_free(e);
	memcpy(uuid, id.uuid, sizeof id.uuid);
	return uuid[0] != '\0';
}
