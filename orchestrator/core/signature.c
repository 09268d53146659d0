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
#include "orchestrator/core/signature_text.h"

#define TITLE_MAX (16 * 1024)
#define KERNEL "mach_kernel"                     /* as xnu calls it in a backtrace */
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

/* Which kext, or "mach_kernel"; NULL if that cannot be told. */
static const char *image_of(const struct panic_text *p, const struct panic_frame *f)
{
	const struct panic_kext *k = f->image ? NULL : kext_of(p, f->address);

	if (f->image)
		return f->image;
	if (k)
		return k->id;
	return f->symbol ? KERNEL : NULL;
}

/* "symbol" in the kernel, "id:symbol" or "id+0xoffset" in a kext; nothing if neither is known. */
static void frame_name(const struct panic_text *p, const struct panic_frame *f, struct pl_buf *out)
{
	const char *image = image_of(p, f);
	bool kext = image && strcmp(image, KERNEL) != 0;
	const struct panic_kext *k = kext_of(p, f->address);
	uint64_t offset = k ? f->address - k->start.value : f->offset.value;
	char text[32];

	if (f->symbol) {
		struct panic_piece symbol = symbol_of(f->symbol);
		if (kext && pl_buf_append_capped(out, image, strlen(image)))
			pl_buf_append_capped(out, ":", 1);
		pl_buf_append_capped(out, symbol.p, symbol.len);
		return;
	}
	if (!kext || (!k && !f->offset.known))
		return;
	snprintf(text, sizeof text, "+0x%" PRIx64, offset);
	pl_buf_append_capped(out, image, strlen(image));
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
static size_t first_of_bug(const struct panic_text *p, uint64_t trap, bool *found)
{
	uint64_t wanted = trap ? trap : p->caller.known ? p->caller.value : 0;

	*found = true;
	for (size_t i = 0; wanted && i < p->frame_count; i++)
		if (p->frames[i].address == wanted)
			return i;
	*found = false;
	return 0;
}

/* The frames of the title, as they are found: " in A < B < C". */
struct frames {
	const struct panic_text *p;
	const char *rules;
	bool by_kernel; /* name them by offsets in the kernel */
	struct pl_buf *out;
	size_t count;
	struct pl_buf name; /* of the frame at hand */
	struct pl_buf last; /* of the one before: a function that calls itself counts once */
};

/* Names the frame; false: it has no name, is left out, or is as the last. */
static bool name_frame(struct frames *f, const struct panic_frame *frame)
{
	pl_buf_clear(&f->name);
	if (f->by_kernel)
		kernel_name(f->p, frame, &f->name);
	else
		frame_name(f->p, frame, &f->name);
	struct panic_piece name = {pl_buf_text(&f->name), f->name.size};
	return name.len > 0 && strcmp(name.p, pl_buf_text(&f->last)) != 0 &&
	       signature_rule(f->rules, RULE_SKIP, RULE_KEEP, name, NULL) != RULE_SKIP;
}

static void put_frame(struct frames *f, const struct panic_frame *frame)
{
	const char *joint = f->count == 0 ? " in " : " < ";

	if (f->count == SIGNATURE_FRAMES || !name_frame(f, frame))
		return;
	f->count++;
	pl_buf_append_capped(f->out, joint, strlen(joint));
	pl_buf_append_capped(f->out, f->name.data, f->name.size);
	pl_buf_clear(&f->last);
	pl_buf_append_capped(&f->last, f->name.data, f->name.size);
}

static bool is_own(const struct frames *f, const struct panic_frame *frame)
{
	const char *image = f->by_kernel ? NULL : image_of(f->p, frame);

	return image && signature_rule(f->rules, RULE_OWN, RULE_OTHER, piece(image), NULL) != RULE_OTHER;
}

/* An own frame that would be named from here on? Then the others behind the first one do not count. */
static bool has_own(struct frames *f, size_t first)
{
	for (size_t i = first; i < f->p->frame_count; i++)
		if (is_own(f, &f->p->frames[i]) && name_frame(f, &f->p->frames[i]))
			return true;
	return false;
}

/* The first frame says where; after it the own ones, for the way between them is the kernel's; how many. */
static size_t put_frames(
	const struct panic_text *p, uint64_t trap, const char *rules, bool by_kernel, struct pl_buf *out)
{
	struct frames f = {.p = p, .rules = rules, .by_kernel = by_kernel, .out = out};
	bool found;
	size_t first = first_of_bug(p, trap, &found);

	pl_buf_init(&f.name, TITLE_MAX);
	pl_buf_init(&f.last, TITLE_MAX);
	bool own_only = has_own(&f, first);
	if (trap && !found) /* an excerpt without it */
		put_frame(&f, &(struct panic_frame){.address = trap});
	for (size_t i = first; i < p->frame_count && f.count < SIGNATURE_FRAMES; i++)
		if (f.count == 0 || !own_only || is_own(&f, &p->frames[i]))
			put_frame(&f, &p->frames[i]);
	pl_buf_deinit(&f.name);
	pl_buf_deinit(&f.last);
	return f.count;
}

/* ---- the whole ---- */

enum text_says { NOTHING, SOMETHING, EVERYTHING };

/* The kind and the text, and what that is worth without frames. */
static enum text_says put_text(
	const struct panic_text *p, const char *rules, uint64_t *trap, struct pl_buf *out)
{
	struct panic_piece message = piece(p->string ? p->string : ""), name;
	struct panic_piece text = signature_first_line(message);
	bool is_trap = signature_trap(message, &name, trap);
	const char *kind = is_trap ? "trap: " : p->debugger ? "debugger: " : "panic: ";

	if (text.len == 0)
		kind = "unknown";
	pl_buf_append_capped(out, kind, strlen(kind));
	if (is_trap) {
		signature_put_text(name, NULL, out);
		return NOTHING;
	}
	if (signature_rule(rules, RULE_NAME, RULE_NAME, text, &name) == RULE_NAME) {
		pl_buf_append_capped(out, name.p, name.len);
		return EVERYTHING;
	}
	signature_put_text(text, p->process, out);
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
	enum signature_verb verb = signature_rule(rules, RULE_IGNORE, RULE_INTEREST, piece(ret->title), NULL);
	if (verb != RULE_VERBS)
		ret->disposition = verb == RULE_IGNORE ? "ignore" : "interest";
	return NULL;
}

void signature_deinit(struct signature *s)
{
	free(s->title);
	memset(s, 0, sizeof *s);
}
