/* Rules made with iptables by hand or by a script, in either of its variants. */
#include "orchestrator/host/firewall_backend.h"
#include "orchestrator/host/firewall_read.h"

static struct pl_error *list(struct firewall *f, const struct pl_wait *w, struct pl_proc_result *ret)
{
	const struct firewall_words words = {.argv = {"-w", "-S", "INPUT"}, .count = 3};

	return firewall_run(f, true, false, &words, w, ret);
}

static struct pl_error *detect(struct firewall *f, const struct pl_wait *w, enum firewall_state *ret)
{
	struct pl_proc_result r;
	struct pl_error *e = list(f, w, &r);

	*ret = FIREWALL_OFF;
	if (!e && iptables_read_drops(pl_buf_text(&r.out), r.out.size))
		*ret = FIREWALL_ON;
	pl_proc_result_deinit(&r);
	return e;
}

static struct pl_error *look(struct firewall *f, const struct pl_wait *w, struct firewall_was *was)
{
	struct pl_proc_result r;
	struct pl_error *e = list(f, w, &r);

	was->rule = FIREWALL_NO_RULE;
	if (!e && iptables_read_tag(pl_buf_text(&r.out), r.out.size, was->hole.tag))
		was->rule = FIREWALL_ALLOW;
	pl_proc_result_deinit(&r);
	return e;
}

/* -w: another iptables may hold its lock for a moment. */
static void command(const struct firewall_was *was, bool undo, struct firewall_words *ret)
{
	const struct firewall_hole *h = &was->hole;

	firewall_word(ret, "-w");
	firewall_word(ret, "%s", undo ? "-D" : "-I");
	firewall_word(ret, "INPUT");
	if (*h->interface) {
		firewall_word(ret, "-i");
		firewall_word(ret, "%s", h->interface);
	}
	firewall_word(ret, "-p");
	firewall_word(ret, "udp");
	firewall_word(ret, "-s");
	firewall_word(ret, "%s", h->guest);
	firewall_word(ret, "-d");
	firewall_word(ret, "%s", h->host);
	firewall_word(ret, "--dport");
	firewall_word(ret, "%u", (unsigned)h->port);
	firewall_word(ret, "-m");
	firewall_word(ret, "comment");
	firewall_word(ret, "--comment");
	firewall_word(ret, "%s", h->tag);
	firewall_word(ret, "-j");
	firewall_word(ret, "ACCEPT");
}

const struct firewall_backend firewall_iptables = {
	.name = "iptables",
	.detect = detect,
	.look = look,
	.command = command,
};
