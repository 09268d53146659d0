#include "orchestrator/host/firewall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/host/firewall_backend.h"

#define TOOL_TIME (30 * PL_SECOND)

/* A ruleset with many rules is long. */
#define OUTPUT_MAX ((size_t)16 << 20)

/* In the order in which they are asked. ufw and firewalld put their rules into nft and iptables. */
static const struct firewall_backend *const backends[] = {
	&firewall_app, &firewall_firewalld, &firewall_ufw, &firewall_nft, &firewall_iptables};

/* Not PATH: an ordinary user's has no sbin. */
static const char *const system_folders[] = {
	"/usr/libexec/ApplicationFirewall", "/usr/sbin", "/usr/bin", "/sbin", "/bin", NULL};

/* ---- which program ----------------------------------------------------------- */

static const struct firewall_backend *backend_named(const char *name)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	return NULL;
}

static bool of_the_system(const char *path)
{
	for (const char *const *f = system_folders; *f; f++)
		if (!strncmp(path, *f, strlen(*f)) && path[strlen(*f)] == '/')
			return true;
	return false;
}

/* Takes the path over. */
static void use(struct firewall *f, const struct firewall_backend *backend, char *path)
{
	free(f->tool);
	f->tool = path;
	f->backend = backend;
	f->sudo = geteuid() != 0 && of_the_system(path);
}

struct pl_error *firewall_find(const struct firewall *f, const char *name, char **ret)
{
	*ret = NULL;
	for (const char *const *folder = f->folders; *folder; folder++) {
		struct pl_error *e = pl_asprintf(ret, "%s/%s", *folder, name);

		if (e || !access(*ret, X_OK))
			return e;
		free(*ret);
		*ret = NULL;
	}
	return NULL;
}

struct pl_error *firewall_open(const char *tool, const struct pl_log *log, struct firewall *ret)
{
	const char *slash = strrchr(tool, '/');
	const struct firewall_backend *backend = backend_named(slash ? slash + 1 : tool);
	char safe[300], *copy;
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	ret->log = log;
	ret->folders = system_folders;
	if (!strcmp(tool, "auto"))
		return NULL;
	if (access(tool, X_OK))
		return pl_error_hint(pl_error_new(PL_ERR_LAB, "'%s' cannot be run",
					     pl_escape_str(tool, safe, sizeof(safe))),
			"correct host.firewall_tool, or leave it at 'auto'");
	e = pl_strdup(tool, &copy);
	if (!e)
		use(ret, backend ? backend : &firewall_app, copy);
	return e;
}

void firewall_close(struct firewall *f)
{
	free(f->tool);
	memset(f, 0, sizeof(*f));
}

/* The first that is in force. On an error f has the one that could not be asked. */
static struct pl_error *choose(struct firewall *f, const struct pl_wait *w, enum firewall_state *ret)
{
	*ret = FIREWALL_UNMANAGED;
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++) {
		char *path;
		struct pl_error *e = firewall_find(f, backends[i]->name, &path);

		if (e || !path) {
			if (e)
				return e;
			continue;
		}
		use(f, backends[i], path);
		e = backends[i]->detect(f, w, ret);
		if (e || *ret != FIREWALL_OFF)
			return e;
	}
	if (*ret == FIREWALL_UNMANAGED)
		pl_log(f->log, PL_LOG_INFO,
			"this host has no firewall that is known: if there is one, let UDP from the guest in "
			"to the dump server's port yourself");
	free(f->tool);
	f->tool = NULL;
	f->backend = NULL;
	return NULL;
}

/* ---- running it ---------------------------------------------------------------- */

void firewall_word(struct firewall_words *words, const char *fmt, ...)
{
	const size_t room = sizeof(words->text) - words->used;
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(words->text + words->used, room, fmt, args);
	va_end(args);
	if (n < 0 || (size_t)n >= room || words->count + 1 >= sizeof(words->argv) / sizeof(words->argv[0])) {
		words->cut = true;
		return;
	}
	words->argv[words->count++] = words->text + words->used;
	words->used += (size_t)n + 1;
}

static bool says(const struct pl_proc_result *r, const char *what)
{
	return strstr(pl_buf_text(&r->out), what) || strstr(pl_buf_text(&r->err), what);
}

static struct pl_error *explain(const struct firewall *f, const struct pl_proc_result *r)
{
	const char *out = pl_buf_text(&r->out), *err = pl_buf_text(&r->err);
	struct pl_error *e = pl_error_new(PL_ERR_LAB, "failed");
	char text[300];

	/* printed on either, with whatever exit status */
	if (says(r, "managed Mac"))
		return pl_error_hint(pl_error_why(e, "this Mac is managed, and its profile forbids changes"),
			"have the program allowed by who manages it, or set host.firewall to leave");
	if (strstr(err, "sudo:") && f->backend == &firewall_app)
		e = pl_error_hint(e, "run `sudo -v` first, or run as root, or set host.firewall to leave");
	if (*err || *out)
		return pl_error_why(e, "%s", pl_escape_str(*err ? err : out, text, sizeof(text)));
	return pl_error_why(e, "exit status %d", r->status);
}

struct pl_error *firewall_run(struct firewall *f, bool root, bool any, const struct firewall_words *words,
	const struct pl_wait *w, struct pl_proc_result *ret)
{
	const char *argv[40] = {NULL};
	/* ufw and firewall-cmd are translated. */
	const char *env[] = {"LC_ALL=C", NULL};
	struct pl_proc_spec spec = {.argv = argv, .env = env, .output_max = OUTPUT_MAX};
	struct pl_wait own = pl_wait_at_most(w, TOOL_TIME);
	struct pl_error *e;
	size_t n = 0;

	memset(ret, 0, sizeof(*ret));
	if (words->cut)
		return pl_error_at(pl_error_new(PL_ERR_LAB, "the command is too long"), "%s", f->tool);
	if (root && f->sudo) {
		argv[n++] = "sudo";
		argv[n++] = "-n"; /* a question for a password would hang */
	}
	argv[n++] = f->tool;
	for (size_t i = 0; i < words->count; i++)
		argv[n++] = words->argv[i];
	e = pl_proc_run(&spec, &own, ret);
	if (!e && ((ret->status != 0 && !any) || says(ret, "managed Mac") ||
			  (root && f->sudo && strstr(pl_buf_text(&ret->err), "sudo:"))))
		e = explain(f, ret);
	if (!e && ret->out_cut)
		e = pl_error_new(PL_ERR_LAB, "says more than can be read");
	pl_log(f->log, PL_LOG_DEBUG, "%s %s: %s", f->backend->name, words->count ? words->argv[0] : "",
		e ? pl_error_what(e) : "ok");
	return pl_error_move(e, "%s %s", f->backend->name, words->count ? words->argv[0] : "");
}

struct pl_error *firewall_ask(struct firewall *f, bool root, bool any, const char *a, const char *b,
	const struct pl_wait *w, struct pl_proc_result *ret)
{
	struct firewall_words words = {.argv = {a, b}, .count = b ? 2 : 1};

	return firewall_run(f, root, any, &words, w, ret);
}

struct pl_error *firewall_unclear(const char *place, const struct pl_proc_result *r)
{
	struct pl_error *e = pl_error_new(PL_ERR_LAB, "an answer that is not understood");
	char safe[200];

	e = pl_error_why(e, "%s", pl_escape(pl_buf_text(&r->out), r->out.size, safe, sizeof(safe)));
	return pl_error_at(e, "%s", place);
}

/* ---- by hand ------------------------------------------------------------------- */

static struct pl_error *quote_command(
	const char *tool, const struct firewall_words *words, struct pl_buf *out)
{
	struct pl_error *e = pl_buf_puts(out, "sudo ");

	if (!e)
		e = pl_shell_quote(tool, out);
	for (size_t i = 0; i < words->count && !e; i++) {
		e = pl_buf_puts(out, " ");
		if (!e)
			e = pl_shell_quote(words->argv[i], out);
	}
	return e;
}

static struct pl_error *by_hand(const struct firewall_backend *backend, const char *tool,
	const struct firewall_was *was, bool undo, struct pl_buf *out)
{
	struct firewall_words words = {.count = 0};

	if (backend->by_hand)
		return backend->by_hand(was, undo, out);
	backend->command(was, undo, &words);
	return quote_command(tool, &words, out);
}

struct pl_error *firewall_by_hand(const struct firewall_was *was, bool undo, struct pl_buf *out)
{
	const struct firewall_backend *backend = backend_named(was->backend);
	char path[80];

	if (!backend)
		return pl_buf_puts(out, "look at this host's firewall");
	/* Linux people have sbin in root's PATH; Apple's tool is in nobody's. */
	snprintf(path, sizeof(path), "%s%s%s", backend == &firewall_app ? system_folders[0] : "",
		backend == &firewall_app ? "/" : "", backend->name);
	return by_hand(backend, path, was, undo, out);
}

/* The hint for what failed: the command that a person may type. */
static struct pl_error *hint_by_hand(
	struct pl_error *e, const struct firewall *f, const struct firewall_was *was, bool undo)
{
	struct pl_buf command;
	struct pl_error *full;

	if (!e || !f->backend)
		return e;
	pl_buf_init(&command, 16384);
	full = by_hand(f->backend, undo && f->tool ? f->tool : f->backend->name, was, undo, &command);
	if (!full && undo)
		e = pl_error_hint(e, "by hand: %s", pl_buf_text(&command));
	else if (!full)
		e = pl_error_hint(e,
			"let paniclab use `sudo -n %s`, or set host.firewall to leave and do by hand: %s",
			f->tool ? f->tool : f->backend->name, pl_buf_text(&command));
	pl_error_free(full);
	pl_buf_deinit(&command);
	return e;
}

/* ---- what callers want ------------------------------------------------------------ */

bool firewall_needs_change(const struct firewall_was *was)
{
	return was->state == FIREWALL_ON && was->rule != FIREWALL_ALLOW;
}

struct pl_error *firewall_look(struct firewall *f, const struct firewall_hole *hole, const struct pl_wait *w,
	struct firewall_was *ret)
{
	struct pl_error *e;
	char safe[200];

	memset(ret, 0, sizeof(*ret));
	if (*hole->program != '/')
		return pl_error_new(PL_ERR_LAB, "'%s' is not an absolute path of a program",
			pl_escape_str(hole->program, safe, sizeof(safe)));
	ret->hole = *hole;
	e = f->backend ? f->backend->detect(f, w, &ret->state) : choose(f, w, &ret->state);
	if (f->backend)
		snprintf(ret->backend, sizeof(ret->backend), "%s", f->backend->name);
	if (!e && f->backend && ret->state == FIREWALL_ON)
		e = f->backend->look(f, w, ret);
	return hint_by_hand(e, f, ret, false);
}

static struct pl_error *blocks_all(void)
{
	return pl_error_at(pl_error_hint(pl_error_new(PL_ERR_LAB,
						 "this host's firewall blocks all incoming connections"),
				   "switch off 'Block all incoming connections' in System Settings, Network, "
				   "Firewall, Options"),
		"socketfilterfw --getglobalstate");
}

/* The words of the tool, which may say "added" or what is wrong, go to said. */
static struct pl_error *run_command(struct firewall *f, const struct firewall_was *was, bool undo,
	const struct pl_wait *w, char said[200])
{
	struct firewall_words words = {.count = 0};
	struct pl_proc_result r;
	struct pl_error *e;

	f->backend->command(was, undo, &words);
	e = firewall_run(f, true, false, &words, w, &r);
	pl_escape(pl_buf_text(&r.out), strcspn(pl_buf_text(&r.out), "\r\n"), said, 200);
	pl_proc_result_deinit(&r);
	return e;
}

/* Read back: the rule must be the wanted one. */
static struct pl_error *change(
	struct firewall *f, const struct firewall_was *was, bool undo, const struct pl_wait *w)
{
	enum firewall_rule wanted = undo ? was->rule : FIREWALL_ALLOW;
	struct firewall_was now = *was;
	char said[200] = "";
	struct pl_error *e = f->backend->look(f, w, &now);

	if (e || now.rule == wanted)
		return e;
	if (f->backend->change)
		return f->backend->change(f, was, &now, undo, w);
	e = run_command(f, was, undo, w, said);
	if (!e)
		e = f->backend->look(f, w, &now);
	if (e || now.rule == wanted)
		return e;
	e = pl_error_new(PL_ERR_LAB, "the rule is %s after the change", undo ? "still there" : "not there");
	if (*said)
		e = pl_error_why(e, "it said: %s", said);
	return pl_error_at(e, "%s", f->backend->name);
}

struct pl_error *firewall_allow(struct firewall *f, const struct firewall_was *was, const struct pl_wait *w)
{
	if (was->state == FIREWALL_BLOCKS_ALL)
		return blocks_all();
	if (!firewall_needs_change(was))
		return NULL;
	return hint_by_hand(change(f, was, false, w), f, was, false);
}

struct pl_error *firewall_verify(struct firewall *f, const struct firewall_was *was, const struct pl_wait *w)
{
	struct firewall_was now;
	struct pl_error *e = firewall_look(f, &was->hole, w, &now);

	if (e)
		return e;
	if (now.state == FIREWALL_BLOCKS_ALL)
		return blocks_all();
	if (!firewall_needs_change(&now))
		return NULL;
	return pl_error_at(pl_error_new(PL_ERR_LAB, "UDP from %s to port %u is not allowed", was->hole.guest,
				   (unsigned)was->hole.port),
		"%s", f->backend->name);
}

/* The same failure as one of restoring: what to do by hand matters most now. */
static struct pl_error *not_restored(
	struct pl_error *cause, const struct firewall *f, const struct firewall_was *was)
{
	struct pl_error *e;
	char line[512];

	if (!cause || pl_error_kind(cause) == PL_ERR_INTERRUPTED)
		return cause;
	if (!strcmp(was->backend, firewall_app.name))
		e = pl_error_new(
			PL_ERR_RESTORE, "the firewall's rule for '%s' is not put back", was->hole.program);
	else
		e = pl_error_new(PL_ERR_RESTORE,
			"%s: the firewall's rule for UDP from %s to port %u is "
			"perhaps still there",
			was->backend, was->hole.guest, (unsigned)was->hole.port);
	e = pl_error_why(e, "%s", pl_error_brief(cause, line, sizeof(line)));
	pl_error_free(cause);
	return hint_by_hand(e, f, was, true);
}

/* By the program that made the change, which is in force no more perhaps. */
static struct pl_error *reopen(struct firewall *f, const struct firewall_was *was)
{
	const struct firewall_backend *backend = backend_named(was->backend);
	char *path;
	struct pl_error *e;

	if (f->backend == backend)
		return NULL;
	e = firewall_find(f, was->backend, &path);
	if (!e && path)
		use(f, backend, path);
	else if (!e) {
		free(f->tool);
		f->tool = NULL;
		f->backend = backend;
		e = pl_error_new(PL_ERR_LAB, "the tool that changed the firewall is not there any more");
	}
	return e;
}

struct pl_error *firewall_restore(struct firewall *f, const struct firewall_was *was, const struct pl_wait *w)
{
	struct pl_error *e;

	if (!firewall_needs_change(was))
		return NULL; /* nothing was done */
	e = reopen(f, was);
	if (!e)
		e = change(f, was, true, w);
	return not_restored(e, f, was);
}
