#include "orchestrator/macos/boot_args_check.h"

#include <arpa/inet.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/macos/boot_args.h"
#include "orchestrator/macos/debug_flags.h"

/* Tags of xnu. */
enum { XNU_10_11 = 3247, XNU_10_15 = 6153, XNU_11 = 7195 };

struct check {
	const char *args;
	enum boot_args_dump wanted;
	const struct boot_args_guest *guest;
	uint32_t debug;
	struct boot_args_findings *out;
};

/* ---- names --------------------------------------------------------------------------- */

static const char *const dump_names[] = {"none", "network", "local", "paniclog"};

const char *boot_args_dump_name(enum boot_args_dump d)
{
	return dump_names[d];
}

bool boot_args_dump_parse(const char *name, enum boot_args_dump *ret)
{
	for (enum boot_args_dump d = DUMP_NETWORK; d <= DUMP_PANICLOG; d++) {
		if (strcmp(name, dump_names[d]) != 0)
			continue;
		*ret = d;
		return true;
	}
	return false;
}

const char *boot_args_weight_name(enum boot_args_weight w)
{
	static const char *const names[] = {"note", "warning", "stops"};
	return names[w];
}

/* ---- what the rules stand on ----------------------------------------------------------- */

/* A kernel that is not known counts as new. */
static bool since(const struct macos_version *xnu, unsigned major, unsigned minor)
{
	return !macos_version_known(xnu) || macos_version_at_least(xnu, major, minor, 0);
}

static bool over_network(const struct check *c)
{
	return c->wanted == DUMP_NETWORK || c->wanted == DUMP_PANICLOG;
}

static bool has(const char *args, const char *key)
{
	return boot_args_count(args, key) > 0;
}

enum boot_args_dump boot_args_dump_meant(const char *args, const struct macos_version *xnu)
{
	static const char *const network[] = {
		"_panicd_ip", "_panicd_port", "panicd_port", "_panicd_corename", "_router_ip"};
	uint32_t debug = boot_args_number(args, "debug");
	if ((debug & DB_PANICLOG_DUMP) != 0)
		return DUMP_PANICLOG;
	for (size_t i = 0; i < sizeof network / sizeof *network; i++)
		if (has(args, network[i]))
			return DUMP_NETWORK;
	if ((debug & (DB_KERN_DUMP_ON_PANIC | DB_KERN_DUMP_ON_NMI)) == 0)
		return DUMP_NONE;
	bool local = since(xnu, XNU_10_11, 0) && (debug & DB_DISABLE_LOCAL_CORE) == 0;
	return local ? DUMP_LOCAL : DUMP_NETWORK;
}

/* ---- rules ------------------------------------------------------------------------------- */

static bool too_long(const struct check *c)
{
	return strlen(c->args) > BOOT_ARGS_LENGTH_MAX;
}

static bool debug_not_a_number(const struct check *c)
{
	struct boot_arg a;
	uint32_t value;
	return boot_args_get(c->args, "debug", &a) && !boot_arg_number(&a, &value);
}

static bool debug_zero(const struct check *c)
{
	return c->wanted != DUMP_NONE && c->debug == 0;
}

static bool sip(const struct check *c)
{
	return c->wanted != DUMP_NONE && c->guest->sip_forbids_debugger;
}

static bool no_dump_bit(const struct check *c)
{
	uint32_t enough = DB_KERN_DUMP_ON_PANIC | DB_PANICLOG_DUMP;
	if (c->wanted == DUMP_LOCAL)
		enough = DB_KERN_DUMP_ON_PANIC | DB_KERN_DUMP_ON_NMI;
	return c->wanted != DUMP_NONE && c->debug != 0 && (c->debug & enough) == 0;
}

static bool no_panic_log_bit(const struct check *c)
{
	return c->wanted == DUMP_PANICLOG && (c->debug & DB_PANICLOG_DUMP) == 0;
}

static bool panic_log_only(const struct check *c)
{
	return c->wanted == DUMP_NETWORK && (c->debug & DB_PANICLOG_DUMP) != 0;
}

static bool reboot_always(const struct check *c)
{
	return over_network(c) && (c->debug & DB_REBOOT_ALWAYS) != 0 && since(&c->guest->xnu, 4570, 31);
}

static bool local_core_first(const struct check *c)
{
	return over_network(c) && since(&c->guest->xnu, XNU_10_11, 0) &&
	       (c->debug & (DB_KERN_DUMP_ON_PANIC | DB_KERN_DUMP_ON_NMI)) != 0 &&
	       (c->debug & DB_REBOOT_POST_CORE) != 0 && (c->debug & DB_DISABLE_LOCAL_CORE) == 0;
}

static bool local_core_off(const struct check *c)
{
	return c->wanted == DUMP_LOCAL && (c->debug & DB_DISABLE_LOCAL_CORE) != 0 &&
	       since(&c->guest->xnu, XNU_10_11, 0);
}

static bool no_local_core_yet(const struct check *c)
{
	return c->wanted == DUMP_LOCAL && !since(&c->guest->xnu, XNU_10_11, 0);
}

static bool local_core_kernel(const struct check *c)
{
	return c->wanted == DUMP_LOCAL && since(&c->guest->xnu, XNU_10_11, 0) &&
	       !since(&c->guest->xnu, XNU_10_15, 0) && !has(c->args, "kcsuffix");
}

static bool no_server(const struct check *c)
{
	return over_network(c) && !has(c->args, "_panicd_ip");
}

static bool server_not_an_address(const struct check *c)
{
	struct boot_arg a;
	struct in_addr address;
	char text[INET_ADDRSTRLEN];
	if (!over_network(c) || !boot_args_get(c->args, "_panicd_ip", &a))
		return false;
	if (a.value_size >= sizeof text)
		return true;
	snprintf(text, sizeof text, "%.*s", (int)a.value_size, a.value == NULL ? "" : a.value);
	return inet_pton(AF_INET, text, &address) != 1;
}

static bool panicd_port(const struct check *c)
{
	return has(c->args, "_panicd_port");
}

static bool port_not_one(const struct check *c)
{
	struct boot_arg a;
	uint32_t port;
	if (!boot_args_get(c->args, "panicd_port", &a))
		return false;
	return !boot_arg_number(&a, &port) || port == 0 || port > UINT16_MAX;
}

static bool no_arp(const struct check *c)
{
	return over_network(c) && c->debug != 0 && (c->debug & DB_ARP) == 0;
}

static bool no_match_name(const struct check *c)
{
	return over_network(c) && c->guest->nics_count > 1 && !has(c->args, "kdp_match_name") &&
	       !has(c->args, "kdp_match_mac");
}

/* Drivers are called AppleVmxnet3Ethernet and the like; of others nothing bad is known. */
bool boot_args_nic_cannot_dump(const char *nic)
{
	return strstr(nic, "mxnet") != NULL || strcmp(nic, "vlance") == 0;
}

static bool nic_cannot_dump(const struct check *c)
{
	for (size_t i = 0; i < c->guest->nics_count; i++)
		if (c->guest->nics[i] == NULL || !boot_args_nic_cannot_dump(c->guest->nics[i]))
			return false;
	return over_network(c) && c->guest->nics_count > 0;
}

static bool halt(const struct check *c)
{
	return (c->debug & DB_HALT) != 0;
}

static bool no_reboot(const struct check *c)
{
	return over_network(c) && c->debug != 0 && (c->debug & DB_REBOOT_POST_CORE) == 0;
}

static bool gzip_off(const struct check *c)
{
	return c->wanted == DUMP_NETWORK && (c->debug & DB_DISABLE_GZIP_CORE) != 0 &&
	       since(&c->guest->xnu, 3789, 0);
}

static bool no_debug_kernel(const struct check *c)
{
	struct boot_arg a;
	return since(&c->guest->xnu, XNU_11, 0) && boot_args_get(c->args, "kcsuffix", &a) &&
	       a.value_size == 5 && memcmp(a.value, "debug", 5) == 0;
}

struct rule {
	const char *code;
	enum boot_args_weight weight;
	bool (*applies)(const struct check *c);
	const char *subject; /* NULL: the guest's NIC */
	const char *text, *advice;
};

static const struct rule rules[] = {
	{"too-long", FINDING_STOPS, too_long, "boot-args",
		"are longer than the 1023 bytes that a kernel keeps", "shorten them"},
	{"debug-not-a-number", FINDING_WARNING, debug_not_a_number,
		"debug=", "is no number to the kernel, which takes its first three letters for one",
		"write it like 0x444, with a small x"},
	{"debug-zero", FINDING_STOPS, debug_zero, "debug=",
		"is 0 or not there: the kernel has no debugger then, and dumps nothing", "set its bits"},
	{"sip", FINDING_STOPS, sip, "SIP", "keeps the kernel's debugger off, and with it every dump",
		"allow it with `csrutil disable`, or in the .nvram"},
	{"no-dump-bit", FINDING_STOPS, no_dump_bit,
		"debug=", "has no 0x400 (KERN_DUMP_ON_PANIC): a panic waits for a debugger and dumps nothing",
		"add 0x400"},
	{"no-panic-log-bit", FINDING_STOPS, no_panic_log_bit,
		"debug=", "has no 0x2000 (PANICLOG_DUMP): no panic log is sent", "add 0x2000"},
	{"panic-log-only", FINDING_WARNING, panic_log_only, "debug=0x2000 (PANICLOG_DUMP)",
		"sends the panic log instead of the core", "take it away to get the core"},
	{"reboot-always", FINDING_STOPS, reboot_always, "debug=0x100000 (REBOOT_ALWAYS)",
		"reboots before the network dump has begun; the well-known 0x104c44 is for local cores",
		"take it away; 0x4000 (REBOOT_POST_CORE) reboots after the dump"},
	{"local-core-first", FINDING_WARNING, local_core_first, "debug=0x4000 (REBOOT_POST_CORE)",
		"reboots after a core to the guest's own disk, where it has a place for one, and that comes "
		"before the network's",
		"add 0x20000 (DISABLE_LOCAL_CORE)"},
	{"local-core-off", FINDING_STOPS, local_core_off, "debug=0x20000 (DISABLE_LOCAL_CORE)",
		"keeps the core off the guest's own disk", "take it away"},
	{"no-local-core-yet", FINDING_STOPS, no_local_core_yet, "a core on the guest's own disk",
		"came with 10.11", "dump over the network"},
	{"local-core-kernel", FINDING_WARNING, local_core_kernel, "a core on the guest's own disk",
		"is written by DEVELOPMENT kernels only, from 10.11 to 10.14, to an Apple_KernelCoreDump "
		"partition",
		"install that kernel and add kcsuffix=development"},
	{"no-server", FINDING_STOPS, no_server, "_panicd_ip",
		"is not there: the kernel has nowhere to send to",
		"set it to the dump server's IPv4 address"},
	{"server-not-an-address", FINDING_STOPS, server_not_an_address, "_panicd_ip",
		"is no IPv4 address, and the kernel looks up no names", "write it like 192.168.136.1"},
	{"panicd-port", FINDING_WARNING, panicd_port, "_panicd_port",
		"is read by no kernel: the dump goes to panicd_port, or to 1069",
		"write panicd_port=, without the underscore"},
	{"port-not-one", FINDING_WARNING, port_not_one, "panicd_port", "is no UDP port",
		"give a number from 1 to 65535"},
	{"no-arp", FINDING_WARNING, no_arp, "debug=",
		"has no 0x40 (ARP): the kernel cannot find the server's link address, and sends to its "
		"gateway's",
		"add 0x40"},
	{"no-match-name", FINDING_WARNING, no_match_name, "kdp_match_name",
		"is not there, and with several NICs the first driver that can debug is taken",
		"add kdp_match_name=en0, or the interface that leads to the server"},
	{"nic-cannot-dump", FINDING_WARNING, nic_cannot_dump, NULL,
		"is one over which no kernel is known to dump",
		"set ethernet0.virtualDev = \"e1000e\" in the .vmx"},
	{"halt", FINDING_WARNING, halt, "debug=0x1 (HALT)", "stops every boot until a debugger comes",
		"take it away, unless you debug the boot"},
	{"no-reboot", FINDING_NOTE, no_reboot,
		"debug=", "has no 0x4000 (REBOOT_POST_CORE): the guest waits for a debugger after the dump",
		"add 0x4000 to have it reboot"},
	{"gzip-off", FINDING_NOTE, gzip_off, "debug=0x40000 (DISABLE_GZIP_CORE)",
		"sends the core as it is, many times larger", "take it away, unless zlib fails in the guest"},
	{"no-debug-kernel", FINDING_WARNING, no_debug_kernel, "kcsuffix=debug",
		"names a kernel that the Kernel Debug Kits of 11 and later do not have",
		"use kcsuffix=development"},
};

/* ---- the check ---------------------------------------------------------------------------- */

static struct boot_args_finding *add(struct boot_args_findings *f, const char *code,
	enum boot_args_weight weight, const char *text, const char *advice)
{
	if (f->count == BOOT_ARGS_FINDINGS_MAX)
		return NULL;
	struct boot_args_finding *new = &f->list[f->count++];
	*new = (struct boot_args_finding){.code = code, .weight = weight, .text = text, .advice = advice};
	return new;
}

static void check_bit(const struct check *c, uint32_t bit)
{
	struct boot_flag flag;
	struct boot_args_finding *f = NULL;
	switch (debug_flag(bit, &c->guest->xnu, &flag)) {
	case FLAG_ACTIVE:
		return;
	case FLAG_UNKNOWN:
		f = add(c->out, "bit-unknown", FINDING_WARNING, "is no bit of any known kernel of a Mac",
			"take it away");
		break;
	case FLAG_NOT_YET:
		f = add(c->out, "bit-not-yet", FINDING_NOTE, "came with a later kernel: this one ignores it",
			"leave it out for this version");
		break;
	case FLAG_OBSOLETE:
		f = add(c->out, "bit-obsolete", FINDING_NOTE, "is of older kernels: this one ignores it",
			"leave it out for this version");
		break;
	}
	if (f != NULL && flag.name[0] != '\0')
		snprintf(f->subject, sizeof f->subject, "debug=0x%" PRIx32 " (%s)", bit, flag.name);
	else if (f != NULL)
		snprintf(f->subject, sizeof f->subject, "debug=0x%" PRIx32, bit);
}

static void set_subject(struct boot_args_finding *f, const struct boot_arg *a)
{
	if (f != NULL)
		pl_escape(a->text, a->key_size, f->subject, sizeof f->subject);
}

static void check_key(const struct check *c, const struct boot_arg *a)
{
	struct boot_flag key;
	enum flag_state state = boot_key(a->text, a->key_size, &c->guest->xnu, &key);
	if (state == FLAG_NOT_YET)
		set_subject(add(c->out, "key-not-yet", FINDING_WARNING,
				    "is a key of later kernels: this one does not read it",
				    "leave it out for this version"),
			a);
	if (state == FLAG_OBSOLETE)
		set_subject(add(c->out, "key-obsolete", FINDING_NOTE,
				    "is a key of older systems: this one does not read it",
				    "leave it out for this version"),
			a);
	if (state == FLAG_UNKNOWN || boot_args_count(c->args, key.name) < 2 || a->text[0] == '-')
		return;
	set_subject(add(c->out, "key-twice", FINDING_WARNING,
			    a->text[0] == '_' ? "stands there more than once, and the first counts"
					      : "stands there more than once, and the last counts",
			    "keep one of them"),
		a);
}

/* True for the first word of its key. */
static bool is_first(const char *args, const struct boot_arg *a)
{
	struct boot_arg other;
	while (boot_args_next(&args, &other) && other.text != a->text)
		if (other.key_size == a->key_size && memcmp(other.text, a->text, a->key_size) == 0)
			return false;
	return true;
}

static void apply(const struct check *c, const struct rule *r)
{
	if (!r->applies(c))
		return;
	struct boot_args_finding *f = add(c->out, r->code, r->weight, r->text, r->advice);
	char nic[40];
	if (f != NULL && r->subject != NULL)
		snprintf(f->subject, sizeof f->subject, "%s", r->subject);
	else if (f != NULL)
		snprintf(f->subject, sizeof f->subject, "the NIC (%s)",
			pl_escape_str(c->guest->nics[0], nic, sizeof nic));
}

void boot_args_check(const char *args, enum boot_args_dump wanted, const struct boot_args_guest *guest,
	struct boot_args_findings *ret)
{
	struct check c = {.args = args,
		.wanted = wanted,
		.guest = guest,
		.debug = boot_args_number(args, "debug"),
		.out = ret};
	struct boot_arg a;
	ret->count = 0;
	for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
		apply(&c, &rules[i]);
	for (unsigned i = 0; i < 32; i++)
		if ((c.debug & UINT32_C(1) << i) != 0)
			check_bit(&c, UINT32_C(1) << i);
	for (const char *cursor = args; boot_args_next(&cursor, &a);)
		if (is_first(args, &a))
			check_key(&c, &a);
}

const struct boot_args_finding *boot_args_stops(const struct boot_args_findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->list[i].weight == FINDING_STOPS)
			return &f->list[i];
	return NULL;
}

json_t *boot_args_findings_json(const struct boot_args_findings *findings)
{
	json_t *list = json_array();
	for (size_t i = 0; i < findings->count; i++) {
		const struct boot_args_finding *f = &findings->list[i];
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "code", f->code, "weight",
						    boot_args_weight_name(f->weight), "subject", f->subject,
						    "text", f->text, "advice", f->advice));
	}
	return list;
}
