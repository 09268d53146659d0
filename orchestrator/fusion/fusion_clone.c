/* Clones: a linked one by vmrun, else a full one by the REST service; and their end. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/fusion/fusion_parts.h"

#define DELETE_PAUSE (500 * PL_MS)

/* Fusion lets go of the files of a VM that went off up to two minutes later. */
#define LOCKED_MOST (150 * PL_SECOND)

static void warn(const struct vm_host *h, const struct pl_error *e, const char *instead)
{
	char line[512];

	pl_log(h->log, PL_LOG_WARN, "%s; %s", pl_error_line(e, line, sizeof(line)), instead);
}

static struct pl_error *find_path(struct vm_host *h, const char *vmx, const struct pl_wait *w, struct vm *ret)
{
	char *copy = strdup(vmx);
	const struct lab_vm sel = {.vmx = copy};
	struct pl_error *e = copy ? fusion_find(h, &sel, w, ret) : pl_error_nomem();

	free(copy);
	return e;
}

/* vmrun makes it known to Fusion or it does not: then the service is told of it. */
static struct pl_error *adopt(
	struct vm_host *h, const struct vm_clone *c, const struct pl_wait *w, struct vm *ret)
{
	char *id = NULL;
	struct pl_error *e = find_path(h, c->vmx, w, ret);

	if (!e || fusion_is_final(e))
		return e;
	pl_error_free(e);
	e = vmrest_register(h->rest, c->name, c->vmx, w, &id);
	free(id);
	return e ? e : find_path(h, c->vmx, w, ret);
}

/* By the REST service, whose answer has the id and not the path. */
static struct pl_error *clone_full(struct vm_host *h, const struct vm *vm, const struct vm_clone *c,
	const struct pl_wait *w, struct vm *ret)
{
	char *id = NULL;
	struct pl_error *e = vmrest_clone(h->rest, fusion_id_of(h, vm), c->name, w, &id);
	const struct lab_vm sel = {.id = id};

	if (!e)
		e = fusion_find(h, &sel, w, ret);
	free(id);
	return e;
}

struct pl_error *fusion_clone(struct vm_host *h, const struct vm *vm, const struct vm_clone *c,
	const struct pl_wait *w, struct vm *ret)
{
	struct pl_error *second, *e = vmrun_clone(&h->run, vm->vmx, c, w);

	memset(ret, 0, sizeof(*ret));
	if (!e)
		return adopt(h, c, w, ret);
	if (fusion_is_final(e))
		return e;
	warn(h, e, "making a full clone by the REST service instead");
	second = clone_full(h, vm, c, w, ret);
	if (!second) {
		pl_error_free(e);
		return NULL;
	}
	warn(h, second, "no clone");
	pl_error_free(second);
	return e;
}

static struct pl_error *send_delete(
	struct vmrest *r, const char *id, const struct rest_call *c, const struct pl_wait *w)
{
	(void)c;
	return vmrest_delete(r, id, w);
}

/* As long as its files are locked. */
static struct pl_error *delete_patiently(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	const struct rest_call c = {.send = send_delete};
	struct pl_wait patience = pl_wait_at_most(w, LOCKED_MOST);

	for (;;) {
		struct pl_error *over, *e = fusion_call_vm(h, vm, &c, w);

		if (!e || vmrest_status(h->rest) != 409)
			return e;
		over = pl_wait_sleep(&patience, DELETE_PAUSE);
		if (over && !fusion_is_final(over)) {
			pl_error_free(over);
			return e;
		}
		pl_error_free(e);
		if (over)
			return over;
	}
}

struct pl_error *fusion_remove(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	struct pl_error *e = delete_patiently(h, vm, w);

	if (!e || fusion_is_final(e))
		return e;
	warn(h, e, "trying vmrun instead");
	pl_error_free(e);
	return vmrun_delete_vm(&h->run, vm->vmx, w);
}
