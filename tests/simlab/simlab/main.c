/* The simulated lab's command line. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tests/simlab/call.h"
#include "tests/simlab/simlab/daemon.h"
#include "tests/simlab/simlab/kdk.h"

static const char USAGE[] =
	"simlab: a simulated lab, a stand-in for VMware Fusion and a macOS guest\n"
	"\n"
	"  simlab start [--dir DIR] [--macos VERSION] [--port N] [--ssh-port N] [--guest-ip ADDR]\n"
	"               [--sip on|off|HEX] [--nic e1000e|vmxnet3] [--core-size SIZE] [--boot-time TIME] "
	"[--tls]\n"
	"               [--sudo-password TEXT] [--vm-password TEXT] [--time-factor X]\n"
	"               [--fault NAME[=VALUE]]...\n"
	"  simlab stop  [--dir DIR]\n"
	"  simlab state [--dir DIR]     what must be the same before and after a run\n"
	"  simlab fault [--dir DIR] [NAME[=VALUE|=off]... | clear]\n"
	"  simlab panic [--dir DIR] [dtrace|kext|page-fault|sysctl|reboot|nmi]\n"
	"  simlab env   [--dir DIR]     settings for a shell\n"
	"  simlab kdk   --out DIR [--macos VERSION] [--core-size SIZE]\n"
	"               a Kernel Debug Kit for that guest, as a folder and a .dmg\n"
	"\n"
	"Faults: rest-down rest-slow=TIME no-ip stale-ip ssh-refuse host-key-changed boot-hang\n"
	"  power-stuck vmrun-hang vmrun-leaves vmrun-in-use=N locks-linger=TIME vmrun-stop-lies vm-twin\n"
	"  kdumpd-stays kdumpd-lost\n"
	"  snapshot-fail delete-fail revert-fail revert-spares-nvram trigger-silent nvram-silent ssh-cut\n"
	"  firewall-silent firewall-managed dump-stop-at=BYTES dump-loss=PERCENT dump-lose-eof-ack=N\n"
	"  no-reboot-after-panic kcsuffix-strict boot-panic kernel-hang kextcache-silent kmutil-fail\n"
	"  bless-fail hdiutil-licence installer-fail\n"
	"VERSION: 10.12.6 unless given; 10.9.5, 10.14.6, 10.15.7, 11.7, 13.6, 15.3.\n"
	"DIR is ./simlab unless given; port 0 takes a free one.\n"
	"Example: simlab start --dir /tmp/lab --sip on && . /tmp/lab/lab.env\n";

struct command_line {
	const char *dir;
	const char *out;
	bool help;
	struct options opt;
	struct faults faults;
};

static int fail(struct pl_error *e)
{
	char line[1024];
	int code = pl_error_exit_code(e);
	fprintf(stderr, "simlab (simulated): %s\n", pl_error_line(e, line, sizeof line));
	pl_error_free(e);
	return code;
}

static bool parse_port(const char *text, uint16_t *ret)
{
	uint64_t n = 0;
	bool ok = pl_parse_u64(text, 65535, &n);
	*ret = (uint16_t)n;
	return ok;
}

static bool copy(char *to, size_t size, const char *text)
{
	int n = snprintf(to, size, "%s", text);
	return n >= 0 && (size_t)n < size;
}

static bool valid_sip(const char *text)
{
	char *end = NULL;
	if (strcmp(text, "on") == 0 || strcmp(text, "off") == 0)
		return true;
	strtoul(text, &end, 16);
	return end != text && *end == '\0';
}

/* False: not a valid value. */
static bool set_option(struct command_line *l, int which, const char *value, struct pl_error **e)
{
	struct options *o = &l->opt;
	switch (which) {
	case 'd':
		l->dir = value;
		return true;
	case 'h':
		l->help = true;
		return true;
	case 'o':
		l->out = value;
		return true;
	case 'p':
		return parse_port(value, &o->port);
	case 's':
		return parse_port(value, &o->ssh_port);
	case 'i':
		return copy(o->ip, sizeof o->ip, value);
	case 'S':
		return valid_sip(value) && copy(o->sip, sizeof o->sip, value);
	case 'm':
		return copy(o->macos, sizeof o->macos, value);
	case 'n':
		return copy(o->nic, sizeof o->nic, value);
	case 'c':
		return pl_parse_size(value, &o->core_size);
	case 'b':
		return pl_parse_time(value, &o->boot_time);
	case 't':
		o->tls = true;
		return true;
	case 'u':
		return copy(o->sudo_password, sizeof o->sudo_password, value);
	case 'v':
		return copy(o->vm_password, sizeof o->vm_password, value);
	case 'x':
		o->time_factor = strtod(value, NULL);
		return o->time_factor > 0;
	case 'f':
		*e = faults_set(&l->faults, value);
		return true;
	default:
		return false;
	}
}

static struct pl_error *parse(int argc, char **argv, struct command_line *ret)
{
	static const struct option OPTIONS[] = {
		{"dir", required_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"port", required_argument, NULL, 'p'},
		{"ssh-port", required_argument, NULL, 's'},
		{"guest-ip", required_argument, NULL, 'i'},
		{"sip", required_argument, NULL, 'S'},
		{"macos", required_argument, NULL, 'm'},
		{"nic", required_argument, NULL, 'n'},
		{"out", required_argument, NULL, 'o'},
		{"core-size", required_argument, NULL, 'c'},
		{"boot-time", required_argument, NULL, 'b'},
		{"tls", no_argument, NULL, 't'},
		{"sudo-password", required_argument, NULL, 'u'},
		{"vm-password", required_argument, NULL, 'v'},
		{"time-factor", required_argument, NULL, 'x'},
		{"fault", required_argument, NULL, 'f'},
		{0},
	};
	*ret = (struct command_line){.dir = "simlab",
		.opt = {.ip = "127.44.8.130",
			.port = 8697,
			.ssh_port = 10022,
			.core_size = UINT64_C(64) << 20,
			.boot_time = 300 * PL_MS,
			.time_factor = 1}};
	int which;
	int index = 0;
	opterr = 0;
	while ((which = getopt_long(argc, argv, "h", OPTIONS, &index)) != -1) {
		struct pl_error *e = NULL;
		if (which == '?')
			return pl_error_hint(pl_error_new(PL_ERR_USAGE, "unknown option or missing value: %s",
						     argv[optind - 1]),
				"see simlab help");
		if (!set_option(ret, which, optarg, &e))
			return pl_error_new(
				PL_ERR_USAGE, "--%s: '%s' is not valid", OPTIONS[index].name, optarg);
		if (e != NULL)
			return e;
	}
	return NULL;
}

static int print_env(const char *dir)
{
	char path[PATH_MAX];
	char chunk[4096];
	size_t n;
	snprintf(path, sizeof path, "%s/lab.env", dir);
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return fail(pl_error_hint(
			pl_error_errno(PL_ERR_LAB, errno, "%s", path), "simlab start makes it"));
	while ((n = fread(chunk, 1, sizeof chunk, f)) > 0)
		fwrite(chunk, 1, n, stdout);
	fclose(f);
	return 0;
}

static int cmd_start(struct command_line *l)
{
	char here[PATH_MAX];
	bool already = false;
	if (getcwd(here, sizeof here) == NULL)
		return fail(pl_error_errno(PL_ERR_LAB, errno, "the working folder"));
	struct pl_error *e = daemon_start(l->dir, &l->opt, &l->faults, &already);
	if (e != NULL)
		return fail(e);
	if (chdir(here) != 0)
		return fail(pl_error_errno(PL_ERR_LAB, errno, "%s", here));
	printf(already ? "# simulated lab: was running already\n" : "# simulated lab: started\n");
	return print_env(l->dir);
}

static int cmd_stop(struct command_line *l)
{
	struct pl_error *e = daemon_stop(l->dir);
	return e != NULL ? fail(e) : 0;
}

static int cmd_kdk(const struct command_line *l)
{
	const struct release *r = release_default();
	struct pl_error *e = NULL;
	if (l->out == NULL)
		e = pl_error_hint(pl_error_new(PL_ERR_USAGE, "--out is missing"), "see simlab help");
	if (e == NULL && l->opt.macos[0] != '\0')
		e = release_find(l->opt.macos, &r);
	if (e == NULL)
		e = kdk_make(r, l->out, l->opt.core_size);
	return e != NULL ? fail(e) : 0;
}

static int ask(const struct command_line *l, int argc, char **argv)
{
	int status = call_forward(l->dir, CALL_HOST_SOCKET, argv[0], argc, argv);
	if (status < 0)
		return fail(pl_error_hint(
			pl_error_errno(PL_ERR_LAB, errno, "no simulated lab answers in %s", l->dir),
			"simlab start --dir %s", l->dir));
	return status;
}

/*
 * The VM's process, with every descriptor that vmrun had: it ends when the lab
 * says that it did, which is at once without the fault vmrun-leaves.
 */
static void leave_vm_process(const char *dir)
{
	char *argv[] = {"vmware-vmx"};
	if (fork() == 0)
		_exit(call_forward(dir, CALL_HOST_SOCKET, argv[0], 1, argv) == 0 ? 0 : 1);
}

static bool has_word(int argc, char **argv, const char *word)
{
	for (int i = 0; i < argc; i++)
		if (strcmp(argv[i], word) == 0)
			return true;
	return false;
}

/* simlab stand-in NAME DIR ARGUMENTS: what the scripts vmrun and socketfilterfw run. */
static int stand_in(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	int status = call_forward(argv[3], CALL_HOST_SOCKET, argv[2], argc - 3, argv + 3);
	if (status == 0 && strcmp(argv[2], "vmrun") == 0 && has_word(argc, argv, "start"))
		leave_vm_process(argv[3]);
	if (status >= 0)
		return status;
	printf("Error: the simulated lab in %s is not running\n", argv[3]);
	return 255;
}

int main(int argc, char **argv)
{
	struct command_line l;
	const char *name = argc > 1 ? argv[1] : "help";
	if (strcmp(name, "stand-in") == 0)
		return stand_in(argc, argv);
	if (strcmp(name, "help") == 0 || strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		fputs(USAGE, stdout);
		return 0;
	}
	struct pl_error *e = parse(argc - 1, argv + 1, &l);
	if (e != NULL)
		return fail(e);
	if (l.help) {
		fputs(USAGE, stdout);
		return 0;
	}
	if (strcmp(name, "start") == 0)
		return cmd_start(&l);
	if (strcmp(name, "stop") == 0)
		return cmd_stop(&l);
	if (strcmp(name, "kdk") == 0)
		return cmd_kdk(&l);
	if (strcmp(name, "env") == 0)
		return print_env(l.dir);
	if (strcmp(name, "state") == 0 || strcmp(name, "fault") == 0 || strcmp(name, "panic") == 0) {
		/* The command's name stands where a program's would. */
		argv[optind] = argv[1];
		return ask(&l, argc - optind, argv + optind);
	}
	return fail(
		pl_error_hint(pl_error_new(PL_ERR_USAGE, "unknown command '%s'", name), "see simlab help"));
}
