/* The memory map for the page: an SVG within it, and the list of what is marked. */
#include "orchestrator/report/memory_map.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/report/html.h"

/* In the units of the picture's own system; the page scales it. */
enum {
	WIDTH = 960,
	LEFT = 250, /* before the bars: address and size */
	CELL = 14,
	BAR = 18,
	ROW = 42, /* from one bar to the next: the signs are between */
	GAP = 20, /* more where memory is left out */
	TOP = 12,
};

static unsigned row_top(const struct map *m, size_t row)
{
	char gap[32];
	unsigned y = TOP;

	for (size_t i = 1; i <= row; i++)
		y += map_gap(m, i, gap, sizeof gap)[0] != '\0' ? ROW + GAP : ROW;
	return y;
}

static void text_at(struct emit *w, const char *css, unsigned x, unsigned y, const char *text)
{
	emit_printf(w, "<text class=\"%s\" x=\"%u\" y=\"%u\">", css, x, y);
	emit_html(w, text);
	emit(w, "</text>\n");
}

/* Cells that look the same are one box. */
static void bar(struct emit *w, const struct map_row *r, unsigned y)
{
	emit_printf(w, "<rect class=\"frame\" x=\"%d\" y=\"%u\" width=\"%zu\" height=\"%d\"/>\n", LEFT, y,
		r->count * CELL, BAR);
	for (size_t i = 0, n; i < r->count; i += n) {
		char sign = r->cells[i];
		for (n = 1; i + n < r->count && r->cells[i + n] == sign;)
			n++;
		if (sign == ' ')
			continue;
		const char *css = sign == 'z' ? "zero" : sign == 'x' ? "missing" : "data";
		emit_printf(w, "<rect class=\"%s\" x=\"%zu\" y=\"%u\" width=\"%zu\" height=\"%d\"", css,
			LEFT + i * CELL, y, n * CELL, BAR);
		if (sign >= '1' && sign <= '8')
			emit_printf(w, " fill-opacity=\"%.2f\"", 0.3 + 0.7 * (sign - '0') / 8);
		emit(w, "/>\n");
		if (sign == 'x')
			text_at(w, "cross", (unsigned)(LEFT + i * CELL + n * CELL / 2), y + 13, "×");
	}
}

/* The first mark of each cell; more would be drawn over it. */
static bool hidden(const struct map *m, size_t mark)
{
	for (size_t i = 0; i < mark; i++)
		if (m->marks[i].placed && m->marks[i].row == m->marks[mark].row &&
			m->marks[i].cell == m->marks[mark].cell)
			return true;
	return false;
}

static void signs(struct emit *w, const struct map *m, size_t row, unsigned y)
{
	for (size_t i = 0; i < m->mark_count; i++) {
		const struct map_mark *k = &m->marks[i];
		if (!k->placed || k->row != row || hidden(m, i))
			continue;
		unsigned x = (unsigned)(LEFT + k->cell * CELL);
		const char sign[2] = {k->sign, '\0'};
		emit_printf(w, "<rect class=\"tick\" x=\"%u\" y=\"%u\" width=\"2\" height=\"%d\"/>\n",
			x + CELL / 2 - 1, y, BAR + 4);
		text_at(w, "sign", x + CELL / 2, y + BAR + 16, sign);
	}
}

static void row_picture(struct emit *w, const struct map *m, size_t i)
{
	const struct map_row *r = &m->rows[i];
	unsigned y = row_top(m, i);
	char gap[32], size[32], text[64];

	if (map_gap(m, i, gap, sizeof gap)[0] != '\0') {
		snprintf(text, sizeof text, "%s not in the core", gap);
		text_at(w, "skip", LEFT, y - 6, text);
	}
	snprintf(text, sizeof text, "0x%016" PRIx64, r->start);
	text_at(w, "label", 0, y + 13, text);
	snprintf(text, sizeof text, "%s", pl_format_size(map_span(r), size, sizeof size));
	text_at(w, "size", LEFT - 12, y + 13, text);
	char region[64];
	text_at(w, "skip", 0, y + 28, pl_escape_str(r->region, region, sizeof region));
	bar(w, r, y);
	signs(w, m, i, y);
}

static void legend(struct emit *w, const struct map *m)
{
	static const struct html_column columns[] = {
		{"", "mono"}, {"What", ""}, {"Address", "mono"}, {"", "dim"}};
	char name[1024], address[32];

	html_table(w, columns, sizeof columns / sizeof *columns);
	for (size_t i = 0; i < m->mark_count; i++) {
		const struct map_mark *k = &m->marks[i];
		const char sign[2] = {k->sign, '\0'};
		snprintf(address, sizeof address, "0x%016" PRIx64, k->address);
		emit(w, "<tr>");
		html_cell_text(w, "mono", sign);
		html_cell_text(w, "", pl_escape_str(k->name, name, sizeof name));
		html_cell_text(w, "mono", address);
		html_cell_text(w, "dim", k->present ? "" : "not in the core");
		emit(w, "</tr>\n");
	}
	html_table_end(w, m->mark_count);
}

/* What somebody who does not see the picture is told. */
static void description(struct emit *w, const struct map *m)
{
	char size[32];

	emit(w, "<title id=\"map-title\">Memory map of the core</title>\n<desc id=\"map-desc\">");
	emit_printf(w, "%zu region%s of kernel memory", m->row_count, m->row_count == 1 ? "" : "s");
	for (size_t i = 0; i < m->row_count; i++)
		emit_printf(w, "%s 0x%016" PRIx64 ", %s", i == 0 ? ":" : ";", m->rows[i].start,
			pl_format_size(map_span(&m->rows[i]), size, sizeof size));
	emit_printf(w, ".%s</desc>\n", m->missing ? " A part is missing from the file." : "");
}

static void key(struct emit *w, const struct map *m)
{
	emit(w, "<p class=\"dim\">Each bar is one region, on its own scale; longer regions have longer bars. "
		"The stronger its colour, the more of it is in the core.");
	if (m->zero)
		emit(w, " Hollow: zeroes.");
	if (m->missing)
		emit(w, " <span class=\"bad\">×</span>: missing, past the end of the file.");
	emit(w, "</p>\n");
}

void memory_map_svg(struct emit *w, const json_t *core)
{
	struct map m;

	if (!map_read(core, &m))
		return;
	emit(w, "<h3>Memory map</h3>\n");
	key(w, &m);
	emit_printf(w,
		"<div class=\"scroll\"><svg class=\"map\" role=\"img\" aria-labelledby=\"map-title "
		"map-desc\" "
		"viewBox=\"0 0 %d %u\">\n",
		WIDTH, row_top(&m, m.row_count - 1) + ROW);
	description(w, &m);
	for (size_t i = 0; i < m.row_count; i++)
		row_picture(w, &m, i);
	emit(w, "</svg></div>\n");
	if (m.mark_count > 0)
		legend(w, &m);
}
