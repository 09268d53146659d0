/* Any bytes as what a debugger printed: frames are numbered from 0, bounded, and JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/debugger_output.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *frames = NULL;
	const json_t *f;
	size_t i;

	need(debugger_read_backtrace((const char *)data, size, &frames) == NULL);
	need(json_array_size(frames) <= DEBUGGER_FRAMES_MAX);
	json_array_foreach(frames, i, f)
	{
		need(json_integer_value(json_object_get(f, "frame")) == (json_int_t)i);
		need(strlen(json_string_value(json_object_get(f, "address"))) == 18);
		need(!json_object_get(f, "symbol") || json_object_get(f, "text"));
		need(!json_object_get(f, "offset") || json_integer_value(json_object_get(f, "offset")) >= 0);
	}
	char *text = json_dumps(frames, 0);
	json_t *back = text ? json_loads(text, 0, NULL) : NULL;
	need(back != NULL && json_equal(frames, back));
	json_decref(back);
	json_decref(frames);
	free(text);
	return 0;
}
