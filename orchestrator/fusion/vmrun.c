#include "orchestrator/fusion/vmrun.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/proc.h"
#include "base/text.h"
#include "orchestrator/fusion/tool.h"
#include "orchestrator/fusion/vm.h"

#define RETRY_FIRST (250 * PL_MS)
#define RETRY_MOST (5 * PL_SECOND)
/* The lock entries of a VM may outlive it by two minutes. */
#define IN_USE_MOST (150 * PL_SECOND)

/* What each command may take; taking or merging a snapshot moves gigabytes. */
#define TIME_ASK (20 * PL_SECOND)
#define TIME_POWER (300 * PL_SECOND)
#define TIME_DISKS (1800 * PL_SECOND)

struct pl_error *vmrun_init(
	struct vmrun *v, const char *path, const char *vm_password, const struct pl_log *log)
{
	memset(v, 0, sizeof(*v));
	v->vm_password = vm_password;
	v->log = log;
	return pl_strdup(path, &v->configured);
}

void vmrun_deinit(struct vmrun *v)
{
	free(v->path);
	free(v->configured);
	memset(v, 0, sizeof(*v));
}

static struct pl_error *locate(struct vmrun *v)
{
	struct pl_error *e = NULL;

	if (v->path)
		return NULL;
	if (strcmp(v->configured, "auto"))
		return pl_strdup(v->configured, &v->path);
	e = tool_find("vmrun", &v->path);
	if (e || v->path)
		return e;
	return pl_error_hint(pl_error_why(pl_error_new(PL_ERR_LAB, "not found"),
				     "looked into /Applications/VMware Fusion.app and PATH"),
		"name it in fusion.vmrun");
}

bool vmrun_is_there(struct vmrun *v)
{
	struct pl_error *e = locate(v);
	bool there = !e && (!strchr(v->path, '/') || !access(v->path, X_OK));

	pl_error_free(e);
	return there;
}

static struct pl_error *refused(const struct pl_proc_result *r)
{
	char text[300];
	struct pl_error *e = pl_error_new(PL_ERR_LAB, "failed");

	if (vmrun_read_error(pl_buf_text(&r->out), r->out.size, text, sizeof(text)) ||
		vmrun_read_error(pl_buf_text(&r->err), r->err.size, text, sizeof(text)))
		return pl_error_why(e, "%s", text);
	if (r->signal)
		return pl_error_why(e, "killed by signal %d", r->signal);
	if (r->out.size || r->err.size) {
		const struct pl_buf *b = r->err.size ? &r->err : &r->out;

		return pl_error_why(
			e, "exit status %d: %s", r->status, pl_escape(b->data, b->size, text, sizeof(text)));
	}
	return pl_error_why(e, "exit status %d", r->status);
}

/*
 * An "Error:" line with exit status 0 counts too, unless the command lists
 * names, one of which may look like that.
 */
static bool has_failed(const struct pl_proc_result *r, bool lists)
{
	char text[8];

	if (r->status != 0)
		return true;
	return !lists && vmrun_read_error(pl_buf_text(&r->out), r->out.size, text, sizeof(text));
}

struct command {
	const char *name;
	const char *vmx;  /* may be NULL */
	const char *last; /* a third word, may be NULL */
	const char *more[3];
	bool lists;
	bool starts_vm; /* whose process lives on */
	int64_t time;
};

static struct pl_error *run_once(
	struct vmrun *v, const struct command *c, const struct pl_wait *w, struct pl_proc_result *ret)
{
	const char *argv[12] = {v->path, "-T", "fusion"};
	size_t n = 3;
	struct pl_proc_spec spec = {
		.argv = argv, .output_max = VMRUN_OUTPUT_MAX, .leaves_process = c->starts_vm};
	struct pl_error *e;

	if (v->vm_password) {
		argv[n++] = "-vp";
		argv[n++] = v->vm_password;
	}
	argv[n++] = c->name;
	if (c->vmx)
		argv[n++] = c->vmx;
	if (c->vmx && c->last)
		argv[n++] = c->last;
	for (size_t i = 0; i < sizeof(c->more) / sizeof(c->more[0]) && c->more[i]; i++)
		argv[n++] = c->more[i];
	e = pl_proc_run(&spec, w, ret);
	if (!e && has_failed(ret, c->lists))
		e = refused(ret);
	pl_log(v->log, PL_LOG_TRACE, "vmrun %s: %s", c->name, e ? pl_error_what(e) : "ok");
	return e;
}

static bool is_in_use(const struct pl_error *e)
{
	const char *why = pl_error_reason(e);

	return pl_error_kind(e) == PL_ERR_LAB && why && strcasestr(why, "in use");
}

/* As long as the VM's files are in use, w lasts and patience does. */
static struct pl_error *run_patiently(
	struct vmrun *v, const struct command *c, const struct pl_wait *w, struct pl_proc_result *ret)
{
	struct pl_wait patience = pl_wait_at_most(w, IN_USE_MOST);
	int64_t pause = RETRY_FIRST;

	for (;;) {
		struct pl_error *e = run_once(v, c, w, ret);
		struct pl_error *over;

		if (!e || !is_in_use(e))
			return e;
		over = pl_wait_sleep(&patience, pause);
		if (over && pl_error_kind(over) == PL_ERR_INTERRUPTED) {
			pl_error_free(e);
			return over;
		}
		if (over) {
			pl_error_free(over);
			return pl_error_hint(
				e, "close the VM's window in Fusion, or end what else has it open");
		}
		pl_log(v->log, PL_LOG_DEBUG, "vmrun %s: %s; again", c->name, pl_error_reason(e));
		pl_error_free(e);
		pl_proc_result_deinit(ret);
		pause = pause * 2 < RETRY_MOST ? pause * 2 : RETRY_MOST;
	}
}

static struct pl_error *hint_failed(const struct vmrun *v, const struct command *c, struct pl_error *e)
{
	const char *why = e ? pl_error_reason(e) : NULL;

	if (!e || pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	if (v->path && strchr(v->path, '/') && access(v->path, X_OK))
		return pl_error_hint(e, "correct fusion.vmrun, now %s", v->path);
	if (c->vmx && why && strcasestr(why, "disk space"))
		return pl_error_hint(e, "free space where the VM is: %s", c->vmx);
	if (c->vmx)
		return pl_error_hint(e, "Fusion may say more in vmware.log, beside %s", c->vmx);
	return pl_error_hint(e, "try `vmrun -T fusion list` in a terminal");
}

/* *ret needs pl_proc_result_deinit() in any case. */
static struct pl_error *run(
	struct vmrun *v, const struct command *c, const struct pl_wait *w, struct pl_proc_result *ret)
{
	struct pl_wait own = pl_wait_at_most(w, c->time);
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	e = locate(v);
	if (!e)
		e = run_patiently(v, c, &own, ret);
	return hint_failed(v, c, pl_error_move(e, "vmrun %s", c->name));
}

static struct pl_error *run_plain(struct vmrun *v, const struct command *c, const struct pl_wait *w)
{
	struct pl_proc_result r;
	struct pl_error *e = run(v, c, w, &r);

	pl_proc_result_deinit(&r);
	return e;
}

struct pl_error *vmrun_start(struct vmrun *v, const char *vmx, const struct pl_wait *w)
{
	const struct command c = {
		.name = "start", .vmx = vmx, .last = "nogui", .starts_vm = true, .time = TIME_POWER};

	return run_plain(v, &c, w);
}

struct pl_error *vmrun_stop(struct vmrun *v, const char *vmx, bool hard, const struct pl_wait *w)
{
	const struct command c = {
		.name = "stop", .vmx = vmx, .last = hard ? "hard" : "soft", .time = TIME_POWER};

	return run_plain(v, &c, w);
}

static struct pl_error *run_list(struct vmrun *v, const struct command *c, const char *head,
	const struct pl_wait *w, char ***ret, size_t *count)
{
	struct pl_proc_result r;
	struct pl_error *e = run(v, c, w, &r);

	*ret = NULL;
	*count = 0;
	if (!e && r.out_cut)
		e = pl_error_new(PL_ERR_LAB, "the list is too long");
	if (!e)
		e = vmrun_read_list(pl_buf_text(&r.out), r.out.size, head, ret, count);
	if (e && pl_error_kind(e) == PL_ERR_DATA)
		e = pl_error_as(e, PL_ERR_LAB);
	pl_proc_result_deinit(&r);
	return pl_error_at(e, "vmrun %s", c->name);
}

struct pl_error *vmrun_list(struct vmrun *v, const struct pl_wait *w, char ***ret, size_t *count)
{
	const struct command c = {.name = "list", .lists = true, .time = TIME_ASK};

	return run_list(v, &c, "Total running VMs", w, ret, count);
}

struct pl_error *vmrun_snapshots(
	struct vmrun *v, const char *vmx, const struct pl_wait *w, char ***ret, size_t *count)
{
	const struct command c = {.name = "listSnapshots", .vmx = vmx, .lists = true, .time = TIME_ASK};

	return run_list(v, &c, "Total snapshots", w, ret, count);
}

static struct pl_error *run_snapshot(
	struct vmrun *v, const char *command, const char *vmx, const char *name, const struct pl_wait *w)
{
	const struct command c = {.name = command, .vmx = vmx, .last = name, .time = TIME_DISKS};
	char safe[80];

	if (!*name || strchr(name, '/'))
		return pl_error_at(pl_error_new(PL_ERR_USAGE, "'%s' cannot be a snapshot's name: it %s",
					   pl_escape_str(name, safe, sizeof(safe)),
					   *name ? "holds a slash" : "is empty"),
			"vmrun %s", command);
	return run_plain(v, &c, w);
}

struct pl_error *vmrun_snapshot_take(
	struct vmrun *v, const char *vmx, const char *name, const struct pl_wait *w)
{
	return run_snapshot(v, "snapshot", vmx, name, w);
}

struct pl_error *vmrun_snapshot_revert(
	struct vmrun *v, const char *vmx, const char *name, const struct pl_wait *w)
{
	return run_snapshot(v, "revertToSnapshot", vmx, name, w);
}

struct pl_error *vmrun_snapshot_delete(
	struct vmrun *v, const char *vmx, const char *name, const struct pl_wait *w)
{
	return run_snapshot(v, "deleteSnapshot", vmx, name, w);
}

struct pl_error *vmrun_clone(
	struct vmrun *v, const char *vmx, const struct vm_clone *clone, const struct pl_wait *w)
{
	char *snapshot = NULL, *name = NULL;
	struct pl_error *e = pl_asprintf(&snapshot, "-snapshot=%s", clone->snapshot);

	if (!e)
		e = pl_asprintf(&name, "-cloneName=%s", clone->name);
	if (!e) {
		const struct command c = {.name = "clone",
			.vmx = vmx,
			.last = clone->vmx,
			.more = {"linked", snapshot, name},
			.time = TIME_DISKS};
		e = run_plain(v, &c, w);
	}
	free(snapshot);
	free(name);
	return e;
}

struct pl_error *vmrun_delete_vm(struct vmrun *v, const char *vmx, const struct pl_wait *w)
{
	const struct command c = {.name = "deleteVM", .vmx = vmx, .time = TIME_DISKS};

	return run_plain(v, &c, w);
}

struct pl_error *vmrun_guest_ip(struct vmrun *v, const char *vmx, const struct pl_wait *w, char ret[16])
{
	const struct command c = {.name = "getGuestIPAddress", .vmx = vmx, .time = TIME_ASK};
	struct pl_proc_result r;
	struct pl_error *e = run(v, &c, w, &r);

	if (!e && !vmrun_read_ip(pl_buf_text(&r.out), r.out.size, ret))
		e = pl_error_new(PL_ERR_LAB, "no IPv4 address in the answer");
	pl_proc_result_deinit(&r);
	return pl_error_at(e, "vmrun %s", c.name);
}
