#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/fusion/vmx.h"
#include "orchestrator/guest/key_file.h"
#include "orchestrator/run/boot_args.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"
#include "orchestrator/run/store.h"
#include "orchestrator/run/teardown.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

static struct pl_error *need_file(const char *path, const char *key, bool folder)
{
	struct stat st;
	if (path == NULL)
		return NULL;
	if (stat(path, &st) < 0 || access(path, folder ? R_OK | X_OK : R_OK) < 0)
		return pl_error_context(
			pl_error_at(
				pl_error_errno(PL_ERR_USAGE, errno, "%s cannot be read", key), "%s", path),
			"preflight");
	if (folder != S_ISDIR(st.st_mode))
		return pl_error_at(pl_error_new(PL_ERR_USAGE, "%s is %sa folder", key, folder ? "not " : ""),
			"%s", path);
	return NULL;
}

/* What opens the guest is tried before it is booted: a boot costs minutes. */
static struct pl_error *check_login(const struct lab_guest *g)
{
	struct pl_buf text;
	struct key_info info;
	char *secret = NULL;
	struct pl_error *e = need_file(g->ssh.key, "the SSH key", false);
	if (e == NULL && g->ssh.key != NULL) {
		pl_buf_init(&text, KEY_FILE_MAX);
		e = pl_error_at(pl_error_as(key_file_read(g->ssh.key, NULL, &text, &info), PL_ERR_USAGE),
			"preflight");
		key_text_deinit(&text);
	}
	if (e == NULL && secret_given(&g->sudo_password))
		e = secret_read(&g->sudo_password, "the sudo password", &secret);
	secret_free(secret);
	return e;
}

static struct pl_error *check_files(const struct run *r)
{
	struct pl_error *e = check_login(r->cfg);
	if (e == NULL)
		e = need_file(r->cfg->ssh.known_hosts, "known_hosts", false);
	if (e == NULL)
		e = need_file(r->scenario->payload.kext, "payload.kext", true);
	if (e == NULL)
		e = need_file(r->scenario->payload.setup, "payload.setup", false);
	if (e == NULL && kernel_is_wanted(r) && strcmp(r->scenario->kdk, "auto") != 0 &&
		!pl_fs_exists(r->scenario->kdk))
		e = pl_error_at(
			pl_error_new(PL_ERR_USAGE, "kdk names what is not there"), "%s", r->scenario->kdk);
	for (size_t i = 0; e == NULL && i < r->scenario->payload.files_count; i++)
		e = need_file(r->scenario->payload.files[i].from, "a file of the payload", false);
	return e;
}

/* A simulated lab says so in its .vmx; its report must not pass for a real one. */
static void note_simulated(struct run *r)
{
	struct vmx v;
	struct pl_error *e = vmx_load(r->vm.vmx, &v);
	const char *value = e == NULL ? vmx_get(&v, "paniclab.simulated") : NULL;
	if (value != NULL && strcasecmp(value, "TRUE") == 0)
		run_report(r, "simulated", json_true());
	vmx_deinit(&v);
	pl_error_free(e);
}

/* A run that was killed and not torn down would be covered up by a new one. */
static struct pl_error *check_unrestored(const struct run *r)
{
	char **ids = NULL;
	size_t count = 0;
	struct pl_error *e = store_ids(r->o->state, &ids, &count);
	for (size_t i = 0; e == NULL && i < count; i++) {
		char *path = NULL;
		struct journal_state s = {0};
		e = pl_asprintf(&path, "%s/runs/%s/journal.ndjson", r->o->state, ids[i]);
		if (e == NULL && (r->id == NULL || strcmp(ids[i], r->id) != 0) && pl_fs_exists(path))
			e = journal_read(path, &s);
		const char *vmx = s.begin == NULL ? "" : json_string_value(json_object_get(s.begin, "vmx"));
		if (e == NULL && journal_pending(&s) > 0 && vmx != NULL && strcmp(vmx, r->vm.vmx) == 0 &&
			!run_is_under_way(r->o->state, &s))
			e = pl_error_hint(
				pl_error_at(pl_error_new(PL_ERR_RESTORE, "run %s is not restored", ids[i]),
					"%s", r->vm.name),
				"paniclab teardown %s", ids[i]);
		journal_state_deinit(&s);
		free(path);
	}
	store_ids_free(ids, count);
	return e;
}

static struct pl_error *take_lock(const struct run *r, struct store_lock *ret)
{
	struct pl_error *e = store_lock(r->o->state, r->vm.vmx, r->id, ret);
	return pl_error_hint(pl_error_at(pl_error_as(e, PL_ERR_LAB), "%s", r->vm.name),
		"wait for that run, or `paniclab teardown` it when it is dead");
}

/* Neither on nor off: somebody's suspended VM, or what a killed run has left. */
static struct pl_error *refuse_power(const struct run *r)
{
	/* The run that is changing the VM's power may be alive: then nothing is to be restored. */
	struct store_lock lock = STORE_UNLOCKED;
	struct pl_error *e = r->id == NULL ? NULL : take_lock(r, &lock);
	store_unlock(&lock);
	if (e == NULL)
		e = check_unrestored(r);
	if (e != NULL)
		return e;
	e = pl_error_new(PL_ERR_LAB, "the VM is %s", vm_power_name(r->power_before));
	return pl_error_hint(pl_error_at(e, "%s", r->vm.name),
		"resume it or shut it down first: what is in its memory could not be put back");
}

/* Without vmrun a snapshot could be begun, and not even be looked for afterwards. */
static struct pl_error *check_snapshots(const struct run *r, const struct pl_wait *w)
{
	char **names = NULL;
	size_t count = 0;
	if (r->scenario->isolation == ISOLATION_NONE)
		return NULL;
	struct pl_error *e = r->host.ops->snapshots(r->host.host, &r->vm, w, &names, &count);
	vm_names_free(names, count);
	return e;
}

/* Neither a VM that is on nor a snapshot with memory can be cloned. */
static struct pl_error *check_clone(const struct run *r)
{
	if (r->scenario->isolation != ISOLATION_CLONE || r->power_before == VM_POWER_OFF)
		return NULL;
	return pl_error_hint(
		pl_error_at(pl_error_new(PL_ERR_LAB, "the VM is on, and cannot be cloned"), "%s", r->vm.name),
		"shut it down, or say `isolation: snapshot`");
}

/*
 * The scenario's own boot-args may undo what a dump needs. Whether they do can
 * depend on the kernel, which is not known yet: refused is what neither the
 * oldest nor the newest would dump with.
 */
static struct pl_error *check_own_boot_args(const struct run *r)
{
	const struct run_boot_args choices = {
		.server = "192.0.2.1", .interface = "", .extra = r->scenario->boot_args};
	const struct boot_args_guest newest = {0}, oldest = {.xnu = {1699, 0, 0}};
	struct boot_args_findings found;
	char *args = NULL;
	if (r->scenario->expect.core != CORE_REQUIRED)
		return NULL;
	struct pl_error *e = run_boot_args_make("", &choices, &args);
	if (e != NULL)
		return e;
	boot_args_check(args, DUMP_NETWORK, &oldest, &found);
	if (boot_args_stops(&found) != NULL) {
		boot_args_check(args, DUMP_NETWORK, &newest, &found);
		e = run_boot_args_refuse(&found);
	}
	free(args);
	return e;
}

/* Before a boot is spent on it; the guest's own driver is judged once it is up. */
static void warn_of_nic(const struct run *r)
{
	if (r->scenario->expect.core != CORE_NONE && boot_args_nic_cannot_dump(r->arm.device))
		pl_log(r->log, PL_LOG_WARN,
			"%s: no kernel is known to dump over its network adapter, %s; set "
			"ethernet0.virtualDev = \"e1000e\" in the .vmx",
			r->cfg->name, r->arm.device);
}

struct pl_error *step_preflight(struct run *r, char *out)
{
	struct pl_error *e = check_files(r);
	if (e == NULL)
		e = check_own_boot_args(r);
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	if (e == NULL)
		e = r->host.ops->find(r->host.host, &r->cfg->vm, &w, &r->vm);
	if (e == NULL)
		e = r->host.ops->power(r->host.host, &r->vm, &w, &r->power_before);
	if (e != NULL)
		return e;
	run_report(r, "vm",
		json_pack("{s:s?, s:s?, s:s?}", "id", r->vm.id, "vmx", r->vm.vmx, "name", r->vm.name));
	if (r->power_before != VM_POWER_OFF && r->power_before != VM_POWER_ON)
		return refuse_power(r);
	e = check_snapshots(r, &w);
	if (e == NULL)
		e = check_clone(r);
	if (e != NULL)
		return e;
	SAY("%s is %s", r->vm.name, vm_power_name(r->power_before));
	note_simulated(r);
	e = arming_prepare(r, &w);
	if (e == NULL)
		warn_of_nic(r);
	if (e == NULL)
		e = prepared_start_find(r);
	if (e != NULL)
		return e;
	return serial_open(&r->serial, r->vm.vmx);
}

/* What the preflight saw may have been another run's, which has put it back since. */
static struct pl_error *check_power(const struct run *r)
{
	enum vm_power now;
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	struct pl_error *e = r->host.ops->power(r->host.host, &r->vm, &w, &now);
	if (e != NULL || now == r->power_before)
		return e;
	e = pl_error_new(PL_ERR_LAB, "the VM was %s a moment ago, and is %s", vm_power_name(r->power_before),
		vm_power_name(now));
	return pl_error_hint(pl_error_at(e, "%s", r->vm.name), "run again when nothing else changes it");
}

struct pl_error *step_lock(struct run *r, char *out)
{
	struct pl_error *e = take_lock(r, &r->lock);
	if (e == NULL)
		e = pl_strdup(r->vm.vmx, &r->locked);
	if (e == NULL)
		e = check_unrestored(r);
	if (e == NULL)
		e = check_power(r);
	if (e != NULL)
		return e;
	SAY("run %s", r->id);
	/* The process tells a run that is under way from one that was killed. */
	return journal_write(r->journal, "begin",
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:I}", "run", r->id, "vmx", r->vm.vmx, "guest",
			r->cfg->name, "scenario", r->scenario->name, "vm", r->vm.name, "process",
			(json_int_t)getpid()));
}

struct pl_error *step_snapshot(struct run *r, char *out)
{
	char name[64];
	int64_t id;
	snprintf(name, sizeof name, "paniclab-%s", r->id);
	struct pl_error *e = run_intent(r, "snapshot",
		json_pack("{s:s, s:s}", "snapshot", name, "power", vm_power_name(r->power_before)), &id);
	if (e != NULL)
		return e;
	struct pl_wait w = run_wait(r, 600 * PL_SECOND);
	e = r->host.ops->snapshot_take(r->host.host, &r->vm, name, &w);
	if (e != NULL)
		return e;
	bool found = false;
	e = vm_has_snapshot(&r->host, &r->vm, name, &w, &found);
	if (e == NULL && !found)
		e = pl_error_hint(pl_error_at(pl_error_new(PL_ERR_LAB,
						      "the snapshot %s was reported but is not listed", name),
					  "%s", r->vm.name),
			"look into the VM's vmware.log");
	if (e != NULL)
		return e;
	SAY("%s", name);
	return journal_done(r->journal, id);
}

struct pl_error *step_power_on(struct run *r, char *out)
{
	int64_t id = 0;
	struct pl_error *e = NULL;
	if (r->power_before == VM_POWER_ON && !r->arm.offline) {
		SAY("it runs already");
		return NULL;
	}
	/* That it ran before was noted when it was shut down. */
	if (r->power_before == VM_POWER_OFF)
		e = run_intent(r, "power", json_pack("{s:s}", "power", vm_power_name(r->power_before)), &id);
	if (e != NULL)
		return e;
	struct pl_wait w = run_wait(r, r->cfg->boot_timeout);
	e = r->host.ops->start(r->host.host, &r->vm, &w);
	if (e != NULL)
		return e;
	run_count_boot(r, r->arm.offline ? "armed" : "to set it up");
	SAY("on");
	return id == 0 ? NULL : journal_done(r->journal, id);
}

struct pl_error *step_address(struct run *r, char *out)
{
	struct pl_wait w = run_wait(r, r->cfg->boot_timeout);
	struct reach reach = run_reach(r);
	struct found_address found;
	struct pl_error *e = reach_address(&reach, &w, &found);
	if (e != NULL)
		return e;
	run_found(r, &found);
	run_report(r, "address", json_pack("{s:s, s:s}", "ip", r->ip, "source", r->ip_source));
	SAY("%s, says %s", r->ip, r->ip_source);
	return NULL;
}
