#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "tests/simlab/kernsim/kernsim.h"
#include "tests/simlab/panic_report.h"
#include "tests/simlab/xnu_dump.h"

struct panic_options {
	struct kernel_desc desc;
	struct xnu_panic_args args;
	const char *serial;
	const char *report;
};

#define OPTIONS(o) ((struct panic_options *)(o))

static struct pl_error *set_boot_args(void *o, const char *v)
{
	return kernel_desc_set(&OPTIONS(o)->desc, "boot-args", v);
}

static struct pl_error *set_csr(void *o, const char *v)
{
	uint64_t n = 0;
	struct pl_error *e = read_u64("SIP bits", v, UINT32_MAX, &n);
	OPTIONS(o)->args.csr = (uint32_t)n;
	return e;
}

static struct pl_error *set_nic(void *o, const char *v)
{
	OPTIONS(o)->args.nic = v;
	return NULL;
}

static struct pl_error *set_interface(void *o, const char *v)
{
	OPTIONS(o)->args.interface = v;
	return NULL;
}

static struct pl_error *set_ip(void *o, const char *v)
{
	OPTIONS(o)->args.guest_ip = v;
	return NULL;
}

static struct pl_error *set_serial(void *o, const char *v)
{
	OPTIONS(o)->serial = v;
	return NULL;
}

static struct pl_error *set_report(void *o, const char *v)
{
	OPTIONS(o)->report = v;
	return NULL;
}

static struct pl_error *set_trigger(void *o, const char *v)
{
	return panic_trigger_parse(v, &OPTIONS(o)->args.trigger);
}

static struct pl_error *set_message(void *o, const char *v)
{
	OPTIONS(o)->args.message = v;
	return NULL;
}

static struct pl_error *set_size(void *o, const char *v)
{
	return kernel_desc_set(&OPTIONS(o)->desc, "size", v);
}

static struct pl_error *set_desc(void *o, const char *v)
{
	return desc_set_file(&OPTIONS(o)->desc, v);
}

static struct pl_error *set_pair(void *o, const char *v)
{
	return desc_set_pair(&OPTIONS(o)->desc, v);
}

static struct pl_error *set_local_core(void *o, const char *v)
{
	(void)v;
	OPTIONS(o)->args.local_core_place = true;
	return NULL;
}

static struct pl_error *set_factor(void *o, const char *v)
{
	return read_number("time factor", v, 100, &OPTIONS(o)->args.time_factor);
}

static struct pl_error *set_loss(void *o, const char *v)
{
	struct kdp_faults *f = &OPTIONS(o)->args.faults;
	struct pl_error *e = read_number("loss", v, 100, &f->loss_out);
	f->loss_in = f->loss_out;
	return e;
}

static struct pl_error *set_stop_at(void *o, const char *v)
{
	struct kdp_faults *f = &OPTIONS(o)->args.faults;
	f->stop = true;
	return pl_parse_size(v, &f->stop_at) ? NULL : pl_error_new(PL_ERR_USAGE, "bad size '%s'", v);
}

static struct pl_error *set_seed(void *o, const char *v)
{
	return read_u64("seed", v, UINT64_MAX, &OPTIONS(o)->args.faults.seed);
}

static const struct option_entry options[] = {
	{"--boot-args", "TEXT", set_boot_args, "what it booted with"},
	{"--csr", "BITS", set_csr, "csr-active-config, 0x77 is SIP off (0)"},
	{"--nic", "NAME", set_nic, "VMware's virtualDev (e1000e)"},
	{"--interface", "NAME", set_interface, "of that NIC in macOS (en0)"},
	{"--ip", "ADDRESS", set_ip, "the guest's, in 127.0.0.0/8 (127.0.0.1)"},
	{"--serial", "FILE", set_serial, "append the console to it"},
	{"--report", "FILE", set_report, "write the .panic report there"},
	{"--trigger", "NAME", set_trigger, "dtrace, kext, page-fault, sysctl, reboot, nmi"},
	{"--message", "TEXT", set_message, "the panic message"},
	{"--size", "SIZE", set_size, "of the core, 4M or more (64M)"},
	{"--desc", "FILE", set_desc, "read 'key = value' lines"},
	{"--set", "KEY=VALUE", set_pair, "one such key"},
	{"--local-core", NULL, set_local_core, "the guest has a place for a local core"},
	{"--time-factor", "F", set_factor, "all waits times F (1)"},
	{"--loss", "PERCENT", set_loss, "of the packets, each way"},
	{"--stop-at", "BYTES", set_stop_at, "the machine dies after so many data bytes"},
	{"--seed", "N", set_seed, "for the faults"},
	{NULL, NULL, NULL, NULL},
};

static void show(const struct xnu_outcome *o)
{
	printf("dumped=%s why=%s after=%s name=%s bytes=%llu sent=%llu resent=%llu\n",
		xnu_dumped_name(o->dumped), xnu_why_name(o->why), xnu_after_name(o->after),
		o->name[0] ? o->name : "-", (unsigned long long)o->stats.bytes,
		(unsigned long long)o->stats.sent, (unsigned long long)o->stats.resent);
}

static struct pl_error *write_report(const struct panic_options *o, const struct xnu_outcome *outcome)
{
	char *text = NULL;
	struct pl_error *e = panic_report(&o->desc, &outcome->panic, time(NULL), &text);
	if (!e)
		e = pl_fs_write(o->report, text, strlen(text), 0644);
	free(text);
	return e;
}

static struct pl_error *run(int argc, char **argv)
{
	struct panic_options o = {.args = {.nic = "e1000e", .guest_ip = "127.0.0.1", .serial_fd = -1}};
	struct xnu_outcome outcome = {0};
	struct pl_wait wait = pl_wait_for(PL_TIME_FOREVER, NULL);
	kernel_desc_default(&o.desc);
	o.args.kernel = &o.desc;
	struct pl_error *e = options_read(options, argc, argv, &o);
	if (e)
		return e;
	if (o.serial) {
		o.args.serial_fd = open(o.serial, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
		if (o.args.serial_fd < 0)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot write %s", o.serial);
	}
	e = xnu_panic(&o.args, &wait, &outcome);
	if (!e)
		show(&outcome);
	if (!e && o.report)
		e = write_report(&o, &outcome);
	xnu_outcome_deinit(&outcome);
	if (o.args.serial_fd >= 0)
		close(o.args.serial_fd);
	return e;
}

const struct command command_panic = {
	.name = "panic",
	.summary = "panic as the boot-args say; prints dumped=fully|partly|none why=... "
		   "after=reboots|waits|dead",
	.options = options,
	.run = run,
};
