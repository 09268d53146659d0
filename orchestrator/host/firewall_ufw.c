/* ufw of Debian and Ubuntu. Its rules stay over a reboot, and so does our journal. */
#include <string.h>

#include "orchestrator/host/firewall_backend.h"
#include "orchestrator/host/firewall_read.h"

static struct pl_error *detect(struct firewall *f, const struct pl_wait *w, enum firewall_state *ret)
{
	bool known = false;
	struct pl_proc_result r;
	struct pl_error *e = firewall_ask(f, true, false, "status", NULL, w, &r);

	*ret = FIREWALL_OFF;
	if (!e && ufw_read_active(pl_buf_text(&r.out), r.out.size, &known))
		*ret = FIREWALL_ON;
	if (!e && !known)
		e = firewall_unclear("ufw status", &r);
	pl_proc_result_deinit(&r);
	return e;
}

/* "status" lists addresses in columns; "show added" gives back the commands. */
static struct pl_error *look(struct firewall *f, const struct pl_wait *w, struct firewall_was *was)
{
	struct pl_proc_result r;
	struct pl_error *e = firewall_ask(f, true, false, "show", "added", w, &r);

	was->rule = FIREWALL_NO_RULE;
	if (!e && ufw_read_rule(pl_buf_text(&r.out), r.out.size, &was->hole))
		was->rule = FIREWALL_ALLOW;
	pl_proc_result_deinit(&r);
	return e;
}

/* First of all, before a rule that denies. */
static void command(const struct firewall_was *was, bool undo, struct firewall_words *ret)
{
	const struct firewall_hole *h = &was->hole;

	firewall_word(ret, "%s", undo ? "delete" : "prepend");
	firewall_word(ret, "allow");
	if (*h->interface) {
		firewall_word(ret, "in");
		firewall_word(ret, "on");
		firewall_word(ret, "%s", h->interface);
	}
	firewall_word(ret, "proto");
	firewall_word(ret, "udp");
	firewall_word(ret, "from");
	firewall_word(ret, "%s", h->guest);
	firewall_word(ret, "to");
	firewall_word(ret, "%s", h->host);
	firewall_word(ret, "port");
	firewall_word(ret, "%u", (unsigned)h->port);
	firewall_word(ret, "comment");
	firewall_word(ret, "%s", h->tag);
}

const struct firewall_backend firewall_ufw = {
	.name = "ufw",
	.detect = detect,
	.look = look,
	.command = command,
};
