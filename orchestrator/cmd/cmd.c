#include "orchestrator/cmd/cmd.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/text.h"
#include "orchestrator/cmd/options.h"

enum { HELP_MAX = 65536, LINE_MAX_BYTES = 4096 };

/*
 * The one mutable file-scope object: a signal handler can be told nothing, so
 * it has to find the token here.
 */
static struct pl_cancel *signal_target;

static void on_signal(int number)
{
	(void)number;
	if (signal_target != NULL)
		pl_cancel_set(signal_target);
}

static void catch_signals(struct pl_cancel *cancel)
{
	static const int stop[] = {SIGINT, SIGTERM, SIGHUP};
	struct sigaction action = {.sa_handler = on_signal};
	sigemptyset(&action.sa_mask);
	signal_target = cancel;
	for (size_t i = 0; i < sizeof stop / sizeof *stop; i++) {
		struct sigaction before;
		/* nohup's wish to ignore SIGHUP stands. */
		if (sigaction(stop[i], NULL, &before) == 0 && before.sa_handler == SIG_IGN)
			continue;
		sigaction(stop[i], &action, NULL);
	}
	/* A peer that hangs up is an error of the write, not the end of us. */
	action.sa_handler = SIG_IGN;
	sigaction(SIGPIPE, &action, NULL);
	/* Likewise a file that reaches the user's size limit. */
	sigaction(SIGXFSZ, &action, NULL);
}

static void write_log(void *arg, enum pl_log_level level, const char *message)
{
	const struct cmd_env *env = arg;
	const char *prefix = level == PL_LOG_WARN ? "warning: " : "";
	/* \r and erase-line: a live progress line may stand there. */
	fprintf(env->err, "%spaniclab: %s%s\n", env->terminal ? "\r\033[K" : "", prefix, message);
	fflush(env->err);
}

static struct pl_error *default_state(char **ret)
{
	const char *xdg = getenv("XDG_STATE_HOME");
	if (xdg != NULL && xdg[0] == '/')
		return pl_asprintf(ret, "%s/paniclab", xdg);
	const char *home = getenv("HOME");
	if (home == NULL || home[0] != '/')
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "no state folder: HOME is not set"), "give --state DIR");
	return pl_asprintf(ret, "%s/.local/state/paniclab", home);
}

static struct pl_error *set_state(struct cmd_env *env, const char *given)
{
	if (given == NULL)
		return default_state(&env->state);
	/* A script's empty variable must not make the current folder the state. */
	if (given[0] == '\0')
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--state is empty"), "name a folder");
	if (given[0] == '/')
		return pl_strdup(given, &env->state);
	char here[4096];
	if (getcwd(here, sizeof here) == NULL)
		return pl_error_new(PL_ERR_LAB, "the current folder is gone");
	return pl_asprintf(&env->state, "%s/%s", here, given);
}

static struct pl_error *set_color(struct cmd_env *env, const char *when)
{
	const char *none = getenv("NO_COLOR");
	env->color = isatty(fileno(env->out)) && (none == NULL || none[0] == '\0');
	if (when == NULL || strcmp(when, "auto") == 0)
		return NULL;
	if (strcmp(when, "always") != 0 && strcmp(when, "never") != 0)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "--color cannot be '%s'", when),
			"use auto, always or never");
	env->color = when[0] == 'a';
	return NULL;
}

static struct pl_error *fill_env(const struct cmd *cmd, struct cmd_env *env, const struct cmd_input *in)
{
	env->json = cmd_flag(in, "json");
	env->quiet = cmd_flag(in, "quiet");
	env->dry_run = cmd_flag(in, "dry-run");
	while (cmd_nth(in, "verbose", (size_t)env->verbose) != NULL)
		env->verbose++;
	env->terminal = isatty(fileno(env->err)) && !env->quiet;
	enum pl_log_level level = env->quiet ? PL_LOG_WARN : PL_LOG_INFO;
	if (env->verbose > 0)
		level = env->verbose > 1 ? PL_LOG_TRACE : PL_LOG_DEBUG;
	env->log = (struct pl_log){.write = write_log, .arg = env, .level = level};
	struct pl_error *e = set_color(env, cmd_value(in, "color"));
	return e != NULL || !cmd->uses_state ? e : set_state(env, cmd_value(in, "state"));
}

static int complain(const struct cmd_env *env, struct pl_error *e, const char *command)
{
	char line[LINE_MAX_BYTES];
	int code = pl_error_exit_code(e);
	fprintf(env->err, "%spaniclab: %s%s%s\n", env->terminal ? "\r\033[K" : "",
		pl_error_place(e) == NULL && pl_error_chain(e) == NULL ? command : "",
		pl_error_place(e) == NULL && pl_error_chain(e) == NULL ? ": " : "",
		pl_error_line(e, line, sizeof line));
	if (env->verbose > 0 && pl_error_chain(e) != NULL)
		fprintf(env->err, "paniclab: while %s\n", pl_error_chain(e));
	pl_error_free(e);
	return code;
}

static int print_help(const struct cmd *cmd, struct cmd_env *env)
{
	struct pl_buf text;
	pl_buf_init(&text, HELP_MAX);
	struct pl_error *e = cmd_help(cmd, &text);
	if (e == NULL)
		fputs(pl_buf_text(&text), env->out);
	pl_buf_deinit(&text);
	return e == NULL ? 0 : complain(env, e, cmd->name);
}

/* `| head` has seen enough: nothing to complain of. */
static bool reader_left(FILE *f)
{
	struct pollfd pipe = {.fd = fileno(f), .events = POLLOUT};

	return poll(&pipe, 1, 0) == 1 && pipe.revents & (POLLERR | POLLHUP); /* the latter on a Mac */
}

static int run_command(const struct cmd *cmd, struct cmd_env *env, int argc, char **argv)
{
	struct cmd_input in;
	int code = 0;
	struct pl_error *e = cmd_parse(cmd, argc, argv, &in);
	if (e == NULL && cmd_flag(&in, "help")) {
		code = print_help(cmd, env);
	} else {
		if (e == NULL)
			e = fill_env(cmd, env, &in);
		if (e == NULL)
			e = cmd->run(env, &in, &code);
		if (e != NULL)
			code = complain(env, e, cmd->name);
	}
	/* Results that did not reach their reader were not given. */
	if ((fflush(env->out) != 0 || ferror(env->out)) && code == 0) {
		if (!reader_left(env->out))
			fputs("paniclab: standard output: cannot be written: is the disk full?\n", env->err);
		code = 3;
	}
	cmd_input_deinit(&in);
	free(env->state);
	return code;
}

static void overview(const struct cmd *const *commands, FILE *f)
{
	fputs("usage: paniclab COMMAND [options] [arguments]\n\n"
	      "Makes a macOS guest in VMware Fusion panic, catches the kernel core, says why it\n"
	      "panicked, and puts everything back.\n\ncommands:\n",
		f);
	for (; *commands != NULL; commands++)
		fprintf(f, "  %-11s %s\n", (*commands)->name, (*commands)->summary);
	fputs("\n`paniclab COMMAND --help` says more. Example:\n"
	      "  paniclab init && paniclab run lab.yaml scenario.yaml\n",
		f);
}

static int no_such_command(const struct cmd *const *commands, const char *word)
{
	if (word[0] == '-') {
		char option[100];
		fprintf(stderr,
			"paniclab: no command before %s: options follow the command; paniclab --help lists "
			"both\n",
			pl_escape_str(word, option, sizeof option));
		return 2;
	}
	const char *names[64];
	size_t n = 0;
	for (; commands[n] != NULL && n < 64; n++)
		names[n] = commands[n]->name;
	char shown[100];
	const char *nearest = pl_nearest(word, names, n);
	fprintf(stderr, "paniclab: no command '%s': ", pl_escape_str(word, shown, sizeof shown));
	if (nearest != NULL)
		fprintf(stderr, "did you mean '%s'?\n", nearest);
	else
		fputs("paniclab --help lists them\n", stderr);
	return 2;
}

static const struct cmd *find_command(const struct cmd *const *commands, const char *word)
{
	if (strcmp(word, "--version") == 0)
		word = "version";
	while (*commands != NULL && strcmp((*commands)->name, word) != 0)
		commands++;
	return *commands;
}

static bool asks_for_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

struct pl_error *cmd_print_json(const struct cmd_env *env, const json_t *doc)
{
	if (doc == NULL || (json_dumpf(doc, env->out, JSON_INDENT(2)) != 0 && !ferror(env->out)))
		return pl_error_nomem();
	fputc('\n', env->out);
	return NULL;
}

int cmd_main(const struct cmd *const *commands, int argc, char **argv)
{
	if (argc < 2) {
		overview(commands, stderr);
		return 2;
	}
	const char *word = argv[1];
	bool help = asks_for_help(word);
	if (help && argc == 2) {
		overview(commands, stdout);
		return 0;
	}
	if (help)
		word = argv[2];
	const struct cmd *found = find_command(commands, word);
	if (found == NULL)
		return no_such_command(commands, word);
	struct pl_cancel cancel;
	struct cmd_env env = {.out = stdout, .err = stderr, .cancel = &cancel};
	struct pl_error *e = pl_cancel_init(&cancel);
	if (e != NULL)
		return complain(&env, e, word);
	catch_signals(&cancel);
	int code = help ? print_help(found, &env) : run_command(found, &env, argc - 2, argv + 2);
	signal_target = NULL;
	pl_cancel_deinit(&cancel);
	return code;
}
