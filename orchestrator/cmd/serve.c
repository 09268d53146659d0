#include <signal.h>

#include "base/text.h"
#include "base/wait.h"
#include "orchestrator/cmd/commands.h"
#include "orchestrator/cmd/serve_options.h"
#include "orchestrator/cmd/serve_output.h"
#include "orchestrator/cmd/serve_unpack.h"
#include "server/confine.h"
#include "server/server.h"

struct serve {
	struct serve_output out;
	bool decompress;
	bool once;
	bool finished; /* a transfer has */
	bool complete; /* and the first that did was complete */
	struct unpack *unpacking;
};

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

/* From here on it is a stranger's packets that decide what this process does. */
static struct pl_error *give_up(const struct serve_options *o, const struct pl_log *log)
{
	struct pl_error *err = o->user ? confine_become(&o->become, o->dir) : NULL;

	if (!err)
		confine_restrict(o->dir, log);
	return err;
}

static struct pl_error *serve(struct cmd_env *env, const struct serve_options *o, int *exit_code)
{
	struct serve s = {.once = o->once, .decompress = o->config.decompress};
	struct server *server = NULL;

	/* A full disk quota must be an error of the write, which a client can be told. */
	signal(SIGXFSZ, SIG_IGN);
	serve_output_init(&s.out, env);
	struct pl_error *err = serve_options_raise_files(o);
	if (!err && o->user)
		err = confine_make_dir(o->dir, &o->become);
	if (!err)
		err = server_create(&o->config, &env->log, on_event, &s, &server);
	if (!err)
		err = give_up(o, &env->log);
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
	struct serve_options o;
	struct pl_error *err = serve_options_parse(in, &o);

	if (!err && env->dry_run)
		serve_options_print(&o, env->out);
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
