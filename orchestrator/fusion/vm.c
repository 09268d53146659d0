#include "orchestrator/fusion/vm.h"

#include <stdlib.h>
#include <string.h>

const char *vm_power_name(enum vm_power p)
{
	switch (p) {
	case VM_POWER_OFF:
		return "off";
	case VM_POWER_ON:
		return "on";
	case VM_POWER_SUSPENDED:
		return "suspended";
	case VM_POWER_PAUSED:
		return "paused";
	case VM_POWER_CHANGING:
		return "changing";
	}
	return "unknown";
}

void vm_deinit(struct vm *vm)
{
	free(vm->id);
	free(vm->vmx);
	free(vm->name);
	memset(vm, 0, sizeof(*vm));
}

void vm_names_free(char **names, size_t count)
{
	for (size_t i = 0; names && i < count; i++)
		free(names[i]);
	free(names);
}

void vm_close(struct vm_backend *b)
{
	if (!b)
		return;
	if (b->ops && b->host)
		b->ops->destroy(b->host);
	memset(b, 0, sizeof(*b));
}

struct pl_error *vm_has_snapshot(
	const struct vm_backend *b, const struct vm *vm, const char *name, const struct pl_wait *w, bool *ret)
{
	char **names = NULL;
	size_t count = 0;
	struct pl_error *e = b->ops->snapshots(b->host, vm, w, &names, &count);

	*ret = false;
	for (size_t i = 0; !e && i < count; i++)
		*ret = *ret || !strcmp(names[i], name);
	vm_names_free(names, count);
	return e;
}
