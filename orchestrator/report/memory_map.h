/*
 * The picture of a core's memory, from the "memory_map" of `inspect --json`
 * (core/memory_map.h): as text for a terminal, as SVG for the page. Like all of
 * doc.h's, the document may be hostile: what is wrong in it is not drawn.
 */
#ifndef REPORT_MEMORY_MAP_H
#define REPORT_MEMORY_MAP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "orchestrator/report/emit.h"

#define MAP_ROWS_MAX 24
#define MAP_CELLS_MAX 48
#define MAP_MARKS_MAX 64

struct map_row {
	uint64_t start;
	uint64_t end; /* the last byte */
	const char *region;
	uint64_t bytes;
	char cells[MAP_CELLS_MAX + 1]; /* ' ', '1' to '8', 'z', 'x' */
	size_t count;
};

struct map_mark {
	char sign; /* K the kernel, P the panic log, s a stack, a, b, c... kexts, + more of them */
	const char *name;
	uint64_t address;
	bool present;
	bool placed;
	size_t row;
	size_t cell;
};

struct map {
	struct map_row rows[MAP_ROWS_MAX];
	size_t row_count;
	struct map_mark marks[MAP_MARKS_MAX];
	size_t mark_count;
	bool zero; /* there is such a cell */
	bool missing;
	uint64_t longest; /* bytes from start to end of the longest row */
};

/** What can be drawn of core's memory_map; names are borrowed, raw. False: nothing. */
bool map_read(const json_t *core, struct map *ret);

/** "508.0 GiB" between the row and the one before; "" for the first and where they touch. */
const char *map_gap(const struct map *m, size_t row, char *out, size_t size);

/** Bytes from the row's start to its end. */
uint64_t map_span(const struct map_row *row);

struct map_look {
	size_t width; /* columns; less than MAP_WIDTH_MIN counts as that */
	bool utf8;
};
#define MAP_WIDTH_MIN 60

/** Lines for a terminal; nothing if there is no map. Appends. */
struct pl_error *memory_map_text(const json_t *core, struct map_look look, struct pl_buf *out) PL_MUST_USE;

/** A figure with its legend; nothing if there is no map. */
void memory_map_svg(struct emit *w, const json_t *core);

#endif
