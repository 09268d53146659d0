#include "orchestrator/run/undo_nvram.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/run/offline.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

/* A VM's locks may outlive it by two minutes. */
static const int64_t OFF_TIME = 180 * PL_SECOND;

static const json_t *variables_of(const struct undo *u)
{
	return json_object_get(u->change->before, "variables");
}

/* Somebody's hand may have started it: an edit under a running guest would be lost. */
static struct pl_error *check_power(const struct undo *u, const struct pl_wait *w)
{
	struct vm_backend *b = u->args->backend;
	enum vm_power power;
	struct pl_error *e = b->ops->power(b->host, u->args->vm, w, &power);
	if (e != NULL || power == VM_POWER_OFF)
		return e;
	return pl_error_hint(
		pl_error_at(pl_error_new(PL_ERR_RESTORE, "the VM is %s, so its nvram cannot be put back",
				    vm_power_name(power)),
			"%s", u->args->vm->name),
		"shut the guest down");
}

struct pl_error *undo_nvram(struct undo *u, char *out)
{
	struct offline o = {0};
	struct pl_wait w = pl_wait_for(OFF_TIME, NULL);
	bool changed = false;
	struct pl_error *e = check_power(u, &w);
	if (e == NULL)
		e = offline_open(u->args->vm->vmx, u->args->lab->fusion.vmrun, &w, u->args->log, &o);
	if (e == NULL)
		e = offline_restore(&o, variables_of(u), &changed);
	if (e == NULL && changed)
		e = offline_write(&o);
	offline_close(&o);
	SAY("as it was");
	return e;
}

static struct pl_error *append_command(const struct undo *u, const json_t *entry, struct pl_buf *out)
{
	const char *value = pl_json_str_or(entry, "value", NULL);
	struct pl_error *e = pl_buf_printf(out, "%spaniclab nvram ", out->size == 0 ? "" : "; ");
	if (e == NULL)
		e = pl_shell_quote(u->args->vm->vmx, out);
	if (e == NULL)
		e = pl_buf_printf(out, " %s %s%s%s", value == NULL ? "delete" : "set",
			pl_json_str_or(entry, "name", "?"),
			value == NULL ? "" : " hex:", value == NULL ? "" : value);
	return e;
}

void undo_nvram_by_hand(const struct undo *u, char *out)
{
	struct pl_buf text;
	struct pl_error *e = NULL;
	pl_buf_init(&text, UNDO_TEXT_MAX - 64);
	for (size_t i = 0; e == NULL && i < json_array_size(variables_of(u)); i++)
		e = append_command(u, json_array_get(variables_of(u), i), &text);
	SAY("with the guest off: %s", e == NULL ? pl_buf_text(&text) : "look at the run's journal.ndjson");
	pl_error_free(e);
	pl_buf_deinit(&text);
}
