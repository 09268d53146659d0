#include "tests/simlab/simlab/panic.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/boot_args.h"
#include "tests/simlab/bundle_config.h"
#include "tests/simlab/panic_report.h"
#include "tests/simlab/simlab/boot.h"
#include "tests/simlab/simlab/firewall.h"
#include "tests/simlab/simlab/guest.h"
#include "tests/simlab/simlab/power.h"
#include "tests/simlab/simlab/sip_words.h"
#include "tests/simlab/xnu_dump.h"

/* What of the text the firmware's variable holds. */
#define PANIC_INFO_MAX 1024

/* From this xnu (10.15) on the kernel makes itself a file for local cores when it boots to dump. */
#define LOCAL_CORE_FILE 6153

/* What the .vmx says of the machine, as far as a panic cares. */
static void machine(char *nic, size_t nic_size, int *serial_fd)
{
	struct config c;
	struct pl_error *e = config_read(SIM_VMX, &c);
	const char *device = config_get(&c, "ethernet0.virtualDev");
	const char *type = config_get(&c, "serial0.fileType");
	const char *file = config_get(&c, "serial0.fileName");
	snprintf(nic, nic_size, "%s", device != NULL ? device : "e1000");
	*serial_fd = -1;
	if (config_is_true(&c, "serial0.present") && type != NULL && strcmp(type, "file") == 0 &&
		file != NULL) {
		char path[4096];
		if (file[0] == '/')
			snprintf(path, sizeof path, "%s", file);
		else
			snprintf(path, sizeof path, "%s/%s", sim_bundle(), file);
		*serial_fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	}
	config_deinit(&c);
	sim_complain(e);
}

void panic_serial_say(const char *text)
{
	char nic[32];
	int fd;
	machine(nic, sizeof nic, &fd);
	if (fd < 0)
		return;
	dprintf(fd, "simulated booter: %s\n", text);
	close(fd);
}

static void set_faults(const struct sim *s, struct kdp_faults *f)
{
	char server[64] = "";
	uint32_t port = KDP_PANICD_PORT;
	const char *args = s->boot.kernel.boot_args;
	if (s->faults.on[FAULT_DUMP_LOSS]) {
		f->loss_out = (double)s->faults.value[FAULT_DUMP_LOSS];
		f->loss_in = f->loss_out;
	}
	f->stop = s->faults.on[FAULT_DUMP_STOP_AT];
	f->stop_at = s->faults.value[FAULT_DUMP_STOP_AT];
	if (s->faults.on[FAULT_DUMP_LOSE_EOF_ACK])
		f->eof_answers_lost = (unsigned)s->faults.value[FAULT_DUMP_LOSE_EOF_ACK];
	f->seed = s->boot.entropy;
	boot_args_number(args, "panicd_port", &port);
	if (boot_args_string(args, "_panicd_ip", server, sizeof server) &&
		!firewall_lets_udp_in(server, (uint16_t)port)) {
		sim_event("firewall drops the guest's packets to %s:%u", server, (unsigned)port);
		f->loss_out = 100;
	}
}

/* "reboots", and what else a test may want to know. */
static struct pl_error *write_result(const struct xnu_outcome *o, const struct kernel_desc *d)
{
	char text[512];
	char *report = NULL;
	struct pl_error *e = panic_report(d, &o->panic, time(NULL), &report);
	if (e == NULL)
		e = pl_fs_write(SIM_PANIC_REPORT, report, strlen(report), 0644);
	free(report);
	if (e == NULL)
		e = pl_fs_write(SIM_PANIC_TEXT, o->panic.text, strlen(o->panic.text), 0644);
	snprintf(text, sizeof text, "%s dumped=%s why=%s name=%s\n", xnu_after_name(o->after),
		xnu_dumped_name(o->dumped), xnu_why_name(o->why), o->name);
	if (e == NULL)
		e = pl_fs_write(SIM_PANIC_RESULT, text, strlen(text), 0644);
	return e;
}

static _Noreturn void play_kernel(struct xnu_panic_args *args, const struct sim *s)
{
	char nic[32];
	struct xnu_outcome o;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* The lab's sockets must not live on in here. */
	syscall(SYS_close_range, 3, ~0U, 0);
	machine(nic, sizeof nic, &args->serial_fd);
	/* A kernel that is still booting has no driver for it. */
	args->nic = s->boot.early ? "none" : nic;
	set_faults(s, &args->faults);
	struct pl_wait w = pl_wait_for(PL_TIME_FOREVER, NULL);
	struct pl_error *e = xnu_panic(args, &w, &o);
	if (e == NULL)
		e = write_result(&o, args->kernel);
	sim_complain(e);
	xnu_outcome_deinit(&o);
	_exit(e != NULL);
}

void panic_begin(struct sim *s, enum panic_trigger trigger, const char *message, const char *kext)
{
	struct xnu_panic_args args = {.kernel = &s->boot.kernel,
		.trigger = trigger,
		.message = message,
		.kext = kext,
		.csr = sip_bits(s->release, s->boot.csr),
		.guest_ip = s->opt.ip,
		.guest_mac = sim_mac(),
		.local_core_place = kernel_xnu_major(&s->boot.kernel) >= LOCAL_CORE_FILE,
		.time_factor = s->opt.time_factor};
	sim_event("panic");
	guest_freeze(s->guest, true);
	s->guest_running = false;
	s->tools = false;
	s->panicked = true;
	s->timers[TIMER_DOWN] = 0;
	s->timers[TIMER_TOOLS] = 0;
	unlink(SIM_PANIC_RESULT);
	unlink(SIM_PANIC_REPORT);
	s->panic = fork();
	if (s->panic == 0)
		play_kernel(&args, s);
}

static void panic_over(struct sim *s)
{
	struct pl_buf b;
	pl_buf_init(&b, 4096);
	struct pl_error *e = pl_fs_read(SIM_PANIC_RESULT, &b);
	const char *text = pl_buf_text(&b);
	sim_event("panic over: %.*s", (int)strcspn(text, "\n"), text);
	bool reboots = strncmp(text, "reboots", 7) == 0;
	bool dead = strncmp(text, "dead", 4) == 0;
	if (reboots && !s->faults.on[FAULT_NO_REBOOT]) {
		boot_down(s);
		boot_start(s);
	} else if (dead)
		power_stop(s);
	pl_buf_deinit(&b);
	sim_complain(e);
}

void panic_poll(struct sim *s)
{
	if (s->panic <= 0 || waitpid(s->panic, NULL, WNOHANG) != s->panic)
		return;
	s->panic = 0;
	panic_over(s);
}

void panic_end(struct sim *s)
{
	if (s->panic <= 0)
		return;
	kill(s->panic, SIGKILL);
	waitpid(s->panic, NULL, 0);
	s->panic = 0;
}

void panic_leave_report(struct sim *s)
{
	struct pl_buf b;
	char name[128];
	char path[512];
	if (access(SIM_PANIC_REPORT, F_OK) != 0)
		return;
	pl_buf_init(&b, 1U << 20);
	panic_report_name(&s->boot.kernel, time(NULL), SIM_HOST_NAME, name, sizeof name);
	snprintf(path, sizeof path, SIM_DISK "/Library/Logs/DiagnosticReports/%s", name);
	struct pl_error *e = pl_fs_read(SIM_PANIC_REPORT, &b);
	if (e == NULL)
		e = pl_fs_write(path, pl_buf_text(&b), b.size, 0640);
	pl_buf_clear(&b);
	if (e == NULL)
		e = pl_fs_read(SIM_PANIC_TEXT, &b);
	if (e == NULL) {
		size_t size = strnlen(pl_buf_text(&b), PANIC_INFO_MAX);
		e = nvram_set(&s->nvram, NVRAM_APPLE, "AAPL,PanicInfo0000", pl_buf_text(&b), size);
	}
	unlink(SIM_PANIC_REPORT);
	pl_buf_deinit(&b);
	sim_complain(e);
}
