#include "tests/simlab/simlab/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/reader.h"
#include "tests/simlab/boot_args.h"
#include "tests/simlab/simlab/guest.h"
#include "tests/simlab/simlab/leases.h"
#include "tests/simlab/simlab/panic.h"

#define TOOLS_AFTER (120 * PL_MS)

/* On a Mac only root may write to these. root of the guest still can. */
static const char *const SYSTEM_DIRS[] = {"System/Library/Kernels", "System/Library/Extensions",
	"System/Library/CoreServices", "System/Library/PrelinkedKernels", "System/Library", "System",
	"Library/Extensions", "Library/Developer/KDKs", "Library/Logs/DiagnosticReports", "private/etc",
	"usr/sbin", "usr/bin", "usr", "bin", "sbin"};

void boot_protect_disk(bool protect)
{
	for (size_t i = 0; i < sizeof SYSTEM_DIRS / sizeof SYSTEM_DIRS[0]; i++) {
		char path[256];
		snprintf(path, sizeof path, SIM_DISK "/%s", SYSTEM_DIRS[i]);
		chmod(path, protect ? 0555 : 0755);
	}
}

static struct pl_error *load_nvram(struct sim *s)
{
	struct pl_buf b;
	pl_buf_init(&b, NVRAM_FILE_MAX);
	nvram_deinit(&s->nvram);
	struct pl_error *e = pl_fs_read(SIM_NVRAM, &b);
	if (e == NULL)
		e = nvram_decode(b.data, b.size, &s->nvram);
	pl_buf_deinit(&b);
	return e;
}

void boot_write_nvram(struct sim *s)
{
	struct pl_buf b;
	if (s->nvram.file == NULL)
		return;
	pl_buf_init(&b, NVRAM_FILE_MAX);
	struct pl_error *e = nvram_encode(&s->nvram, &b);
	if (e == NULL)
		e = pl_fs_write(SIM_NVRAM, b.data, b.size, 0600);
	pl_buf_deinit(&b);
	sim_complain(e);
}

/* The firmware counts boots, and its store comes out in another order than it was written. */
static void firmware_touches(struct nvram *n)
{
	for (size_t i = 0; i < n->count; i++) {
		struct nvram_variable *v = &n->variables[i];
		if (strcmp(v->name, "MTC") == 0 && v->size == 4)
			v->value[0]++;
	}
	if (n->count > 2) {
		struct nvram_variable last = n->variables[n->count - 1];
		n->variables[n->count - 1] = n->variables[n->count - 2];
		n->variables[n->count - 2] = last;
	}
}

void boot_describe_kernel(struct boot *b, const char *boot_args, const char *variant, uint64_t core_size)
{
	struct kernel_desc *d = &b->kernel;
	kernel_desc_default(d);
	kernel_desc_boot(d, b->entropy);
	d->core_size = core_size;
	snprintf(d->boot_args, sizeof d->boot_args, "%s", boot_args);
	snprintf(b->variant, sizeof b->variant, "%s", variant);
	char *slash = strstr(d->version, "/RELEASE_X86_64");
	if (slash != NULL && strcmp(variant, "RELEASE") != 0) {
		snprintf(slash, sizeof d->version - (size_t)(slash - d->version), "/%s_X86_64", variant);
		/* Another kernel, another UUID. */
		d->uuid[0] ^= (uint8_t)variant[0];
	}
}

/* The booter takes kernel.SUFFIX when it is there, else the release kernel. */
static const char *booted_variant(const char *boot_args)
{
	static const char *const NAMES[][2] = {{"development", "DEVELOPMENT"}, {"debug", "DEBUG"}};
	char suffix[32];
	char path[256];
	if (!boot_args_string(boot_args, "kcsuffix", suffix, sizeof suffix))
		return "RELEASE";
	snprintf(path, sizeof path, SIM_DISK "/System/Library/PrelinkedKernels/prelinkedkernel.%s", suffix);
	for (size_t i = 0; i < 2; i++)
		if (strcmp(NAMES[i][0], suffix) == 0 && access(path, F_OK) == 0)
			return NAMES[i][1];
	return "RELEASE";
}

/* macOS empties it at each boot. */
static void empty_tmp(void)
{
	struct pl_error *e = pl_fs_remove_tree(SIM_DISK "/private/tmp");
	if (e == NULL)
		e = pl_fs_mkdirs(SIM_DISK "/private/tmp");
	chmod(SIM_DISK "/private/tmp", 01777);
	sim_complain(e);
}

void boot_start(struct sim *s)
{
	empty_tmp();
	s->panicked = false;
	s->guest_running = false;
	s->tools = false;
	sim_event("boot begins");
	if (!s->faults.on[FAULT_BOOT_HANG])
		sim_timer_in(s, TIMER_BOOT, s->opt.boot_time);
}

static void start_sshd(struct sim *s)
{
	static const char *const ARGV[] = {"/usr/sbin/sshd", "-D", "-e", "-f", "/.lab/sshd_config", "-h",
		"/private/etc/ssh/ssh_host_ed25519_key", NULL};
	static const char *const OTHER_KEY[] = {
		"/usr/sbin/sshd", "-D", "-e", "-f", "/.lab/sshd_config", "-h", "/.lab/other_host_key", NULL};
	/* The only way in which sshd itself closes a session and keeps the connection. OpenSSH 9.2 has it. */
	static const char *const CUTS[] = {"/usr/sbin/sshd", "-D", "-e", "-f", "/.lab/sshd_config", "-h",
		"/private/etc/ssh/ssh_host_ed25519_key", "-o", "ChannelTimeout=session*=3s", NULL};
	struct guest_spec spec = {.root = SIM_DISK, .run = SIM_GUEST_RUN, .log = SIM_SSHD_LOG, .argv = ARGV};
	if (s->faults.on[FAULT_HOST_KEY_CHANGED])
		spec.argv = OTHER_KEY;
	if (s->faults.on[FAULT_SSH_CUT])
		spec.argv = CUTS;
	if (s->faults.on[FAULT_SSH_REFUSE])
		return;
	sim_complain(guest_spawn(&spec, &s->guest));
}

static void guest_up(struct sim *s)
{
	s->guest_running = true;
	boot_protect_disk(true);
	start_sshd(s);
	leases_write(s);
	sim_timer_in(s, TIMER_TOOLS, TOOLS_AFTER);
}

void boot_timer(struct sim *s)
{
	char args[1024];
	/* kern.boottime tells boots apart by the second; no machine boots twice in one. */
	if (time(NULL) == s->boot.at) {
		sim_timer_in(s, TIMER_BOOT, 20 * PL_MS);
		return;
	}
	struct pl_error *e = load_nvram(s);
	if (e != NULL) {
		sim_complain(e);
		return;
	}
	firmware_touches(&s->nvram);
	nvram_text(&s->nvram, "boot-args", args, sizeof args);
	s->boot = (struct boot){.at = time(NULL), .csr = nvram_u32(&s->nvram, "csr-active-config", 0)};
	if (getrandom(&s->boot.entropy, sizeof s->boot.entropy, 0) < 0)
		s->boot.entropy = (uint64_t)pl_now();
	boot_describe_kernel(&s->boot, args, booted_variant(args), s->opt.core_size);
	panic_leave_report(s);
	s->boots++;
	sim_event("boot %u boot-args \"%s\" csr 0x%x kernel %s", s->boots, args, (unsigned)s->boot.csr,
		s->boot.variant);
	guest_up(s);
}

void boot_resume(struct sim *s)
{
	if (s->nvram.file == NULL)
		sim_complain(load_nvram(s));
	sim_event("resumed");
	if (s->guest > 0)
		guest_freeze(s->guest, false);
	else
		guest_up(s);
}

void boot_down(struct sim *s)
{
	s->timers[TIMER_BOOT] = 0;
	s->timers[TIMER_TOOLS] = 0;
	s->timers[TIMER_DOWN] = 0;
	guest_kill(s->guest);
	s->guest = 0;
	s->guest_running = false;
	s->tools = false;
	s->panicked = false;
	boot_protect_disk(false);
	boot_write_nvram(s);
}

void boot_restart_sshd(struct sim *s)
{
	if (!s->guest_running || s->panicked)
		return;
	guest_kill(s->guest);
	s->guest = 0;
	start_sshd(s);
}
