/*
 * Any bytes as a panic text: it is read without an error, keeps its limits, and
 * becomes JSON that jansson reads back as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/panic_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static void check_json(const struct panic_text *p)
{
	json_t *o;

	need(panic_text_json(p, &o) == NULL);
	char *text = json_dumps(o, 0);
	need(text != NULL);
	json_t *back = json_loads(text, 0, NULL);
	need(back != NULL && json_equal(o, back));
	json_decref(back);
	json_decref(o);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct panic_text p;
	char *exact = malloc(size + 1); /* so that reading past the end is seen */

	if (size > 0)
		memcpy(exact, data, size);
	char *text = realloc(exact, size ? size : 1);
	need(panic_text_parse(text, size, &p) == NULL);
	need(p.frame_count <= PANIC_FRAMES_MAX && p.kext_count <= PANIC_KEXTS_MAX);
	need(p.not_understood_count <= PANIC_LINES_MAX && p.not_understood_count <= p.lines_unknown);
	need(p.found || (!p.string && p.frame_count == 0));
	need(p.cpu >= -1);
	need(!p.string || strlen(p.string) <= size * 3);
	check_json(&p);
	panic_text_deinit(&p);
	free(text);
	return 0;
}
