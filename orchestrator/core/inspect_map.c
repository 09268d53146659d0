/* The memory map of a core, with what else the document knows marked in it. */
#include "orchestrator/core/inspect.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/memory_map.h"

#define STACKS_MAX 16 /* more threads would hide the rest */
#define KEXTS_MAX (MEMORY_MARKS_MAX - STACKS_MAX)

static void mark_stacks(struct memory_map *m, const struct core_file *c)
{
	for (size_t i = 0; i < c->thread_count && i < STACKS_MAX; i++) {
		const struct macho_thread *t = &c->threads[i];
		char name[64];
		snprintf(name, sizeof name, "stack of thread %zu", i + 1); /* as lldb counts */
		if (t->count > 0)
			memory_map_mark(m, c, MEMORY_STACK, name, t->sp);
	}
}

static bool is_marked(const struct memory_map *m, uint64_t address)
{
	for (size_t i = 0; i < m->mark_count; i++)
		if (m->marks[i].kind == MEMORY_KEXT && m->marks[i].address == address)
			return true;
	return false;
}

/* Apple's are many, and seldom what somebody looks for. */
static void mark_kexts(struct memory_map *m, const struct core_file *c, const json_t *kexts, bool apples)
{
	const json_t *k;
	size_t i;

	json_array_foreach(kexts, i, k)
	{
		const char *start = pl_json_str_or(k, "start", NULL), *id = pl_json_str_or(k, "id", "?");
		uint64_t address = start ? strtoull(start, NULL, 16) : 0;
		bool wanted = apples || strncmp(id, "com.apple.", strlen("com.apple.")) != 0;
		if (start && wanted && m->mark_count < KEXTS_MAX && !is_marked(m, address))
			memory_map_mark(m, c, MEMORY_KEXT, id, address);
	}
}

struct pl_error *inspect_memory_map(
	struct inspect *in, const struct core_file *c, const struct core_identity *id)
{
	json_t *o = NULL;
	struct memory_map *m = malloc(sizeof *m);

	if (!m)
		return pl_error_nomem();
	memory_map_init(m, c);
	if (id->has_load_address)
		memory_map_mark(m, c, MEMORY_KERNEL, "kernel", id->load_address);
	if (id->panic_text)
		memory_map_mark(m, c, MEMORY_PANIC_LOG, "panic log", id->panic_address);
	mark_kexts(m, c, json_object_get(json_object_get(in->doc, "panic"), "kexts"), true);
	mark_kexts(m, c, json_object_get(in->doc, "kexts_loaded"), false);
	mark_stacks(m, c);
	struct pl_error *e = memory_map_json(m, &o);
	free(m);
	return e ? e : inspect_check(json_object_set_new(in->doc, "memory_map", o));
}
