/*
 * bench BUILD DIR [--quick] [--json FILE] [--only PART]: how fast the dump
 * server is, beside what is possible. See run.sh.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/proc.h"
#include "base/wait.h"
#include "tests/bench/bench.h"
#include "tests/bench/os.h"

#define TOTAL (UINT64_C(256) << 20)
#define TOTAL_QUICK (UINT64_C(16) << 20)
#define ROUNDS 5
#define HELP_TIME (10 * PL_SECOND)

struct part {
	const char *name;
	const char *title;
	struct pl_error *(*run)(const struct bench *b, json_t *ret);
};

static const struct part parts[] = {
	{"pairs", "receiving, beside an echo", bench_pairs},
	{"calls", "system calls of the server, packets of 1412 bytes", bench_calls},
	{"thousand", "a thousand guests at once", bench_thousand},
	{"loss", "networks that lose packets, a guest that pauses", bench_loss},
	{"cores", "guest and server on two cores", bench_cores},
	{"ready", "how soon a core can be debugged", bench_ready},
	{"unpack", "unpacking a core", bench_unpack},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a;
	double y = *(const double *)b;
	return (x > y) - (x < y);
}

double bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), compare);
	return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

bool bench_serve_has(const struct bench *b, const char *option)
{
	size_t n = strlen(option);
	for (const char *at = b->help; (at = strstr(at, option)); at += n)
		if (at[n] == ' ' || at[n] == '\n')
			return true;
	return false;
}

struct arguments {
	const char *build;
	const char *dir;
	const char *json;
	const char *only;
	bool quick;
};

static bool read_arguments(int argc, char **argv, struct arguments *a)
{
	const char **next[] = {&a->build, &a->dir};
	size_t used = 0;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--quick") == 0)
			a->quick = true;
		else if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
			a->json = argv[++i];
		else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc)
			a->only = argv[++i];
		else if (argv[i][0] != '-' && used < 2)
			*next[used++] = argv[i];
		else
			return false;
	}
	return used == 2;
}

static struct pl_error *read_help(struct bench *b)
{
	const char *argv[] = {b->paniclab, "serve", "--help", NULL};
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_proc_result r;
	struct pl_wait w = pl_wait_for(HELP_TIME, NULL);
	struct pl_error *e = pl_proc_run(&spec, &w, &r);
	if (!e && !(b->help = strndup((const char *)r.out.data, r.out.size)))
		e = pl_error_nomem();
	pl_proc_result_deinit(&r);
	return e;
}

static struct pl_error *init(struct bench *b, const struct arguments *a)
{
	memset(b, 0, sizeof(*b));
	snprintf(b->paniclab, sizeof(b->paniclab), "%s/paniclab", a->build);
	snprintf(b->kernsim, sizeof(b->kernsim), "%s/kernsim", a->build);
	b->dir = a->dir;
	b->quick = a->quick;
	b->rounds = a->quick ? 1 : ROUNDS;
	b->total = a->quick ? TOTAL_QUICK : TOTAL;
	b->core = os_core(0);
	b->other_core = os_core(1);
	struct pl_error *e = read_help(b);
	return e ? e : content_random(&b->content);
}

static json_t *about_machine(const struct bench *b)
{
	struct utsname u = {0};
	char now[32];
	pl_timestamp(now);
	(void)uname(&u);
	return json_pack("{s:s, s:s, s:s, s:I, s:b, s:s}", "system", u.sysname, "release", u.release,
		"machine", u.machine, "cores", (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "quick", b->quick,
		"at", now);
}

static struct pl_error *run_part(const struct part *p, const struct bench *b, json_t *all)
{
	json_t *o = json_object();
	printf("== %s: %s\n", p->name, p->title);
	(void)fflush(stdout);
	struct pl_error *e = pl_error_context(p->run(b, o), "%s", p->name);
	printf("\n");
	(void)fflush(stdout);
	(void)json_object_set_new(all, p->name, o);
	return e;
}

static struct pl_error *save(const char *path, json_t *all)
{
	char *text = json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(6));
	if (!text)
		return pl_error_nomem();
	struct pl_error *e = pl_fs_write(path, text, strlen(text), 0644);
	free(text);
	return e;
}

/* What run.sh has measured before. */
/* What the parts that are shell scripts have left. */
static void add_scripts(const struct bench *b, json_t *all)
{
	static const char *const names[] = {"inflate", "extract"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		char path[1024];
		snprintf(path, sizeof(path), "%s/%s.json", b->dir, names[i]);
		json_t *o = json_load_file(path, 0, NULL);
		if (o)
			(void)json_object_set_new(all, names[i], o);
	}
}

static struct pl_error *run(const struct bench *b, const struct arguments *a)
{
	bool known = false;
	struct pl_error *first = NULL;
	json_t *all = json_object();
	(void)json_object_set_new(all, "machine", about_machine(b));
	add_scripts(b, all);
	for (size_t i = 0; i < PARTS; i++) {
		char line[512];
		if (a->only && strcmp(a->only, parts[i].name) != 0)
			continue;
		known = true;
		struct pl_error *e = run_part(&parts[i], b, all);
		if (e) /* the others are still worth having */
			fprintf(stderr, "bench: %s: %s\n", parts[i].name,
				pl_error_line(e, line, sizeof(line)));
		pl_error_keep_first(&first, e);
	}
	if (!known)
		first = pl_error_new(PL_ERR_USAGE, "there is no part '%s'", a->only);
	if (a->json && known)
		pl_error_keep_first(&first, save(a->json, all));
	json_decref(all);
	return first;
}

int main(int argc, char **argv)
{
	struct arguments a = {0};
	struct bench b = {0};
	char line[512];
	if (!read_arguments(argc, argv, &a)) {
		fprintf(stderr, "usage: bench BUILD DIR [--quick] [--json FILE] [--only PART]\n");
		return 2;
	}
	struct pl_error *e = init(&b, &a);
	if (!e)
		e = run(&b, &a);
	if (e)
		fprintf(stderr, "bench: %s\n", pl_error_line(e, line, sizeof(line)));
	int code = pl_error_exit_code(e);
	pl_error_free(e);
	content_deinit(&b.content);
	free(b.help);
	return code;
}
