/* Any bytes as a file: inspect says what it is, in JSON with kind, bytes and warnings. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/core/inspect.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
	char name[] = "/tmp/fuzz_inspect.XXXXXX";
	int fd = mkstemp(name);
	json_t *doc = NULL;

	need(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	close(fd);
	struct pl_error *e = inspect_file(name, &forever, &doc);
	unlink(name);
	need(e == NULL);
	need(json_is_string(json_object_get(doc, "kind")));
	need(json_integer_value(json_object_get(doc, "bytes")) == (json_int_t)size);
	need(json_is_array(json_object_get(doc, "warnings")));
	char *text = json_dumps(doc, 0);
	json_t *back = text ? json_loads(text, 0, NULL) : NULL;
	need(back != NULL && json_equal(doc, back));
	json_decref(back);
	json_decref(doc);
	free(text);
	return 0;
}
