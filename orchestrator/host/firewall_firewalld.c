/*
 * firewalld of Fedora, RHEL and SUSE: one rich rule. It is not made permanent, so a reload or
 * a reboot takes it away as well. Rich rules have no comment: the rule itself tells it.
 */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/host/firewall_backend.h"
#include "orchestrator/host/firewall_read.h"

/* 252: "not running"; 36: there is no D-Bus to ask. Neither needs root. */
static struct pl_error *detect(struct firewall *f, const struct pl_wait *w, enum firewall_state *ret)
{
	struct pl_proc_result r;
	struct pl_error *e = firewall_ask(f, false, true, "--state", NULL, w, &r);

	*ret = FIREWALL_OFF;
	if (!e && r.status == 0 && !strncmp(pl_buf_text(&r.out), "running", 7))
		*ret = FIREWALL_ON;
	else if (!e && r.status != 252 && r.status != 36)
		e = firewall_unclear("firewall-cmd --state", &r);
	pl_proc_result_deinit(&r);
	return e;
}

static void rich_rule(const struct firewall_hole *h, char out[256])
{
	snprintf(out, 256,
		"rule family=\"ipv4\" source address=\"%s\" destination address=\"%s\" port port=\"%u\" "
		"protocol=\"udp\" accept",
		h->guest, h->host, (unsigned)h->port);
}

static struct pl_error *default_zone(struct firewall *f, const struct pl_wait *w, char ret[64])
{
	struct pl_proc_result r;
	struct pl_error *e = firewall_ask(f, true, false, "--get-default-zone", NULL, w, &r);
	const char *text = pl_buf_text(&r.out);
	size_t n = strcspn(text, "\r\n");

	if (!e && (n == 0 || n >= 64 || memchr(text, ' ', n)))
		e = firewall_unclear("firewall-cmd --get-default-zone", &r);
	if (!e)
		snprintf(ret, 64, "%.*s", (int)n, text);
	pl_proc_result_deinit(&r);
	return e;
}

static struct pl_error *find_zone(struct firewall *f, const struct pl_wait *w, struct firewall_was *was)
{
	struct pl_proc_result r;
	struct pl_error *e = firewall_ask(f, true, false, "--get-active-zones", NULL, w, &r);

	if (!e)
		firewalld_read_zone(
			pl_buf_text(&r.out), r.out.size, was->hole.guest, was->hole.interface, was->place);
	pl_proc_result_deinit(&r);
	return e || *was->place ? e : default_zone(f, w, was->place);
}

static struct pl_error *look(struct firewall *f, const struct pl_wait *w, struct firewall_was *was)
{
	struct firewall_words words = {.count = 0};
	struct pl_proc_result r;
	struct pl_error *e = NULL;
	enum firewall_state state = FIREWALL_OFF;
	char rule[256];

	was->rule = FIREWALL_NO_RULE;
	if (!*was->place)
		e = find_zone(f, w, was);
	if (!e)
		e = detect(f, w, &state);
	/* stopped in between: what it had at run time is gone */
	if (e || state == FIREWALL_OFF)
		return e;
	firewall_word(&words, "--info-zone=%s", was->place);
	e = firewall_run(f, true, false, &words, w, &r);
	rich_rule(&was->hole, rule);
	if (!e && firewalld_read_rule(pl_buf_text(&r.out), r.out.size, rule))
		was->rule = FIREWALL_ALLOW;
	pl_proc_result_deinit(&r);
	return e;
}

static void command(const struct firewall_was *was, bool undo, struct firewall_words *ret)
{
	char rule[256];

	rich_rule(&was->hole, rule);
	if (*was->place)
		firewall_word(ret, "--zone=%s", was->place);
	firewall_word(ret, "--%s-rich-rule=%s", undo ? "remove" : "add", rule);
}

const struct firewall_backend firewall_firewalld = {
	.name = "firewall-cmd",
	.detect = detect,
	.look = look,
	.command = command,
};
