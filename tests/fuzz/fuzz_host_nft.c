/* `nft -j list ruleset`: any JSON, and what is none. */
#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/host/firewall_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What goes onto nft's command line must be a word there, and no option. */
static void check_word(const char *word, size_t room)
{
	if (!memchr(word, '\0', room) || !*word || *word == '-')
		abort();
	for (; *word; word++)
		if (!isalnum((unsigned char)*word) && !strchr("_./-", *word))
			abort();
}

static void check_places(const struct nft_place *places, size_t count, size_t most)
{
	if (count > most)
		abort();
	for (size_t i = 0; i < count; i++) {
		check_word(places[i].family, sizeof(places[i].family));
		check_word(places[i].table, sizeof(places[i].table));
		check_word(places[i].chain, sizeof(places[i].chain));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *doc = json_loadb((const char *)data, size, 0, NULL);
	struct nft_input own, all;
	struct pl_error *e = doc ? nft_read(doc, "paniclab 1", true, &own) : NULL;

	if (doc && !e && !nft_read(doc, "paniclab 1", false, &all)) {
		check_places(own.chains, own.chains_count, NFT_CHAINS_MAX);
		check_places(own.rules, own.rules_count, NFT_RULES_MAX);
		/* without iptables its chain counts like any other */
		if (all.iptables || all.chains_count < own.chains_count)
			abort();
	}
	pl_error_free(e);
	json_decref(doc);
	return 0;
}
