/*
 * Any bytes as a kernel core: segments are sorted, lie within the file as far as
 * they are said to be present, reads never give more than asked for, the memory
 * map shows all of them, and the identity is text of sane length.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/memory_map.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static int file_of(const uint8_t *data, size_t size)
{
	char name[] = "/tmp/fuzz_core.XXXXXX";
	int fd = mkstemp(name);
	need(fd >= 0);
	unlink(name);
	need(write(fd, data, size) == (ssize_t)size);
	return fd;
}

static void check_segments(const struct core_file *c)
{
	uint64_t missing = 0;

	for (size_t i = 0; i < c->segment_count; i++) {
		const struct core_segment *s = &c->segments[i];
		uint8_t *exact = malloc(32);
		need(s->size > 0 && s->present <= s->size);
		need(s->present == 0 || (s->fileoff < c->bytes && s->present <= c->bytes - s->fileoff));
		need(i == 0 || c->segments[i - 1].vmaddr <= s->vmaddr);
		need(core_file_read(c, s->vmaddr + s->present - 1, exact, 32) <= 32);
		missing += s->size - s->present;
		free(exact);
	}
	need(missing == c->missing && (missing == 0 || c->truncated));
	for (size_t i = 0; i < c->thread_count; i++)
		need(c->threads[i].count <= MACHO_REGISTERS_MAX);
}

/* Rows are in order and apart, hold all segments and all their bytes, and no cell is out of its row. */
static void check_map(const struct core_file *c)
{
	struct memory_map *m = malloc(sizeof *m);
	uint64_t bytes = 0;
	size_t segments = 0;
	json_t *o;

	need(m != NULL);
	memory_map_init(m, c);
	need(m->row_count <= MEMORY_ROWS_MAX && (m->row_count > 0) == (c->segment_count > 0));
	for (size_t i = 0; i < m->row_count; i++) {
		const struct memory_row *r = &m->rows[i];
		struct memory_cell sum = {0};
		char cells[MEMORY_CELLS_MAX + 1];
		need(r->first <= r->last && (i == 0 || r->first > m->rows[i - 1].last));
		need(r->cell_count > 0 && r->cell_count <= MEMORY_CELLS_MAX);
		need((r->last - r->first) / r->cell_bytes == r->cell_count - 1);
		for (size_t k = 0; k < r->cell_count; k++) {
			sum.data += r->cells[k].data;
			sum.zero += r->cells[k].zero;
			sum.missing += r->cells[k].missing;
		}
		need(sum.data == r->sum.data && sum.zero == r->sum.zero && sum.missing == r->sum.missing);
		memory_map_cells(r, cells);
		need(strlen(cells) == r->cell_count && strspn(cells, " 12345678zx") == r->cell_count);
		need(cells[0] != ' ' || r->cell_count == 1 || r->segments > 0);
		bytes += sum.data + sum.zero + sum.missing;
		segments += r->segments;
	}
	need(bytes == c->memory && segments == c->segment_count);
	for (size_t i = 0; i < c->segment_count; i++) {
		memory_map_mark(m, c, MEMORY_STACK, "x", c->segments[i].vmaddr);
		need(m->marks[m->mark_count - 1].placed);
	}
	need(memory_map_json(m, &o) == NULL);
	json_decref(o);
	free(m);
}

static void check_identity(const struct core_file *c)
{
	static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
	struct core_identity id;

	need(core_identify(c, &forever, &id) == NULL);
	need(strlen(id.uuid) == 0 || strlen(id.uuid) == 36);
	need(strlen(id.memory_uuid) == 0 || strlen(id.memory_uuid) == 36);
	need(strlen(id.version.text) < KERNEL_VERSION_MAX);
	need(!id.panic_text || (id.panic_size <= CORE_PANIC_MAX && strlen(id.panic_text) == id.panic_size));
	need(!id.has_slide || id.slide == id.load_address - CORE_UNSLID_TEXT);
	core_identity_deinit(&id);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct core_file c;
	struct pl_error *e = core_file_open_fd(file_of(data, size), &c);

	if (e) {
		need(pl_error_kind(e) == PL_ERR_DATA);
		pl_error_free(e);
		return 0;
	}
	check_segments(&c);
	check_map(&c);
	check_identity(&c);
	core_file_close(&c);
	return 0;
}
