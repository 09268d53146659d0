#include <signal.h>

#include "base/wait.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/cmd/serve_check.h"
#include "orchestrator/cmd/serve_options.h"
#include "orchestrator/cmd/serve_output.h"
#include "orchestrator/core/core_identity.h"
#include "server/confine.h"
#include "server/server.h"
#include "server/udp.h"

struct serve {
	struct serve_output out;
	bool once;
	bool finished; /* a transfer has */
	bool complete; /* and the first that did was complete */
};

static void on_event(void *arg, const struct server_event *e)
{
	struct serve *s = arg;

	serve_say(&s->out, e);
	if (e->kind != SERVER_DONE)
		return;
	if (!s->finished)
		s->complete = e->complete;
	s->finished = true;
}

static bool identify(void *arg, int core_fd, char uuid[static 37])
{
	(void)arg;
	return core_kernel_uuid(core_fd, uuid);
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

/* Root, once the socket is bound; what is in the folder is then that user's affair. */
static struct pl_error *become_user(struct serve_options *o)
{
	struct server_config *c = &o->config;
	struct pl_error *err = NULL;

	if (!o->user)
		return NULL;
	err = confine_make_dir(o->dir, &o->become);
	if (!err && c->socket < 0)
		err = udp_bind(c->bind, c->port, c->max_sessions, &c->socket);
	return err ? err : confine_become(&o->become, o->dir);
}

/* From here on it is a stranger's packets that decide what this process does. */
static void confine(const struct serve_options *o, const struct pl_log *log)
{
	pl_log_error(log, serve_service_ready());
	confine_restrict(o->dir, log);
}

static struct pl_error *serve(struct cmd_env *env, struct serve_options *o, int *exit_code)
{
	struct serve s = {.once = o->once};
	struct server *server = NULL;

	/* A full disk quota must be an error of the write, which a client can be told. */
	signal(SIGXFSZ, SIG_IGN);
	serve_output_init(&s.out, env);
	o->config.identify = identify;
	struct pl_error *err = serve_options_raise_files(o);
	if (!err)
		err = become_user(o);
	if (!err)
		err = server_create(&o->config, &env->log, on_event, &s, &server);
	if (!err) {
		serve_check_room(&o->config, &env->log);
		confine(o, &env->log);
		serve_say_listening(&s.out, server_address(server), server_port(server));
		err = loop(&s, server, env->cancel);
	}
	bool first_complete = !s.finished || s.complete;
	if (s.once && !first_complete)
		*exit_code = 1;
	server_destroy(server);
	return err;
}

static struct pl_error *dry_run(const struct cmd_env *env, const struct serve_options *o)
{
	struct pl_error *err = serve_check(o);

	if (err)
		return err;
	serve_check_room(&o->config, &env->log);
	if (env->json)
		return serve_options_print_json(o, env->out);
	serve_options_print(o, env->out);
	return NULL;
}

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	struct serve_options o;
	struct serve_socket given;
	struct pl_error *err = serve_service_socket(&given);

	if (err)
		return err;
	err = serve_options_parse(in, &given, &o);
	if (!err && env->dry_run)
		err = dry_run(env, &o);
	else if (!err)
		err = serve(env, &o, exit_code);
	serve_options_deinit(&o);
	return err;
}

const struct cmd cmd_serve = {
	.name = "serve",
	.synopsis = "[options]",
	.summary = "the dump server alone",
	.example = "paniclab serve --bind vmnet8 --port 1069 --dir ~/dumps --once --json",
	.options = serve_options_table,
	.run = run,
};
