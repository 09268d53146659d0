#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "base/wait.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/cmd/serve_output.h"
#include "orchestrator/cmd/serve_unpack.h"
#include "server/server.h"

#define ALLOW_MAX 256

struct serve {
	struct serve_output out;
	bool decompress;
	bool once;
	bool finished; /* a transfer has */
	bool complete; /* and the first that did was complete */
	struct unpack *unpacking;
};

static struct pl_error *bad_value(const char *option, const char *value, const char *hint)
{
	char shown[64];

	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--%s cannot be '%s'", option,
				     pl_escape_str(value, shown, sizeof shown)),
		"%s", hint);
}

/* "192.168.56.0/24", "10.0.0.7" */
static struct pl_error *parse_network(const char *text, struct server_network *ret)
{
	char address[INET_ADDRSTRLEN];
	struct in_addr in;
	uint64_t prefix = 32;
	size_t length = strcspn(text, "/");
	const char *hint = "give an IPv4 address and a prefix, like 192.168.56.0/24";

	if (length >= sizeof address ||
		(text[length] == '/' && !pl_parse_u64(text + length + 1, 32, &prefix)))
		return bad_value("allow", text, hint);
	memcpy(address, text, length);
	address[length] = '\0';
	if (inet_pton(AF_INET, address, &in) != 1)
		return bad_value("allow", text, hint);
	ret->mask = prefix == 0 ? 0 : UINT32_MAX << (32 - prefix);
	ret->address = ntohl(in.s_addr) & ret->mask;
	return NULL;
}

static struct pl_error *parse_allow(
	const struct cmd_input *in, struct server_config *c, struct server_network *networks)
{
	const char *text;

	c->allow = networks;
	while ((text = cmd_nth(in, "allow", c->allow_count)) != NULL) {
		if (c->allow_count == ALLOW_MAX)
			return pl_error_new(PL_ERR_USAGE, "more than %d times --allow", ALLOW_MAX);
		struct pl_error *err = parse_network(text, &networks[c->allow_count]);
		if (err)
			return err;
		c->allow_count++;
	}
	return NULL;
}

static struct pl_error *parse_numbers(const struct cmd_input *in, struct server_config *c)
{
	const char *port = cmd_value(in, "port");
	const char *size = cmd_value(in, "max-size");
	const char *sessions = cmd_value(in, "max-sessions");
	const char *idle = cmd_value(in, "idle-timeout");
	uint64_t n;

	if (port && !pl_parse_u64(port, UINT16_MAX, &n))
		return bad_value("port", port, "give a number from 0 (a free one) to 65535");
	if (port)
		c->port = (uint16_t)n;
	if (size && (!pl_parse_size(size, &c->max_size) || c->max_size == 0))
		return bad_value("max-size", size, "give a size like 16G");
	if (sessions && (!pl_parse_u64(sessions, 4096, &n) || n == 0))
		return bad_value("max-sessions", sessions, "give a number from 1 to 4096");
	if (sessions)
		c->max_sessions = (size_t)n;
	if (idle && (!pl_parse_time(idle, &c->idle_timeout) || c->idle_timeout <= 0))
		return bad_value("idle-timeout", idle, "give a time like 120s");
	return NULL;
}

/* dir is malloc'd for the caller, also on an error. */
static struct pl_error *parse(
	const struct cmd_input *in, struct server_config *c, struct server_network *networks, char **dir)
{
	struct in_addr address;

	server_config_init(c);
	if (cmd_value(in, "bind"))
		c->bind = cmd_value(in, "bind");
	if (inet_pton(AF_INET, c->bind, &address) != 1)
		return bad_value("bind", c->bind, "give an IPv4 address of this host");
	struct pl_error *err = parse_numbers(in, c);
	if (!err)
		err = parse_allow(in, c, networks);
	if (!err)
		err = pl_fs_expand(cmd_value(in, "dir") ? cmd_value(in, "dir") : c->dir, dir);
	c->dir = *dir;
	return err;
}

static void dry_run(struct cmd_env *env, const struct server_config *c)
{
	fprintf(env->out, "would listen for kernel dumps on %s, UDP port %u%s\n", c->bind, (unsigned)c->port,
		c->port ? "" : " (a free one)");
	fprintf(env->out, "would write them to %s%s\n", c->dir,
		pl_fs_exists(c->dir) ? "" : ", which is not there: would make it");
}

static void on_done(struct serve *s, const struct server_event *e)
{
	char line[512];

	if (!s->finished)
		s->complete = e->complete;
	s->finished = true;
	if (s->decompress && e->complete && e->gzip == SERVER_GZIP_OK && pl_ends_with(e->path, ".gz")) {
		struct pl_error *err = unpack_start(&s->unpacking, &s->out, e);
		if (!err)
			return;
		pl_log(&s->out.env->log, PL_LOG_WARN, "%s", pl_error_line(err, line, sizeof line));
		pl_error_free(err);
	}
	serve_say_done(&s->out, e, NULL, NULL);
}

static void on_event(void *arg, const struct server_event *e)
{
	struct serve *s = arg;

	if (e->kind == SERVER_DONE)
		on_done(s, e);
	else
		serve_say_event(&s->out, e);
}

static struct pl_error *loop(struct serve *s, struct server *server, const struct pl_cancel *cancel)
{
	struct pl_error *err = NULL;

	while (!err && !pl_cancelled(cancel) && !(s->once && s->finished)) {
		struct pollfd fd = {.fd = server_fd(server), .events = POLLIN};
		struct pl_wait w = {.until = server_deadline(server), .cancel = cancel};
		/* Its end is no error here: a deadline is for the server, an interruption ends the loop. */
		pl_error_free(pl_wait_poll(&w, &fd, 1));
		err = server_dispatch(server);
	}
	return err;
}

static struct pl_error *serve(
	struct cmd_env *env, const struct cmd_input *in, const struct server_config *c, int *exit_code)
{
	struct serve s = {.once = cmd_flag(in, "once"), .decompress = cmd_flag(in, "decompress")};
	struct server *server = NULL;

	/* A full disk quota must be an error of the write, which a client can be told. */
	signal(SIGXFSZ, SIG_IGN);
	serve_output_init(&s.out, env);
	struct pl_error *err = server_create(c, &env->log, on_event, &s, &server);
	if (!err) {
		serve_say_listening(&s.out, server_address(server), server_port(server));
		err = loop(&s, server, env->cancel);
	}
	bool first_complete = !s.finished || s.complete;
	if (s.once && !first_complete)
		*exit_code = 1;
	server_destroy(server);
	unpack_finish(s.unpacking);
	serve_output_deinit(&s.out);
	return err;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	static const size_t networks_size = ALLOW_MAX * sizeof(struct server_network);
	struct server_network *networks = malloc(networks_size);
	struct server_config config;
	char *dir = NULL;

	struct pl_error *err = networks ? parse(in, &config, networks, &dir) : pl_error_nomem();
	if (!err && env->dry_run)
		dry_run(env, &config);
	else if (!err)
		err = serve(env, in, &config, exit_code);
	free(dir);
	free(networks);
	return err;
}

static const struct cmd_option options[] = {
	{"bind", 'b', "ADDR", "IPv4 address to listen on (default: all of this host)"},
	{"port", 'p', "N", "UDP port (default 1069; 0 takes a free one)"},
	{"dir", 'd', "DIR", "folder for the dumps, made if absent (default: this one)"},
	{"allow", 'a', "ADDR/PREFIX", "take dumps from there only; repeat for more"},
	{"max-size", 0, "SIZE", "largest file (default 64G)"},
	{"max-sessions", 0, "N", "most dumps at a time (default 64)"},
	{"idle-timeout", 0, "TIME", "silence that ends a dump (default 120s)"},
	{"once", '1', NULL, "exit after the first dump: 0 complete, 1 incomplete"},
	{"decompress", 'z', NULL, "inflate each complete NAME.gz to NAME"},
	{0},
};

const struct cmd cmd_serve = {
	.name = "serve",
	.synopsis = "[options]",
	.summary = "the dump server alone",
	.example = "paniclab serve --bind 192.168.56.1 --port 1069 --dir ~/dumps --once --json",
	.options = options,
	.run = run,
};
