#include "orchestrator/core/memory_map.h"

#include <stdio.h>
#include <string.h>

#include "orchestrator/core/core_holes.h"
#include "orchestrator/core/core_json.h"

#define PAGE 4096
#define EXTENTS_MAX 200000 /* of a file full of holes; behind them all counts as data */

/* osfmk/mach/i386/vm_param.h: kexts are loaded in the 2 GiB below the kernel. */
#define X86_64_KERNEL UINT64_C(0xffffff8000000000)
#define X86_64_KEXTS (X86_64_KERNEL - (UINT64_C(2) << 30))

/* ---- rows ---- */

struct gap {
	uint64_t width;
	size_t segment; /* the first behind it */
};

/* Keeps the widest gaps, in any order. */
static void keep_gap(struct gap *gaps, size_t *count, struct gap g)
{
	size_t least = 0;

	if (*count < MEMORY_ROWS_MAX - 1) {
		gaps[(*count)++] = g;
		return;
	}
	for (size_t i = 1; i < *count; i++)
		if (gaps[i].width < gaps[least].width)
			least = i;
	if (gaps[least].width < g.width)
		gaps[least] = g;
}

static uint64_t last_of(const struct core_segment *s)
{
	return s->vmaddr + (s->size - 1);
}

static size_t find_gaps(const struct memory_map *m, const struct core_file *c, struct gap *gaps)
{
	size_t count = 0;
	uint64_t last = c->segment_count > 0 ? last_of(&c->segments[0]) : 0;

	for (size_t i = 1; i < c->segment_count; i++) {
		const struct core_segment *s = &c->segments[i];
		bool border = m->x86_64 && last < X86_64_KERNEL && s->vmaddr >= X86_64_KERNEL;
		uint64_t width = s->vmaddr > last ? s->vmaddr - last - 1 : 0;
		if (border)
			keep_gap(gaps, &count, (struct gap){UINT64_MAX, i});
		else if (width >= MEMORY_GAP_MIN)
			keep_gap(gaps, &count, (struct gap){width, i});
		if (last_of(s) > last)
			last = last_of(s);
	}
	return count;
}

static bool begins_row(const struct gap *gaps, size_t count, size_t segment)
{
	for (size_t i = 0; i < count; i++)
		if (gaps[i].segment == segment)
			return true;
	return false;
}

static uint64_t pages_of(const struct memory_row *r)
{
	return (r->last - r->first) / PAGE + 1;
}

static unsigned bits(uint64_t n)
{
	unsigned count = 0;
	for (; n; n >>= 1)
		count++;
	return count;
}

/* As many cells as the row's length has bits, of the longest one's; a cell is a page at least. */
static void set_cells(struct memory_row *r, unsigned most)
{
	uint64_t pages = pages_of(r);
	uint64_t wanted = (uint64_t)MEMORY_CELLS_MAX * bits(pages) / most;
	uint64_t cell = 1;

	if (wanted < 1)
		cell = pages;
	else if (wanted < pages)
		cell = (pages - 1) / wanted + 1;
	r->cell_bytes = cell * PAGE;
	/* NOLINTNEXTLINE(clang-analyzer-core.DivideZero): a row has a page at least */
	r->cell_count = (size_t)((r->last - r->first) / r->cell_bytes + 1);
}

static void make_rows(struct memory_map *m, const struct core_file *c)
{
	struct gap gaps[MEMORY_ROWS_MAX];
	size_t gap_count = find_gaps(m, c, gaps);
	unsigned most = 1;

	for (size_t i = 0; i < c->segment_count; i++) {
		const struct core_segment *s = &c->segments[i];
		if (i == 0 || begins_row(gaps, gap_count, i))
			m->rows[m->row_count++] = (struct memory_row){
				.first = s->vmaddr - s->vmaddr % PAGE, .last = last_of(s)};
		struct memory_row *r = &m->rows[m->row_count - 1];
		r->segments++;
		if (last_of(s) > r->last)
			r->last = last_of(s);
	}
	for (size_t i = 0; i < m->row_count; i++)
		if (bits(pages_of(&m->rows[i])) > most)
			most = bits(pages_of(&m->rows[i]));
	for (size_t i = 0; i < m->row_count; i++)
		set_cells(&m->rows[i], most);
}

/* ---- what is in them ---- */

enum part { DATA, ZERO, MISSING };

static void add(struct memory_cell *c, enum part part, uint64_t bytes)
{
	uint64_t *sum = part == DATA ? &c->data : part == ZERO ? &c->zero : &c->missing;
	*sum = *sum + bytes < *sum ? UINT64_MAX : *sum + bytes;
}

static void fill(struct memory_row *r, enum part part, uint64_t address, uint64_t bytes)
{
	add(&r->sum, part, bytes);
	while (bytes > 0) {
		uint64_t into = address - r->first;
		uint64_t left = r->cell_bytes - into % r->cell_bytes;
		uint64_t n = bytes < left ? bytes : left;
		add(&r->cells[into / r->cell_bytes], part, n);
		address += n;
		bytes -= n;
	}
}

static void fill_segment(
	struct memory_row *r, const struct core_file *c, const struct core_segment *s, size_t *extents)
{
	uint64_t at = 0;

	while (at < s->present) {
		uint64_t end = s->fileoff + s->present, next = s->present;
		bool hole = false;
		if (*extents < EXTENTS_MAX) {
			(*extents)++;
			uint64_t data = core_next_data(c->fd, s->fileoff + at, end) - s->fileoff;
			hole = data > at;
			next = hole ? data : core_next_hole(c->fd, s->fileoff + at, end) - s->fileoff;
		}
		if (next <= at) /* the file changes under us */
			next = s->present;
		fill(r, hole ? ZERO : DATA, s->vmaddr + at, next - at);
		at = next;
	}
	if (s->present < s->size)
		fill(r, MISSING, s->vmaddr + s->present, s->size - s->present);
}

void memory_map_init(struct memory_map *m, const struct core_file *c)
{
	size_t row = 0, extents = 0;

	memset(m, 0, sizeof *m);
	m->x86_64 = c->header.cpu_type == MACHO_CPU_X86_64;
	make_rows(m, c);
	for (size_t i = 0; i < c->segment_count; i++) {
		while (row + 1 < m->row_count && c->segments[i].vmaddr >= m->rows[row + 1].first)
			row++;
		fill_segment(&m->rows[row], c, &c->segments[i], &extents);
	}
}

/* ---- marks ---- */

void memory_map_mark(struct memory_map *m, const struct core_file *c, enum memory_mark_kind kind,
	const char *name, uint64_t address)
{
	uint8_t byte;

	if (m->mark_count == MEMORY_MARKS_MAX)
		return;
	struct memory_mark *k = &m->marks[m->mark_count++];
	*k = (struct memory_mark){.kind = kind, .address = address};
	snprintf(k->name, sizeof k->name, "%s", name);
	k->present = core_file_read(c, address, &byte, 1) == 1;
	for (size_t i = 0; i < m->row_count; i++) {
		const struct memory_row *r = &m->rows[i];
		if (address < r->first || address > r->last)
			continue;
		k->placed = true;
		k->row = i;
		k->cell = (size_t)((address - r->first) / r->cell_bytes);
	}
}

const char *memory_map_region(const struct memory_map *m, size_t row)
{
	const struct memory_row *r = &m->rows[row];

	for (size_t i = 0; i < m->mark_count; i++)
		if (m->marks[i].kind == MEMORY_KERNEL && m->marks[i].placed && m->marks[i].row == row)
			return "kernel";
	return m->x86_64 && r->first >= X86_64_KEXTS && r->last < X86_64_KERNEL ? "kexts" : "";
}

static char cell_sign(const struct memory_cell *c, uint64_t bytes)
{
	uint64_t there = c->data + c->zero < c->data ? UINT64_MAX : c->data + c->zero;

	if (there == 0 && c->missing == 0)
		return ' ';
	if (c->missing >= there)
		return 'x';
	if (c->zero > c->data)
		return 'z';
	if (there >= bytes) /* overlapping segments may claim more */
		return '8';
	return (char)('1' + there / (bytes / 8 + 1));
}

void memory_map_cells(const struct memory_row *row, char out[static MEMORY_CELLS_MAX + 1])
{
	for (size_t i = 0; i < row->cell_count; i++) {
		uint64_t start = i * row->cell_bytes;
		uint64_t left = row->last - row->first - start; /* less one byte: no overflow */
		out[i] = cell_sign(&row->cells[i], left < row->cell_bytes ? left + 1 : row->cell_bytes);
	}
	out[row->cell_count] = '\0';
}

/* ---- JSON ---- */

static json_t *row_json(const struct memory_map *m, size_t i)
{
	const struct memory_row *r = &m->rows[i];
	char cells[MEMORY_CELLS_MAX + 1];
	json_t *o = json_object();

	memory_map_cells(r, cells);
	int bad = json_object_set_new(o, "start", core_json_address(r->first));
	bad |= json_object_set_new(o, "end", core_json_address(r->last));
	bad |= core_json_set_text(o, "region", memory_map_region(m, i));
	bad |= core_json_set_count(o, "segments", r->segments);
	bad |= core_json_set_count(o, "bytes", r->sum.data + r->sum.zero + r->sum.missing);
	bad |= core_json_set_count(o, "zero", r->sum.zero);
	bad |= core_json_set_count(o, "missing", r->sum.missing);
	bad |= core_json_set_count(o, "cell_bytes", r->cell_bytes);
	bad |= core_json_set_text(o, "cells", cells);
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static json_t *mark_json(const struct memory_mark *k)
{
	static const char *const kinds[] = {[MEMORY_KERNEL] = "kernel",
		[MEMORY_PANIC_LOG] = "panic_log",
		[MEMORY_STACK] = "stack",
		[MEMORY_KEXT] = "kext"};
	json_t *o = json_object();
	int bad = json_object_set_new(o, "kind", json_string(kinds[k->kind]));

	bad |= core_json_set_text(o, "name", k->name);
	bad |= json_object_set_new(o, "address", core_json_address(k->address));
	bad |= json_object_set_new(o, "present", json_boolean(k->present));
	if (k->placed) {
		bad |= core_json_set_count(o, "row", k->row);
		bad |= core_json_set_count(o, "cell", k->cell);
	}
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

struct pl_error *memory_map_json(const struct memory_map *m, json_t **ret)
{
	json_t *rows = json_array(), *marks = json_array(), *o = json_object();
	int bad = 0;

	for (size_t i = 0; i < m->row_count; i++)
		bad |= json_array_append_new(rows, row_json(m, i));
	for (size_t i = 0; i < m->mark_count; i++)
		bad |= json_array_append_new(marks, mark_json(&m->marks[i]));
	bad |= json_object_set_new(o, "rows", rows);
	bad |= json_object_set_new(o, "marks", marks);
	if (bad) {
		json_decref(o);
		return pl_error_nomem();
	}
	*ret = o;
	return NULL;
}
