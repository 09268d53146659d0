#include "orchestrator/report/memory_map.h"

#include <string.h>

#include "base/json.h"
#include "base/text.h"

static bool read_address(const json_t *o, const char *key, uint64_t *ret)
{
	return pl_parse_u64(pl_json_str_or(o, key, ""), UINT64_MAX, ret);
}

static bool read_row(const json_t *o, struct map *m)
{
	struct map_row *r = &m->rows[m->row_count];
	const char *cells = pl_json_str_or(o, "cells", "");

	*r = (struct map_row){.region = pl_json_str_or(o, "region", ""), .count = strlen(cells)};
	int64_t bytes = pl_json_int_or(o, "bytes", 0);
	r->bytes = bytes > 0 ? (uint64_t)bytes : 0;
	if (!read_address(o, "start", &r->start) || !read_address(o, "end", &r->end) || r->end < r->start)
		return false;
	if (r->count == 0 || r->count > MAP_CELLS_MAX || strspn(cells, " 12345678zx") != r->count)
		return false;
	memcpy(r->cells, cells, r->count + 1);
	m->zero = m->zero || strchr(cells, 'z');
	m->missing = m->missing || strchr(cells, 'x');
	if (map_span(r) > m->longest)
		m->longest = map_span(r);
	m->row_count++;
	return true;
}

static char sign_of(const char *kind, size_t *kexts)
{
	if (strcmp(kind, "kernel") == 0)
		return 'K';
	if (strcmp(kind, "panic_log") == 0)
		return 'P';
	if (strcmp(kind, "stack") == 0)
		return 's';
	/* without s, which is a stack's */
	static const char letters[] = "abcdefghijklmnopqrtuvwxyz";
	size_t n = (*kexts)++;
	return n < strlen(letters) ? letters[n] : '+';
}

static void read_mark(const json_t *o, struct map *m, size_t *kexts)
{
	struct map_mark *k = &m->marks[m->mark_count];
	int64_t row = pl_json_int_or(o, "row", -1), cell = pl_json_int_or(o, "cell", -1);

	*k = (struct map_mark){
		.name = pl_json_str_or(o, "name", "?"), .present = pl_json_bool_or(o, "present", false)};
	if (!read_address(o, "address", &k->address))
		return;
	k->sign = sign_of(pl_json_str_or(o, "kind", ""), kexts);
	k->placed = row >= 0 && cell >= 0 && (size_t)row < m->row_count && (size_t)cell < m->rows[row].count;
	k->row = k->placed ? (size_t)row : 0;
	k->cell = k->placed ? (size_t)cell : 0;
	m->mark_count++;
}

bool map_read(const json_t *core, struct map *ret)
{
	const json_t *map = json_object_get(core, "memory_map"), *o;
	const json_t *rows = json_object_get(map, "rows"), *marks = json_object_get(map, "marks");
	size_t i, kexts = 0;

	memset(ret, 0, sizeof *ret);
	json_array_foreach(rows, i, o)
	{
		/* a row left out would move the marks */
		if (ret->row_count == MAP_ROWS_MAX || !read_row(o, ret))
			break;
	}
	json_array_foreach(marks, i, o)
	{
		if (ret->mark_count < MAP_MARKS_MAX)
			read_mark(o, ret, &kexts);
	}
	return ret->row_count > 0;
}

uint64_t map_span(const struct map_row *row)
{
	uint64_t less_one = row->end - row->start;
	return less_one == UINT64_MAX ? less_one : less_one + 1;
}

const char *map_gap(const struct map *m, size_t row, char *out, size_t size)
{
	out[0] = '\0';
	if (row > 0 && m->rows[row].start > m->rows[row - 1].end &&
		m->rows[row].start - m->rows[row - 1].end > 1)
		pl_format_size(m->rows[row].start - m->rows[row - 1].end - 1, out, size);
	return out;
}
