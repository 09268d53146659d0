#include "orchestrator/host/kdumpd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/proc.h"
#include "base/text.h"

#define SYSTEM_TOOL "/bin/launchctl"
#define LABEL "com.apple.kdumpd"
#define TOOL_TIME (30 * PL_SECOND)

/* A bootout goes on when launchctl has ended: "36: Operation now in progress". */
#define SETTLES (5 * PL_SECOND)

struct pl_error *kdumpd_open(const char *tool, const struct pl_log *log, struct kdumpd *ret)
{
	bool automatic = !strcmp(tool, "auto");
	const char *path = automatic ? SYSTEM_TOOL : tool;
	char safe[300];

	*ret = (struct kdumpd){.log = log};
	if (!access(path, X_OK)) {
		ret->sudo = geteuid() != 0 && !strcmp(path, SYSTEM_TOOL);
		return pl_strdup(path, &ret->tool);
	}
	if (automatic)
		return NULL;
	return pl_error_hint(
		pl_error_new(PL_ERR_LAB, "'%s' cannot be run", pl_escape_str(path, safe, sizeof(safe))),
		"correct host.launchctl, or leave it at 'auto'");
}

void kdumpd_close(struct kdumpd *k)
{
	free(k->tool);
	*k = (struct kdumpd){.tool = NULL};
}

/* PID or "-", the last exit status, the label; a heading is the first line. */
bool kdumpd_read_list(const char *text, size_t size)
{
	struct pl_line l, pid, status, label;

	while (pl_line_next(&text, &size, &l))
		if (pl_line_word(&l, &pid) && pl_line_word(&l, &status) && pl_line_word(&l, &label) &&
			pl_line_is(&label, LABEL))
			return true;
	return false;
}

/* What it said goes to said: launchctl may fail and exit with 0, and the other way round. */
static struct pl_error *run(const struct kdumpd *k, const char *const words[3], const struct pl_wait *w,
	struct pl_proc_result *ret)
{
	const char *argv[7] = {NULL};
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_wait own = pl_wait_at_most(w, TOOL_TIME);
	struct pl_error *e;
	size_t n = 0;
	char safe[200];

	if (k->sudo) {
		argv[n++] = "sudo";
		argv[n++] = "-n"; /* a question for a password would hang */
	}
	argv[n++] = k->tool;
	for (size_t i = 0; i < 3 && words[i]; i++)
		argv[n++] = words[i];
	e = pl_proc_run(&spec, &own, ret);
	if (!e && strstr(pl_buf_text(&ret->err), "sudo:")) {
		e = pl_error_why(pl_error_new(PL_ERR_LAB, "root is needed"), "%s",
			pl_escape_str(pl_buf_text(&ret->err), safe, sizeof(safe)));
		e = pl_error_hint(e, "let paniclab use `sudo -n launchctl`, or set host.kdumpd to keep");
	}
	pl_log(k->log, PL_LOG_DEBUG, "launchctl %s: %s", words[0], e ? pl_error_what(e) : "ok");
	return pl_error_move(e, "launchctl %s", words[0]);
}

struct pl_error *kdumpd_loaded(const struct kdumpd *k, const struct pl_wait *w, bool *ret)
{
	static const char *const words[3] = {"list"};
	struct pl_proc_result r;
	struct pl_error *e;

	*ret = false;
	if (!k->tool)
		return NULL;
	e = run(k, words, w, &r);
	if (!e && r.status != 0)
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "exit status %d", r.status), "launchctl list");
	if (!e)
		*ret = kdumpd_read_list(pl_buf_text(&r.out), r.out.size);
	pl_proc_result_deinit(&r);
	return e;
}

/* Until it is as wanted, or has had its time: then *ret is false. */
static struct pl_error *settles(const struct kdumpd *k, bool wanted, const struct pl_wait *w, bool *ret)
{
	struct pl_wait own = pl_wait_at_most(w, SETTLES);

	for (;;) {
		bool loaded;
		struct pl_error *e = kdumpd_loaded(k, w, &loaded);

		*ret = !e && loaded == wanted;
		if (e || *ret)
			return e;
		e = pl_wait_sleep(&own, 100 * PL_MS);
		if (!e)
			continue;
		if (pl_error_kind(e) == PL_ERR_INTERRUPTED)
			return e;
		pl_error_free(e);
		return NULL;
	}
}

/* One way to do it; what launchctl said if it has not worked. */
static struct pl_error *attempt(const struct kdumpd *k, const char *const words[3], bool wanted,
	const struct pl_wait *w, bool *done, char said[200])
{
	struct pl_proc_result r;
	struct pl_error *e = run(k, words, w, &r);
	/* A refusal is final at once. */
	const bool refused = r.status != 0 && r.status != 36;

	*done = false;
	if (!e && refused)
		e = kdumpd_loaded(k, w, done);
	else if (!e)
		e = settles(k, wanted, w, done);
	if (!e && refused)
		*done = *done == wanted;
	if (!e && !*done && !*said) {
		const struct pl_buf *b = r.err.size ? &r.err : &r.out;

		pl_escape(pl_buf_text(b), strcspn(pl_buf_text(b), "\r\n"), said, 200);
	}
	pl_proc_result_deinit(&r);
	return e;
}

static struct pl_error *set(
	const struct kdumpd *k, const char *const ways[2][3], bool wanted, const struct pl_wait *w)
{
	char said[200] = "";
	bool done;
	struct pl_error *e = kdumpd_loaded(k, w, &done);

	if (e || done == wanted)
		return e;
	for (size_t i = 0; i < 2; i++) {
		e = attempt(k, ways[i], wanted, w, &done, said);
		if (e || done)
			return e;
	}
	e = pl_error_new(PL_ERR_LAB, "kdumpd is %s", wanted ? "not loaded" : "still loaded");
	if (*said)
		e = pl_error_why(e, "it said: %s", said);
	return pl_error_at(e, "launchctl %s", ways[0][0]);
}

struct pl_error *kdumpd_unload(const struct kdumpd *k, const struct pl_wait *w)
{
	static const char *const ways[2][3] = {{"bootout", "system/" LABEL}, {"unload", KDUMPD_PLIST}};

	return pl_error_hint(set(k, ways, false, w),
		"set host.kdumpd to keep, and server.port to auto: another port does");
}

struct pl_error *kdumpd_load(const struct kdumpd *k, const struct pl_wait *w)
{
	static const char *const ways[2][3] = {
		{"bootstrap", "system", KDUMPD_PLIST}, {"load", "-F", KDUMPD_PLIST}};
	struct pl_error *cause, *e;
	char line[300];

	if (k->tool)
		cause = set(k, ways, true, w);
	else
		cause = pl_error_new(PL_ERR_LAB, "launchctl is not there any more");
	if (!cause || pl_error_kind(cause) == PL_ERR_INTERRUPTED)
		return cause;
	e = pl_error_new(PL_ERR_RESTORE, "Apple's kdumpd is not loaded again");
	e = pl_error_at(e, "launchctl bootstrap");
	e = pl_error_why(e, "%s", pl_error_brief(cause, line, sizeof(line)));
	pl_error_free(cause);
	return pl_error_hint(e, "by hand: " KDUMPD_BY_HAND);
}
