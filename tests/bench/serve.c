#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/wait.h"
#include "tests/bench/child.h"
#include "tests/bench/os.h"

#define START_TIME (30 * PL_SECOND)
#define DONE_TIME (300 * PL_SECOND)
#define STOP_TIME (60 * PL_SECOND)
#define LOOK_EVERY (1 * PL_MS)
#define ARGV_MAX (16 + SERVE_OPTIONS_MAX)

static void be_serve(const struct serve *s, const char *const *argv, int core)
{
	int events = open(s->events, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int log = open(s->log, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	int null = open("/dev/null", O_RDONLY);
	if (events < 0 || log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(events, 1) < 0 || dup2(log, 2) < 0)
		_exit(126);
	close(events);
	close(log);
	close(null);
	(void)os_pin(core);
	execv(argv[0], (char *const *)(uintptr_t)argv);
	_exit(127);
}

/* With the last line that it wrote to standard error. */
static struct pl_error *ended(const struct serve *s, int status)
{
	char line[512] = "";
	FILE *f = fopen(s->log, "re");
	while (f && fgets(line, sizeof(line), f))
		continue;
	if (f)
		(void)fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return pl_error_why(
		pl_error_new(PL_ERR_LAB, "it ended with %s %d", WIFEXITED(status) ? "exit code" : "signal",
			WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status)),
		"%s", line[0] ? line : "it said nothing");
}

static struct pl_error *look_for_port(struct serve *s)
{
	struct pl_wait w = pl_wait_for(START_TIME, NULL);
	json_t *listening = NULL;
	struct pl_error *e = NULL;
	int status = 0;
	while (!e && !(listening = serve_event(s, "listening"))) {
		e = pl_wait_sleep(&w, LOOK_EVERY);
		if (!e && waitpid(s->pid, &status, WNOHANG) == s->pid) {
			s->pid = 0;
			e = ended(s, status);
		}
	}
	s->address = (struct sockaddr_in){.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)json_integer_value(json_object_get(listening, "port")))};
	json_decref(listening);
	return pl_error_context(e, "paniclab serve");
}

struct pl_error *serve_start(struct serve *s, const struct bench *b, const char *const *options, int core)
{
	pid_t parent = getpid();
	memset(s, 0, sizeof(*s));
	snprintf(s->dir, sizeof(s->dir), "%s/dumps", b->dir);
	snprintf(s->events, sizeof(s->events), "%s/events", b->dir);
	snprintf(s->log, sizeof(s->log), "%s/log", b->dir);
	const char *argv[ARGV_MAX] = {
		b->paniclab, "serve", "--port", "0", "--bind", "127.0.0.1", "--dir", s->dir, "--json"};
	size_t used = 9;
	if (bench_serve_has(b, "--max-rate")) {
		argv[used++] = "--max-rate";
		argv[used++] = "0";
	}
	for (; options && *options; options++)
		argv[used++] = *options;
	struct pl_error *e = pl_fs_mkdirs(s->dir);
	if (e)
		return e;
	(void)unlink(s->events);
	(void)fflush(NULL);
	s->pid = fork();
	if (s->pid < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot fork");
	if (s->pid == 0) {
		os_die_with(parent);
		be_serve(s, argv, core);
	}
	return look_for_port(s);
}

/* Calls take for each whole line of the events; it stops when take says false. */
static void each_event(const struct serve *s, bool (*take)(void *arg, json_t *event), void *arg)
{
	char line[4096];
	bool more = true;
	FILE *f = fopen(s->events, "re");
	while (f && more && fgets(line, sizeof(line), f)) {
		json_t *event = strchr(line, '\n') ? json_loads(line, 0, NULL) : NULL;
		if (event)
			more = take(arg, event);
		json_decref(event);
	}
	if (f)
		(void)fclose(f);
}

static bool is(const json_t *event, const char *key, const char *value)
{
	const char *found = json_string_value(json_object_get(event, key));
	return found && strcmp(found, value) == 0;
}

struct search {
	const char *kind;
	json_t *found;
};

static bool keep_last(void *arg, json_t *event)
{
	struct search *s = arg;
	if (is(event, "event", s->kind)) {
		json_decref(s->found);
		s->found = json_incref(event);
	}
	return true;
}

json_t *serve_event(const struct serve *s, const char *event)
{
	struct search search = {.kind = event};
	each_event(s, keep_last, &search);
	return search.found;
}

struct tally {
	unsigned done;
	char bad[256]; /* why one is not complete */
};

static bool count_done(void *arg, json_t *event)
{
	struct tally *t = arg;
	const char *reason = json_string_value(json_object_get(event, "reason"));
	if (!is(event, "event", "done"))
		return true;
	t->done++;
	if (!is(event, "status", "complete"))
		snprintf(t->bad, sizeof(t->bad), "%s", reason ? reason : "unknown");
	return t->bad[0] == '\0';
}

struct pl_error *serve_wait_done(const struct serve *s, unsigned count)
{
	struct pl_wait w = pl_wait_for(DONE_TIME, NULL);
	struct tally t = {0};
	off_t seen = -1;
	for (;;) {
		struct stat st;
		if (stat(s->events, &st) == 0 && st.st_size != seen) {
			seen = st.st_size;
			t = (struct tally){0};
			each_event(s, count_done, &t);
		}
		if (t.bad[0])
			return pl_error_why(
				pl_error_new(PL_ERR_CAPTURE, "a dump is not complete"), "%s", t.bad);
		if (t.done >= count)
			return NULL;
		struct pl_error *e = pl_wait_sleep(&w, LOOK_EVERY);
		if (e)
			return pl_error_context(e, "waiting for %u dumps, %u are done", count, t.done);
	}
}

struct pl_error *serve_clear(const struct serve *s)
{
	DIR *d = opendir(s->dir);
	const struct dirent *entry = NULL;
	struct pl_error *e = NULL;
	if (!d)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot read %s", s->dir);
	while (!e && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && unlinkat(dirfd(d), entry->d_name, 0) < 0)
			e = pl_error_errno(PL_ERR_LAB, errno, "cannot remove %s/%s", s->dir, entry->d_name);
	(void)closedir(d);
	return e;
}

static struct pl_error *wait_for_end(struct serve *s)
{
	struct pl_wait w = pl_wait_for(STOP_TIME, NULL);
	int status = 0;
	struct pl_error *e = NULL;
	while (waitpid(s->pid, &status, WNOHANG) != s->pid) {
		e = pl_wait_sleep(&w, LOOK_EVERY);
		if (!e)
			continue;
		(void)kill(s->pid, SIGKILL);
		(void)waitpid(s->pid, &status, 0);
		break;
	}
	s->pid = 0;
	if (!e && !(WIFEXITED(status) && WEXITSTATUS(status) == 0))
		e = ended(s, status);
	return pl_error_context(e, "stopping paniclab serve");
}

struct pl_error *serve_stop(struct serve *s)
{
	struct pl_error *e = NULL;
	if (s->pid > 0) {
		(void)kill(s->pid, SIGTERM);
		e = wait_for_end(s);
	}
	if (s->dir[0])
		pl_error_keep_first(&e, pl_fs_remove_tree(s->dir));
	(void)unlink(s->events);
	(void)unlink(s->log);
	return e;
}
