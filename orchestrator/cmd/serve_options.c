#include "orchestrator/cmd/serve_options.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/fs.h"
#include "base/text.h"
#include "base/wait.h"

#define SESSIONS_MAX 4096
#define RATE_MAX 1000000
/* Longer spinning would cost a core for what poll(2) does as well. */
#define BUSY_POLL_MAX (100 * PL_MS)
/* A deadline is that much from now: the sum must not pass the end of time. */
#define IDLE_TIMEOUT_MAX (1000 * 3600 * PL_SECOND)
/* A dump's file and its decompressed core; beside them what the process has open itself. */
#define FILES_A_SESSION 2
#define FILES_BESIDE 48
#define PATH_TEXT_MAX 8192

const struct cmd_option serve_options_table[] = {
	{"bind", 'b', "ADDR", "IPv4 address or interface to listen on (default: all of this host)"},
	{"port", 'p', "N", "UDP port (default 1069; 0 takes a free one)"},
	{"dir", 'd', "DIR", "folder for the dumps, made if absent (default: this one)"},
	{"allow", 'a', "ADDR/PREFIX", "who may send; repeat for more (default: the network bound to)"},
	{"max-size", 0, "SIZE", "largest file (default 64G)"},
	{"max-seek", 0, "SIZE", "largest gap in a file (default 16G; 0: any)"},
	{"max-total", 0, "SIZE", "all files of the folder together (default 0: any)"},
	{"min-free", 0, "SIZE", "stays free on the disk (default 256M)"},
	{"max-sessions", 0, "N", "most dumps at a time (default 64)"},
	{"max-rate", 0, "N", "most new dumps a second (default 64 or --max-sessions; 0: any)"},
	{"idle-timeout", 0, "TIME", "silence that ends a dump (default 120s)"},
	{"busy-poll", 0, "TIME", "spin for the next packet that long, at most 100ms (default 0)"},
	{"user", 'u', "NAME", "go on as that user once the port is bound"},
	{"once", '1', NULL, "exit after the first dump: 0 complete, 1 incomplete"},
	{"decompress", 'z', NULL, "unpack NAME.gz to NAME while it arrives"},
	{0},
};

/* ---- reading ------------------------------------------------------------------------ */

static struct pl_error *bad_value(const char *option, const char *value, const char *hint)
{
	char shown[64];

	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--%s cannot be '%s'", option,
				     pl_escape_str(value, shown, sizeof shown)),
		"%s", hint);
}

/* Each leaves *ret alone when the option was not given. */

static struct pl_error *read_number(const struct cmd_input *in, const char *option, uint64_t min,
	uint64_t max, const char *hint, uint64_t *ret)
{
	const char *text = cmd_value(in, option);
	uint64_t n;

	if (!text)
		return NULL;
	if (!pl_parse_u64(text, max, &n) || n < min)
		return bad_value(option, text, hint);
	*ret = n;
	return NULL;
}

static struct pl_error *read_size(
	const struct cmd_input *in, const char *option, uint64_t min, const char *hint, uint64_t *ret)
{
	const char *text = cmd_value(in, option);
	uint64_t n;

	if (!text)
		return NULL;
	if (!pl_parse_size(text, &n) || n < min)
		return bad_value(option, text, hint);
	*ret = n;
	return NULL;
}

static struct pl_error *read_time(const struct cmd_input *in, const char *option, int64_t min, int64_t max,
	const char *hint, int64_t *ret)
{
	const char *text = cmd_value(in, option);
	int64_t t;

	if (!text)
		return NULL;
	if (!pl_parse_time(text, &t) || t < min || t > max)
		return bad_value(option, text, hint);
	*ret = t;
	return NULL;
}

static struct pl_error *read_counts(const struct cmd_input *in, struct server_config *c)
{
	uint64_t port = c->port, sessions = c->max_sessions, rate;
	struct pl_error *err =
		read_number(in, "port", 0, UINT16_MAX, "give a number from 0 (a free one) to 65535", &port);

	if (!err)
		err = read_number(
			in, "max-sessions", 1, SESSIONS_MAX, "give a number from 1 to 4096", &sessions);
	/* A lab that panics as one is not to be refused what it has room for. */
	rate = sessions > c->max_rate ? sessions : c->max_rate;
	if (!err)
		err = read_number(in, "max-rate", 0, RATE_MAX,
			"give dumps a second, 1 to 1000000, or 0 for no limit", &rate);
	c->port = (uint16_t)port;
	c->max_sessions = (size_t)sessions;
	c->max_rate = (unsigned)rate;
	return err;
}

static struct pl_error *read_limits(const struct cmd_input *in, struct server_config *c)
{
	const char *or_none = "give a size like 16G, or 0 for no limit";
	struct pl_error *err = read_size(in, "max-size", 1, "give a size like 64G", &c->max_size);

	if (!err)
		err = read_size(in, "max-seek", 0, or_none, &c->max_seek);
	if (!err)
		err = read_size(in, "max-total", 0, or_none, &c->max_total);
	if (!err)
		err = read_size(
			in, "min-free", 0, "give a size like 256M, or 0 to fill the disk", &c->min_free);
	if (!err)
		err = read_time(in, "idle-timeout", 1, IDLE_TIMEOUT_MAX,
			"give a time like 120s, 1000h at the most", &c->idle_timeout);
	if (!err)
		err = read_time(in, "busy-poll", 0, BUSY_POLL_MAX,
			"give a time like 200us, 100ms at the most", &c->busy_poll);
	return err;
}

static struct pl_error *read_allow(const struct cmd_input *in, struct serve_networks *n)
{
	const char *text;

	for (size_t i = 0; (text = cmd_nth(in, "allow", i)) != NULL; i++) {
		struct pl_error *err = serve_networks_add(n, text);
		if (err)
			return err;
	}
	return NULL;
}

/* Where to listen, and who may send unless --allow said so. */
static struct pl_error *read_bind(
	const struct cmd_input *in, const struct serve_socket *given, struct serve_options *o)
{
	struct host_interface interfaces[HOST_INTERFACES_MAX];
	const char *text = cmd_value(in, "bind");
	struct in_addr address = {.s_addr = htonl(given->address)};
	size_t count;
	struct pl_error *err = host_interfaces(interfaces, HOST_INTERFACES_MAX, &count);

	if (!err && given->fd < 0)
		err = serve_bind_address(interfaces, count, text ? text : o->config.bind, o->address);
	else if (!err)
		inet_ntop(AF_INET, &address, o->address, sizeof o->address);
	if (err || o->networks.count > 0)
		return err;
	inet_pton(AF_INET, o->address, &address);
	return serve_networks_attached(&o->networks, interfaces, count, ntohl(address.s_addr));
}

/* The manager's word on where to listen stands. */
static struct pl_error *take_socket(
	const struct cmd_input *in, const struct serve_socket *given, struct server_config *c)
{
	if (given->fd < 0)
		return NULL;
	if (cmd_value(in, "bind") || cmd_value(in, "port"))
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE,
				"--bind and --port have no say when a service manager has bound the socket"),
			"leave them out, or change the address in its file");
	c->socket = given->fd;
	c->port = given->port;
	return NULL;
}

struct pl_error *serve_options_parse(
	const struct cmd_input *in, const struct serve_socket *given, struct serve_options *ret)
{
	struct server_config *c = &ret->config;

	*ret = (struct serve_options){.user = cmd_value(in, "user"), .once = cmd_flag(in, "once")};
	server_config_init(c);
	c->decompress = cmd_flag(in, "decompress");
	struct pl_error *err = read_counts(in, c);
	if (!err)
		err = take_socket(in, given, c);
	if (!err)
		err = read_limits(in, c);
	if (!err)
		err = read_allow(in, &ret->networks);
	if (!err)
		err = read_bind(in, given, ret);
	if (!err && ret->user)
		err = pl_error_at(confine_find_user(ret->user, &ret->become), "--user");
	if (!err)
		err = pl_fs_expand(cmd_value(in, "dir") ? cmd_value(in, "dir") : c->dir, &ret->dir);
	c->bind = ret->address;
	c->dir = ret->dir;
	c->allow = ret->networks.list;
	c->allow_count = ret->networks.count;
	return err;
}

void serve_options_deinit(struct serve_options *o)
{
	free(o->dir);
	o->dir = NULL;
}

/* ---- telling ------------------------------------------------------------------------- */

static void print_senders(const struct serve_networks *n, FILE *out)
{
	char text[SERVE_NETWORK_TEXT];

	fputs("would take them from ", out);
	for (size_t i = 0; i < n->count; i++)
		fprintf(out, "%s%s", i ? ", " : "", serve_network_text(&n->list[i], text));
	fputc('\n', out);
}

static void print_limits(const struct server_config *c, FILE *out)
{
	char text[32];

	fprintf(out, "would take %zu at a time", c->max_sessions);
	if (c->max_rate)
		fprintf(out, ", %u new ones a second", c->max_rate);
	fprintf(out, ", and end one after %s of silence\n",
		pl_format_time_exact(c->idle_timeout, text, sizeof text));
	fprintf(out, "would take files of at most %s", pl_format_size(c->max_size, text, sizeof text));
	if (c->max_seek)
		fprintf(out, ", gaps in them of %s", pl_format_size(c->max_seek, text, sizeof text));
	if (c->max_total)
		fprintf(out, ", %s in all", pl_format_size(c->max_total, text, sizeof text));
	if (c->min_free)
		fprintf(out, ", and leave %s of the disk free",
			pl_format_size(c->min_free, text, sizeof text));
	fputc('\n', out);
}

static double seconds(int64_t time)
{
	return (double)time / (double)PL_SECOND;
}

/* JSON's numbers here are signed. */
static json_int_t json_size(uint64_t n)
{
	return n > INT64_MAX ? INT64_MAX : (json_int_t)n;
}

void serve_options_print(const struct serve_options *o, FILE *out)
{
	const struct server_config *c = &o->config;
	char text[32];

	fprintf(out, "would listen for kernel dumps on %s, UDP port %u%s\n", c->bind, (unsigned)c->port,
		c->port ? "" : " (a free one)");
	print_senders(&o->networks, out);
	print_limits(c, out);
	if (c->busy_poll)
		fprintf(out, "would spin %s for the next packet of a dump\n",
			pl_format_time_exact(c->busy_poll, text, sizeof text));
	fprintf(out, "would write them to %s%s\n", c->dir,
		pl_fs_exists(c->dir) ? "" : ", which is not there: would make it");
	if (c->decompress)
		fprintf(out, "would decompress each NAME.gz to NAME beside it\n");
	if (o->user)
		fprintf(out, "would go on as the user %s\n", o->user);
	if (o->once)
		fprintf(out, "would exit after the first dump\n");
}

struct pl_error *serve_options_print_json(const struct serve_options *o, FILE *out)
{
	const struct server_config *c = &o->config;
	char dir[PATH_TEXT_MAX], text[SERVE_NETWORK_TEXT];
	json_t *allow = json_array();

	for (size_t i = 0; i < o->networks.count; i++)
		json_array_append_new(allow, json_string(serve_network_text(&o->networks.list[i], text)));
	json_t *line =
		json_pack("{s:b, s:s, s:i, s:o, s:I, s:I, s:f, s:I, s:I, s:I, s:I, s:f, s:s, s:b, s:b, s:s?, "
			  "s:b}",
			"dry_run", 1, "address", c->bind, "port", (int)c->port, "allow", allow,
			"max_sessions", (json_int_t)c->max_sessions, "max_rate", (json_int_t)c->max_rate,
			"idle_timeout", seconds(c->idle_timeout), "max_size", json_size(c->max_size),
			"max_seek", json_size(c->max_seek), "max_total", json_size(c->max_total), "min_free",
			json_size(c->min_free), "busy_poll", seconds(c->busy_poll), "dir",
			pl_safe_line(c->dir, dir, sizeof dir), "dir_exists", pl_fs_exists(c->dir),
			"decompress", c->decompress, "user", o->user, "once", o->once);
	if (!line)
		return pl_error_nomem();
	json_dumpf(line, out, JSON_COMPACT | JSON_REAL_PRECISION(9));
	fputc('\n', out);
	json_decref(line);
	return NULL;
}

/* ---- open files ------------------------------------------------------------------------ */

struct pl_error *serve_options_raise_files(const struct serve_options *o)
{
	rlim_t needed = (rlim_t)o->config.max_sessions * FILES_A_SESSION + FILES_BESIDE;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "the limit of open files cannot be read");
	if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= needed)
		return NULL;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < needed)
		return pl_error_hint(
			pl_error_new(PL_ERR_LAB,
				"%zu dumps at a time need %ju open files, and the limit is %ju",
				o->config.max_sessions, (uintmax_t)needed, (uintmax_t)limit.rlim_max),
			"raise it (ulimit -Hn), or give --max-sessions %ju",
			limit.rlim_max > FILES_BESIDE + FILES_A_SESSION
				? (uintmax_t)(limit.rlim_max - FILES_BESIDE) / FILES_A_SESSION
				: (uintmax_t)1);
	limit.rlim_cur = needed;
	if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "the limit of open files cannot be raised to %ju",
			(uintmax_t)needed);
	return NULL;
}
