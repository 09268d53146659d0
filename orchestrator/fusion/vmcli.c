#include "orchestrator/fusion/vmcli.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"
#include "orchestrator/fusion/tool.h"
#include "orchestrator/fusion/vm.h"

#define RETRY_PAUSE (1 * PL_SECOND)
/* The lock entries of a VM may outlive it by two minutes. */
#define IN_USE_MOST (150 * PL_SECOND)
#define TIME_ASK (20 * PL_SECOND)
#define TIME_DISKS (1800 * PL_SECOND)
#define OUTPUT_MAX ((size_t)4 << 20)

static struct pl_error *beside(const char *vmrun, char **ret)
{
	char *folder = NULL;
	struct pl_error *e = pl_fs_parent(vmrun, &folder);

	if (!e)
		e = pl_fs_join(folder, "vmcli", ret);
	free(folder);
	if (!e && access(*ret, X_OK)) {
		free(*ret);
		*ret = NULL;
	}
	return e;
}

struct pl_error *vmcli_init(struct vmcli *v, const char *vmrun, const struct pl_log *log)
{
	*v = (struct vmcli){.log = log};
	return strcmp(vmrun, "auto") ? beside(vmrun, &v->path) : tool_find("vmcli", &v->path);
}

void vmcli_deinit(struct vmcli *v)
{
	free(v->path);
	*v = (struct vmcli){0};
}

bool vmcli_is_there(const struct vmcli *v)
{
	return v->path != NULL;
}

/* ---- its answer ---- */

void vmcli_snapshots_free(struct vmcli_snapshot *list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i].name);
	free(list);
}

/* The first object with a list of snapshots that begins a line. */
static json_t *find_answer(const char *text, size_t size)
{
	const char *p = text, *end = text + size;

	while (p < end) {
		json_t *o = *p == '{' ? json_loadb(p, (size_t)(end - p), JSON_DISABLE_EOF_CHECK, NULL) : NULL;

		if (json_is_array(json_object_get(o, "snapshots")))
			return o;
		json_decref(o);
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			break;
		p++;
	}
	return NULL;
}

static struct pl_error *read_one(const json_t *o, struct vmcli_snapshot *ret)
{
	const char *name;
	struct pl_error *e = pl_json_str(o, "displayName", "vmcli", &name);

	if (!e)
		e = pl_json_int(o, "uid", "vmcli", &ret->uid);
	return e ? e : pl_strdup(name, &ret->name);
}

struct pl_error *vmcli_read(const char *text, size_t size, struct vmcli_snapshot **ret, size_t *count)
{
	json_t *o = find_answer(text, size);
	const json_t *list = json_object_get(o, "snapshots");
	size_t n = json_array_size(list);
	struct pl_error *e = NULL;

	*ret = NULL;
	*count = 0;
	if (!o)
		e = pl_error_new(PL_ERR_DATA, "no list of snapshots in the answer");
	else if (n > VMCLI_SNAPSHOTS_MAX)
		e = pl_error_new(PL_ERR_DATA, "%zu snapshots are too many", n);
	if (!e) {
		*ret = calloc(n ? n : 1, sizeof(**ret));
		e = *ret ? NULL : pl_error_nomem();
	}
	for (size_t i = 0; !e && i < n; i++) {
		e = read_one(json_array_get(list, i), &(*ret)[i]);
		*count = i + 1;
	}
	json_decref(o);
	if (e) {
		vmcli_snapshots_free(*ret, *count);
		*ret = NULL;
		*count = 0;
	}
	return e;
}

/* ---- its commands ---- */

struct command {
	const char *vmx;
	const char *verb;
	const char *words[2];
	int64_t time;
};

static struct pl_error *run_once(
	struct vmcli *v, const struct command *c, const struct pl_wait *w, struct pl_proc_result *ret)
{
	const char *argv[] = {v->path, c->vmx, "Snapshot", c->verb, c->words[0], c->words[1], NULL};
	const struct pl_proc_spec spec = {.argv = argv, .output_max = OUTPUT_MAX};
	char said[300];
	struct pl_error *e = pl_proc_run(&spec, w, ret);
	const struct pl_buf *b = ret->err.size ? &ret->err : &ret->out;

	pl_log(v->log, PL_LOG_TRACE, "vmcli Snapshot %s: %d", c->verb, ret->status);
	if (!e && ret->status)
		e = pl_error_why(pl_error_new(PL_ERR_LAB, "failed"), "%s",
			pl_escape(pl_buf_text(b), strcspn(pl_buf_text(b), "\r\n"), said, sizeof(said)));
	return e;
}

/* *ret needs pl_proc_result_deinit() in any case. */
static struct pl_error *run(
	struct vmcli *v, const struct command *c, const struct pl_wait *w, struct pl_proc_result *ret)
{
	struct pl_wait own = pl_wait_at_most(w, c->time);
	struct pl_wait patience = pl_wait_at_most(&own, IN_USE_MOST);
	struct pl_error *e;

	for (;;) {
		struct pl_error *over;
		const char *why;

		memset(ret, 0, sizeof(*ret));
		e = run_once(v, c, &own, ret);
		why = e ? pl_error_reason(e) : NULL;
		if (!why || !strcasestr(why, "in use"))
			break;
		over = pl_wait_sleep(&patience, RETRY_PAUSE);
		if (over && pl_error_kind(over) == PL_ERR_INTERRUPTED) {
			pl_error_free(e);
			return over;
		}
		if (over) {
			pl_error_free(over);
			break;
		}
		pl_error_free(e);
		pl_proc_result_deinit(ret);
	}
	return pl_error_hint(pl_error_move(e, "vmcli Snapshot %s", c->verb),
		"Fusion may say more in vmware.log, beside %s", c->vmx);
}

static struct pl_error *query(
	struct vmcli *v, const char *vmx, const struct pl_wait *w, struct vmcli_snapshot **ret, size_t *count)
{
	const struct command c = {.vmx = vmx, .verb = "query", .words = {"-f", "json"}, .time = TIME_ASK};
	struct pl_proc_result r;
	struct pl_error *e = run(v, &c, w, &r);

	*ret = NULL;
	*count = 0;
	if (!e)
		e = pl_error_as(vmcli_read(pl_buf_text(&r.out), r.out.size, ret, count), PL_ERR_LAB);
	pl_proc_result_deinit(&r);
	return pl_error_at(e, "vmcli Snapshot query");
}

struct pl_error *vmcli_snapshots(
	struct vmcli *v, const char *vmx, const struct pl_wait *w, char ***ret, size_t *count)
{
	struct vmcli_snapshot *list;
	struct pl_error *e = query(v, vmx, w, &list, count);

	*ret = NULL;
	if (e)
		return e;
	*ret = calloc(*count ? *count : 1, sizeof(**ret));
	if (!*ret) {
		vmcli_snapshots_free(list, *count);
		*count = 0;
		return pl_error_nomem();
	}
	for (size_t i = 0; i < *count; i++)
		(*ret)[i] = list[i].name;
	free(list);
	return NULL;
}

static struct pl_error *plain(struct vmcli *v, const struct command *c, const struct pl_wait *w)
{
	struct pl_proc_result r;
	struct pl_error *e = run(v, c, w, &r);

	pl_proc_result_deinit(&r);
	return e;
}

struct pl_error *vmcli_snapshot_take(
	struct vmcli *v, const char *vmx, const char *name, bool memory, const struct pl_wait *w)
{
	const struct command c = {.vmx = vmx,
		.verb = "Take",
		.words = {memory ? "--memory" : name, memory ? name : NULL},
		.time = TIME_DISKS};

	return plain(v, &c, w);
}

/* The verb on the one snapshot of that name. */
static struct pl_error *on_named(
	struct vmcli *v, const char *vmx, const char *verb, const char *name, const struct pl_wait *w)
{
	struct vmcli_snapshot *list;
	size_t count, found = 0;
	char uid[32] = "", safe[80];
	const struct command c = {.vmx = vmx, .verb = verb, .words = {uid}, .time = TIME_DISKS};
	struct pl_error *e = query(v, vmx, w, &list, &count);

	for (size_t i = 0; !e && i < count; i++) {
		if (strcmp(list[i].name, name))
			continue;
		found++;
		snprintf(uid, sizeof(uid), "%" PRId64, list[i].uid);
	}
	vmcli_snapshots_free(list, count);
	if (!e && found != 1)
		e = pl_error_at(pl_error_new(PL_ERR_LAB,
					found ? "several snapshots are called '%s'" : "no snapshot '%s'",
					pl_escape_str(name, safe, sizeof(safe))),
			"vmcli Snapshot %s", verb);
	return e ? e : plain(v, &c, w);
}

struct pl_error *vmcli_snapshot_revert(
	struct vmcli *v, const char *vmx, const char *name, const struct pl_wait *w)
{
	return on_named(v, vmx, "Revert", name, w);
}

struct pl_error *vmcli_snapshot_delete(
	struct vmcli *v, const char *vmx, const char *name, const struct pl_wait *w)
{
	return on_named(v, vmx, "Delete", name, w);
}
