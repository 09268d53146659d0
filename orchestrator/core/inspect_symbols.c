#include "orchestrator/core/inspect_symbols.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/core/core_boot_args.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect.h"
#include "orchestrator/core/panic_symbols.h"
#include "orchestrator/core/source_lines.h"

/* ---- what is offered ---- */

/* A refusal becomes a warning; a file that is no use, too: the rest of the answer is worth having. */
static struct pl_error *warn(struct inspect *in, struct pl_error *e, char *refusal)
{
	char line[800];

	if (e && pl_error_kind(e) != PL_ERR_NOMEM && pl_error_kind(e) != PL_ERR_TIMEOUT &&
		pl_error_kind(e) != PL_ERR_INTERRUPTED) {
		pl_error_line(e, line, sizeof line);
		pl_error_free(e);
		e = inspect_warn(in, "%s", line);
	}
	if (!e && refusal)
		e = inspect_warn(in, "%s", refusal);
	free(refusal);
	return e;
}

static struct pl_error *offer_files(
	struct inspect *in, struct symbols *s, const char **paths, enum symbol_file_kind kind)
{
	struct pl_error *e = NULL;

	for (; !e && paths && *paths; paths++) {
		char *refusal = NULL;
		e = symbols_offer_file(s, *paths, kind, &refusal);
		e = warn(in, e, refusal);
	}
	return e;
}

static struct pl_error *offer_kits(struct inspect *in, struct symbols *s, enum symbol_file_kind kind)
{
	struct pl_error *e = NULL;

	for (const char **dir = in->options->kits; !e && dir && *dir; dir++) {
		char *refusal = NULL;
		e = symbols_offer_kit(s, *dir, kind, in->wait, &refusal);
		e = warn(in, e, refusal);
	}
	return e;
}

static struct pl_error *offer_kernels(struct inspect *in, struct symbols *s)
{
	struct pl_error *e = offer_files(in, s, in->options->kernels, SYMBOL_FILE_KERNEL);
	return e ? e : offer_kits(in, s, SYMBOL_FILE_KERNEL);
}

/* ---- a core ---- */

/* Kexts need the kernel's symbols to be found, so its files and its own memory come first. */
static struct pl_error *add_kernel(
	struct inspect *in, const struct core_identity *id, struct inspect_symbols *s)
{
	struct pl_error *e = NULL;

	if (id->has_load_address)
		e = symbols_add(&s->set, SYMBOLS_KERNEL, id->uuid, &id->load_address, 0, NULL);
	if (!e)
		e = offer_kernels(in, &s->set);
	return e ? e : symbols_offer_core(&s->set, s->core);
}

static struct pl_error *add_kexts(struct inspect *in, struct inspect_symbols *s)
{
	uint64_t symbol;
	struct pl_error *e = NULL;

	if (symbols_kernel_address(&s->set, "_gLoadedKextSummaries", &symbol))
		e = core_kexts_at(s->core, symbol, &s->kexts);
	if (!e && s->kexts.count == 0)
		e = core_kexts_find(s->core, in->wait, &s->kexts);
	for (size_t i = 0; !e && i < s->kexts.count; i++) {
		const struct core_kext *k = &s->kexts.list[i];
		e = symbols_add(&s->set, k->id, k->uuid, &k->start, k->size, NULL);
	}
	return e;
}

static void want_threads(struct inspect_symbols *s)
{
	for (size_t i = 0; i < s->core->thread_count; i++)
		for (size_t n = 0; n < s->threads[i].count; n++)
			symbols_want(&s->set, s->threads[i].frames[n].at.address);
}

struct pl_error *inspect_symbols_core(struct inspect *in, const struct core_file *c,
	const struct core_identity *id, struct inspect_symbols *ret)
{
	*ret = (struct inspect_symbols){.core = c, .panicked = INSPECT_NO_THREAD};
	struct pl_error *e = add_kernel(in, id, ret);
	if (!e)
		e = add_kexts(in, ret);
	if (!e)
		e = inspect_threads_walk(ret);
	if (!e)
		want_threads(ret);
	return e;
}

struct pl_error *inspect_symbols_text(const struct panic_text *p, struct inspect_symbols *ret)
{
	*ret = (struct inspect_symbols){.panicked = INSPECT_NO_THREAD};
	return panic_symbols_images(p, &ret->set);
}

void inspect_symbols_deinit(struct inspect_symbols *s)
{
	inspect_threads_deinit(s);
	core_kexts_deinit(&s->kexts);
	symbols_deinit(&s->set);
}

/* ---- files and lines ---- */

struct queries {
	struct source_query *list;
	size_t count;
};

static void query(struct queries *q, const struct symbol_place *place, char **answer)
{
	const struct symbol_image *i = place->image;

	if (!i || !i->dwarf || !place->has_file_address)
		return;
	q->list[q->count++] = (struct source_query){.file = i->dwarf,
		.arch = macho_arch(i->table.header.cpu_type),
		.base = i->table.text,
		.address = place->file_address,
		.answer = answer};
}

static size_t frames_of(const struct inspect_symbols *s)
{
	size_t sum = 0;
	for (size_t i = 0; s->core && i < s->core->thread_count; i++)
		sum += s->threads[i].count;
	return sum;
}

/* Of the panic's frames and the threads' at once: the programs that know take seconds for a kernel. */
static struct pl_error *find_lines(struct inspect *in, struct inspect_symbols *s, struct panic_text *p,
	const struct symbol_place *places)
{
	size_t all = frames_of(s) + (p ? p->frame_count : 0);
	struct queries q = {.list = calloc(all + 1, sizeof *q.list)};
	const char *tool, *why;

	if (!q.list)
		return pl_error_nomem();
	for (size_t i = 0; p && i < p->frame_count; i++)
		query(&q, &places[i], &p->frames[i].source);
	for (size_t i = 0; s->core && i < s->core->thread_count; i++)
		for (size_t n = 0; n < s->threads[i].count; n++)
			query(&q, &s->threads[i].frames[n].place, &s->threads[i].frames[n].source);
	struct pl_error *e = source_lines(q.list, q.count, in->wait, &tool, &why);
	if (tool || why)
		pl_log(in->options->log, PL_LOG_DEBUG, tool ? "file and line by %s" : "no file and line: %s",
			tool ? tool : why);
	free(q.list);
	return e;
}

/* Of a file; what a kernel left in memory is seldom whole, and may well be. */
static struct pl_error *warn_of_damage(struct inspect *in, const struct symbols *s)
{
	struct pl_error *e = NULL;

	for (size_t i = 0; !e && i < s->count; i++)
		if (s->images[i].path && s->images[i].table.damage)
			e = inspect_warn(
				in, "%s is damaged: %s", s->images[i].path, s->images[i].table.damage);
	return e;
}

struct pl_error *inspect_symbols_resolve(struct inspect *in, struct inspect_symbols *s, struct panic_text *p)
{
	struct symbol_place *places = calloc(p ? p->frame_count + 1 : 1, sizeof *places);
	struct pl_error *e = places ? NULL : pl_error_nomem();

	if (!e && p)
		panic_symbols_want(p, &s->set);
	if (!e && !s->core)
		e = offer_kernels(in, &s->set);
	if (!e)
		e = offer_files(in, &s->set, in->options->kexts, SYMBOL_FILE_KEXT);
	if (!e)
		e = offer_kits(in, &s->set, SYMBOL_FILE_KEXT);
	if (!e && s->core)
		e = symbols_offer_core(&s->set, s->core);
	if (!e && p)
		e = panic_symbols_fill(p, &s->set, places);
	if (!e && s->core) {
		inspect_threads_name(s);
		inspect_threads_panicked(s, p);
		e = p ? inspect_threads_name_by_text(s, p) : NULL;
	}
	if (!e)
		e = warn_of_damage(in, &s->set);
	if (!e)
		e = find_lines(in, s, p, places);
	free(places);
	return e;
}

/* ---- JSON ---- */

static int set_kext(json_t *list, const struct core_kext *k)
{
	json_t *o = json_object();
	int bad = core_json_set_text(o, "id", k->id) | core_json_set_text(o, "version", k->version);

	bad |= core_json_set_text(o, "uuid", k->uuid);
	bad |= json_object_set_new(o, "start", core_json_address(k->start));
	bad |= json_object_set_new(o, "end", core_json_address(k->start + (k->size - 1)));
	return json_array_append_new(list, o) | bad;
}

static int set_kexts(json_t *doc, const struct core_kexts *k)
{
	if (k->count == 0)
		return 0;
	json_t *list = json_array();
	int bad = 0;
	for (size_t i = 0; i < k->count && !bad; i++)
		bad = set_kext(list, &k->list[i]);
	bad |= json_object_set_new(doc, "kexts_loaded", list);
	return bad | json_object_set_new(doc, "kexts_loaded_source",
			     json_string(k->by_symbol ? "gLoadedKextSummaries" : "memory"));
}

static int set_symbol_file(json_t *list, const struct symbol_image *i)
{
	json_t *o = json_object();
	int bad = core_json_set_text(o, "image", i->name) | core_json_set_text(o, "uuid", i->uuid);

	bad |= core_json_set_text(o, "path", i->path) | core_json_set_text(o, "dwarf", i->dwarf);
	bad |= json_object_set_new(o, "source", json_string(i->path ? "file" : "memory"));
	bad |= core_json_set_count(o, "symbols", i->table.symbol_count);
	bad |= core_json_set_text(o, "damage", i->table.damage);
	if (i->path)
		bad |= json_object_set_new(o, "slide", core_json_address(i->slide));
	return json_array_append_new(list, o) | bad;
}

static int set_symbol_files(json_t *doc, const struct symbols *s)
{
	json_t *list = json_array();
	int bad = 0;

	for (size_t i = 0; i < s->count && !bad; i++)
		if (s->images[i].loaded && s->images[i].has_slide && s->images[i].table.symbol_count > 0)
			bad = set_symbol_file(list, &s->images[i]);
	if (bad || json_array_size(list) > 0)
		return json_object_set_new(doc, "symbol_files", list) | bad;
	json_decref(list);
	return 0;
}

static int set_boot_args(json_t *doc, const struct inspect_symbols *s)
{
	char text[CORE_BOOT_ARGS_MAX];
	uint64_t state;

	if (!symbols_kernel_address(&s->set, "_PE_state", &state) || !core_boot_args(s->core, state, text))
		return 0;
	return json_object_set_new(doc, "boot_args", core_json_text(text, strlen(text)));
}

struct pl_error *inspect_symbols_set(struct inspect *in, const struct inspect_symbols *s)
{
	int bad = set_symbol_files(in->doc, &s->set);

	if (s->core)
		bad |= set_boot_args(in->doc, s) | set_kexts(in->doc, &s->kexts) |
		       inspect_threads_set(in->doc, s);
	struct pl_error *e = inspect_check(bad);
	return e || !s->core || json_object_get(in->doc, "panic") ? e : inspect_threads_panic(in, s);
}
