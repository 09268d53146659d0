/* What there was, for the journal. See firewall.h. */
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/host/firewall.h"

static const char *const state_names[] = {"unmanaged", "off", "on", "blocks all"};
static const char *const rule_names[] = {"none", "allow", "block"};

const char *firewall_state_name(enum firewall_state s)
{
	return state_names[s];
}

struct pl_error *firewall_was_to_json(const struct firewall_was *was, json_t **ret)
{
	const struct firewall_hole *h = &was->hole;

	*ret = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:i, s:s}", "program", h->program, "state",
		state_names[was->state], "rule", rule_names[was->rule], "backend", was->backend, "tag",
		h->tag, "interface", h->interface, "guest", h->guest, "host", h->host, "port", (int)h->port,
		"place", was->place);
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

/* One that is not there is `otherwise`. */
static struct pl_error *read_text(
	const json_t *o, const char *key, const char *otherwise, const char *where, char *ret, size_t size)
{
	const char *text = otherwise;
	struct pl_error *e = json_object_get(o, key) ? pl_json_str(o, key, where, &text) : NULL;

	if (!e && strlen(text) >= size)
		e = pl_error_at(pl_error_new(PL_ERR_DATA, "%s: too long", key), "%s", where);
	if (!e)
		snprintf(ret, size, "%s", text);
	return e;
}

static struct pl_error *read_hole(const json_t *o, const char *where, struct firewall_hole *ret)
{
	int64_t port = pl_json_int_or(o, "port", 0);
	struct pl_error *e = read_text(o, "program", "", where, ret->program, sizeof(ret->program));

	if (!e && *ret->program != '/')
		e = pl_error_at(pl_error_new(PL_ERR_DATA, "program: not an absolute path"), "%s", where);
	if (!e)
		e = read_text(o, "tag", "", where, ret->tag, sizeof(ret->tag));
	if (!e)
		e = read_text(o, "interface", "", where, ret->interface, sizeof(ret->interface));
	if (!e)
		e = read_text(o, "guest", "", where, ret->guest, sizeof(ret->guest));
	if (!e)
		e = read_text(o, "host", "", where, ret->host, sizeof(ret->host));
	if (!e && (port < 0 || port > UINT16_MAX))
		e = pl_error_at(pl_error_new(PL_ERR_DATA, "port: not one"), "%s", where);
	if (!e)
		ret->port = (uint16_t)port;
	return e;
}

struct pl_error *firewall_was_from_json(const json_t *o, const char *where, struct firewall_was *ret)
{
	const char *state, *rule;
	int s = 0, r = 0;
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	e = read_hole(o, where, &ret->hole);
	if (!e)
		e = pl_json_str(o, "state", where, &state);
	if (!e)
		e = pl_json_str(o, "rule", where, &rule);
	if (!e)
		e = read_name(state, state_names, 4, where, &s);
	if (!e)
		e = read_name(rule, rule_names, 3, where, &r);
	if (!e)
		e = read_text(o, "backend", "socketfilterfw", where, ret->backend, sizeof(ret->backend));
	if (!e)
		e = read_text(o, "place", "", where, ret->place, sizeof(ret->place));
	if (e)
		return e;
	ret->state = (enum firewall_state)s;
	ret->rule = (enum firewall_rule)r;
	return NULL;
}
