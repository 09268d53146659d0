#include "orchestrator/core/symtab.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"

#define CHUNK ((size_t)64 << 10)
#define LC_SYMTAB 0x2
#define N_STAB 0xe0
#define N_TYPE 0x0e
#define N_SECT 0x0e
#define N_EXT 0x01
#define LOCAL UINT32_C(0x80000000) /* in symtab_symbol.order */

_Static_assert(SYMTAB_SYMBOLS_MAX < LOCAL, "an index in the table leaves room for LOCAL");

/* Where the tables are, and where __LINKEDIT is, which tells it for an image in memory. */
struct tables {
	bool seen;
	uint32_t symbols_at, symbol_count, names_at, names_size;
	bool has_linkedit;
	uint64_t linkedit_address, linkedit_offset;
};

static struct pl_reader reader(const struct symtab *t, const struct pl_buf *b)
{
	return t->header.big_endian ? pl_reader_be(b->data, b->size) : pl_reader_le(b->data, b->size);
}

/* Up to size bytes, as many as there are; in pieces, so that a lie about the size costs nothing. */
static struct pl_error *read_range(
	const struct symtab_source *s, uint64_t offset, uint64_t size, struct pl_buf *ret)
{
	struct pl_error *e = NULL;
	uint8_t *chunk = malloc(CHUNK);

	if (!chunk)
		return pl_error_nomem();
	while (!e && size > 0) {
		size_t want = size < CHUNK ? (size_t)size : CHUNK;
		size_t n = offset <= UINT64_MAX - want ? s->read(s->arg, offset, chunk, want) : 0;
		e = pl_buf_append(ret, chunk, n);
		offset += n;
		size -= n;
		if (n < want)
			break;
	}
	free(chunk);
	return e;
}

static void take_segment(struct symtab *t, struct tables *where, const struct macho_cmd *cmd)
{
	struct macho_segment g;

	if (!macho_segment_decode(*cmd, &g))
		return;
	if (strcmp(g.name, "__TEXT") == 0 && !t->has_text) {
		t->text = g.vmaddr;
		t->has_text = true;
	}
	if (strcmp(g.name, "__LINKEDIT") == 0) {
		where->has_linkedit = true;
		where->linkedit_address = g.vmaddr;
		where->linkedit_offset = g.fileoff;
	}
	bool sane = g.vmsize > 0 && g.vmaddr <= UINT64_MAX - g.vmsize;
	if (!sane || t->segment_count == SYMTAB_SEGMENTS_MAX)
		return;
	struct symtab_segment *to = &t->segments[t->segment_count++];
	memcpy(to->name, g.name, sizeof to->name);
	to->address = g.vmaddr;
	to->size = g.vmsize;
}

static void take_tables(struct tables *where, struct macho_cmd cmd)
{
	struct tables w = *where;

	w.symbols_at = pl_read_u32(&cmd.body);
	w.symbol_count = pl_read_u32(&cmd.body);
	w.names_at = pl_read_u32(&cmd.body);
	w.names_size = pl_read_u32(&cmd.body);
	w.seen = true;
	if (pl_reader_ok(&cmd.body))
		*where = w;
}

static struct pl_error *read_commands(const struct symtab_source *s, struct symtab *t, struct tables *where)
{
	uint8_t head[MACHO_HEADER_MAX], uuid[16];
	struct macho_iter it;
	struct macho_cmd cmd;
	struct pl_buf commands;

	struct pl_error *e =
		macho_header_decode(head, s->read(s->arg, s->header, head, sizeof head), &t->header);
	if (e)
		return e;
	size_t size =
		t->header.commands_size < SYMTAB_COMMANDS_MAX ? t->header.commands_size : SYMTAB_COMMANDS_MAX;
	pl_buf_init(&commands, size);
	e = read_range(s, s->header + t->header.header_size, size, &commands);
	macho_iter_init(&it, &t->header, commands.data, commands.size);
	while (!e && macho_next(&it, &cmd)) {
		if (cmd.cmd == MACHO_LC_SEGMENT || cmd.cmd == MACHO_LC_SEGMENT_64)
			take_segment(t, where, &cmd);
		else if (cmd.cmd == LC_SYMTAB)
			take_tables(where, cmd);
		else if (cmd.cmd == MACHO_LC_UUID && macho_uuid_decode(cmd, uuid))
			macho_uuid_text(uuid, t->uuid);
	}
	t->damage = it.broken;
	pl_buf_deinit(&commands);
	return e;
}

static const struct symtab_segment *segment_at(const struct symtab *t, uint64_t address)
{
	for (size_t i = 0; i < t->segment_count; i++)
		if (address - t->segments[i].address < t->segments[i].size)
			return &t->segments[i];
	return NULL;
}

/* One struct nlist or nlist_64; false: it names no place in a section. */
static bool decode(const struct symtab *t, struct pl_reader *r, struct symtab_symbol *ret)
{
	uint32_t name = pl_read_u32(r);
	uint8_t type = pl_read_u8(r);
	uint8_t section = pl_read_u8(r);
	pl_read_skip(r, 2); /* n_desc */
	uint64_t address = t->header.is_64 ? pl_read_u64(r) : pl_read_u32(r);

	if (!pl_reader_ok(r) || (type & N_STAB) || (type & N_TYPE) != N_SECT || section == 0)
		return false;
	if (name == 0 || name >= t->names_size || t->names[name] == '\0')
		return false;
	*ret = (struct symtab_symbol){address, name, type & N_EXT ? 0 : LOCAL};
	return true;
}

static int by_address(const void *a, const void *b)
{
	const struct symtab_symbol *x = a, *y = b;

	if (x->address != y->address)
		return x->address < y->address ? -1 : 1;
	return x->order < y->order ? -1 : x->order > y->order;
}

/*
 * In memory the symbols may have been slid with the image, or not. A kernel has one for its own
 * header, which tells; else it is as most of them are in the image's segments.
 */
static uint64_t guess_slide(const struct symtab *t, uint64_t slide)
{
	size_t slid = 0, unslid = 0;
	uint64_t header;

	if (symtab_address(t, "__mh_execute_header", &header))
		return t->text - header;
	for (size_t i = 0; i < t->symbol_count; i++) {
		slid += segment_at(t, t->symbols[i].address) != NULL;
		unslid += segment_at(t, t->symbols[i].address + slide) != NULL;
	}
	return unslid > slid ? slide : 0;
}

/* Drops what lies in no segment, sorts. */
static void settle(struct symtab *t, bool memory, uint64_t slide)
{
	size_t kept = 0;

	slide = memory ? guess_slide(t, slide) : 0;
	for (size_t i = 0; i < t->symbol_count; i++) {
		t->symbols[i].address += slide;
		if (segment_at(t, t->symbols[i].address))
			t->symbols[kept++] = t->symbols[i];
	}
	t->symbol_count = kept;
	void *smaller = kept > 0 ? realloc(t->symbols, kept * sizeof *t->symbols) : NULL;
	if (smaller)
		t->symbols = smaller;
	if (kept > 1)
		qsort(t->symbols, kept, sizeof *t->symbols, by_address);
}

static struct pl_error *take_symbols(struct symtab *t, const struct pl_buf *table)
{
	size_t each = t->header.is_64 ? 16 : 12, count = table->size / each;
	struct pl_reader r = reader(t, table);

	t->symbols = malloc((count ? count : 1) * sizeof *t->symbols);
	if (!t->symbols)
		return pl_error_nomem();
	for (uint32_t i = 0; i < count; i++) {
		struct symtab_symbol *s = &t->symbols[t->symbol_count];
		if (!decode(t, &r, s))
			continue;
		s->order |= i;
		t->symbol_count++;
	}
	return NULL;
}

static struct pl_error *read_names(
	const struct symtab_source *s, uint64_t base, const struct tables *where, struct symtab *t)
{
	struct pl_buf names;

	pl_buf_init(&names, SYMTAB_NAMES_MAX);
	uint64_t size = where->names_size < SYMTAB_NAMES_MAX ? where->names_size : SYMTAB_NAMES_MAX;
	struct pl_error *e = read_range(s, base + where->names_at, size, &names);
	t->names_size = names.size;
	if (names.size < where->names_size)
		t->damage = "the names of its symbols are cut short";
	if (!e)
		e = pl_buf_take(&names, &t->names);
	pl_buf_deinit(&names);
	return e;
}

static struct pl_error *read_tables(
	const struct symtab_source *s, uint64_t base, const struct tables *where, struct symtab *t)
{
	struct pl_buf table;
	size_t each = t->header.is_64 ? 16 : 12;
	uint64_t count = where->symbol_count < SYMTAB_SYMBOLS_MAX ? where->symbol_count : SYMTAB_SYMBOLS_MAX;

	struct pl_error *e = read_names(s, base, where, t);
	if (e)
		return e;
	pl_buf_init(&table, (size_t)count * each);
	e = read_range(s, base + where->symbols_at, count * each, &table);
	if (table.size / each < where->symbol_count)
		t->damage = "its symbol table is cut short";
	if (!e)
		e = take_symbols(t, &table);
	pl_buf_deinit(&table);
	return e;
}

/* An image in memory whose header was not slid is moved to where it is. */
static void move(struct symtab *t, struct tables *where, uint64_t slide)
{
	for (size_t i = 0; i < t->segment_count; i++)
		t->segments[i].address += slide;
	t->text += slide;
	where->linkedit_address += slide;
}

struct pl_error *symtab_read(const struct symtab_source *s, struct symtab *ret)
{
	struct tables where = {0};
	uint64_t base = s->linkedit, slide = 0;

	memset(ret, 0, sizeof *ret);
	struct pl_error *e = read_commands(s, ret, &where);
	if (e)
		return e;
	if (s->memory) {
		slide = ret->has_text ? s->header - ret->text : 0;
		move(ret, &where, slide);
		base = where.linkedit_address - where.linkedit_offset;
	}
	if (where.seen && (!s->memory || where.has_linkedit))
		e = read_tables(s, base, &where, ret);
	if (e)
		symtab_deinit(ret);
	else
		settle(ret, s->memory, slide);
	return e;
}

void symtab_deinit(struct symtab *t)
{
	free(t->symbols);
	free(t->names);
	memset(t, 0, sizeof *t);
}

/* How many symbols are below the address. */
static size_t count_below(const struct symtab *t, uint64_t address)
{
	size_t low = 0, high = t->symbol_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (t->symbols[middle].address < address)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const char *symtab_find(const struct symtab *t, uint64_t address, uint64_t *start)
{
	size_t i = count_below(t, address);

	if (i == t->symbol_count || t->symbols[i].address != address) {
		if (i == 0)
			return NULL;
		i = count_below(t, t->symbols[i - 1].address); /* the first there: thousands may share it */
	}
	const struct symtab_symbol *s = &t->symbols[i];
	if (segment_at(t, address) != segment_at(t, s->address) || !segment_at(t, address))
		return NULL;
	*start = s->address;
	return t->names + s->name;
}

bool symtab_address(const struct symtab *t, const char *name, uint64_t *ret)
{
	for (size_t i = 0; i < t->symbol_count; i++) {
		if (strcmp(t->names + t->symbols[i].name, name) == 0) {
			*ret = t->symbols[i].address;
			return true;
		}
	}
	return false;
}
