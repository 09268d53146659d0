#include "orchestrator/run/prepared_drop.h"

#include "base/json.h"
#include "orchestrator/run/prepared.h"

struct pl_error *prepared_drop(const char *state, const struct vm_backend *b, const struct vm *vm,
	const json_t *record, const struct pl_wait *w)
{
	const char *name = pl_json_str_or(record, "snapshot", "");
	bool listed = false;
	struct pl_error *e = vm_has_snapshot(b, vm, name, w, &listed);
	if (e == NULL && listed)
		e = b->ops->snapshot_delete(b->host, vm, name, w);
	return e != NULL ? e : prepared_forget(state, pl_json_str_or(record, "digest", ""));
}
