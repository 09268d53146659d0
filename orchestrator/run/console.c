#include "orchestrator/run/console.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/fusion/bundle.h"
#include "orchestrator/fusion/vmx.h"
#include "orchestrator/fusion/vmx_edit.h"
#include "orchestrator/run/context.h"

#define PORT "serial0."
#define ANSWER "answer.msg.serial.file.open"

static bool is_of_port(const char *key)
{
	return strncasecmp(key, PORT, strlen(PORT)) == 0;
}

bool console_is_wanted(const struct run *r)
{
	struct vmx v;
	bool collects = (r->scenario->collect & EVIDENCE_SERIAL_LOG) != 0;
	if (r->o->prepare || r->dir == NULL || !(collects || kernel_is_wanted(r)))
		return false;
	struct pl_error *e = vmx_load(r->vm.vmx, &v);
	bool free_port = e == NULL;
	for (size_t i = 0; i < v.count; i++)
		free_port = free_port && !is_of_port(v.entries[i].key);
	pl_error_free(e);
	vmx_deinit(&v);
	return free_port;
}

struct pl_error *console_before(const struct run *r, json_t **ret)
{
	struct vmx v;
	struct pl_error *e = vmx_load(r->vm.vmx, &v);
	*ret = NULL;
	if (e == NULL)
		*ret = json_pack("{s:s, s:b}", "path", r->vm.vmx, "answered", vmx_get(&v, ANSWER) != NULL);
	vmx_deinit(&v);
	return e == NULL && *ret == NULL ? pl_error_nomem() : e;
}

static struct pl_error *load(const char *path, struct pl_buf *text, struct stat *seen)
{
	pl_buf_init(text, VMX_SIZE_MAX);
	return bundle_read(path, text, seen);
}

static struct pl_error *add_port(struct pl_buf *text, const char *log, bool answered)
{
	const char *const lines[][2] = {
		{PORT "present", "TRUE"},
		{PORT "startConnected", "TRUE"},
		{PORT "fileType", "file"},
		{PORT "fileName", log},
		{PORT "yieldOnMsrRead", "TRUE"},
		{ANSWER, "Append"},
	};
	struct pl_error *e = NULL;
	size_t count = sizeof lines / sizeof *lines - (answered ? 1 : 0);
	for (size_t i = 0; e == NULL && i < count; i++)
		e = vmx_set(text, lines[i][0], lines[i][1]);
	return e;
}

struct pl_error *console_add(struct run *r, const json_t *before)
{
	struct pl_buf text;
	struct stat seen;
	char *dir = NULL, *log = NULL;
	const char *path = r->vm.vmx;
	struct pl_error *e = load(path, &text, &seen);
	/* Fusion has a working folder of its own. */
	if (e == NULL && (dir = realpath(r->dir, NULL)) == NULL)
		e = pl_error_new(PL_ERR_LAB, "the run's folder is gone");
	if (e == NULL)
		e = store_path(dir, "logs/console.log", &log);
	if (e == NULL)
		e = add_port(&text, log, pl_json_bool_or(before, "answered", false));
	if (e == NULL)
		e = bundle_write(path, &seen, text.data, text.size);
	if (e == NULL) {
		serial_deinit(&r->serial);
		r->serial.path = log;
		log = NULL;
	}
	free(log);
	free(dir);
	pl_buf_deinit(&text);
	return pl_error_context(e, "adding a serial console");
}

/* VMware may have added keys of its own: there was none of that port before. */
static struct pl_error *remove_port(struct pl_buf *text, bool answered, bool *changed)
{
	struct vmx v;
	struct pl_error *e = vmx_parse(text->data, text->size, &v);
	for (size_t i = 0; e == NULL && i < v.count; i++) {
		const char *key = v.entries[i].key;
		if (!is_of_port(key) && (answered || strcasecmp(key, ANSWER) != 0))
			continue;
		*changed = true;
		e = vmx_remove(text, key);
	}
	vmx_deinit(&v);
	return e;
}

struct pl_error *console_remove(const json_t *before)
{
	struct pl_buf text;
	struct stat seen;
	bool changed = false;
	if (before == NULL)
		return NULL;
	const char *path = pl_json_str_or(before, "path", "");
	struct pl_error *e = load(path, &text, &seen);
	if (e == NULL)
		bundle_sweep(path);
	if (e == NULL)
		e = remove_port(&text, pl_json_bool_or(before, "answered", false), &changed);
	if (e == NULL && changed)
		e = bundle_write(path, &seen, text.data, text.size);
	pl_buf_deinit(&text);
	return pl_error_context(e, "removing the serial console");
}
