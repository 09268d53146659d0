/* What ufw, firewall-cmd and iptables print. See firewall_read.h. */
#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/lines.h"
#include "base/text.h"
#include "orchestrator/host/firewall_read.h"

/* ---- ufw ------------------------------------------------------------------------ */

/* Warnings about the owners of its files may precede it. */
bool ufw_read_active(const char *text, size_t size, bool *known)
{
	struct pl_line l;

	*known = false;
	while (pl_line_next(&text, &size, &l)) {
		if (!pl_line_starts(&l, "Status: "))
			continue;
		*known = true;
		return pl_line_is(&l, "Status: active");
	}
	return false;
}

/* "ufw allow in on IF from GUEST to HOST port N proto udp [comment 'TEXT']" */
bool ufw_read_rule(const char *text, size_t size, const struct firewall_hole *hole)
{
	char rule[256];
	struct pl_line l;

	snprintf(rule, sizeof(rule), "ufw allow %s%s%sfrom %s to %s port %u proto udp",
		*hole->interface ? "in on " : "", hole->interface, *hole->interface ? " " : "", hole->guest,
		hole->host, (unsigned)hole->port);
	while (pl_line_next(&text, &size, &l)) {
		const size_t n = strlen(rule);

		if (!pl_line_starts(&l, rule))
			continue;
		l = (struct pl_line){l.text + n, l.size - n};
		if (!l.size || pl_line_starts(&l, " comment "))
			return true;
	}
	return false;
}

/* ---- firewalld -------------------------------------------------------------------- */

/* "172.16.0.0/12" or an address; another thing (a MAC, an ipset, IPv6) holds no IPv4 guest. */
static bool source_holds(const struct pl_line *source, const char *guest)
{
	char text[32];
	uint64_t bits = 32;
	struct in_addr net, address;
	uint32_t mask;
	char *slash;

	if (source->size >= sizeof(text) || inet_pton(AF_INET, guest, &address) != 1)
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)source->size, source->text);
	slash = strchr(text, '/');
	if (slash)
		*slash = '\0';
	if ((slash && !pl_parse_u64(slash + 1, 32, &bits)) || inet_pton(AF_INET, text, &net) != 1)
		return false;
	mask = bits ? UINT32_MAX << (32 - bits) : 0;
	return ((ntohl(net.s_addr) ^ ntohl(address.s_addr)) & mask) == 0;
}

static bool lists_interface(struct pl_line list, const char *interface)
{
	struct pl_line word;

	while (pl_line_word(&list, &word))
		if (pl_line_is(&word, interface))
			return true;
	return false;
}

static bool lists_source(struct pl_line list, const char *guest)
{
	struct pl_line word;

	while (pl_line_word(&list, &word))
		if (source_holds(&word, guest))
			return true;
	return false;
}

/* The lines below a zone's name are indented; pl_line_next() has trimmed that, but they have a colon. */
void firewalld_read_zone(
	const char *text, size_t size, const char *guest, const char *interface, char ret[64])
{
	static const char interfaces[] = "interfaces:", sources[] = "sources:";
	struct pl_line l, zone = {"", 0};

	*ret = '\0';
	while (pl_line_next(&text, &size, &l)) {
		struct pl_line rest = l, name;

		if (!pl_line_word(&rest, &name))
			continue;
		if (pl_line_is(&name, interfaces)) {
			if (!*ret && lists_interface(rest, interface))
				snprintf(ret, 64, "%.*s", (int)zone.size, zone.text);
		} else if (pl_line_is(&name, sources)) {
			if (!lists_source(rest, guest))
				continue;
			snprintf(ret, 64, "%.*s", (int)zone.size, zone.text);
			return;
		} else if (name.text[name.size - 1] != ':') {
			zone = name.size < 64 ? name : (struct pl_line){"", 0};
		}
	}
}

bool firewalld_read_rule(const char *text, size_t size, const char *rich_rule)
{
	struct pl_line l;

	while (pl_line_next(&text, &size, &l))
		if (pl_line_is(&l, "target: ACCEPT") || pl_line_is(&l, rich_rule))
			return true;
	return false;
}

/* ---- iptables ---------------------------------------------------------------------- */

/* "-A INPUT ... -j TARGET"; without a target a rule only counts. */
static bool may_drop(struct pl_line rule)
{
	struct pl_line word, target = {"", 0};

	while (pl_line_word(&rule, &word))
		if (pl_line_is(&word, "-j") || pl_line_is(&word, "-g"))
			(void)pl_line_word(&rule, &target);
	return target.size && !pl_line_is(&target, "ACCEPT") && !pl_line_is(&target, "LOG") &&
	       !pl_line_is(&target, "NFLOG") && !pl_line_is(&target, "RETURN");
}

bool iptables_read_drops(const char *text, size_t size)
{
	struct pl_line l;

	while (pl_line_next(&text, &size, &l)) {
		if (pl_line_is(&l, "-P INPUT DROP"))
			return true;
		if (pl_line_starts(&l, "-A INPUT ") && may_drop(l))
			return true;
	}
	return false;
}

/* Quoted, since it has a blank in it. */
bool iptables_read_tag(const char *text, size_t size, const char *tag)
{
	char comment[160];
	struct pl_line l;

	snprintf(comment, sizeof(comment), " --comment \"%s\" ", tag);
	while (pl_line_next(&text, &size, &l))
		if (pl_line_starts(&l, "-A INPUT ") && pl_line_holds(&l, comment))
			return true;
	return false;
}
