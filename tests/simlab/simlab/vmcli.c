#include "tests/simlab/simlab/vmcli.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "tests/simlab/simlab/clones.h"
#include "tests/simlab/simlab/power.h"
#include "tests/simlab/simlab/snapshot.h"
#include "tests/simlab/simlab/vmrun.h"

static const char *word(const struct call *c, int i)
{
	return i < c->argc ? c->argv[i] : "";
}

static void fail(struct call *c, const char *text)
{
	call_err(c, "Error: %s\n", text);
	c->status = 1;
}

static void report(struct call *c, struct pl_error *e)
{
	if (e == NULL)
		return;
	fail(c, pl_error_what(e));
	sim_complain(e);
}

static void query(struct call *c)
{
	struct snapshots all;
	report(c, snapshots_read(&all));
	json_t *list = json_array();
	for (size_t i = 0; i < all.count; i++)
		json_array_append_new(
			list, json_pack("{s:s, s:i, s:i}", "displayName", all.list[i].name, "parentUID",
				      (int)all.list[i].parent, "uid", (int)all.list[i].uid));
	json_t *o = json_pack("{s:i, s:o}", "currentUID", (int)all.current, "snapshots", list);
	char *text = json_dumps(o, 0);
	call_out(c, "simulated vmcli: a line that is no JSON\n%s\n", text != NULL ? text : "");
	free(text);
	json_decref(o);
}

static void take(struct sim *s, struct call *c)
{
	bool memory = strcmp(word(c, 3), "--memory") == 0;
	const char *name = word(c, memory ? 4 : 3);
	if (s->faults.on[FAULT_SNAPSHOT_FAIL])
		fail(c, "Insufficient disk space");
	else if (name[0] == '\0' || strchr(name, '/') != NULL)
		fail(c, "Invalid snapshot name");
	else
		report(c, snapshot_take(s, name, memory));
}

static bool find(struct call *c, const char *uid, struct snapshot *ret)
{
	struct snapshots all;
	uint64_t wanted = 0;
	report(c, snapshots_read(&all));
	bool number = pl_parse_u64(uid, UINT32_MAX, &wanted);
	for (size_t i = 0; number && i < all.count; i++)
		if (all.list[i].uid == wanted) {
			*ret = all.list[i];
			return true;
		}
	fail(c, "Snapshot not found");
	return false;
}

static void delete_with_children(struct call *c, unsigned uid)
{
	struct snapshots all;
	report(c, snapshots_read(&all));
	for (size_t i = 0; i < all.count; i++)
		if (all.list[i].parent == uid) {
			delete_with_children(c, all.list[i].uid);
			report(c, snapshot_delete(&all.list[i]));
		}
}

static void snapshot_command(struct sim *s, struct call *c)
{
	struct snapshot snap;
	const char *verb = word(c, 2);
	bool children = strcmp(word(c, 3), "-d") == 0;
	if (strcmp(verb, "query") == 0)
		query(c);
	else if (power_locked(s))
		fail(c, "The file is already in use");
	else if (strcmp(verb, "Take") == 0)
		take(s, c);
	else if (strcmp(verb, "Revert") == 0 && s->faults.on[FAULT_REVERT_FAIL])
		fail(c, "The operation failed");
	else if (strcmp(verb, "Revert") == 0 && find(c, word(c, 3), &snap))
		report(c, snapshot_revert(s, &snap));
	else if (strcmp(verb, "Delete") == 0 && s->faults.on[FAULT_DELETE_FAIL])
		fail(c, "The operation failed");
	else if (strcmp(verb, "Delete") == 0 && find(c, word(c, children ? 4 : 3), &snap)) {
		if (children)
			delete_with_children(c, snap.uid);
		report(c, snapshot_delete(&snap));
	} else if (c->status == 0)
		fail(c, "Unknown command");
}

void vmcli_call(struct sim *s, struct call *c)
{
	int which = vmrun_vm_of(s, c, word(c, 0));
	sim_event("vmcli %s %s", word(c, 1), word(c, 2));
	if (which == CLONES_NONE)
		fail(c, "The virtual machine cannot be found");
	else if (!clones_activate(s, which))
		fail(c, "The simulated lab runs one virtual machine at a time");
	else if (strcmp(word(c, 1), "Snapshot") == 0)
		snapshot_command(s, c);
	else
		fail(c, "Unknown module");
}
