/*
 * What the firewalls' programs print, read. Pure; each takes any bytes of that size.
 * The words were read off socketfilterfw (macOS 10.12 to 15), firewalld 1.3, ufw 0.36,
 * nft 1.0.6 and iptables 1.8.9.
 */
#ifndef HOST_FIREWALL_READ_H
#define HOST_FIREWALL_READ_H

#include <jansson.h>

#include "orchestrator/host/firewall.h"

/** --getglobalstate: "... (State = N)"; false if there is none or N is not known. */
bool firewall_read_state(const char *text, size_t size, enum firewall_state *ret);

/** What --listapps says of program: "N : /path" and below it "(Allow|Block incoming connections)". */
enum firewall_rule firewall_read_rule(const char *text, size_t size, const char *program);

/** `ufw status`: has it the line "Status: active"? False with *known false for another text. */
bool ufw_read_active(const char *text, size_t size, bool *known);

/** `ufw show added`: is there a rule that lets the hole in, whatever its comment is? */
bool ufw_read_rule(const char *text, size_t size, const struct firewall_hole *hole);

/**
 * `firewall-cmd --get-active-zones`: the zone that firewalld takes for the guest's packets: one
 * with a source that holds the address, else the one of the interface; "" if neither.
 */
void firewalld_read_zone(
	const char *text, size_t size, const char *guest, const char *interface, char ret[64]);

/** `firewall-cmd --info-zone=Z`: does its target, or this rich rule, accept? */
bool firewalld_read_rule(const char *text, size_t size, const char *rich_rule);

/** `iptables -S INPUT`: may anything be dropped there: by its policy or by a rule that does not accept? */
bool iptables_read_drops(const char *text, size_t size);

/** `iptables -S INPUT`: is there a rule with this comment? */
bool iptables_read_tag(const char *text, size_t size, const char *tag);

enum { NFT_CHAINS_MAX = 8, NFT_RULES_MAX = 16 };

struct nft_place {
	char family[8];
	char table[64];
	char chain[64];
	uint64_t handle; /* of a rule */
};

struct nft_input {
	struct nft_place chains[NFT_CHAINS_MAX]; /* base chains at input, for IPv4, that may drop a packet */
	size_t chains_count;
	struct nft_place rules[NFT_RULES_MAX]; /* anywhere, with the comment */
	size_t rules_count;
	bool more;     /* there are more of either than there is room for */
	bool iptables; /* "ip filter INPUT", which is iptables', may drop; it is not among the chains */
};

/**
 * `nft -j list ruleset`, parsed. foreign: "ip filter INPUT" is iptables' and not for nft to change.
 * PL_ERR_DATA when it is no such document. Names that nft would not take back as they are,
 * are left out (as more).
 */
struct pl_error *nft_read(
	const json_t *doc, const char *tag, bool foreign, struct nft_input *ret) PL_MUST_USE;

#endif
