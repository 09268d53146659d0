/*
 * .vmx files: any bytes; every entry can be got back by its key. An edit changes
 * that key only, can be repeated without effect, and be undone to the byte.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orchestrator/fusion/vmx.h"
#include "orchestrator/fusion/vmx_edit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(int holds)
{
	if (!holds)
		abort();
}

/* The entries of both without that key's are the same. */
static void same_others(const struct vmx *a, const struct vmx *b, const char *key)
{
	size_t i = 0, j = 0;

	for (;; i++, j++) {
		while (i < a->count && !strcasecmp(a->entries[i].key, key))
			i++;
		while (j < b->count && !strcasecmp(b->entries[j].key, key))
			j++;
		if (i == a->count || j == b->count)
			break;
		must(!strcmp(a->entries[i].key, b->entries[j].key));
		must(!strcmp(a->entries[i].value, b->entries[j].value));
	}
	must(i == a->count && j == b->count);
}

static void edit(
	const uint8_t *data, size_t size, const struct vmx *before, const char *key, const char *value)
{
	struct pl_buf text, line, once;
	struct vmx after;
	struct pl_error *e;

	pl_buf_init(&text, VMX_SIZE_MAX);
	pl_buf_init(&line, VMX_SIZE_MAX);
	pl_buf_init(&once, VMX_SIZE_MAX);
	must(!pl_buf_append(&text, data, size));
	e = vmx_save_line(&text, key, &line);
	if (!e)
		e = vmx_set(&text, key, value);
	if (e) {
		must(text.size == size && !memcmp(text.data, data, size));
		pl_error_free(e);
	} else {
		must(!vmx_parse(text.data, text.size, &after));
		same_others(before, &after, key);
		must(!strcmp(vmx_get(&after, key), value));
		vmx_deinit(&after);
		must(!pl_buf_append(&once, text.data, text.size));
		must(!vmx_set(&text, key, value));
		must(text.size == once.size && !memcmp(text.data, once.data, once.size));
		must(!vmx_restore_line(&text, key, line.data, line.size));
		must(text.size == size && !memcmp(pl_buf_text(&text), data, size));
		must(!vmx_remove(&text, key));
		must(!vmx_parse(pl_buf_text(&text), text.size, &after));
		same_others(before, &after, key);
		must(!vmx_get(&after, key));
		vmx_deinit(&after);
	}
	pl_buf_deinit(&text);
	pl_buf_deinit(&line);
	pl_buf_deinit(&once);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmx v;

	if (size > 65536)
		return 0;
	must(!vmx_parse((const char *)data, size, &v));
	for (size_t i = 0; i < v.count && i < 64; i++)
		must(vmx_get(&v, v.entries[i].key) != NULL);
	/*
	 * A line that begins like a byte order mark becomes one when all before it go,
	 * and a CR at the very end belongs to the line end that a new line brings.
	 */
	if (size && data[size - 1] != '\r' && !memmem(data, size, "\n\xef\xbb\xbf", 4)) {
		edit(data, size, &v, "serial0.present", "TRUE");
		for (size_t i = 0; i < v.count && i < 4; i++)
			edit(data, size, &v, v.entries[i].key, v.entries[v.count - 1].value);
		edit(data, size, &v, "serial0.fileName", "a |\"\x7f\n b");
	}
	vmx_deinit(&v);
	return 0;
}
