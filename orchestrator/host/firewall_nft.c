/*
 * nftables. An accept ends the evaluation of its own base chain only, so each chain at input
 * that may drop gets the rule.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/host/firewall_backend.h"
#include "orchestrator/host/firewall_read.h"

#define RULESET_MAX ((size_t)16 << 20)

static struct pl_error *read_ruleset(
	struct firewall *f, const char *tag, const struct pl_wait *w, struct nft_input *ret)
{
	/* -t: without the elements of sets, which may be a hundred thousand */
	const struct firewall_words words = {.argv = {"-j", "-t", "list", "ruleset"}, .count = 4};
	struct pl_proc_result r;
	json_t *doc = NULL;
	char *iptables = NULL;
	struct pl_error *e = firewall_run(f, true, false, &words, w, &r);

	e = pl_error_move(e, "nft list ruleset");
	if (!e)
		e = firewall_find(f, "iptables", &iptables);
	if (!e)
		e = pl_json_parse(pl_buf_text(&r.out), r.out.size, RULESET_MAX, "nft list ruleset", &doc);
	if (!e)
		e = nft_read(doc, tag, iptables != NULL, ret);
	if (!e && ret->more)
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "more chains at input than can be handled, or such "
							 "names"),
			"nft list ruleset");
	free(iptables);
	json_decref(doc);
	pl_proc_result_deinit(&r);
	return e && pl_error_kind(e) == PL_ERR_DATA ? pl_error_as(e, PL_ERR_LAB) : e;
}

static struct pl_error *detect(struct firewall *f, const struct pl_wait *w, enum firewall_state *ret)
{
	struct nft_input input;
	struct pl_error *e = read_ruleset(f, "", w, &input);

	*ret = e || !input.chains_count ? FIREWALL_OFF : FIREWALL_ON;
	if (!e && input.chains_count && input.iptables)
		pl_log(f->log, PL_LOG_WARN,
			"iptables filters what comes in here, beside nftables, where the rule is made: if no "
			"core arrives, allow it there by hand");
	return e;
}

static struct pl_error *look(struct firewall *f, const struct pl_wait *w, struct firewall_was *was)
{
	struct nft_input input;
	struct pl_error *e = read_ruleset(f, was->hole.tag, w, &input);

	was->rule = !e && input.rules_count ? FIREWALL_ALLOW : FIREWALL_NO_RULE;
	if (!e && input.chains_count && !*was->place)
		snprintf(was->place, sizeof(was->place), "%s %s %s", input.chains[0].family,
			input.chains[0].table, input.chains[0].chain);
	return e;
}

static void place_words(const struct nft_place *p, struct firewall_words *ret)
{
	firewall_word(ret, "rule");
	firewall_word(ret, "%s", p->family);
	firewall_word(ret, "%s", p->table);
	firewall_word(ret, "%s", p->chain);
}

/* nft puts its arguments together again, so texts need quotes of their own. */
static void match_words(const struct firewall_hole *h, struct firewall_words *ret)
{
	if (*h->interface) {
		firewall_word(ret, "iifname");
		firewall_word(ret, "\"%s\"", h->interface);
	}
	firewall_word(ret, "ip");
	firewall_word(ret, "saddr");
	firewall_word(ret, "%s", h->guest);
	firewall_word(ret, "ip");
	firewall_word(ret, "daddr");
	firewall_word(ret, "%s", h->host);
	firewall_word(ret, "udp");
	firewall_word(ret, "dport");
	firewall_word(ret, "%u", (unsigned)h->port);
	firewall_word(ret, "accept");
	firewall_word(ret, "comment");
	firewall_word(ret, "\"%s\"", h->tag);
}

static struct pl_error *run_words(
	struct firewall *f, const struct firewall_words *words, const struct pl_wait *w)
{
	struct pl_proc_result r;
	struct pl_error *e = firewall_run(f, true, false, words, w, &r);

	pl_proc_result_deinit(&r);
	return e;
}

static bool has_rule(const struct nft_input *input, const struct nft_place *chain)
{
	for (size_t i = 0; i < input->rules_count; i++)
		if (!strcmp(input->rules[i].family, chain->family) &&
			!strcmp(input->rules[i].table, chain->table) &&
			!strcmp(input->rules[i].chain, chain->chain))
			return true;
	return false;
}

static struct pl_error *insert(struct firewall *f, const struct firewall_hole *h,
	const struct nft_input *input, const struct pl_wait *w)
{
	struct pl_error *e = NULL;

	for (size_t i = 0; i < input->chains_count && !e; i++) {
		struct firewall_words words = {.count = 0};

		if (has_rule(input, &input->chains[i]))
			continue;
		firewall_word(&words, "insert");
		place_words(&input->chains[i], &words);
		match_words(h, &words);
		e = run_words(f, &words, w);
	}
	return e;
}

static struct pl_error *delete (struct firewall *f, const struct nft_input *input, const struct pl_wait *w)
{
	struct pl_error *e = NULL;

	for (size_t i = 0; i < input->rules_count && !e; i++) {
		struct firewall_words words = {.count = 0};

		firewall_word(&words, "delete");
		place_words(&input->rules[i], &words);
		firewall_word(&words, "handle");
		firewall_word(&words, "%" PRIu64, input->rules[i].handle);
		e = run_words(f, &words, w);
	}
	return e;
}

/* Read back: the rule in each chain, or nowhere. */
static struct pl_error *change(struct firewall *f, const struct firewall_was *was,
	const struct firewall_was *now, bool undo, const struct pl_wait *w)
{
	(void)now;
	struct nft_input input;
	struct pl_error *e = read_ruleset(f, was->hole.tag, w, &input);
	bool good = true;

	if (!e)
		e = undo ? delete (f, &input, w) : insert(f, &was->hole, &input, w);
	if (!e)
		e = read_ruleset(f, was->hole.tag, w, &input);
	if (e)
		return e;
	for (size_t i = 0; i < input.chains_count && !undo; i++)
		good = good && has_rule(&input, &input.chains[i]);
	if (undo ? !input.rules_count : good)
		return NULL;
	return pl_error_at(pl_error_new(PL_ERR_LAB, "the rule is %s after the change",
				   undo ? "still there" : "not there"),
		"nft %s rule", undo ? "delete" : "insert");
}

/* A rule is deleted by its handle, which only the list tells. */
static struct pl_error *by_hand(const struct firewall_was *was, bool undo, struct pl_buf *out)
{
	struct firewall_words words = {.count = 0};
	struct pl_error *e;

	if (undo)
		return pl_buf_printf(out,
			"sudo nft -a list ruleset, then, for each rule with the comment \"%s\": sudo nft "
			"delete rule FAMILY TABLE CHAIN handle N",
			was->hole.tag);
	e = pl_buf_printf(out, "sudo nft insert rule %s", *was->place ? was->place : "FAMILY TABLE CHAIN");
	match_words(&was->hole, &words);
	for (size_t i = 0; i < words.count && !e; i++) {
		e = pl_buf_puts(out, " ");
		if (!e)
			e = pl_shell_quote(words.argv[i], out);
	}
	return e;
}

const struct firewall_backend firewall_nft = {
	.name = "nft",
	.detect = detect,
	.look = look,
	.change = change,
	.by_hand = by_hand,
};
