/* What `nft -j list ruleset` says of the packets that come in. See firewall_read.h. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/host/firewall_read.h"

/* A word that nft takes back as it is, that fits, and that is no option. */
static bool take_name(const char *name, char *ret, size_t size)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && !strchr("_./-", name[i]))
			return false;
	if (!n || n >= size || name[0] == '-')
		return false;
	snprintf(ret, size, "%s", name);
	return true;
}

/* Of a chain or a rule; false if one of the names is no use. */
static bool take_place(const json_t *o, const char *chain_key, struct nft_place *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->handle = (uint64_t)pl_json_int_or(o, "handle", 0);
	return take_name(pl_json_str_or(o, "family", ""), ret->family, sizeof(ret->family)) &&
	       take_name(pl_json_str_or(o, "table", ""), ret->table, sizeof(ret->table)) &&
	       take_name(pl_json_str_or(o, chain_key, ""), ret->chain, sizeof(ret->chain));
}

static bool is_text(const json_t *o, const char *key, const char *value)
{
	return !strcmp(pl_json_str_or(o, key, ""), value);
}

/* "inet" and "ip" see an IPv4 packet; at "bridge" and "netdev" it is none yet. */
static bool at_input(const json_t *chain)
{
	return is_text(chain, "hook", "input") &&
	       (is_text(chain, "family", "inet") || is_text(chain, "family", "ip"));
}

/* A jump may end in a drop; xt is a target of iptables', vmap and queue are known to whoever made them. */
static bool may_drop(const json_t *rule)
{
	static const char *const ends[] = {
		"drop", "reject", "jump", "goto", "vmap", "queue", "xt", "synproxy", "tproxy"};
	size_t i;
	json_t *part;

	json_array_foreach(json_object_get(rule, "expr"), i, part)
	{
		for (size_t j = 0; j < sizeof(ends) / sizeof(ends[0]); j++)
			if (json_object_get(part, ends[j]))
				return true;
	}
	return false;
}

static bool any_rule_drops(const json_t *list, const json_t *chain)
{
	size_t i;
	json_t *item;

	json_array_foreach(list, i, item)
	{
		const json_t *rule = json_object_get(item, "rule");

		if (rule && is_text(rule, "family", pl_json_str_or(chain, "family", "")) &&
			is_text(rule, "table", pl_json_str_or(chain, "table", "")) &&
			is_text(rule, "chain", pl_json_str_or(chain, "name", "")) && may_drop(rule))
			return true;
	}
	return false;
}

static bool of_iptables(const json_t *chain)
{
	return is_text(chain, "family", "ip") && is_text(chain, "table", "filter") &&
	       is_text(chain, "name", "INPUT");
}

static void take_chain(const json_t *list, const json_t *chain, bool foreign, struct nft_input *ret)
{
	if (!at_input(chain) || !(is_text(chain, "policy", "drop") || any_rule_drops(list, chain)))
		return;
	if (foreign && of_iptables(chain))
		ret->iptables = true;
	else if (ret->chains_count < NFT_CHAINS_MAX &&
		 take_place(chain, "name", &ret->chains[ret->chains_count]))
		ret->chains_count++;
	else
		ret->more = true;
}

static void take_rule(const json_t *rule, const char *tag, struct nft_input *ret)
{
	if (!*tag || !is_text(rule, "comment", tag))
		return;
	if (ret->rules_count < NFT_RULES_MAX && take_place(rule, "chain", &ret->rules[ret->rules_count]))
		ret->rules_count++;
	else
		ret->more = true;
}

struct pl_error *nft_read(const json_t *doc, const char *tag, bool foreign, struct nft_input *ret)
{
	json_t *list, *item;
	size_t i;
	struct pl_error *e = pl_json_array(doc, "nftables", "nft list ruleset", &list);

	memset(ret, 0, sizeof(*ret));
	if (e)
		return e;
	json_array_foreach(list, i, item)
	{
		const json_t *chain = json_object_get(item, "chain");
		const json_t *rule = json_object_get(item, "rule");

		if (chain)
			take_chain(list, chain, foreign, ret);
		if (rule)
			take_rule(rule, tag, ret);
	}
	return NULL;
}
