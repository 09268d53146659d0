#include "tests/simlab/simlab/other_vm.h"

#include <jansson.h>
#include <string.h>

#include "base/fs.h"
#include "tests/simlab/bundle_config.h"
#include "tests/simlab/simlab/make.h"
#include "tests/simlab/simlab/tree.h"

#define DISPLAY_NAME "High Sierra (simulated)"

static const char VMX[] = ".encoding = \"UTF-8\"\n"
			  "# simulated\n"
			  "config.version = \"8\"\n"
			  "virtualHW.version = \"14\"\n"
			  "displayName = \"" DISPLAY_NAME "\"\n"
			  "guestOS = \"darwin17-64\"\n"
			  "firmware = \"efi\"\n"
			  "memsize = \"4096\"\n"
			  "numvcpus = \"2\"\n"
			  "nvram = \"" OTHER_NAME ".nvram\"\n"
			  "scsi0.present = \"TRUE\"\n"
			  "scsi0:0.present = \"TRUE\"\n"
			  "scsi0:0.fileName = \"" OTHER_NAME ".vmdk\"\n"
			  "paniclab.simulated = \"TRUE\"\n";

struct pl_error *other_vm_make(void)
{
	struct pl_error *e = pl_fs_mkdirs(OTHER_BUNDLE);
	if (e == NULL)
		e = make_file(OTHER_VMX, VMX, 0644);
	if (e == NULL)
		e = make_file(OTHER_BUNDLE "/" OTHER_NAME ".vmsd", ".encoding = \"UTF-8\"\n", 0644);
	if (e == NULL)
		e = make_file(OTHER_BUNDLE "/" OTHER_NAME ".nvram", "simulated\n", 0600);
	return e != NULL ? e
			 : make_file(OTHER_BUNDLE "/" OTHER_NAME ".vmdk", "# Disk DescriptorFile\n", 0600);
}

struct pl_error *other_vm_rename(const struct sim *s)
{
	struct config c;
	const char *name = s->faults.on[FAULT_VM_TWIN] ? SIM_DISPLAY_NAME : DISPLAY_NAME;
	struct pl_error *e = config_read(OTHER_VMX, &c);
	const char *present = config_get(&c, "displayName");
	bool same = present != NULL && strcmp(present, name) == 0;
	if (e == NULL && !same)
		e = config_set(&c, "displayName", name);
	if (e == NULL && !same)
		e = config_write(&c, OTHER_VMX);
	config_deinit(&c);
	return e;
}

void other_vm_rest(const struct rest_request *q, struct rest_answer *a)
{
	const char *what = q->depth > 2 ? q->path[2] : "";
	if (strcmp(q->method, "GET") != 0) {
		sim_event("violation: %s on the other VM", q->method);
		rest_error(a, 403, 110, "The other VM is not to be changed (simulated)");
	} else if (strcmp(what, "power") == 0) {
		json_t *o = json_pack("{s:s}", "power_state", "poweredOff");
		a->status = 200;
		a->json = json_dumps(o, 0);
		json_decref(o);
	} else
		rest_error(a, 409, 106, "The operation is not possible in the power state poweredOff");
}

void other_vm_vmrun(struct call *c)
{
	if (strcmp(c->argv[0], "listSnapshots") == 0) {
		call_out(c, "Total snapshots: 0\n");
		return;
	}
	sim_event("violation: vmrun %s on the other VM", c->argv[0]);
	call_out(c, "Error: The other VM is not to be changed (simulated)\n");
	c->status = 255;
}

struct pl_error *other_vm_state(struct pl_buf *out)
{
	static const char *const ALL[] = {NULL};
	return tree_list(OTHER_BUNDLE, "other", ALL, out);
}
