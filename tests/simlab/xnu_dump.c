#include "tests/simlab/xnu_dump.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "tests/simlab/boot_args.h"
#include "tests/simlab/core_build.h"
#include "tests/simlab/kdp_dump.h"

enum { CSR_UNTRUSTED_KEXTS = 0x1, CSR_KERNEL_DEBUGGER = 0x8, CSR_APPLE_INTERNAL = 0x10 };

#define KERNEL_MAP_SIZE UINT64_C(549755813888)

/* A panic on its way. */
struct machine {
	const struct xnu_panic_args *args;
	const struct kernel_desc *k;
	const struct pl_wait *wait;
	struct xnu_outcome *out;
	unsigned xnu; /* major version */
	uint32_t debug;
	char server[32];
	uint16_t port;
	struct core *core;
	const struct core_sink *sink; /* where the core goes while it is written */
	uint64_t written;
	uint64_t percent; /* printed last */
};

/* A console that cannot be written to must not change what the kernel does. */
static void print_text(void *arg, const char *text)
{
	struct machine *m = arg;
	if (m->args->serial_fd >= 0)
		pl_error_free(pl_fs_write_all(m->args->serial_fd, text, strlen(text)));
}

static void print(struct machine *m, const char *fmt, ...) PL_PRINTF(2, 3);
static void print(struct machine *m, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print_text(m, text);
}

static void settle(struct machine *m, enum xnu_why why, enum xnu_dumped dumped, enum xnu_after after)
{
	m->out->why = why;
	m->out->dumped = dumped;
	m->out->after = after;
	if (after == XNU_REBOOTS)
		print(m, "Attempting system restart...MACH Reboot\n");
}

/* kdp_connection_wait(): what the console shows while it hangs. */
static void wait_for_debugger(struct machine *m, enum xnu_why why, enum xnu_dumped dumped)
{
	const char *mac = m->args->guest_mac ? m->args->guest_mac : "00:0c:29:5a:1b:2c";
	print(m, "ethernet MAC address: %s\nip address: %s\n\nWaiting for remote debugger connection.\n", mac,
		m->args->guest_ip);
	settle(m, why, dumped, XNU_WAITS);
}

bool xnu_nic_can_dump(const char *nic)
{
	/* Drivers of 10.7 on that register KDP: AppleIntel8254XEthernet, Intel82574L. */
	return nic && (strcmp(nic, "e1000") == 0 || strcmp(nic, "e1000e") == 0);
}

bool xnu_csr_allows_debugger(uint32_t csr)
{
	return (csr & (CSR_UNTRUSTED_KEXTS | CSR_KERNEL_DEBUGGER | CSR_APPLE_INTERNAL)) != 0;
}

/* kdp_register_send_receive(): a driver with polled mode, on the interface that was asked for. */
static bool has_transport(const struct machine *m)
{
	char match[32];
	const char *interface = m->args->interface ? m->args->interface : "en0";
	if (!xnu_nic_can_dump(m->args->nic))
		return false;
	return !boot_args_string(m->k->boot_args, "kdp_match_name", match, sizeof(match)) ||
	       strcmp(match, interface) == 0;
}

static void read_boot_args(struct machine *m)
{
	uint32_t port;
	if (!boot_args_number(m->k->boot_args, "debug", &m->debug))
		m->debug = 0;
	if (!boot_args_string(m->k->boot_args, "_panicd_ip", m->server, sizeof(m->server)))
		m->server[0] = '\0';
	m->port = KDP_PANICD_PORT;
	if (boot_args_number(m->k->boot_args, "panicd_port", &port))
		m->port = (uint16_t)port; /* an unsigned short in xnu: the low half of it */
}

static bool wants_log(const struct machine *m)
{
	return (m->debug & DB_PANICLOG_DUMP) != 0;
}

static bool wants_gzip(const struct machine *m)
{
	if (m->xnu < 3248)
		return false;
	return !(m->debug & DB_DISABLE_GZIP_CORE && m->xnu >= 3789);
}

static void make_name(struct machine *m)
{
	char xnu[24];
	bool gzip = !wants_log(m) && wants_gzip(m);
	if (boot_args_string(m->k->boot_args, "_panicd_corename", m->out->name, sizeof(m->out->name)))
		return;
	kernel_xnu_version(m->k, xnu, sizeof(xnu));
	snprintf(m->out->name, sizeof(m->out->name), "%s-%s%s-%s-%x%s", wants_log(m) ? "paniclog" : "core",
		strcmp(xnu, "custom") == 0 ? "" : "xnu-", xnu, m->args->guest_ip,
		(unsigned)(m->k->uptime_ns & 0xffffffff), gzip ? ".gz" : "");
}

static enum kdp_wrq wrq_form(const struct machine *m)
{
	if (m->xnu < 1699)
		return KDP_WRQ_OLD;
	return m->xnu < 7195 ? KDP_WRQ_STALE_SIZE : KDP_WRQ_SIZE;
}

/* ---- the core on its way ---------------------------------------------------- */

static struct pl_error *pass_write(void *arg, const void *bytes, size_t size)
{
	struct machine *m = arg;
	struct core_stats stats;
	struct pl_error *e = m->sink->write(m->sink->arg, bytes, size);
	core_stats(m->core, &stats);
	m->written += size;
	uint64_t percent = m->written * 100 / stats.file_size;
	if (!e && percent >= m->percent + 10) {
		m->percent = percent - percent % 10;
		print(m, "%" PRIu64 "..\n", m->percent);
	}
	return e;
}

static struct pl_error *pass_seek(void *arg, uint64_t offset)
{
	struct machine *m = arg;
	return m->sink->seek(m->sink->arg, offset);
}

static struct pl_error *write_core(void *arg, const struct core_sink *sink)
{
	struct machine *m = arg;
	const struct core_sink watched = {
		.write = pass_write, .seek = sink->seek ? pass_seek : NULL, .arg = m};
	m->sink = sink;
	return core_write(m->core, &watched);
}

static void say_complete(void *arg)
{
	struct machine *m = arg;
	struct core_stats s;
	core_stats(m->core, &s);
	print(m,
		"Done\nCoredump complete of kernel, dumped %" PRIu64 " segments (%" PRIu64 " bytes), %" PRIu64
		" threads (%" PRIu64 " bytes) overall uncompressed file length %" PRIu64 " bytes.",
		s.segments, s.segment_bytes, s.threads, s.threads * 184, s.file_size);
}

static struct pl_error *send_core(struct machine *m, struct kdp_client *c, struct kdp_dump_result *r)
{
	const struct kdp_source source = {.write = write_core, .sent = say_complete, .arg = m};
	enum kdp_core_form form = KDP_CORE_GZIP;
	if (!wants_gzip(m))
		form = m->xnu >= 3248 ? KDP_CORE_BARE : KDP_CORE_BARE_SEEKS;
	struct pl_error *e = core_create(m->k, &m->out->panic, &m->core);
	if (!e)
		e = kdp_dump_core(c, m->out->name, form, &source, m->wait, r);
	core_destroy(m->core);
	m->core = NULL;
	return e;
}

/* xnu prints these between the WRQ's answer and the first DATA. */
struct console {
	struct machine *machine;
	bool transmitting;
};

static void print_packet(void *arg, const char *text)
{
	struct console *c = arg;
	print_text(c->machine, text);
	if (c->transmitting || strncmp(text, "Protocol features", 17) != 0)
		return;
	c->transmitting = true;
	print_text(c->machine, wants_log(c->machine) ? "Transmitting panic log, please wait: "
						     : "Transmitting kernel state, please wait:\n");
}

static struct pl_error *send_dump(struct machine *m, struct kdp_dump_result *r)
{
	struct console console = {.machine = m};
	uint32_t size = 0;
	struct kdp_client *c = NULL;
	(void)boot_args_number(m->k->boot_args, "kdp_crashdump_pkt_size", &size);
	const struct kdp_config config = {
		.local_ip = m->args->guest_ip,
		.server_ip = m->server,
		.port = m->port,
		.local_port = m->args->local_port,
		.packet_size = size,
		.wrq = wrq_form(m),
		.time_factor = m->args->time_factor,
		.faults = m->args->faults,
		.console = print_packet,
		.console_arg = &console,
	};
	memset(r, 0, sizeof(*r));
	struct pl_error *e = kdp_client_create(&config, &c);
	if (e)
		return e;
	e = wants_log(m) ? kdp_dump_log(c, m->out->name, m->out->panic.text, strlen(m->out->panic.text),
				   m->wait, r)
			 : send_core(m, c, r);
	kdp_client_stats(c, &m->out->stats);
	kdp_client_destroy(c);
	return e;
}

static void judge_dump(struct machine *m, const struct kdp_dump_result *r)
{
	bool core = !wants_log(m);
	enum xnu_dumped dumped = r->bytes > 0 ? XNU_DUMPED_PARTLY : XNU_DUMPED_NONE;
	enum xnu_why why = XNU_WHY_DUMPED;
	if (r->failure == KDP_DIED) {
		settle(m, XNU_WHY_DIED, dumped, XNU_DEAD);
		return;
	}
	if (r->complete)
		dumped = XNU_DUMPED_FULLY;
	else if (r->failure == KDP_DEBUGGER)
		why = XNU_WHY_DEBUGGER;
	else
		why = r->started ? XNU_WHY_LOST : XNU_WHY_NO_ANSWER;
	if (r->failure != KDP_OK)
		print(m, "kdp_send_crashdump_pkt failed with error %d\n", (int)r->failure);
	if (!core && r->started)
		print(m, "Please file a bug report on this panic, if possible.\n");
	bool done = m->xnu >= 3248 ? core && r->complete : true;
	if (m->debug & DB_REBOOT_POST_CORE && done && r->failure != KDP_DEBUGGER)
		settle(m, why, dumped, XNU_REBOOTS);
	else
		wait_for_debugger(m, why, dumped);
}

/* kdp_panic_dump() */
static struct pl_error *network_dump(struct machine *m)
{
	struct kdp_dump_result r;
	print(m, "Entering system dump routine\n");
	if (!has_transport(m)) {
		print(m, "Error: No transport device registered for kernel crashdump\n");
		wait_for_debugger(m, XNU_WHY_NO_TRANSPORT, XNU_DUMPED_NONE);
		return NULL;
	}
	if (m->server[0] == '\0') {
		print(m, "A dump server was not specified in the boot-args, terminating kernel core dump.\n");
		wait_for_debugger(m, XNU_WHY_NO_SERVER, XNU_DUMPED_NONE);
		return NULL;
	}
	make_name(m);
	print(m, "Attempting connection to panic server configured at IP %s, port %d\n", m->server, m->port);
	print(m, "Resolved %s's (or proxy's) link level address\n", m->server);
	print(m, "Transmitting packets to link level address: 00:50:56:c0:00:08\n");
	print(m, "Kernel map size is %" PRIu64 "\n", KERNEL_MAP_SIZE);
	print(m, "Sending write request for %s\n", m->out->name);
	if (m->args->zlib_broken && wants_gzip(m) && !wants_log(m)) {
		print(m, "Zlib stage is not initialized. Cannot write a coredump to the network\n");
		wait_for_debugger(m, XNU_WHY_ZLIB, XNU_DUMPED_NONE);
		return NULL;
	}
	struct pl_error *e = send_dump(m, &r);
	if (!e)
		judge_dump(m, &r);
	return e;
}

/* True if a core went to the guest's own disk and it rebooted over that. */
static bool local_dump(struct machine *m)
{
	if (!m->args->local_core_place || m->xnu < 3247 || !(m->debug & DB_KERN_DUMP_ON_PANIC) ||
		m->debug & DB_DISABLE_LOCAL_CORE)
		return false;
	print(m, "Writing local cores...\n");
	if (!(m->debug & DB_REBOOT_POST_CORE))
		return false;
	settle(m, XNU_WHY_LOCAL_CORE, XNU_DUMPED_NONE, XNU_REBOOTS);
	return true;
}

static struct pl_error *debugger(struct machine *m)
{
	if (m->debug == 0) {
		settle(m, XNU_WHY_NO_DEBUG, XNU_DUMPED_NONE, XNU_REBOOTS);
		return NULL;
	}
	if (!xnu_csr_allows_debugger(m->args->csr)) {
		settle(m, XNU_WHY_SIP, XNU_DUMPED_NONE, XNU_REBOOTS);
		return NULL;
	}
	if (m->debug & DB_REBOOT_ALWAYS && m->xnu >= 4570) {
		if (!local_dump(m))
			settle(m, XNU_WHY_REBOOT_ALWAYS, XNU_DUMPED_NONE, XNU_REBOOTS);
		return NULL;
	}
	if (local_dump(m))
		return NULL;
	if (!(m->debug & (DB_KERN_DUMP_ON_PANIC | DB_PANICLOG_DUMP))) {
		wait_for_debugger(m, XNU_WHY_NOT_ASKED, XNU_DUMPED_NONE);
		return NULL;
	}
	return network_dump(m);
}

struct pl_error *xnu_panic(
	const struct xnu_panic_args *args, const struct pl_wait *w, struct xnu_outcome *ret)
{
	struct machine m = {.args = args, .k = args->kernel, .wait = w, .out = ret};
	memset(ret, 0, sizeof(*ret));
	m.xnu = kernel_xnu_major(m.k);
	read_boot_args(&m);
	struct pl_error *e = panic_make(m.k, args->trigger, args->message, args->kext, &ret->panic);
	if (e)
		return e;
	print(&m, "\nsimulated kernel: panicking\n");
	print_text(&m, ret->panic.text);
	print(&m, "\n");
	return debugger(&m);
}

void xnu_outcome_deinit(struct xnu_outcome *o)
{
	if (o)
		panic_deinit(&o->panic);
}

const char *xnu_why_name(enum xnu_why why)
{
	static const char *const names[] = {
		[XNU_WHY_DUMPED] = "dumped",
		[XNU_WHY_NO_DEBUG] = "no-debug",
		[XNU_WHY_SIP] = "sip",
		[XNU_WHY_NOT_ASKED] = "not-asked",
		[XNU_WHY_REBOOT_ALWAYS] = "reboot-always",
		[XNU_WHY_LOCAL_CORE] = "local-core",
		[XNU_WHY_NO_TRANSPORT] = "no-transport",
		[XNU_WHY_NO_SERVER] = "no-server",
		[XNU_WHY_NO_ANSWER] = "no-answer",
		[XNU_WHY_LOST] = "lost",
		[XNU_WHY_DEBUGGER] = "debugger",
		[XNU_WHY_ZLIB] = "zlib",
		[XNU_WHY_DIED] = "died",
	};
	return names[why];
}

const char *xnu_dumped_name(enum xnu_dumped dumped)
{
	static const char *const names[] = {"none", "partly", "fully"};
	return names[dumped];
}

const char *xnu_after_name(enum xnu_after after)
{
	static const char *const names[] = {"reboots", "waits", "dead"};
	return names[after];
}
