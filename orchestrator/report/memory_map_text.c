/* The memory map for a terminal. */
#include "orchestrator/report/memory_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define BEFORE 42 /* columns before the picture: address, size, region */
#define NAME_MAX_TEXT 256

struct picture {
	struct emit *w;
	const struct map *map;
	size_t width; /* columns of the longest row */
	bool utf8;
};

/* How many columns a row has: as many as its cells, unless there is less room. */
static size_t columns_of(const struct picture *p, const struct map_row *r)
{
	size_t n = p->width < MAP_CELLS_MAX ? r->count * p->width / MAP_CELLS_MAX : r->count;
	return n > 0 ? n : 1;
}

/* The fullest of the cells that share a column: nothing that is there may vanish. */
static char column_sign(const struct map_row *r, size_t column, size_t columns)
{
	static const char order[] = " xz12345678";
	size_t from = column * r->count / columns, to = (column + 1) * r->count / columns;
	char best = ' ';

	for (size_t i = from; i < to || i == from; i++)
		if (strchr(order, r->cells[i]) > strchr(order, best))
			best = r->cells[i];
	return best;
}

static const char *look_of(char sign, bool utf8)
{
	static const char *const full[] = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
	static const char *const plain[] = {".", ":", "-", "=", "+", "*", "%", "#"};

	if (sign == 'z')
		return utf8 ? "░" : "0";
	if (sign == 'x')
		return utf8 ? "╳" : "x";
	if (sign == ' ')
		return " ";
	return utf8 ? full[sign - '1'] : plain[sign - '1'];
}

static void spaces(struct emit *w, size_t count)
{
	emit_printf(w, "%*s", (int)count, "");
}

/* The signs below a row; where two fall on one column, the earlier stays. */
static void mark_line(const struct picture *p, size_t row, size_t columns)
{
	char line[MAP_CELLS_MAX + 1];
	size_t used = 0;

	memset(line, ' ', sizeof line);
	for (size_t i = 0; i < p->map->mark_count; i++) {
		const struct map_mark *k = &p->map->marks[i];
		size_t column = k->cell * columns / p->map->rows[k->row].count;
		if (!k->placed || k->row != row || line[column] != ' ')
			continue;
		line[column] = k->sign;
		used = column + 1 > used ? column + 1 : used;
	}
	if (used == 0)
		return;
	spaces(p->w, BEFORE);
	emit_bytes(p->w, line, used);
	emit(p->w, "\n");
}

static void row_lines(const struct picture *p, size_t i)
{
	const struct map_row *r = &p->map->rows[i];
	char size[32], gap[32], region[NAME_MAX_TEXT];
	size_t columns = columns_of(p, r), last = columns;

	if (map_gap(p->map, i, gap, sizeof gap)[0] != '\0')
		emit_printf(p->w, "  %s%28s not in the core\n", p->utf8 ? "⋮" : ":", gap);
	pl_format_size(map_span(r), size, sizeof size);
	pl_escape_str(r->region, region, sizeof region);
	emit_printf(p->w, "  0x%016" PRIx64 " %10s %-9.9s ", r->start, size, region);
	while (last > 0 && column_sign(r, last - 1, columns) == ' ')
		last--;
	for (size_t c = 0; c < last; c++)
		emit(p->w, look_of(column_sign(r, c, columns), p->utf8));
	emit(p->w, "\n");
	mark_line(p, i, columns);
}

/* One line a mark; the stacks, which are many, in one. */
static void legend(const struct picture *p)
{
	char name[NAME_MAX_TEXT];
	size_t stacks = 0, lost = 0;

	for (size_t i = 0; i < p->map->mark_count; i++) {
		const struct map_mark *k = &p->map->marks[i];
		stacks += k->sign == 's';
		lost += k->sign == 's' && !k->present;
		if (k->sign == 's')
			continue;
		pl_escape_str(k->name, name, sizeof name);
		emit_printf(p->w, "  %c 0x%016" PRIx64 " %.100s%s\n", k->sign, k->address, name,
			k->present ? "" : " (not in the core)");
	}
	if (stacks > 0)
		emit_printf(p->w, "  s stacks of %zu thread%s", stacks, stacks == 1 ? "" : "s");
	if (lost > 0)
		emit_printf(p->w, " (%zu not in the core)", lost);
	if (stacks > 0)
		emit(p->w, "\n");
	if (p->map->zero)
		emit_printf(p->w, "  %s zeroes\n", look_of('z', p->utf8));
	if (p->map->missing)
		emit_printf(p->w, "  %s missing: past the end of the file\n", look_of('x', p->utf8));
}

struct pl_error *memory_map_text(const json_t *core, struct map_look look, struct pl_buf *out)
{
	struct emit w = {.out = out};
	struct map m;
	size_t width = look.width < MAP_WIDTH_MIN ? MAP_WIDTH_MIN : look.width;
	struct picture p = {.w = &w, .map = &m, .width = width - BEFORE, .utf8 = look.utf8};

	if (!map_read(core, &m))
		return NULL;
	for (size_t i = 0; i < m.row_count; i++)
		row_lines(&p, i);
	legend(&p);
	return w.error;
}
