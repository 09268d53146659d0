#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/core/gunzip.h"
#include "orchestrator/core/inspect.h"
#include "orchestrator/run/debugger.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"
#include "orchestrator/run/store.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

enum { SERIAL_MAX = 4 << 20, REPORT_MAX = 16 << 20 };

/* An unpacked core is the guest's memory: more than this is a bomb. */
static const uint64_t CORE_MAX = UINT64_C(256) << 30;

/* The path as the report has it: relative to the run's folder when it is in it. */
static const char *relative(const struct run *r, const char *path)
{
	size_t n = strlen(r->dir);
	return strncmp(path, r->dir, n) == 0 && path[n] == '/' ? path + n + 1 : path;
}

static void add_evidence(
	struct run *r, const char *kind, const char *path, const char *status, const char *detail)
{
	struct stat st;
	uint64_t bytes = path != NULL && stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
	json_t *list = json_object_get(r->doc, "evidence");
	if (list == NULL) {
		list = json_array();
		run_report(r, "evidence", list);
	}
	json_array_append_new(list, json_pack("{s:s, s:s?, s:I, s:s, s:s}", "kind", kind, "path",
					    path == NULL ? NULL : relative(r, path), "bytes",
					    (json_int_t)bytes, "status", status, "detail", detail));
}

void report_transfer(struct run *r)
{
	const struct dump_state *s = &r->dumped;
	run_report(r, "dump",
		json_pack("{s:s, s:s, s:I, s:I, s:I, s:f, s:b, s:s, s:s}", "name", s->name, "peer", s->peer,
			"bytes", (json_int_t)s->bytes, "packets", (json_int_t)s->packets, "resent",
			(json_int_t)s->resent, "seconds", (double)s->duration / (double)PL_SECOND, "complete",
			s->complete, "reason", s->reason, "gzip", server_gzip_name(s->gzip)));
}

void report_cut_transfer(struct run *r)
{
	size_t i;
	json_t *one;
	if (!r->dumped.started || !pl_fs_exists(r->dumped.path))
		return;
	json_array_foreach(json_object_get(r->doc, "evidence"), i, one)
	{
		if (pl_starts_with(pl_json_str_or(one, "kind", ""), "core"))
			return;
	}
	report_transfer(r);
	add_evidence(r, r->dumped.gzip == SERVER_GZIP_NONE ? "core" : "core-gz", r->dumped.path,
		r->dumped.complete ? "complete" : "incomplete", r->dumped.reason);
}

static bool wants(const struct run *r, enum scenario_evidence what)
{
	return (r->scenario->collect & (unsigned)what) != 0;
}

static void collect_serial(struct run *r)
{
	struct pl_buf text;
	char *path = NULL;
	pl_buf_init(&text, SERIAL_MAX);
	struct pl_error *e = serial_read(&r->serial, &text);
	if (e == NULL && text.size > 0)
		e = store_path(r->dir, "logs/serial.log", &path);
	if (e == NULL && path != NULL)
		e = pl_fs_write(path, text.data, text.size, 0600);
	if (e == NULL && path != NULL)
		add_evidence(r, "serial_log", path, "complete", "");
	else if (wants(r, EVIDENCE_SERIAL_LOG))
		add_evidence(r, "serial_log", NULL, "missing",
			e != NULL                ? pl_error_what(e)
			: r->serial.path == NULL ? "the .vmx sends no serial console into a file that is "
						   "readable here, and none could be added"
						 : "the console said nothing");
	pl_error_free(e);
	free(path);
	pl_buf_deinit(&text);
}

/* "Kernel_2026-01-31-235959_sierra.panic" → a name that is safe here. */
static void safe_name(const char *remote, char *out, size_t size)
{
	static const char ok[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	const char *base = strrchr(remote, '/');
	base = base == NULL ? remote : base + 1;
	size_t n = 0;
	for (; base[n] != '\0' && n + 1 < size; n++)
		out[n] = strchr(ok, base[n]) != NULL && (n > 0 || base[n] != '.') ? base[n] : '_';
	out[n] = '\0';
}

static struct pl_error *fetch_panic_report(struct run *r, const char *remote, char **ret)
{
	char name[128], *local = NULL;
	uint64_t bytes = 0;
	safe_name(remote, name, sizeof name);
	struct pl_wait w = run_wait(r, 120 * PL_SECOND);
	struct pl_error *e = pl_asprintf(&local, "%s/logs/%s", r->dir, name);
	if (e == NULL)
		e = ssh_download(guest_ssh(r->guest), remote, local, REPORT_MAX, &w, &bytes);
	if (e != NULL) {
		free(local);
		return e;
	}
	*ret = local;
	return NULL;
}

/* What the report says stands for the panic when no core came; the core's own words go first. */
static void read_panic(struct run *r, const char *path)
{
	json_t *found = NULL;
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	struct pl_error *e =
		inspect_file_with(path, &(struct inspect_options){.rules = r->rules}, &w, &found);
	json_t *panic = json_object_get(found, "panic");
	json_t *text = json_object_get(found, "panic_text");
	if (e == NULL && json_is_object(panic) && json_object_get(r->doc, "panic") == NULL) {
		run_report(r, "panic", json_incref(panic));
		if (json_is_string(text))
			run_report(r, "panic_text", json_incref(text));
		r->panic = PANIC_SEEN;
		snprintf(r->sign, sizeof r->sign, "the guest has written a panic report");
	}
	pl_error_free(e);
	json_decref(found);
}

/* True when a report was fetched. */
static struct pl_error *collect_panic_report(struct run *r)
{
	struct guest_output o = {0};
	char *path = NULL;
	const char *argv[] = {"latest-after", r->facts.boot_time, NULL};
	struct pl_error *e = NULL;
	if (r->guest == NULL) {
		add_evidence(r, "panic_report", NULL, "missing", "the guest did not come back");
		return NULL;
	}
	/* The report is written a moment after the boot. */
	struct pl_wait w = run_wait(r, 30 * PL_SECOND);
	while (e == NULL && path == NULL) {
		struct pl_wait once = pl_wait_at_most(&w, 30 * PL_SECOND);
		guest_output_deinit(&o);
		e = guest_script_ok(r->guest, "panic-report.sh", argv, true, &once, &o);
		if (e == NULL && guest_value(&o, "path") != NULL)
			e = fetch_panic_report(r, guest_value(&o, "path"), &path);
		else if (e == NULL)
			e = pl_wait_sleep(&w, 500 * PL_MS);
	}
	guest_output_deinit(&o);
	if (path != NULL) {
		add_evidence(r, "panic_report", path, "complete", "");
		read_panic(r, path);
	} else if (e == NULL || pl_error_kind(e) != PL_ERR_INTERRUPTED) {
		add_evidence(r, "panic_report", NULL, "missing",
			e == NULL || pl_error_kind(e) == PL_ERR_TIMEOUT ? "the guest has written none"
									: pl_error_what(e));
		pl_error_free(e);
		e = NULL;
	}
	free(path);
	return e;
}

static struct pl_error *collect_system_log(struct run *r)
{
	struct guest_output o = {0};
	char *local = NULL;
	uint64_t bytes = 0;
	if (r->guest == NULL) {
		add_evidence(r, "system_log", NULL, "missing", "the guest did not come back");
		return NULL;
	}
	struct pl_wait w = run_wait(r, 60 * PL_SECOND);
	struct pl_error *e = guest_script_ok(r->guest, "syslog-tail.sh", NULL, true, &w, &o);
	const char *remote = e == NULL ? guest_value(&o, "path") : NULL;
	if (e == NULL)
		e = store_path(r->dir, "logs/system.log", &local);
	if (e == NULL && remote != NULL)
		e = ssh_download(guest_ssh(r->guest), remote, local, REPORT_MAX, &w, &bytes);
	bool got = e == NULL && remote != NULL;
	if (e == NULL || pl_error_kind(e) != PL_ERR_INTERRUPTED) {
		add_evidence(r, "system_log", got ? local : NULL, got ? "complete" : "missing",
			e == NULL ? "" : pl_error_what(e));
		pl_error_free(e);
		e = NULL;
	}
	free(local);
	guest_output_deinit(&o);
	return e;
}

struct pl_error *step_collect(struct run *r, char *out)
{
	struct pl_error *e = NULL;
	collect_serial(r);
	if (r->panic != PANIC_NO && wants(r, EVIDENCE_PANIC_REPORT))
		e = collect_panic_report(r);
	if (e == NULL && wants(r, EVIDENCE_SYSTEM_LOG))
		e = collect_system_log(r);
	size_t n = 0, i;
	json_t *one;
	json_array_foreach(json_object_get(r->doc, "evidence"), i, one)
	{
		n += strcmp(pl_json_str_or(one, "status", ""), "complete") == 0 ? 1 : 0;
	}
	SAY("%zu piece%s of evidence beside the core", n, n == 1 ? "" : "s");
	return e;
}

/* Unpacks the core beside its .gz; *core is the unpacked file, malloc'd, or NULL. */
static struct pl_error *unpack(struct run *r, char **core)
{
	struct gunzip_result result = {0};
	const char *gz = r->dumped.path;
	size_t n = strlen(gz);
	bool incomplete = pl_ends_with(gz, ".incomplete");
	*core = NULL;
	if (r->dumped.gzip == SERVER_GZIP_NONE) {
		add_evidence(r, "core", gz, r->dumped.complete ? "complete" : "incomplete", r->dumped.reason);
		return pl_strdup(gz, core);
	}
	add_evidence(r, "core-gz", gz, r->dumped.complete ? "complete" : "incomplete", r->dumped.reason);
	if (r->dumped.core[0] != '\0') {
		add_evidence(r, "core", r->dumped.core, r->dumped.complete ? "complete" : "incomplete",
			r->dumped.reason);
		return pl_strdup(r->dumped.core, core);
	}
	struct pl_error *e = NULL;
	if (incomplete)
		e = pl_asprintf(core, "%.*s.core.incomplete", (int)(n - strlen(".incomplete")), gz);
	else if (pl_ends_with(gz, ".gz"))
		e = pl_asprintf(core, "%.*s", (int)(n - 3), gz);
	else
		e = pl_asprintf(core, "%s.core", gz);
	struct pl_wait w = run_wait(r, 1800 * PL_SECOND);
	if (e == NULL)
		e = gunzip_file(gz, *core, CORE_MAX, &w, &result);
	if (e != NULL)
		return e;
	bool ok = result.status == GUNZIP_OK;
	add_evidence(r, "core", *core, ok ? "complete" : "incomplete", result.detail);
	if (!ok && r->dumped.complete)
		return pl_error_at(
			pl_error_why(pl_error_new(PL_ERR_CAPTURE, "the core's gzip stream is damaged"), "%s",
				result.detail),
			"%s", gz);
	return NULL;
}

static struct pl_error *inspect_core(struct run *r, const char *core)
{
	json_t *found = NULL;
	struct pl_wait w = run_wait(r, 600 * PL_SECOND);
	struct pl_error *e =
		inspect_file_with(core, &(struct inspect_options){.rules = r->rules}, &w, &found);
	if (e != NULL)
		return e;
	json_t *panic = json_object_get(found, "panic");
	json_t *text = json_object_get(found, "panic_text");
	if (json_is_object(panic))
		run_report(r, "panic", json_incref(panic));
	if (json_is_string(text))
		run_report(r, "panic_text", json_incref(text));
	json_object_del(found, "panic_text");
	run_report(r, "core", found);
	return NULL;
}

/* keep: says which of the two files stay. */
static void tidy(struct run *r, const char *core)
{
	if (r->scenario->keep == KEEP_ALL || !r->dumped.complete)
		return;
	json_t *list = json_object_get(r->doc, "evidence");
	for (size_t i = json_array_size(list); i-- > 0;) {
		const char *kind = pl_json_str_or(json_array_get(list, i), "kind", "");
		bool gz = strcmp(kind, "core-gz") == 0;
		bool unpacked = strcmp(kind, "core") == 0;
		if (!gz && !(unpacked && r->scenario->keep == KEEP_REPORT))
			continue;
		const char *file = gz ? r->dumped.path : core;
		if (file != NULL && unlink(file) == 0)
			json_array_remove(list, i);
	}
}

/* What arrived whole is a core. Of half a core, its transfer has been told already. */
static bool is_core(const struct run *r)
{
	const char *kind = pl_json_str_or(json_object_get(r->doc, "core"), "kind", "");
	return !r->dumped.complete || strcmp(kind, "core") == 0 || r->scenario->expect.core != CORE_REQUIRED;
}

static struct pl_error *not_a_core(const struct run *r)
{
	const char *kind = pl_json_str_or(json_object_get(r->doc, "core"), "kind", "unknown");
	struct pl_error *e = pl_error_at(
		pl_error_new(PL_ERR_CAPTURE, "what arrived is not a kernel core"), "%s", r->dumped.path);
	e = pl_error_why(e, "it is: %s", kind);
	return pl_error_hint(e, strcmp(kind, "panic-log") == 0
					? "debug bit 0x2000 in boot_args sends the panic log instead"
					: "look at it: something else than the kernel may have sent it");
}

struct pl_error *step_analyse(struct run *r, char *out)
{
	char *core = NULL;
	if (!r->dumped.started || r->dumped.path[0] == '\0') {
		if (r->scenario->expect.core != CORE_NONE)
			add_evidence(r, "core", NULL, "missing",
				r->panic == PANIC_NO ? "there was no panic" : "none came");
		SAY("no core");
		return NULL;
	}
	struct pl_error *e = unpack(r, &core);
	if (e == NULL && core != NULL)
		e = inspect_core(r, core);
	if (e == NULL) {
		const json_t *c = json_object_get(r->doc, "core");
		const char *uuid = pl_json_str_or(c, "kernel_uuid", "");
		SAY("%s, kernel UUID %s, loaded at %s", pl_json_str_or(c, "kind", "?"),
			uuid[0] != '\0' ? uuid : "not found", pl_json_str_or(c, "load_address", "?"));
		if (r->dumped.complete && r->facts.kernel_uuid != NULL && uuid[0] != '\0' &&
			r->facts.kernel_uuid[0] != '\0' && strcasecmp(uuid, r->facts.kernel_uuid) != 0)
			pl_log(r->log, PL_LOG_WARN, "the core's kernel UUID %s is not the guest's %s", uuid,
				r->facts.kernel_uuid);
		if (strcmp(pl_json_str_or(c, "kind", ""), "core") == 0)
			e = debugger_look(r, core);
		if (e == NULL && is_core(r))
			tidy(r, core);
		else if (e == NULL)
			e = not_a_core(r);
	}
	free(core);
	return e;
}

/* A reboot, a hang and a broken network look like this, too. */
static struct pl_error *not_proved(const struct run *r)
{
	struct pl_error *e = pl_error_at(pl_error_new(PL_ERR_UNEXPECTED, "nothing proves a panic"), "judge");
	return pl_error_hint(pl_error_why(e, "%s; no core, no panic report, nothing on the console", r->sign),
		"collect panic_report, or give the guest a serial console");
}

struct pl_error *step_judge(struct run *r, char *out)
{
	const struct scenario_expect *x = &r->scenario->expect;
	const char *string = pl_json_str_or(json_object_get(r->doc, "panic"), "string", NULL);
	char shown[200];
	if (r->panic == PANIC_NO) {
		SAY("no panic%s", x->panic ? "" : ", as expected");
		return NULL;
	}
	if (x->panic && x->matching != NULL && string != NULL && strstr(string, x->matching) == NULL) {
		SAY("another panic");
		return pl_error_hint(
			pl_error_why(pl_error_at(pl_error_new(PL_ERR_UNEXPECTED,
							 "it is not the panic that was expected"),
					     "judge"),
				"%s", pl_escape_str(string, shown, sizeof shown)),
			"the scenario expects \"%s\"", x->matching);
	}
	if (x->panic && x->matching != NULL && string == NULL)
		return pl_error_hint(
			pl_error_at(
				pl_error_new(PL_ERR_CAPTURE, "no panic text was found to compare"), "judge"),
			"look at the evidence in %s", r->dir);
	SAY("%s", string == NULL ? r->sign : pl_escape_str(string, shown, sizeof shown));
	if (x->panic && r->panic == PANIC_SUSPECTED && string == NULL && x->core != CORE_REQUIRED)
		return not_proved(r);
	return NULL;
}
