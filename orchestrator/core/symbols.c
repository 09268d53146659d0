#include "orchestrator/core/symbols.h"

#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/text.h"
#include "orchestrator/core/kdk.h"
#include "orchestrator/core/symbol_file.h"

#define UNKNOWN_KERNEL "which kernel ran, or where it was loaded, is not known"

void symbols_deinit(struct symbols *s)
{
	for (size_t i = 0; i < s->count; i++) {
		symtab_deinit(&s->images[i].table);
		free(s->images[i].name);
		free(s->images[i].path);
		free(s->images[i].dwarf);
	}
	free(s->images);
	*s = (struct symbols){0};
}

struct pl_error *symbols_add(struct symbols *s, const char *name, const char *uuid, const uint64_t *start,
	uint64_t size, struct symbol_image **ret)
{
	void *grown = pl_grow(s->images, s->count, sizeof *s->images);

	if (!grown)
		return pl_error_nomem();
	s->images = grown;
	struct symbol_image *i = &s->images[s->count];
	*i = (struct symbol_image){.kernel = strcmp(name, SYMBOLS_KERNEL) == 0, .size = size};
	struct pl_error *e = pl_strdup(name, &i->name);
	if (e)
		return e;
	if (strlen(uuid) < sizeof i->uuid)
		memcpy(i->uuid, uuid, strlen(uuid) + 1);
	i->has_start = start != NULL;
	i->start = start ? *start : 0;
	i->wanted = i->kernel;
	s->count++;
	if (ret)
		*ret = i;
	return NULL;
}

static bool holds(const struct symbol_image *i, uint64_t address)
{
	if (!i->kernel)
		return i->has_start && address - i->start < i->size;
	if (!i->loaded || !i->has_slide)
		return false;
	for (size_t k = 0; k < i->table.segment_count; k++) {
		const struct symtab_segment *g = &i->table.segments[k];
		if (address - i->slide - g->address < g->size)
			return true;
	}
	return false;
}

static struct symbol_image *find_kernel(const struct symbols *s)
{
	for (size_t k = 0; k < s->count; k++)
		if (s->images[k].kernel)
			return &s->images[k];
	return NULL;
}

/* Kexts before the kernel: a segment of its own may span them. */
static struct symbol_image *image_at(const struct symbols *s, uint64_t address)
{
	for (int kernel = 0; kernel < 2; kernel++)
		for (size_t k = 0; k < s->count; k++)
			if (s->images[k].kernel == kernel && holds(&s->images[k], address))
				return &s->images[k];
	return NULL;
}

void symbols_want(struct symbols *s, uint64_t address)
{
	struct symbol_image *i = image_at(s, address - 1);

	if (i)
		i->wanted = true;
	i = image_at(s, address);
	if (i)
		i->wanted = true;
}

static bool is_full(const struct symbols *s)
{
	uint64_t sum = 0;

	for (size_t k = 0; k < s->count; k++)
		sum += s->images[k].table.symbol_count * sizeof(struct symtab_symbol) +
		       s->images[k].table.names_size;
	return sum >= SYMBOLS_BYTES_MAX;
}

/* Takes the table, also where it turns out to be no use. */
static void place(struct symbol_image *i, struct symtab *table, bool memory)
{
	symtab_deinit(&i->table);
	i->table = *table;
	i->loaded = true;
	if (memory) {
		i->slide = 0;
		i->has_slide = true;
	} else if (i->has_start && table->has_text) {
		i->slide = i->start - table->text;
		i->has_slide = true;
	}
}

/* ---- files ---- */

/* Release kernels and kexts keep few of their symbols: their dSYM's table is taken if it has more. */
static struct pl_error *take_fuller(const char *dsym, const char *uuid, struct symtab *table)
{
	struct symbol_file f;
	struct symtab other;
	struct pl_error *e = symbol_file_open(dsym, &f);

	if (e)
		return e;
	const struct symbol_member *m = symbol_file_member(&f, uuid);
	e = m ? symbol_file_read(&f, m, &other) : NULL;
	symbol_file_close(&f);
	if (e || !m)
		return e;
	bool fuller = other.symbol_count > table->symbol_count;
	symtab_deinit(fuller ? table : &other);
	if (fuller)
		*table = other;
	return NULL;
}

static struct pl_error *load(
	struct symbol_image *i, const struct symbol_file *f, const struct symbol_member *m)
{
	char *dsym = NULL, *path = NULL;
	struct symtab table;
	struct pl_error *e = symbol_file_read(f, m, &table);

	if (e)
		return e;
	if (m->dwarf)
		e = pl_strdup(f->path, &dsym);
	else
		e = symbol_file_dsym(f->path, i->uuid, &dsym);
	if (!e)
		e = pl_strdup(f->path, &path);
	if (!e && !m->dwarf && dsym)
		e = take_fuller(dsym, i->uuid, &table);
	if (e) {
		symtab_deinit(&table);
		free(path);
		free(dsym);
		return e;
	}
	place(i, &table, false);
	free(i->path);
	free(i->dwarf);
	i->path = path;
	i->dwarf = dsym;
	return NULL;
}

static const char *or_none(const char *uuid)
{
	return uuid[0] ? uuid : "none";
}

static struct pl_error *refuse_kernel(
	const struct symbols *s, const char *path, const struct symbol_file *f, char **ret)
{
	const struct symbol_image *k = symbols_kernel(s);

	if (!k || !k->uuid[0])
		return pl_asprintf(ret, "%s is not used: " UNKNOWN_KERNEL, path);
	return pl_asprintf(ret, "%s is not used: its UUID is %s, the kernel that ran has %s", path,
		f->count ? or_none(f->members[0].uuid) : "none", k->uuid);
}

/* The UUID that was loaded of a kext with the same name as the bundle or file, to say it beside the other. */
static const struct symbol_image *namesake(const struct symbols *s, const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	size_t len = strcspn(name, ".");

	for (size_t k = 0; k < s->count; k++) {
		const char *id = s->images[k].name, *dot = strrchr(id, '.');
		const char *last = dot ? dot + 1 : id;
		if (!s->images[k].kernel && len > 0 && strlen(last) == len && strncmp(last, name, len) == 0)
			return &s->images[k];
	}
	return NULL;
}

static struct pl_error *refuse_kext(
	const struct symbols *s, const char *path, const struct symbol_file *f, char **ret)
{
	const char *uuid = f->count ? or_none(f->members[0].uuid) : "none";
	const struct symbol_image *i = namesake(s, f->path);

	if (i)
		return pl_asprintf(ret, "%s is not used: its UUID is %s, that of %s which was loaded is %s",
			path, uuid, i->name, or_none(i->uuid));
	return pl_asprintf(
		ret, "%s is not used: no kext with its UUID, %s, is among those loaded", path, uuid);
}

struct pl_error *symbols_offer_file(
	struct symbols *s, const char *path, enum symbol_file_kind kind, char **refusal)
{
	struct symbol_file f;
	bool used = false;

	*refusal = NULL;
	struct pl_error *e = symbol_file_open(path, &f);
	for (size_t k = 0; !e && k < s->count; k++) {
		struct symbol_image *i = &s->images[k];
		const struct symbol_member *m = symbol_file_member(&f, i->uuid);
		if (!m)
			continue;
		used = true;
		/* of a collection's hundreds only what is needed */
		if ((i->wanted || f.count < 16) && !is_full(s))
			e = load(i, &f, m);
	}
	if (!e && !used)
		e = kind == SYMBOL_FILE_KERNEL ? refuse_kernel(s, path, &f, refusal)
					       : refuse_kext(s, path, &f, refusal);
	symbol_file_close(&f);
	return e;
}

/* ---- kits ---- */

static struct pl_error *load_path(struct symbol_image *i, const char *path)
{
	struct symbol_file f;
	struct pl_error *e = symbol_file_open(path, &f);

	if (e)
		return e;
	const struct symbol_member *m = symbol_file_member(&f, i->uuid);
	e = m ? load(i, &f, m) : NULL;
	symbol_file_close(&f);
	return e;
}

static struct pl_error *kernel_of_kit(
	struct symbol_image *i, const struct kdk *k, const char *dir, char **refusal)
{
	const struct kdk_kernel *fits = i ? kdk_kernel_by_uuid(k, i->uuid) : NULL;

	if (fits)
		return load_path(i, fits->binary.path);
	return i && i->uuid[0] ? pl_asprintf(refusal, "%s has no kernel with the UUID %s", dir, i->uuid)
			       : pl_asprintf(refusal, "%s is not used: " UNKNOWN_KERNEL, dir);
}

static struct pl_error *kext_of_kit(struct symbol_image *i, const struct kdk *k)
{
	struct kdk_binary b;
	bool found;

	if (!i->uuid[0])
		return NULL;
	struct pl_error *e = kdk_find_kext(k, i->name, i->uuid, &found, &b);
	if (e || !found)
		return e;
	e = load_path(i, b.path);
	kdk_binary_deinit(&b);
	return e;
}

static struct pl_error *kexts_of_kit(struct symbols *s, struct kdk *k, const struct pl_wait *w)
{
	struct pl_error *e = NULL;

	for (size_t n = 0; !e && n < s->count; n++) {
		struct symbol_image *i = &s->images[n];
		if (i->kernel || !i->wanted || i->path || is_full(s))
			continue;
		e = kdk_read_kexts(k, w);
		if (!e)
			e = kext_of_kit(i, k);
	}
	return e;
}

struct pl_error *symbols_offer_kit(struct symbols *s, const char *dir, enum symbol_file_kind kind,
	const struct pl_wait *w, char **refusal)
{
	struct symbol_image *kernel = find_kernel(s);
	struct kdk k;

	*refusal = NULL;
	struct pl_error *e = kdk_open(dir, &k);
	if (e)
		return e;
	if (kind == SYMBOL_FILE_KEXT)
		e = kexts_of_kit(s, &k, w);
	else if (!kernel || !kernel->path)
		e = kernel_of_kit(kernel, &k, dir, refusal);
	kdk_close(&k);
	return e;
}

/* ---- the core's memory ---- */

static size_t read_core(void *arg, uint64_t offset, void *data, size_t size)
{
	const struct core_file *const *c = arg;
	return core_file_read(*c, offset, data, size);
}

struct pl_error *symbols_offer_core(struct symbols *s, const struct core_file *c)
{
	for (size_t n = 0; n < s->count; n++) {
		struct symbol_image *i = &s->images[n];
		struct symtab_source from = {read_core, &c, i->start, 0, true};
		struct symtab table;
		if (!i->wanted || i->loaded || !i->has_start || is_full(s))
			continue;
		struct pl_error *e = symtab_read(&from, &table);
		if (e && pl_error_kind(e) != PL_ERR_DATA)
			return e;
		if (!e)
			place(i, &table, true);
		pl_error_free(e);
	}
	return NULL;
}

/* ---- names ---- */

bool symbols_find(const struct symbols *s, uint64_t address, bool exact, struct symbol_place *ret)
{
	uint64_t at = exact ? address : address - 1, start;
	const struct symbol_image *i = image_at(s, at);

	*ret = (struct symbol_place){.image = i};
	if (!i || !i->loaded || !i->has_slide)
		return i != NULL;
	ret->has_file_address = i->path != NULL;
	ret->file_address = at - i->slide;
	ret->symbol = symtab_find(&i->table, at - i->slide, &start);
	if (ret->symbol)
		ret->offset = address - i->slide - start;
	return true;
}

const struct symbol_image *symbols_kernel(const struct symbols *s)
{
	return find_kernel(s);
}

bool symbols_kernel_address(const struct symbols *s, const char *name, uint64_t *ret)
{
	const struct symbol_image *k = symbols_kernel(s);

	if (!k || !k->has_slide || !symtab_address(&k->table, name, ret))
		return false;
	*ret += k->slide;
	return true;
}

bool symbols_is_trap_handler(const char *symbol)
{
	/* lldb knows these (PlatformDarwinKernel), and where kernel_trap() and interrupt() return to */
	static const char *const names[] = {"trap_from_kernel", "return_from_trap", "return_to_iret",
		"hndl_alltraps", "hndl_allintrs", "hndl_double_fault", "hndl_machine_check",
		"int_from_intstack", "ks_trap", "fleh_synchronous", "fleh_irq", "fleh_fiq",
		"fleh_dispatch64"};

	symbol += *symbol == '_';
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(symbol, names[i]) == 0)
			return true;
	return false;
}
