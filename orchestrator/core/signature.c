#include "orchestrator/core/signature.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/embed.h"
#include "orchestrator/core/panic_parts.h"
#include "orchestrator/core/signature_rules.h"

#define TITLE_MAX (16 * 1024)
#define KERNEL_BASE UINT64_C(0xffffff8000200000) /* x86_64's, without a slide */
#define KERNEL_TEXT_MAX UINT64_C(0x8000000)      /* further up there are kexts */

extern const struct pl_embedded core_rules[];

const char *signature_rules(void)
{
	const struct pl_embedded *e = pl_embedded_find(core_rules, "signature.txt");
	return e ? e->data : "";
}

static struct panic_piece piece(const char *text)
{
	return (struct panic_piece){text, strlen(text)};
}

/* ---- the text ---- */

/* The first line, whether its end is a real one or written as \n. */
static struct panic_piece first_line(struct panic_piece s)
{
	const char *real = memchr(s.p, '\n', s.len);
	if (real)
		s.len = (size_t)(real - s.p);
	const char *written = memmem(s.p, s.len, "\\n", 2);
	if (written)
		s.len = (size_t)(written - s.p);
	return panic_piece_trim(s);
}

/* Length of the number that s begins with: 0x..., eight or more hex digits, a UUID, decimal digits; or 0. */
static size_t number_length(struct panic_piece s, bool word_start)
{
	size_t hex = 0, digits = 0;
	bool any = false;

	if (s.len > 2 && s.p[0] == '0' && s.p[1] == 'x' && isxdigit((unsigned char)s.p[2])) {
		for (hex = 2; hex < s.len && isxdigit((unsigned char)s.p[hex]);)
			hex++;
		return hex;
	}
	for (; hex < s.len && (isxdigit((unsigned char)s.p[hex]) || (hex >= 8 && s.p[hex] == '-')); hex++)
		any = any || isdigit((unsigned char)s.p[hex]);
	while (digits < s.len && isdigit((unsigned char)s.p[digits]))
		digits++;
	bool word_end = hex == s.len || !isalnum((unsigned char)s.p[hex]);
	return word_start && word_end && any && hex >= 8 ? hex : digits;
}

/* What may stand between two numbers of one list, so that "1, 2 3" is one "#". */
static bool joins(struct pl_buf *out)
{
	size_t n = out->size;
	while (n > 0 && strchr(" ,./:-", out->data[n - 1]))
		n--;
	if (n == 0 || out->data[n - 1] != '#')
		return false;
	out->size = n;
	return true;
}

/* Numbers of any kind become "#", other control bytes "?". */
static void put_normal(struct pl_buf *out, struct panic_piece s)
{
	char before = ' ';

	if (s.len > SIGNATURE_TEXT_MAX)
		s.len = SIGNATURE_TEXT_MAX;
	while (s.len > 0) {
		size_t n = number_length(s, !isalnum((unsigned char)before) && before != '_');
		char c = n ? '#' : isprint((unsigned char)*s.p) ? *s.p : '?';
		n = n ? n : 1;
		if (c != '#' || !joins(out))
			pl_buf_append_capped(out, &c, 1);
		before = s.p[n - 1];
		s.p += n;
		s.len -= n;
	}
}

/* "type 14=page fault," (15.4 and later: "type = 14=page fault,") */
static struct panic_piece trap_name(struct panic_piece text)
{
	const char *type = memmem(text.p, text.len, ", type ", strlen(", type "));
	struct panic_piece s = {0};

	if (!type)
		return s;
	s = (struct panic_piece){type + 7, (size_t)(text.p + text.len - type - 7)};
	const char *comma = memchr(s.p, ',', s.len);
	if (comma)
		s.len = (size_t)(comma - s.p);
	for (size_t i = s.len; i-- > 0;)
		if (s.p[i] == '=')
			return (struct panic_piece){s.p + i + 1, s.len - i - 1};
	return s;
}

/*
 * Takes apart "Kernel trap at 0xADDR, type ..." (Intel) and "Kernel data abort.
 * at pc 0xADDR, lr ..." (arm64): what it is called and where. False: no trap.
 */
static bool take_trap(struct panic_piece text, struct panic_piece *name, uint64_t *at)
{
	struct panic_piece s = text;

	if (panic_piece_skip(&s, "Kernel trap at ") && panic_piece_number(&s, 16, at)) {
		*name = trap_name(s);
		return true;
	}
	const char *pc = memmem(text.p, text.len, " at pc 0x", strlen(" at pc 0x"));
	if (!pc)
		return false;
	s = (struct panic_piece){pc + 7, (size_t)(text.p + text.len - pc - 7)};
	*name = (struct panic_piece){text.p, (size_t)(pc - text.p)};
	if (name->len > 0 && name->p[name->len - 1] == '.')
		name->len--;
	return panic_piece_number(&s, 16, at);
}

/* ---- the frames ---- */

/* Where a frame's own name begins and ends: without "_", and without a compiler's ".cold.1". */
static struct panic_piece symbol_of(const char *symbol)
{
	struct panic_piece s = piece(symbol);

	panic_piece_skip(&s, "_");
	const char *dot = s.len > 1 ? memchr(s.p + 1, '.', s.len - 1) : NULL;
	if (dot)
		s.len = (size_t)(dot - s.p);
	return s;
}

static const struct panic_kext *kext_of(const struct panic_text *p, uint64_t address)
{
	for (size_t i = 0; i < p->kext_count; i++) {
		const struct panic_kext *k = &p->kexts[i];
		if (k->end.known && address >= k->start.value && address <= k->end.value)
			return k;
	}
	return NULL;
}

/* Offset in the kernel without its slide; false if that is not known or it is not in there. */
static bool kernel_offset(const struct panic_text *p, uint64_t address, uint64_t *ret)
{
	uint64_t base = KERNEL_BASE;

	if (p->kernel_text_base.known)
		base = p->kernel_text_base.value;
	else if (p->kernel_slide.known)
		base += p->kernel_slide.value;
	else if (!p->kernel_version) /* no slide is printed when there is none, but was the line there? */
		return false;
	else if (strstr(p->kernel_version, "I386"))
		base = 0;
	*ret = address - base;
	return address >= base && *ret < KERNEL_TEXT_MAX;
}

/* Symbol, or kext and offset. Nothing: neither is known, or a rule leaves it out. */
static void frame_name(
	const struct panic_text *p, const struct panic_frame *f, const char *rules, struct pl_buf *out)
{
	if (f->symbol) {
		struct panic_piece symbol = symbol_of(f->symbol);
		bool kext = f->image && strcmp(f->image, "mach_kernel") != 0;
		if (signature_rule(rules, "skip", symbol, NULL))
			return;
		if (kext && pl_buf_append_capped(out, f->image, strlen(f->image)))
			pl_buf_append_capped(out, ":", 1);
		pl_buf_append_capped(out, symbol.p, symbol.len);
		return;
	}
	const struct panic_kext *k = kext_of(p, f->address);
	if (!k)
		return;
	char text[32];
	snprintf(text, sizeof text, "+0x%" PRIx64, f->address - k->start.value);
	pl_buf_append_capped(out, k->id, strlen(k->id));
	pl_buf_append_capped(out, text, strlen(text));
}

static void kernel_name(const struct panic_text *p, const struct panic_frame *f, struct pl_buf *out)
{
	char text[40];
	uint64_t offset;

	if (f->symbol || kext_of(p, f->address) || !kernel_offset(p, f->address, &offset))
		return;
	snprintf(text, sizeof text, "kernel+0x%" PRIx64, offset);
	pl_buf_append_capped(out, text, strlen(text));
}

/* What comes before the trap's, or the caller's, own frame is the way to the panic text. */
static size_t first_own(const struct panic_text *p, uint64_t trap)
{
	uint64_t wanted = trap ? trap : p->caller.known ? p->caller.value : 0;

	for (size_t i = 0; wanted && i < p->frame_count; i++)
		if (p->frames[i].address == wanted)
			return i;
	return 0;
}

/* " in A < B < C"; how many there were. A function that calls itself counts once. */
static size_t put_frames(
	const struct panic_text *p, uint64_t trap, const char *rules, bool by_kernel, struct pl_buf *out)
{
	struct pl_buf name, last;
	size_t count = 0;

	pl_buf_init(&name, TITLE_MAX);
	pl_buf_init(&last, TITLE_MAX);
	for (size_t i = first_own(p, trap); i < p->frame_count && count < SIGNATURE_FRAMES; i++) {
		pl_buf_clear(&name);
		if (by_kernel)
			kernel_name(p, &p->frames[i], &name);
		else
			frame_name(p, &p->frames[i], rules, &name);
		if (name.size == 0 || strcmp(pl_buf_text(&name), pl_buf_text(&last)) == 0)
			continue;
		const char *joint = count++ == 0 ? " in " : " < ";
		pl_buf_append_capped(out, joint, strlen(joint));
		pl_buf_append_capped(out, name.data, name.size);
		pl_buf_clear(&last);
		pl_buf_append_capped(&last, name.data, name.size);
	}
	pl_buf_deinit(&name);
	pl_buf_deinit(&last);
	return count;
}

/* ---- the whole ---- */

enum text_says { NOTHING, SOMETHING, EVERYTHING };

/* The kind and the text, and what that is worth without frames. */
static enum text_says put_text(
	const struct panic_text *p, const char *rules, uint64_t *trap, struct pl_buf *out)
{
	struct panic_piece text = first_line(piece(p->string ? p->string : "")), name;
	bool is_trap = take_trap(text, &name, trap);
	const char *kind = p->caller.known || p->source ? "panic: " : "debugger: ";

	if (is_trap)
		kind = "trap: ";
	else if (text.len == 0)
		kind = "unknown";
	pl_buf_append_capped(out, kind, strlen(kind));
	if (is_trap) {
		put_normal(out, name);
		return NOTHING;
	}
	if (signature_rule(rules, "name", text, &name)) {
		pl_buf_append_capped(out, name.p, name.len);
		return EVERYTHING;
	}
	put_normal(out, text);
	return text.len > 0 ? SOMETHING : NOTHING;
}

/* Without frames, the file tells apart what the text alone may not: " (kalloc.c)" */
static void put_file(const struct panic_text *p, struct pl_buf *out)
{
	const char *slash = p->source ? strrchr(p->source, '/') : NULL;
	struct panic_piece file = piece(slash ? slash + 1 : p->source ? p->source : "");
	const char *colon = memchr(file.p, ':', file.len);

	if (!colon)
		return;
	pl_buf_append_capped(out, " (", 2);
	for (; file.p < colon; file.p++)
		pl_buf_append_capped(out, isprint((unsigned char)*file.p) ? file.p : "?", 1);
	pl_buf_append_capped(out, ")", 1);
}

/* FNV-1a, 64 bits: names, not secrets, and few of them. */
static uint64_t hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return h;
}

struct pl_error *signature_make(const struct panic_text *p, const char *rules, struct signature *ret)
{
	struct pl_buf title;
	uint64_t trap = 0;
	struct pl_error *e = NULL;

	memset(ret, 0, sizeof *ret);
	rules = rules ? rules : signature_rules();
	pl_buf_init(&title, TITLE_MAX);
	enum text_says text = put_text(p, rules, &trap, &title);
	size_t frames = text == EVERYTHING ? 0 : put_frames(p, trap, rules, false, &title);
	if (frames == 0 && text == SOMETHING)
		put_file(p, &title);
	else if (frames == 0 && text == NOTHING)
		frames = put_frames(p, trap, rules, true, &title);
	if (frames > 0 || text != NOTHING)
		e = pl_buf_take(&title, &ret->title);
	pl_buf_deinit(&title);
	if (e || !ret->title)
		return e;
	snprintf(ret->id, sizeof ret->id, "v%d-%016" PRIx64, SIGNATURE_VERSION, hash(ret->title));
	if (signature_rule(rules, "ignore", piece(ret->title), NULL))
		ret->disposition = "ignore";
	else if (signature_rule(rules, "interest", piece(ret->title), NULL))
		ret->disposition = "interest";
	return NULL;
}

void signature_deinit(struct signature *s)
{
	free(s->title);
	memset(s, 0, sizeof *s);
}
