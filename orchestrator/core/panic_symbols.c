#include "orchestrator/core/panic_symbols.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/kernel_version.h"
#include "orchestrator/core/signature_text.h"

#define KASLR_SINCE 2050 /* xnu of 10.8: later kernels without a slide line are cut texts */

static bool never_slides(const struct panic_text *p)
{
	struct kernel_version v;

	if (!p->kernel_version || !kernel_version_parse(p->kernel_version, strlen(p->kernel_version), &v))
		return false;
	return strtoul(v.xnu, NULL, 10) < KASLR_SINCE || p->complete;
}

static struct pl_error *add_kernel(const struct panic_text *p, struct symbols *s)
{
	struct symbol_image *i;
	uint64_t start = p->kernel_text_base.value;

	if (p->kernel_text_base.known)
		return symbols_add(s, SYMBOLS_KERNEL, p->kernel_uuid, &start, 0, NULL);
	if (!p->kernel_uuid[0] || !(p->kernel_slide.known || never_slides(p)))
		return NULL;
	struct pl_error *e = symbols_add(s, SYMBOLS_KERNEL, p->kernel_uuid, NULL, 0, &i);
	if (e)
		return e;
	i->slide = p->kernel_slide.known ? p->kernel_slide.value : 0;
	i->has_slide = true;
	return NULL;
}

struct pl_error *panic_symbols_images(const struct panic_text *p, struct symbols *s)
{
	struct pl_error *e = add_kernel(p, s);

	for (size_t k = 0; !e && k < p->kext_count; k++) {
		const struct panic_kext *x = &p->kexts[k];
		if (x->id && x->start.known && x->end.known && x->end.value > x->start.value)
			e = symbols_add(
				s, x->id, x->uuid, &x->start.value, x->end.value - x->start.value + 1, NULL);
	}
	return e;
}

void panic_symbols_want(const struct panic_text *p, struct symbols *s)
{
	for (size_t i = 0; i < p->frame_count; i++)
		symbols_want(s, p->frames[i].address);
}

static struct pl_error *set_symbol(struct panic_frame *f, const struct symbol_place *place)
{
	char *symbol = strndup(place->symbol, SYMTAB_NAME_MAX);

	if (!symbol)
		return pl_error_nomem();
	free(f->symbol);
	f->symbol = symbol;
	f->offset = (struct panic_address){true, place->offset};
	return NULL;
}

static struct pl_error *fill(struct panic_frame *f, const struct symbol_place *place, bool exact)
{
	struct pl_error *e = NULL;

	if (!f->image)
		e = pl_strdup(place->image->name, &f->image);
	if (e)
		return e;
	if (place->symbol) {
		bool next = f->symbol && !exact && (!f->offset.known || f->offset.value == 0);
		return !f->symbol || next ? set_symbol(f, place) : NULL;
	}
	if (!f->symbol && !f->offset.known && !place->image->kernel)
		f->offset = (struct panic_address){true, f->address - place->image->start};
	return NULL;
}

struct pl_error *panic_symbols_fill(
	struct panic_text *p, const struct symbols *s, struct symbol_place *places)
{
	struct panic_piece message = {p->string, p->string ? strlen(p->string) : 0}, name;
	uint64_t trap = 0;
	bool is_trap = p->string && signature_trap(message, &name, &trap);
	struct pl_error *e = NULL;

	for (size_t i = 0; !e && i < p->frame_count; i++) {
		struct panic_frame *f = &p->frames[i];
		const char *before = i > 0 ? p->frames[i - 1].symbol : NULL;
		bool exact = (is_trap && f->address == trap) || (before && symbols_is_trap_handler(before));
		if (symbols_find(s, f->address, exact, &places[i]))
			e = fill(f, &places[i], exact);
	}
	return e;
}
