#include "orchestrator/core/core_scan.h"

#include <stdlib.h>

#include "orchestrator/core/core_holes.h"

#define WINDOW ((size_t)1 << 20)
#define PAGE 4096

/* Where data starts; a page earlier is harmless, and keeps page starts page starts. */
static uint64_t next_page(int fd, uint64_t offset, uint64_t end)
{
	uint64_t at = core_next_data(fd, offset, end);
	return at == end ? end : at - (at - offset) % PAGE;
}

struct scan {
	const struct core_file *core;
	const struct pl_wait *wait;
	core_scan_fn *fn;
	void *arg;
	uint8_t *buffer;
	uint64_t budget;
	bool done;
};

static struct pl_error *scan_segment(struct scan *s, const struct core_segment *g)
{
	uint64_t at = 0;

	while (at < g->present && s->budget > 0 && !s->done) {
		struct pl_error *e = pl_wait_check(s->wait);
		if (e)
			return e;
		at = next_page(s->core->fd, g->fileoff + at, g->fileoff + g->present) - g->fileoff;
		uint64_t left = g->present - at;
		if (left == 0)
			break;
		size_t size = left < WINDOW ? (size_t)left : WINDOW;
		size_t room = left < WINDOW + CORE_SCAN_OVERLAP ? (size_t)left : WINDOW + CORE_SCAN_OVERLAP;
		room = core_file_pread(s->core, g->fileoff + at, s->buffer, room);
		if (room < size)
			size = room;
		if (size == 0)
			break;
		struct core_window window = {g->vmaddr + at, s->buffer, size, room};
		s->done = s->fn(s->arg, &window);
		at += size;
		s->budget -= size < s->budget ? size : s->budget;
	}
	return NULL;
}

struct pl_error *core_scan(const struct core_file *c, const struct pl_wait *w, core_scan_fn *fn, void *arg)
{
	struct scan s = {.core = c, .wait = w, .fn = fn, .arg = arg, .budget = c->bytes * 2};
	struct pl_error *e = NULL;

	s.buffer = malloc(WINDOW + CORE_SCAN_OVERLAP);
	if (!s.buffer)
		return pl_error_nomem();
	for (size_t i = 0; i < c->segment_count && !e && !s.done; i++)
		e = scan_segment(&s, &c->segments[i]);
	free(s.buffer);
	return e;
}
