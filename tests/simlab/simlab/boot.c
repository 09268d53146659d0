#include "tests/simlab/simlab/boot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/simlab/booter.h"
#include "tests/simlab/simlab/guest.h"
#include "tests/simlab/simlab/kernel_files.h"
#include "tests/simlab/simlab/leases.h"
#include "tests/simlab/simlab/panic.h"
#include "tests/simlab/simlab/protect.h"
#include "tests/simlab/simlab/volumes.h"

#define TOOLS_AFTER (120 * PL_MS)

/* On a Mac only root may write to these. root of the guest still can. */
static const char *const SYSTEM_DIRS[] = {"System/Library/Kernels", "System/Library/Extensions",
	"System/Library/CoreServices", "System/Library/PrelinkedKernels", "System/Library", "System",
	"Library/Extensions", "Library/Developer/KDKs", "Library/Logs/DiagnosticReports", "private/etc",
	"System/Library/Caches", "System/Library/KernelCollections", "System/Volumes", "usr/sbin", "usr/bin",
	"usr", "bin", "sbin"};

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

void boot_describe_kernel(
	const struct sim *s, struct boot *b, const char *boot_args, const struct kernel_identification *id)
{
	struct kernel_desc *d = &b->kernel;
	size_t variant = kernel_files_variant(id->version);
	kernel_desc_release(d, s->release, variant);
	memcpy(d->uuid, id->uuid, sizeof d->uuid);
	memcpy(d->version, id->version, sizeof d->version);
	kernel_desc_boot(d, b->entropy);
	d->core_size = s->opt.core_size;
	snprintf(d->boot_args, sizeof d->boot_args, "%s", boot_args);
	snprintf(b->variant, sizeof b->variant, "%s", RELEASE_VARIANT_NAMES[variant]);
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
	sim_complain(volumes_unmount_all());
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
	struct guest_spec spec = {.root = SIM_DISK,
		.run = SIM_GUEST_RUN,
		.log = SIM_SSHD_LOG,
		.argv = ARGV,
		.read_only = protect_folders(s)};
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
	protect_tell(s);
	start_sshd(s);
	leases_write(s);
	sim_timer_in(s, TIMER_TOOLS, TOOLS_AFTER);
}

void boot_timer(struct sim *s)
{
	char args[1024];
	struct booter_choice choice;
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
	booter_choose(s, args, s->boot.csr, &choice);
	if (choice.outcome == BOOTER_FAILS) {
		sim_event("boot fails: %s", choice.why);
		panic_serial_say(choice.why);
		return;
	}
	boot_describe_kernel(s, &s->boot, args, &choice.kernel);
	s->boots++;
	sim_event("boot %u boot-args \"%s\" csr 0x%x kernel %s", s->boots, args, (unsigned)s->boot.csr,
		s->boot.variant);
	if (choice.outcome == BOOTER_PANICS) {
		s->boot.early = true;
		panic_begin(s, PANIC_BOOT, choice.why, NULL);
		return;
	}
	panic_leave_report(s);
	guest_up(s);
}

void boot_resume(struct sim *s)
{
	if (s->nvram.file == NULL)
		sim_complain(load_nvram(s));
	/* Tools set the guest's clock, and XNU moves kern.boottime by as much. */
	if (s->boot.frozen != 0)
		s->boot.at += time(NULL) - s->boot.frozen;
	s->boot.frozen = 0;
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
