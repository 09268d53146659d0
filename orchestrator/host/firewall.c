#include "orchestrator/host/firewall.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/proc.h"
#include "base/text.h"

#define TOOL_TIME (30 * PL_SECOND)

static const char *const state_names[] = {"unmanaged", "off", "on", "blocks all"};
static const char *const rule_names[] = {"none", "allow", "block"};

const char *firewall_state_name(enum firewall_state s)
{
	return state_names[s];
}

struct pl_error *firewall_open(const char *tool, const struct pl_log *log, struct firewall *ret)
{
	bool automatic = !strcmp(tool, "auto");
	const char *path = automatic ? FIREWALL_SYSTEM_TOOL : tool;
	char safe[300];

	memset(ret, 0, sizeof(*ret));
	ret->log = log;
	if (!access(path, X_OK)) {
		ret->sudo = geteuid() != 0 && !strcmp(path, FIREWALL_SYSTEM_TOOL);
		return pl_strdup(path, &ret->tool);
	}
	if (!automatic)
		return pl_error_hint(pl_error_new(PL_ERR_LAB, "'%s' cannot be run",
					     pl_escape_str(path, safe, sizeof(safe))),
			"correct host.firewall_tool, or leave it at 'auto'");
	pl_log(log, PL_LOG_INFO,
		"this host's firewall is not managed: let UDP from the guest in to the dump server's port "
		"yourself");
	return NULL;
}

void firewall_close(struct firewall *f)
{
	free(f->tool);
	memset(f, 0, sizeof(*f));
}

static struct pl_error *explain(const struct pl_proc_result *r)
{
	const char *out = pl_buf_text(&r->out), *err = pl_buf_text(&r->err);
	struct pl_error *e = pl_error_new(PL_ERR_LAB, "failed");
	char text[300];

	/* printed on either, with whatever exit status */
	if (strstr(out, "managed Mac") || strstr(err, "managed Mac"))
		return pl_error_hint(pl_error_why(e, "this Mac is managed, and its profile forbids changes"),
			"have the program allowed by who manages it, or set host.firewall to leave");
	if (strstr(err, "sudo:"))
		e = pl_error_hint(e, "run `sudo -v` first, or run as root, or set host.firewall to leave");
	if (*err || *out)
		return pl_error_why(e, "%s", pl_escape_str(*err ? err : out, text, sizeof(text)));
	return pl_error_why(e, "exit status %d", r->status);
}

/* *ret needs pl_proc_result_deinit() in any case. */
static struct pl_error *run(const struct firewall *f, bool changes, const char *option, const char *program,
	const struct pl_wait *w, struct pl_proc_result *ret)
{
	const char *argv[6] = {NULL};
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_wait own = pl_wait_at_most(w, TOOL_TIME);
	struct pl_error *e;
	size_t n = 0;

	if (changes && f->sudo) {
		argv[n++] = "sudo";
		argv[n++] = "-n"; /* a question for a password would hang */
	}
	argv[n++] = f->tool;
	argv[n++] = option;
	argv[n++] = program;
	memset(ret, 0, sizeof(*ret));
	e = pl_proc_run(&spec, &own, ret);
	if (!e && (ret->status != 0 || strstr(pl_buf_text(&ret->out), "managed Mac")))
		e = explain(ret);
	pl_log(f->log, PL_LOG_DEBUG, "socketfilterfw %s %s: %s", option, program ? program : "",
		e ? pl_error_what(e) : "ok");
	return pl_error_move(e, "socketfilterfw %s", option);
}

struct pl_error *firewall_status(const struct firewall *f, const struct pl_wait *w, enum firewall_state *ret)
{
	struct pl_proc_result r;
	struct pl_error *e;
	char safe[200];

	*ret = FIREWALL_UNMANAGED;
	if (!f->tool)
		return NULL;
	e = run(f, false, "--getglobalstate", NULL, w, &r);
	if (!e && !firewall_read_state(pl_buf_text(&r.out), r.out.size, ret)) {
		e = pl_error_new(PL_ERR_LAB, "an answer that is not understood");
		e = pl_error_why(e, "%s", pl_escape(pl_buf_text(&r.out), r.out.size, safe, sizeof(safe)));
		e = pl_error_at(e, "socketfilterfw --getglobalstate");
	}
	pl_proc_result_deinit(&r);
	return e;
}

static struct pl_error *read_rule(
	const struct firewall *f, const char *program, const struct pl_wait *w, enum firewall_rule *ret)
{
	struct pl_proc_result r;
	struct pl_error *e = run(f, false, "--listapps", NULL, w, &r);

	*ret = FIREWALL_NO_RULE;
	if (!e)
		*ret = firewall_read_rule(pl_buf_text(&r.out), r.out.size, program);
	pl_proc_result_deinit(&r);
	return e;
}

bool firewall_needs_change(const struct firewall_was *was)
{
	return was->state == FIREWALL_ON && was->rule != FIREWALL_ALLOW;
}

struct pl_error *firewall_look(
	const struct firewall *f, const char *program, const struct pl_wait *w, struct firewall_was *ret)
{
	struct pl_error *e;
	char safe[200];

	memset(ret, 0, sizeof(*ret));
	if (*program != '/' || strlen(program) >= sizeof(ret->program))
		return pl_error_new(PL_ERR_LAB, "'%s' is not an absolute path of a program",
			pl_escape_str(program, safe, sizeof(safe)));
	snprintf(ret->program, sizeof(ret->program), "%s", program);
	e = firewall_status(f, w, &ret->state);
	if (!e && ret->state == FIREWALL_ON)
		e = read_rule(f, program, w, &ret->rule);
	return e;
}

/* The words of the tool, which may say "added" or what is wrong, go to said. */
static struct pl_error *change(const struct firewall *f, const char *option, const char *program,
	const struct pl_wait *w, char said[200])
{
	struct pl_proc_result r;
	struct pl_error *e = run(f, true, option, program, w, &r);

	pl_escape(pl_buf_text(&r.out), strcspn(pl_buf_text(&r.out), "\r\n"), said, 200);
	pl_proc_result_deinit(&r);
	return e;
}

static const char *option_for(enum firewall_rule rule)
{
	switch (rule) {
	case FIREWALL_ALLOW:
		return "--unblockapp";
	case FIREWALL_BLOCK:
		return "--blockapp";
	case FIREWALL_NO_RULE:
		break;
	}
	return "--remove";
}

/* From whatever there is now to the wanted rule, read back. */
static struct pl_error *set_rule(
	const struct firewall *f, const char *program, enum firewall_rule wanted, const struct pl_wait *w)
{
	enum firewall_rule now;
	struct pl_error *e = read_rule(f, program, w, &now);
	char said[200] = "", added[200] = "";

	if (e || now == wanted)
		return e;
	/* only a program on the list can be blocked or unblocked */
	if (now == FIREWALL_NO_RULE)
		e = change(f, "--add", program, w, added);
	if (!e)
		e = change(f, option_for(wanted), program, w, said);
	if (!e)
		e = read_rule(f, program, w, &now);
	if (e || now == wanted)
		return e;
	e = pl_error_new(PL_ERR_LAB, "the rule for '%s' is '%s' after the change, not '%s'", program,
		rule_names[now], rule_names[wanted]);
	if (*added || *said)
		e = pl_error_why(e, "it said: %s", *added ? added : said);
	e = pl_error_hint(e, "changes need root: run as root, or set host.firewall to leave");
	return pl_error_at(e, "socketfilterfw %s", option_for(wanted));
}

static struct pl_error *blocks_all(void)
{
	return pl_error_at(pl_error_hint(pl_error_new(PL_ERR_LAB,
						 "this host's firewall blocks all incoming connections"),
				   "switch off 'Block all incoming connections' in System Settings, Network, "
				   "Firewall, Options"),
		"socketfilterfw --getglobalstate");
}

struct pl_error *firewall_allow(
	const struct firewall *f, const struct firewall_was *was, const struct pl_wait *w)
{
	if (was->state == FIREWALL_BLOCKS_ALL)
		return blocks_all();
	if (!firewall_needs_change(was))
		return NULL;
	return set_rule(f, was->program, FIREWALL_ALLOW, w);
}

struct pl_error *firewall_verify(
	const struct firewall *f, const struct firewall_was *was, const struct pl_wait *w)
{
	struct firewall_was now;
	struct pl_error *e = firewall_look(f, was->program, w, &now);

	if (e)
		return e;
	if (now.state == FIREWALL_BLOCKS_ALL)
		return blocks_all();
	if (!firewall_needs_change(&now))
		return NULL;
	return pl_error_at(
		pl_error_new(PL_ERR_LAB, "'%s' is not allowed", was->program), "socketfilterfw --listapps");
}

/* The same failure as one of restoring: what to do by hand matters most now. */
static struct pl_error *not_restored(
	struct pl_error *cause, const struct firewall *f, const struct firewall_was *was)
{
	struct pl_buf command;
	struct pl_error *e, *full;
	char line[512];

	if (pl_error_kind(cause) == PL_ERR_INTERRUPTED)
		return cause;
	pl_buf_init(&command, 8192);
	full = pl_shell_quote(f->tool ? f->tool : FIREWALL_SYSTEM_TOOL, &command);
	if (!full)
		full = pl_buf_printf(&command, " %s ", option_for(was->rule));
	if (!full)
		full = pl_shell_quote(was->program, &command);
	pl_error_free(full);
	e = pl_error_new(PL_ERR_RESTORE, "the firewall's rule for '%s' is not put back", was->program);
	e = pl_error_why(e, "%s", pl_error_line(cause, line, sizeof(line)));
	e = pl_error_hint(e, "by hand: sudo %s", pl_buf_text(&command));
	pl_buf_deinit(&command);
	pl_error_free(cause);
	return e;
}

struct pl_error *firewall_restore(
	const struct firewall *f, const struct firewall_was *was, const struct pl_wait *w)
{
	struct pl_error *e;

	if (!firewall_needs_change(was))
		return NULL; /* nothing was done */
	if (f->tool)
		e = set_rule(f, was->program, was->rule, w);
	else
		e = pl_error_new(PL_ERR_LAB, "the tool that changed the firewall is not there any more");
	return e ? not_restored(e, f, was) : NULL;
}

struct pl_error *firewall_was_to_json(const struct firewall_was *was, json_t **ret)
{
	*ret = json_pack("{s:s, s:s, s:s}", "program", was->program, "state", state_names[was->state], "rule",
		rule_names[was->rule]);
	return *ret ? NULL : pl_error_nomem();
}

/* The place of word among names. */
static struct pl_error *read_name(
	const char *word, const char *const *names, int count, const char *where, int *ret)
{
	char safe[64];

	for (*ret = 0; *ret < count; ++*ret)
		if (!strcmp(word, names[*ret]))
			return NULL;
	return pl_error_at(pl_error_new(PL_ERR_DATA, "'%s' is nothing that a firewall can be",
				   pl_escape_str(word, safe, sizeof(safe))),
		"%s", where);
}

struct pl_error *firewall_was_from_json(const json_t *o, const char *where, struct firewall_was *ret)
{
	const char *program, *state, *rule;
	int s = 0, r = 0;
	struct pl_error *e = pl_json_str(o, "program", where, &program);

	memset(ret, 0, sizeof(*ret));
	if (!e)
		e = pl_json_str(o, "state", where, &state);
	if (!e)
		e = pl_json_str(o, "rule", where, &rule);
	if (!e)
		e = read_name(state, state_names, 4, where, &s);
	if (!e)
		e = read_name(rule, rule_names, 3, where, &r);
	if (!e && (*program != '/' || strlen(program) >= sizeof(ret->program)))
		e = pl_error_at(pl_error_new(PL_ERR_DATA, "program: not an absolute path"), "%s", where);
	if (e)
		return e;
	snprintf(ret->program, sizeof(ret->program), "%s", program);
	ret->state = (enum firewall_state)s;
	ret->rule = (enum firewall_rule)r;
	return NULL;
}
