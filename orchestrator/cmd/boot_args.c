/* paniclab boot-args: what boot-args mean to a kernel, and how to make them. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/cmd/boot_args_output.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/macos/boot_args.h"
#include "orchestrator/macos/boot_args_encode.h"
#include "orchestrator/macos/csr.h"

enum { NICS_MAX = 16, TEXT_MAX = 4096 };

#define LETTERS "abcdefghijklmnopqrstuvwxyz"
#define DIGITS "0123456789"

/* What the options say, for both verbs. */
struct given {
	struct macos_version macos, xnu;
	struct boot_args_guest guest;
	const char *nics[NICS_MAX];
	enum boot_args_dump dump;
	bool has_dump;
};

static struct pl_error *bad_value(const char *option, const char *value, const char *hint)
{
	char shown[64];
	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--%s cannot be '%s'", option,
				     pl_escape_str(value, shown, sizeof shown)),
		"%s", hint);
}

/* ---- options of both ---------------------------------------------------------------------- */

static struct pl_error *read_version(const struct cmd_input *in, struct given *g)
{
	const char *text = cmd_value(in, "macos");
	if (text == NULL)
		return NULL;
	if (pl_starts_with(text, "xnu-")) {
		if (macos_version_parse_xnu(text, &g->xnu))
			return NULL;
	} else if (macos_version_parse(text, &g->macos)) {
		g->xnu = macos_version_xnu(&g->macos);
		if (macos_version_known(&g->xnu))
			return NULL;
	}
	return bad_value("macos", text,
		"give a version from 10.7 on, like 10.15.4, or a kernel's, like xnu-6153.101.6");
}

static struct pl_error *read_dump(const struct cmd_input *in, struct given *g)
{
	const char *text = cmd_value(in, "dump");
	if (text == NULL)
		return NULL;
	g->has_dump = true;
	if (boot_args_dump_parse(text, &g->dump))
		return NULL;
	return bad_value("dump", text, "network, local or paniclog");
}

static struct pl_error *read_guest(const struct cmd_input *in, struct given *g)
{
	const char *nic, *csr = cmd_value(in, "csr");
	uint64_t value;
	for (size_t i = 0; (nic = cmd_nth(in, "nic", i)) != NULL; i++) {
		if (i == NICS_MAX)
			return pl_error_new(PL_ERR_USAGE, "more than %d NICs", (int)NICS_MAX);
		g->nics[g->guest.nics_count++] = nic;
	}
	g->guest.nics = g->nics;
	g->guest.xnu = g->xnu;
	if (csr == NULL)
		return NULL;
	if (!pl_parse_u64(csr, UINT32_MAX, &value))
		return bad_value("csr", csr, "give csr-active-config as a number, like 0x77");
	/* SIP came with 10.11. */
	bool has_sip = !macos_version_known(&g->xnu) || macos_version_at_least(&g->xnu, 3247, 0, 0);
	g->guest.sip_forbids_debugger = has_sip && !csr_allows_kernel_debugger((uint32_t)value);
	return NULL;
}

static struct pl_error *read_given(const struct cmd_input *in, struct given *g)
{
	*g = (struct given){.dump = DUMP_NONE};
	struct pl_error *e = read_version(in, g);
	if (e == NULL)
		e = read_dump(in, g);
	return e == NULL ? read_guest(in, g) : e;
}

/* ---- decode --------------------------------------------------------------------------------- */

/* Those who forget the quotes give several words. */
static struct pl_error *join(const struct cmd_input *in, char ret[static TEXT_MAX + 1])
{
	size_t used = 0;
	for (size_t i = 1; i < cmd_args(in); i++) {
		size_t len = strlen(cmd_arg(in, i));
		if (len + 1 > TEXT_MAX - used)
			return pl_error_new(
				PL_ERR_USAGE, "the boot-args are longer than %d bytes", (int)TEXT_MAX);
		if (i > 1)
			ret[used++] = ' ';
		memcpy(ret + used, cmd_arg(in, i), len);
		used += len;
	}
	ret[used] = '\0';
	return NULL;
}

static struct pl_error *decode(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct given g;
	struct boot_args_findings findings;
	char args[TEXT_MAX + 1];
	if (cmd_arg(in, 1) == NULL)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "decode needs the boot-args"),
			"paniclab boot-args decode 'debug=0x24c44 _panicd_ip=192.168.136.1'");
	struct pl_error *e = join(in, args);
	if (e == NULL)
		e = read_given(in, &g);
	if (e != NULL)
		return e;
	if (!g.has_dump)
		g.dump = boot_args_dump_meant(args, &g.xnu);
	boot_args_check(args, g.dump, &g.guest, &findings);
	const struct boot_args_view view = {
		.args = args, .macos = g.macos, .xnu = g.xnu, .dump = g.dump, .findings = &findings};
	*exit_code = boot_args_stops(&findings) == NULL ? 0 : 1;
	if (!env->json) {
		boot_args_print(&view, env->out);
		return NULL;
	}
	json_t *doc = boot_args_json(&view);
	e = cmd_print_json(env, doc);
	json_decref(doc);
	return e;
}

/* ---- encode --------------------------------------------------------------------------------- */

static bool is_address(const char *text)
{
	struct in_addr address;
	return inet_pton(AF_INET, text, &address) == 1;
}

static struct pl_error *read_address(const struct cmd_input *in, const char *option, const char **ret)
{
	*ret = cmd_value(in, option);
	if (*ret == NULL || is_address(*ret))
		return NULL;
	return bad_value(option, *ret, "give an IPv4 address: a kernel that panics looks up no names");
}

static struct pl_error *read_network(const struct cmd_input *in, struct boot_args_wish *w)
{
	const char *port = cmd_value(in, "port"), *interface = cmd_value(in, "interface");
	uint64_t number = PANICD_PORT;
	struct pl_error *e = read_address(in, "server", &w->server);
	if (e == NULL)
		e = read_address(in, "router", &w->router);
	if (e != NULL)
		return e;
	if (port != NULL && (!pl_parse_u64(port, UINT16_MAX, &number) || number == 0))
		return bad_value("port", port, "give a number from 1 to 65535");
	w->port = (uint16_t)number;
	w->interface = interface;
	if (interface != NULL &&
		(interface[0] == '\0' || interface[strspn(interface, LETTERS DIGITS)] != '\0'))
		return bad_value("interface", interface, "give it as ifconfig does, like en0");
	if (w->server == NULL && (w->dump == DUMP_NETWORK || w->dump == DUMP_PANICLOG))
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "--dump %s needs --server", boot_args_dump_name(w->dump)),
			"give the address of the host that `paniclab serve` runs on, as the guest sees it");
	return NULL;
}

static struct pl_error *read_wish(const struct cmd_input *in, const struct given *g, struct boot_args_wish *w)
{
	static const char *const kernels[] = {"development", "debug", "kasan"};
	*w = (struct boot_args_wish){.dump = g->dump,
		.reboot = cmd_flag(in, "reboot"),
		.nmi = cmd_flag(in, "nmi"),
		.wait_for_debugger = cmd_flag(in, "wait-for-debugger"),
		.kernel = cmd_value(in, "kernel"),
		.keepsyms = cmd_flag(in, "keepsyms"),
		.serial = cmd_flag(in, "serial"),
		.xnu = g->xnu};
	bool known = w->kernel == NULL;
	for (size_t i = 0; i < sizeof kernels / sizeof *kernels; i++)
		known = known || strcmp(w->kernel, kernels[i]) == 0;
	if (!known)
		return bad_value("kernel", w->kernel,
			"development, debug or kasan; the release kernel needs no boot-arg");
	if (w->dump == DUMP_NONE && !w->reboot && !w->nmi && !w->wait_for_debugger && w->kernel == NULL &&
		!w->keepsyms && !w->serial && cmd_value(in, "interface") == NULL)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "nothing is wished for"),
			"--dump network --server ADDR, for example; see paniclab boot-args --help");
	return read_network(in, w);
}

static void warn(const struct cmd_env *env, const struct boot_args_findings *f)
{
	for (size_t i = 0; i < f->count; i++)
		pl_log(&env->log, f->list[i].weight == FINDING_NOTE ? PL_LOG_INFO : PL_LOG_WARN,
			"%s %s: %s [%s]", f->list[i].subject, f->list[i].text, f->list[i].advice,
			f->list[i].code);
}

static struct pl_error *print_encoded(
	struct cmd_env *env, const char *args, const struct boot_args_findings *f)
{
	const struct boot_args_finding *stop = boot_args_stops(f);
	if (stop != NULL)
		return pl_error_hint(
			pl_error_why(pl_error_new(PL_ERR_UNEXPECTED, "%s %s", stop->subject, stop->text),
				"%s", stop->code),
			"%s", stop->advice);
	if (!env->json) {
		warn(env, f);
		fprintf(env->out, "%s\n", args);
		return NULL;
	}
	json_t *doc = json_pack("{s:s, s:o}", "boot_args", args, "findings", boot_args_findings_json(f));
	struct pl_error *e = cmd_print_json(env, doc);
	json_decref(doc);
	return e;
}

static struct pl_error *encode(struct cmd_env *env, const struct cmd_input *in)
{
	struct given g;
	struct boot_args_wish w;
	struct boot_args_findings findings;
	const char *present = cmd_value(in, "merge");
	char *args = NULL;
	if (cmd_arg(in, 1) != NULL)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "encode takes no argument"),
			"--merge 'BOOT-ARGS' names those that are there");
	struct pl_error *e = read_given(in, &g);
	if (e == NULL)
		e = read_wish(in, &g, &w);
	if (e == NULL)
		e = boot_args_encode(present == NULL ? "" : present, &w, &args);
	if (e == NULL) {
		boot_args_check(args, g.dump, &g.guest, &findings);
		e = print_encoded(env, args, &findings);
	}
	free(args);
	return e;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	const char *verb = cmd_arg(in, 0);
	char shown[64];
	if (strcmp(verb, "decode") == 0)
		return decode(env, in, exit_code);
	if (strcmp(verb, "encode") == 0)
		return encode(env, in);
	return pl_error_hint(
		pl_error_new(PL_ERR_USAGE, "no such action: '%s'", pl_escape_str(verb, shown, sizeof shown)),
		"decode or encode");
}

static const struct cmd_option options[] = {
	{"macos", 'm', "VERSION", "the guest's version, or its kernel's: 10.15.4, xnu-6153.101.6"},
	{"nic", 0, "TYPE", "a NIC of the guest: e1000e, vmxnet3; repeat for more"},
	{"csr", 0, "VALUE", "its csr-active-config, like 0x77"},
	{"dump", 'd', "WHAT", "network, local or paniclog (decode: what they are judged for)"},
	{"server", 's', "ADDR", "encode: the dump server's IPv4 address"},
	{"port", 'p', "N", "encode: its UDP port (default 1069)"},
	{"router", 0, "ADDR", "encode: the router to it"},
	{"interface", 'i', "NAME", "encode: the guest's interface, like en0"},
	{"reboot", 'r', NULL, "encode: reboot after the dump"},
	{"nmi", 0, NULL, "encode: an NMI enters the debugger, and dumps"},
	{"wait-for-debugger", 'w', NULL, "encode: every boot waits for a debugger"},
	{"kernel", 'k', "VARIANT", "encode: development, debug or kasan"},
	{"keepsyms", 0, NULL, "encode: names in panic texts"},
	{"serial", 0, NULL, "encode: the console on the serial port"},
	{"merge", 0, "BOOT-ARGS", "encode: into these, leaving what is not ours as it is"},
	{0},
};

const struct cmd cmd_boot_args = {
	.name = "boot-args",
	.synopsis = "[options] decode BOOT-ARGS... | encode",
	.summary = "says what boot-args mean to a kernel, and makes those for a dump",
	.example = "paniclab boot-args decode 'debug=0x104c44 _panicd_port=12345' --macos 10.15.4\n"
		   "paniclab boot-args encode --dump network --server 192.168.136.1 --reboot --merge '-v'",
	.options = options,
	.min_args = 1,
	.max_args = 1 + TEXT_MAX / 2,
	.run = run,
};
