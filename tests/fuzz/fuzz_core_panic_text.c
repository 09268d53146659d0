/*
 * Any bytes as a panic text: it is read without an error, keeps its limits,
 * becomes JSON that jansson reads back as the same, and has the same signature
 * twice: one printable line.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/panic_text.h"
#include "orchestrator/core/signature.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static void check_json(const struct panic_text *p)
{
	json_t *o;

	need(panic_text_json(p, NULL, &o) == NULL);
	char *text = json_dumps(o, 0);
	need(text != NULL);
	json_t *back = json_loads(text, 0, NULL);
	need(back != NULL && json_equal(o, back));
	json_decref(back);
	json_decref(o);
	free(text);
}

static void check_signature(const struct panic_text *p)
{
	struct signature s, again;

	need(signature_make(p, NULL, &s) == NULL && signature_make(p, NULL, &again) == NULL);
	need(!s.title == !s.id[0] && strcmp(s.id, again.id) == 0);
	for (const char *c = s.title; c && *c; c++)
		need(*c >= ' ' && *c <= '~');
	signature_deinit(&s);
	signature_deinit(&again);
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
	check_signature(&p);
	panic_text_deinit(&p);
	free(text);
	return 0;
}
