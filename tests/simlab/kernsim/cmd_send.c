#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "tests/simlab/kdp_dump.h"
#include "tests/simlab/kernsim/kernsim.h"

struct send_options {
	struct kdp_config config;
	char server[64];
	const char *file;
	uint64_t generate;
	uint64_t core_size;
	const char *name;
	bool gzip;
	bool log;
	bool seeks;
	bool verbose;
	int64_t timeout;
};

#define OPTIONS(o) ((struct send_options *)(o))

static struct pl_error *set_server(void *o, const char *v)
{
	struct send_options *s = OPTIONS(o);
	uint64_t port = KDP_PANICD_PORT;
	snprintf(s->server, sizeof(s->server), "%s", v);
	char *colon = strchr(s->server, ':');
	if (colon) {
		*colon = '\0';
		struct pl_error *e = read_u64("port", colon + 1, UINT16_MAX, &port);
		if (e)
			return e;
	}
	s->config.server_ip = s->server;
	s->config.port = (uint16_t)port;
	return NULL;
}

static struct pl_error *set_from(void *o, const char *v)
{
	OPTIONS(o)->config.local_ip = v;
	return NULL;
}

static struct pl_error *set_from_port(void *o, const char *v)
{
	uint64_t port = 0;
	struct pl_error *e = read_u64("port", v, UINT16_MAX, &port);
	OPTIONS(o)->config.local_port = (uint16_t)port;
	return e;
}

static struct pl_error *set_file(void *o, const char *v)
{
	OPTIONS(o)->file = v;
	return NULL;
}

static struct pl_error *read_size(const char *v, uint64_t *ret)
{
	return pl_parse_size(v, ret) ? NULL : pl_error_new(PL_ERR_USAGE, "bad size '%s'", v);
}

static struct pl_error *set_generate(void *o, const char *v)
{
	return read_size(v, &OPTIONS(o)->generate);
}

static struct pl_error *set_core(void *o, const char *v)
{
	return read_size(v, &OPTIONS(o)->core_size);
}

static struct pl_error *set_name(void *o, const char *v)
{
	OPTIONS(o)->name = v;
	return NULL;
}

static struct pl_error *set_gzip(void *o, const char *v)
{
	(void)v;
	OPTIONS(o)->gzip = true;
	return NULL;
}

static struct pl_error *set_log(void *o, const char *v)
{
	(void)v;
	OPTIONS(o)->log = true;
	return NULL;
}

static struct pl_error *set_seeks(void *o, const char *v)
{
	(void)v;
	OPTIONS(o)->seeks = true;
	return NULL;
}

static struct pl_error *set_verbose(void *o, const char *v)
{
	(void)v;
	OPTIONS(o)->verbose = true;
	return NULL;
}

static struct pl_error *set_packet_size(void *o, const char *v)
{
	uint64_t n = 0;
	struct pl_error *e = read_u64("packet size", v, UINT32_MAX, &n);
	OPTIONS(o)->config.packet_size = (uint32_t)n;
	return e;
}

static struct pl_error *set_features(void *o, const char *v)
{
	uint64_t n = 0;
	struct pl_error *e = read_u64("features", v, 255, &n);
	OPTIONS(o)->config.features = (uint32_t)n;
	return e;
}

static struct pl_error *set_wrq(void *o, const char *v)
{
	static const char *const names[] = {"size", "stale-size", "mask", "old"};
	for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(v, names[i]) == 0) {
			OPTIONS(o)->config.wrq = (enum kdp_wrq)i;
			return NULL;
		}
	return pl_error_new(PL_ERR_USAGE, "'%s' is not size, stale-size, mask or old", v);
}

static struct pl_error *set_factor(void *o, const char *v)
{
	return read_number("time factor", v, 100, &OPTIONS(o)->config.time_factor);
}

static struct pl_error *set_loss(void *o, const char *v)
{
	struct kdp_faults *f = &OPTIONS(o)->config.faults;
	struct pl_error *e = read_number("loss", v, 100, &f->loss_out);
	f->loss_in = f->loss_out;
	return e;
}

static struct pl_error *set_dup(void *o, const char *v)
{
	struct kdp_faults *f = &OPTIONS(o)->config.faults;
	struct pl_error *e = read_number("duplicates", v, 100, &f->dup_out);
	f->dup_in = f->dup_out;
	return e;
}

static struct pl_error *read_time(const char *v, int64_t *ret)
{
	return pl_parse_time(v, ret) ? NULL : pl_error_new(PL_ERR_USAGE, "bad time '%s'", v);
}

static struct pl_error *set_delay(void *o, const char *v)
{
	return read_time(v, &OPTIONS(o)->config.faults.delay_ns);
}

static struct pl_error *set_timeout(void *o, const char *v)
{
	return read_time(v, &OPTIONS(o)->timeout);
}

static struct pl_error *set_stop_at(void *o, const char *v)
{
	struct kdp_faults *f = &OPTIONS(o)->config.faults;
	f->stop = true;
	return read_size(v, &f->stop_at);
}

static struct pl_error *set_seed(void *o, const char *v)
{
	return read_u64("seed", v, UINT64_MAX, &OPTIONS(o)->config.faults.seed);
}

static const struct option_entry options[] = {
	{"--server", "IP[:PORT]", set_server, "where to (127.0.0.1:1069)"},
	{"--from", "IP", set_from, "own address, in 127.0.0.0/8 (127.0.0.1)"},
	{"--from-port", "PORT", set_from_port, "own port (the server's, as a kernel's is)"},
	{"--file", "FILE", set_file, "what to send"},
	{"--generate", "SIZE", set_generate, "send so many made-up bytes"},
	{"--core", "SIZE", set_core, "send a kernel core of that size, made on the way"},
	{"--name", "NAME", set_name, "of the file on the server (core-xnu-custom)"},
	{"--gzip", NULL, set_gzip, "compress on the way"},
	{"--log", NULL, set_log, "send as a panic log, with its junk tails"},
	{"--seeks", NULL, set_seeks, "with --core: SEEK before each load command and segment"},
	{"--packet-size", "BYTES", set_packet_size, "kdp_crashdump_pkt_size (1406)"},
	{"--features", "MASK", set_features, "offered: 1 64-bit seeks, 2 large packets (3)"},
	{"--wrq", "FORM", set_wrq, "size, stale-size, mask or old (size)"},
	{"--time-factor", "F", set_factor, "all waits times F (1)"},
	{"--timeout", "TIME", set_timeout, "stop at once after that"},
	{"--loss", "PERCENT", set_loss, "of the packets, each way"},
	{"--dup", "PERCENT", set_dup, "of the packets arrive twice, each way"},
	{"--delay", "TIME", set_delay, "before each packet"},
	{"--stop-at", "BYTES", set_stop_at, "the machine dies after so many data bytes"},
	{"--seed", "N", set_seed, "for the faults and made-up bytes"},
	{"--verbose", NULL, set_verbose, "print the kernel's console to standard error"},
	{NULL, NULL, NULL, NULL},
};

static void print_console(void *arg, const char *text)
{
	(void)arg;
	fputs(text, stderr);
}

static struct pl_error *write_file(void *arg, const struct core_sink *sink)
{
	static uint8_t bytes[1 << 16];
	const struct send_options *o = arg;
	struct pl_error *e = NULL;
	int fd = open(o->file, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot read %s", o->file);
	for (;;) {
		ssize_t n = read(fd, bytes, sizeof(bytes));
		if (n < 0)
			e = pl_error_errno(PL_ERR_LAB, errno, "cannot read %s", o->file);
		if (n <= 0 || e)
			break;
		e = sink->write(sink->arg, bytes, (size_t)n);
		if (e)
			break;
	}
	close(fd);
	return e;
}

static struct pl_error *write_made_up(void *arg, const struct core_sink *sink)
{
	const struct send_options *o = arg;
	struct pl_error *e = NULL;
	for (uint64_t at = 0; !e && at < o->generate; at += 8) {
		uint64_t v = kernel_mix(o->config.faults.seed + at);
		uint8_t b[8];
		for (unsigned i = 0; i < 8; i++)
			b[i] = (uint8_t)(v >> (8 * i));
		uint64_t left = o->generate - at;
		e = sink->write(sink->arg, b, left < 8 ? (size_t)left : 8);
	}
	return e;
}

static struct pl_error *write_whole_core(void *arg, const struct core_sink *sink)
{
	const struct send_options *o = arg;
	struct kernel_desc d;
	struct panic p = {0};
	struct core *core = NULL;
	kernel_desc_default(&d);
	d.core_size = o->core_size < KERNEL_CORE_SIZE_MIN ? KERNEL_CORE_SIZE_MIN : o->core_size;
	struct pl_error *e = panic_make(&d, PANIC_DTRACE, NULL, NULL, &p);
	if (!e)
		e = core_create(&d, &p, &core);
	if (!e)
		e = core_write(core, sink);
	core_destroy(core);
	panic_deinit(&p);
	return e;
}

static struct pl_error *send_log(
	struct send_options *o, struct kdp_client *c, const struct pl_wait *w, struct kdp_dump_result *r)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 24);
	struct pl_error *e = NULL;
	char text[32];
	if (o->file)
		e = pl_fs_read(o->file, &b);
	for (uint64_t at = 0; !o->file && !e && at < o->generate; at += 16) {
		int n = snprintf(text, sizeof(text), "%015llx\n", (unsigned long long)at);
		uint64_t left = o->generate - at;
		e = pl_buf_append(&b, text, left < (uint64_t)n ? (size_t)left : (size_t)n);
	}
	if (!e)
		e = kdp_dump_log(c, o->name, b.data, b.size, w, r);
	pl_buf_deinit(&b);
	return e;
}

static struct pl_error *send_it(
	struct send_options *o, struct kdp_client *c, const struct pl_wait *w, struct kdp_dump_result *r)
{
	struct kdp_source source = {.write = write_made_up, .arg = o};
	enum kdp_core_form form = o->gzip ? KDP_CORE_GZIP : KDP_CORE_BARE;
	if (o->log)
		return send_log(o, c, w, r);
	if (o->file)
		source.write = write_file;
	else if (o->core_size > 0)
		source.write = write_whole_core;
	if (o->seeks)
		form = KDP_CORE_BARE_SEEKS;
	return kdp_dump_core(c, o->name, form, &source, w, r);
}

static void show(const struct kdp_dump_result *r, const struct kdp_client *c)
{
	struct kdp_stats s;
	kdp_client_stats(c, &s);
	printf("complete=%s started=%s failure=%d bytes=%llu blocks=%u sent=%llu resent=%llu errors=%llu "
	       "code=%u "
	       "stale=%llu features=%u packet=%u\n",
		r->complete ? "yes" : "no", r->started ? "yes" : "no", (int)r->failure,
		(unsigned long long)r->bytes, s.block, (unsigned long long)s.sent,
		(unsigned long long)s.resent, (unsigned long long)s.errors, s.last_error,
		(unsigned long long)s.stale, s.features, s.packet_size);
}

static struct pl_error *run(int argc, char **argv)
{
	struct send_options o = {.config = {.local_ip = "127.0.0.1", .server_ip = "127.0.0.1"},
		.name = "core-xnu-custom",
		.timeout = PL_TIME_FOREVER};
	struct kdp_client *c = NULL;
	struct kdp_dump_result r = {0};
	struct pl_error *e = options_read(options, argc, argv, &o);
	if (e)
		return e;
	if (o.verbose)
		o.config.console = print_console;
	struct pl_wait wait = pl_wait_for(o.timeout, NULL);
	e = kdp_client_create(&o.config, &c);
	if (e)
		return e;
	e = send_it(&o, c, &wait, &r);
	show(&r, c);
	kdp_client_destroy(c);
	if (!e && !r.complete)
		e = pl_error_new(PL_ERR_CAPTURE, "the dump is not complete");
	return e;
}

const struct command command_send = {
	.name = "send",
	.summary = "send something by the dump protocol; prints complete=yes|no ..., exit 5 if it is not",
	.options = options,
	.run = run,
};
