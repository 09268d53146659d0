#include "tests/simlab/simlab/vmrun.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "tests/simlab/simlab/clones.h"
#include "tests/simlab/simlab/other_vm.h"
#include "tests/simlab/simlab/power.h"
#include "tests/simlab/simlab/snapshot.h"

static void error(struct call *c, const char *text)
{
	call_out(c, "Error: %s\n", text);
	c->status = 255;
}

static void report(struct call *c, struct pl_error *e)
{
	if (e == NULL)
		return;
	error(c, pl_error_what(e));
	sim_complain(e);
}

/* ---- power ---- */

static bool is_settled(struct sim *s, struct call *c)
{
	(void)c;
	return s->power != POWER_STARTING && s->power != POWER_STOPPING && s->timers[TIMER_DOWN] == 0;
}

static const char *word(const struct call *c, int i)
{
	return i < c->argc ? c->argv[i] : "";
}

static void start(struct sim *s, struct call *c)
{
	if (s->power == POWER_ON)
		return;
	if (!power_start(s))
		error(c, "The operation is not possible in the current state");
	else
		c->ready = is_settled;
}

static void stop(struct sim *s, struct call *c)
{
	bool soft = strcmp(word(c, 2), "soft") == 0;
	if (s->power == POWER_OFF)
		error(c, "The virtual machine is not powered on");
	else if (soft && !power_shutdown(s))
		error(c, "The VMware Tools are not running in the virtual machine");
	else if (!soft && !power_stop(s))
		error(c, "The operation is not possible in the current state");
	else {
		c->ready = is_settled;
		if (s->faults.on[FAULT_STOP_LIES])
			error(c, "The operation was canceled");
	}
}

static void reset(struct sim *s, struct call *c)
{
	if (strcmp(word(c, 2), "soft") == 0 && s->tools)
		power_guest_down(s, false);
	else if (!power_reset(s))
		error(c, "The virtual machine is not powered on");
}

static void suspend(struct sim *s, struct call *c)
{
	if (!power_suspend(s))
		error(c, "The virtual machine is not powered on");
}

static void list(struct sim *s, struct call *c)
{
	bool running = s->power != POWER_OFF && s->power != POWER_SUSPENDED;
	char *vmx = sim_path(s, SIM_VMX);
	call_out(c, "Total running VMs: %d\n", running);
	if (running)
		call_out(c, "%s\n", vmx);
	free(vmx);
}

/* ---- snapshots ---- */

static void take(struct sim *s, struct call *c)
{
	if (s->faults.on[FAULT_SNAPSHOT_FAIL])
		error(c, "Insufficient disk space");
	else if (strchr(word(c, 2), '/') != NULL || word(c, 2)[0] == '\0')
		error(c, "Invalid snapshot name");
	else
		report(c, snapshot_take(s, word(c, 2), true));
}

/* Parents before children, one tab a level, as showTree prints. */
static void print_tree(struct call *c, const struct snapshots *all, unsigned parent, int level)
{
	for (size_t i = 0; i < all->count; i++) {
		if (all->list[i].parent != parent)
			continue;
		call_out(c, "%.*s%s\n", level, "\t\t\t\t\t\t\t\t", all->list[i].name);
		print_tree(c, all, all->list[i].uid, level + 1);
	}
}

static void list_snapshots(struct sim *s, struct call *c)
{
	struct snapshots all;
	(void)s;
	report(c, snapshots_read(&all));
	call_out(c, "Total snapshots: %zu\n", all.count);
	if (strcmp(word(c, 2), "showTree") == 0)
		print_tree(c, &all, 0, 0);
	else
		for (size_t i = 0; i < all.count; i++)
			call_out(c, "%s\n", all.list[i].name);
}

/* The one of that name, or an error said. */
static bool find(struct call *c, struct snapshot *ret)
{
	struct snapshots all;
	size_t found = 0;
	report(c, snapshots_read(&all));
	for (size_t i = 0; i < all.count; i++)
		if (strcmp(all.list[i].name, word(c, 2)) == 0) {
			*ret = all.list[i];
			found++;
		}
	if (found == 0)
		error(c, "The snapshot does not exist");
	else if (found > 1)
		error(c, "The name does not identify one snapshot");
	return found == 1;
}

static void revert(struct sim *s, struct call *c)
{
	struct snapshot snap;
	if (s->faults.on[FAULT_REVERT_FAIL])
		error(c, "A file access error occurred on the host or guest operating system");
	else if (find(c, &snap))
		report(c, snapshot_revert(s, &snap));
}

static void delete_children(struct call *c, unsigned parent)
{
	struct snapshots all;
	report(c, snapshots_read(&all));
	for (size_t i = 0; i < all.count; i++) {
		if (all.list[i].parent != parent)
			continue;
		delete_children(c, all.list[i].uid);
		report(c, snapshot_delete(&all.list[i]));
	}
}

static void delete (struct sim *s, struct call *c)
{
	struct snapshot snap;
	if (s->faults.on[FAULT_DELETE_FAIL])
		error(c, "Unable to delete the snapshot");
	else if (find(c, &snap)) {
		if (strcmp(word(c, 3), "andDeleteChildren") == 0)
			delete_children(c, snap.uid);
		report(c, snapshot_delete(&snap));
	}
}

/* ---- the guest ---- */

static bool tools_report(struct sim *s, struct call *c)
{
	if (!s->tools || s->faults.on[FAULT_NO_IP])
		return false;
	char stale[16];
	call_out(c, "%s\n", s->faults.on[FAULT_STALE_IP] ? sim_address(s, SIM_STALE, stale) : s->opt.ip);
	return true;
}

static void get_ip(struct sim *s, struct call *c)
{
	if (s->power != POWER_ON)
		error(c, "The virtual machine is not powered on");
	else if (!tools_report(s, c)) {
		if (strcmp(word(c, 2), "-wait") == 0)
			c->ready = tools_report;
		else
			error(c, "The VMware Tools are not running in the virtual machine");
	}
}

static void capture(struct sim *s, struct call *c)
{
	static const char PNG[] = "\x89PNG\r\n\x1a\n(simulated)";
	char path[4096];
	const char *file = word(c, 2);
	snprintf(path, sizeof path, "%s%s%s", file[0] == '/' ? "" : c->cwd, file[0] == '/' ? "" : "/", file);
	if (s->power != POWER_ON)
		error(c, "The virtual machine is not powered on");
	else
		report(c, pl_fs_write(path, PNG, sizeof PNG - 1, 0644));
}

/* NAME=VALUE among the words, "-snapshot=before" say. */
static const char *named(const struct call *c, const char *name)
{
	size_t len = strlen(name);
	for (int i = 4; i < c->argc; i++)
		if (strncmp(c->argv[i], name, len) == 0 && c->argv[i][len] == '=')
			return c->argv[i] + len + 1;
	return NULL;
}

static bool find_named(struct call *c, const char *name, struct snapshot *ret)
{
	struct snapshots all;
	report(c, snapshots_read(&all));
	for (size_t i = 0; i < all.count; i++)
		if (strcmp(all.list[i].name, name) == 0) {
			*ret = all.list[i];
			return true;
		}
	error(c, "Invalid snapshot name");
	return false;
}

static void clone(struct sim *s, struct call *c)
{
	char path[4096];
	int made = CLONES_NONE;
	struct snapshot snap;
	const char *to = word(c, 2);
	const char *snapshot = named(c, "-snapshot");
	if (strcmp(word(c, 3), "full") != 0 && strcmp(word(c, 3), "linked") != 0) {
		error(c, "Invalid argument");
		return;
	}
	if (snapshot != NULL && !find_named(c, snapshot, &snap))
		return;
	snprintf(path, sizeof path, "%s%s%s", to[0] == '/' ? "" : c->cwd, to[0] == '/' ? "" : "/", to);
	report(c, clones_make(s, path, named(c, "-cloneName"), snapshot != NULL ? &snap : NULL, &made));
}

/* Only clones: nobody but their maker misses them. */
static void delete_vm(struct sim *s, struct call *c)
{
	int which = s->active;
	if (s->power != POWER_OFF)
		error(c, "The virtual machine should not be powered on. It is already running.");
	else if (which == CLONES_OWN) {
		sim_event("violation: vmrun deleteVM of the lab's own VM");
		error(c, "Insufficient permissions");
	} else if (clones_activate(s, CLONES_OWN))
		report(c, clones_delete(s, which));
}

/* ---- the command line ---- */

struct command {
	const char *name;
	int arguments; /* at least, the .vmx included */
	bool opens;    /* the VM's files: not while a lock is on them */
	void (*run)(struct sim *s, struct call *c);
};

static const struct command COMMANDS[] = {
	{"captureScreen", 2, false, capture},
	{"clone", 3, true, clone},
	{"deleteVM", 1, true, delete_vm},
	{"deleteSnapshot", 2, true, delete},
	{"getGuestIPAddress", 1, false, get_ip},
	{"list", 0, false, list},
	{"listSnapshots", 1, false, list_snapshots},
	{"reset", 1, false, reset},
	{"revertToSnapshot", 2, true, revert},
	{"snapshot", 2, true, take},
	{"start", 1, true, start},
	{"stop", 1, false, stop},
	{"suspend", 1, false, suspend},
};

/* Takes -T, -vp and the like off; false if the VM's password is missing or wrong. */
static bool global_options(const struct sim *s, struct call *c)
{
	const char *password = "";
	while (c->argc >= 2 && (strcmp(c->argv[0], "-T") == 0 || strcmp(c->argv[0], "-vp") == 0)) {
		if (strcmp(c->argv[0], "-vp") == 0)
			password = c->argv[1];
		c->argv += 2;
		c->argc -= 2;
	}
	return s->opt.vm_password[0] == '\0' || strcmp(s->opt.vm_password, password) == 0;
}

/* Is the path that was given that .vmx? */
static bool is_about(const struct sim *s, const struct call *c, const char *given, const char *which)
{
	char path[4096];
	char *vmx = sim_path(s, which);
	snprintf(path, sizeof path, "%s%s%s", given[0] == '/' ? "" : c->cwd, given[0] == '/' ? "" : "/",
		given);
	char *real = realpath(path, NULL);
	bool same = strcmp(path, vmx) == 0 || (real != NULL && strcmp(real, vmx) == 0);
	free(real);
	free(vmx);
	return same;
}

static void say_in_use(struct call *c)
{
	sim_event("vmrun says that the file is in use");
	call_out(c, "2026-01-01T00:00:00.000Z| vmrun (simulated)| W: FileLock: stale owner\n");
	error(c, "The file is already in use");
}

int vmrun_vm_of(const struct sim *s, const struct call *c, const char *given)
{
	for (int i = CLONES_OWN; i < (int)s->clone_count; i++)
		if (is_about(s, c, given, clones_vmx(s, i)))
			return i;
	return CLONES_NONE;
}

static void run(struct sim *s, struct call *c, const struct command *command, bool password_ok)
{
	int which = vmrun_vm_of(s, c, word(c, 1));
	if (command->arguments > 0 && is_about(s, c, word(c, 1), OTHER_VMX))
		other_vm_vmrun(c);
	else if (command->arguments > 0 && which == CLONES_NONE)
		error(c, "The virtual machine cannot be found");
	else if (command->arguments > 0 && !password_ok)
		error(c, "This operation requires the password of the encrypted virtual machine");
	else if (command->opens && power_locked(s))
		say_in_use(c);
	else if (command->arguments > 0 && !clones_activate(s, which))
		error(c, command->opens ? "The simulated lab runs one virtual machine at a time"
					: "The virtual machine is not powered on");
	else
		command->run(s, c);
}

static bool vm_is_gone(struct sim *s, struct call *c)
{
	(void)c;
	return s->power == POWER_OFF || s->power == POWER_SUSPENDED;
}

void vmrun_vm_process(struct sim *s, struct call *c)
{
	if (s->faults.on[FAULT_VMRUN_LEAVES]) {
		sim_event("vmrun leaves the VM's process behind");
		c->ready = vm_is_gone;
	}
}

void vmrun_call(struct sim *s, struct call *c)
{
	bool password_ok = global_options(s, c);
	const char *name = word(c, 0);
	sim_event("vmrun %s", name);
	if (s->faults.on[FAULT_VMRUN_HANG]) {
		c->ready = call_hangs;
		return;
	}
	if (faults_take(&s->faults, FAULT_VMRUN_IN_USE)) {
		say_in_use(c);
		return;
	}
	for (size_t i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++)
		if (strcmp(COMMANDS[i].name, name) == 0 && c->argc > COMMANDS[i].arguments) {
			run(s, c, &COMMANDS[i], password_ok);
			return;
		}
	call_out(c, "vmrun (simulated)\n\nUsage: vmrun [-T fusion] [-vp PASSWORD] COMMAND [PARAMETERS]\n");
	error(c, "Unrecognized command or missing parameters");
}
