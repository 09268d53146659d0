/*
 * A picture of a core's memory in few rows: runs of segments, with the wide gaps
 * between them left out, each row cut into cells of one size. What is worth finding
 * in it is marked: the kernel, the panic log, stacks, kexts.
 *
 * Rows are separated at the widest gaps, and on x86_64 always between kexts and the
 * kernel (VM_MIN_KERNEL_ADDRESS). A longer row has more cells, by the logarithm of
 * its length. Holes of a sparse core count as zeroes; a core that is not sparse
 * has none.
 */
#ifndef CORE_MEMORY_MAP_H
#define CORE_MEMORY_MAP_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/core_file.h"

#define MEMORY_ROWS_MAX 24
#define MEMORY_CELLS_MAX 48
#define MEMORY_MARKS_MAX 64
#define MEMORY_GAP_MIN (UINT64_C(1) << 20) /* bytes; a smaller gap separates no rows */

struct memory_cell {
	uint64_t data; /* bytes, of all that lie in the cell */
	uint64_t zero;
	uint64_t missing; /* past the end of a cut file */
};

struct memory_row {
	uint64_t first;
	uint64_t last; /* the last byte of it, not the one behind */
	size_t segments;
	struct memory_cell sum;
	uint64_t cell_bytes; /* the last cell may have less */
	size_t cell_count;
	struct memory_cell cells[MEMORY_CELLS_MAX];
};

enum memory_mark_kind { MEMORY_KERNEL, MEMORY_PANIC_LOG, MEMORY_STACK, MEMORY_KEXT };

struct memory_mark {
	enum memory_mark_kind kind;
	char name[128]; /* raw, cut if it is longer */
	uint64_t address;
	bool present; /* the core has its memory */
	bool placed;  /* it lies in a row: row and cell are right */
	size_t row;
	size_t cell;
};

struct memory_map {
	bool x86_64;
	struct memory_row rows[MEMORY_ROWS_MAX];
	size_t row_count;
	struct memory_mark marks[MEMORY_MARKS_MAX]; /* more are dropped */
	size_t mark_count;
};

/** Of an open core, whose segments are sorted. Owns nothing. */
void memory_map_init(struct memory_map *m, const struct core_file *c);

void memory_map_mark(struct memory_map *m, const struct core_file *c, enum memory_mark_kind kind,
	const char *name, uint64_t address);

/**
 * One character a cell: ' ' nothing, '1' to '8' eighths that are there, 'z' mostly
 * zeroes, 'x' mostly missing. out holds cell_count + 1 bytes.
 */
void memory_map_cells(const struct memory_row *row, char out[static MEMORY_CELLS_MAX + 1]);

/** "kernel" (a MEMORY_KERNEL mark lies in it), "kexts" (x86_64: the 2 GiB below the kernel), or "". */
const char *memory_map_region(const struct memory_map *m, size_t row);

/**
 * {"rows": [{start, end, region, segments, bytes, zero, missing, cell_bytes, cells}],
 * "marks": [{kind, name, address, present, row, cell}]}; addresses are strings, end is
 * the last byte's, region may be missing, row and cell are where the mark lies in no row.
 */
struct pl_error *memory_map_json(const struct memory_map *m, json_t **ret) PL_MUST_USE;

#endif
