/* The application firewall of macOS, which goes by programs: socketfilterfw. */
#include <string.h>

#include "base/text.h"
#include "orchestrator/host/firewall_backend.h"
#include "orchestrator/host/firewall_read.h"

static const char *const rule_names[] = {"none", "allow", "block"};

static struct pl_error *detect(struct firewall *f, const struct pl_wait *w, enum firewall_state *ret)
{
	struct pl_proc_result r;
	struct pl_error *e = firewall_ask(f, false, false, "--getglobalstate", NULL, w, &r);

	*ret = FIREWALL_OFF;
	if (!e && !firewall_read_state(pl_buf_text(&r.out), r.out.size, ret))
		e = firewall_unclear("socketfilterfw --getglobalstate", &r);
	pl_proc_result_deinit(&r);
	return e;
}

static struct pl_error *look(struct firewall *f, const struct pl_wait *w, struct firewall_was *was)
{
	struct pl_proc_result r;
	struct pl_error *e = firewall_ask(f, false, false, "--listapps", NULL, w, &r);

	was->rule = FIREWALL_NO_RULE;
	if (!e)
		was->rule = firewall_read_rule(pl_buf_text(&r.out), r.out.size, was->hole.program);
	pl_proc_result_deinit(&r);
	return e;
}

/* The words of the tool, which may say "added" or what is wrong, go to said. */
static struct pl_error *set(
	struct firewall *f, const char *option, const char *program, const struct pl_wait *w, char said[200])
{
	struct pl_proc_result r;
	struct pl_error *e = firewall_ask(f, true, false, option, program, w, &r);

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

/* From what there is now to the wanted rule, read back. */
static struct pl_error *change(struct firewall *f, const struct firewall_was *was,
	const struct firewall_was *now, bool undo, const struct pl_wait *w)
{
	const enum firewall_rule wanted = undo ? was->rule : FIREWALL_ALLOW;
	const char *program = was->hole.program;
	struct firewall_was after = *was;
	char said[200] = "", added[200] = "";
	struct pl_error *e = NULL;

	/* only a program on the list can be blocked or unblocked */
	if (now->rule == FIREWALL_NO_RULE)
		e = set(f, "--add", program, w, added);
	if (!e)
		e = set(f, option_for(wanted), program, w, said);
	if (!e)
		e = look(f, w, &after);
	if (e || after.rule == wanted)
		return e;
	e = pl_error_new(PL_ERR_LAB, "the rule for '%s' is '%s' after the change, not '%s'", program,
		rule_names[after.rule], rule_names[wanted]);
	if (*added || *said)
		e = pl_error_why(e, "it said: %s", *added ? added : said);
	if (!undo)
		e = pl_error_hint(e, "changes need root: run as root, or set host.firewall to leave");
	return pl_error_at(e, "socketfilterfw %s", option_for(wanted));
}

/* What --add adds is allowed. */
static void command(const struct firewall_was *was, bool undo, struct firewall_words *ret)
{
	if (undo)
		firewall_word(ret, "%s", option_for(was->rule));
	else
		firewall_word(ret, "%s", was->rule == FIREWALL_BLOCK ? "--unblockapp" : "--add");
	firewall_word(ret, "%s", was->hole.program);
}

const struct firewall_backend firewall_app = {
	.name = "socketfilterfw",
	.detect = detect,
	.look = look,
	.command = command,
	.change = change,
};
