#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/text.h"
#include "tests/simlab/kernsim/kernsim.h"

static const struct command *const commands[] = {&command_core, &command_send, &command_panic};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

struct pl_error *options_read(const struct option_entry *table, int argc, char **argv, void *options)
{
	for (int i = 0; i < argc; i++) {
		const struct option_entry *o = table;
		while (o->name && strcmp(o->name, argv[i]) != 0)
			o++;
		if (!o->name)
			return pl_error_new(PL_ERR_USAGE, "unknown option '%s'", argv[i]);
		if (o->value && i + 1 == argc)
			return pl_error_new(PL_ERR_USAGE, "%s needs a %s", o->name, o->value);
		struct pl_error *e = o->set(options, o->value ? argv[++i] : NULL);
		if (e)
			return pl_error_at(e, "%s", o->name);
	}
	return NULL;
}

struct pl_error *desc_set_file(struct kernel_desc *d, const char *path)
{
	struct pl_buf b;
	pl_buf_init(&b, 1 << 16);
	struct pl_error *e = pl_fs_read(path, &b);
	if (!e)
		e = kernel_desc_parse(d, pl_buf_text(&b), path);
	pl_buf_deinit(&b);
	return e;
}

struct pl_error *desc_set_pair(struct kernel_desc *d, const char *pair)
{
	char key[32];
	const char *equals = strchr(pair, '=');
	if (!equals || (size_t)(equals - pair) >= sizeof(key))
		return pl_error_new(PL_ERR_USAGE, "'%s' is not KEY=VALUE", pair);
	memcpy(key, pair, (size_t)(equals - pair));
	key[equals - pair] = '\0';
	return kernel_desc_set(d, key, equals + 1);
}

struct pl_error *read_number(const char *what, const char *text, double max, double *ret)
{
	char *end;
	*ret = strtod(text, &end);
	if (end == text || *end || !(*ret >= 0 && *ret <= max))
		return pl_error_new(PL_ERR_USAGE, "bad %s '%s'", what, text);
	return NULL;
}

struct pl_error *read_u64(const char *what, const char *text, uint64_t max, uint64_t *ret)
{
	if (!pl_parse_u64(text, max, ret))
		return pl_error_new(PL_ERR_USAGE, "bad %s '%s'", what, text);
	return NULL;
}

static void help(void)
{
	puts("kernsim - a simulated macOS kernel that panics, for tests\n\n"
	     "usage: kernsim COMMAND [OPTION VALUE]...");
	for (size_t i = 0; i < COMMANDS; i++) {
		printf("\nkernsim %s: %s\n", commands[i]->name, commands[i]->summary);
		for (const struct option_entry *o = commands[i]->options; o->name; o++)
			printf("  %-15s %-12s %s\n", o->name, o->value ? o->value : "", o->help);
	}
	puts("\nKeys of a description: macos (\"13.6 DEVELOPMENT\", first) release build version uuid slide "
	     "model boot-args process cpus\n"
	     "panic-cpu size seed uptime identity (auto, lc-ident, kern-ver-str, main-bin-spec, none)\n"
	     "kext-summaries (yes, no) kext (\"ID VERSION UUID ADDRESS SIZE\", or none).");
}

static struct pl_error *dispatch(int argc, char **argv)
{
	if (argc < 2)
		return pl_error_new(PL_ERR_USAGE, "no command: try kernsim --help");
	for (size_t i = 0; i < COMMANDS; i++)
		if (strcmp(argv[1], commands[i]->name) == 0)
			return commands[i]->run(argc - 2, argv + 2);
	return pl_error_new(PL_ERR_USAGE, "unknown command '%s': try kernsim --help", argv[1]);
}

static bool is_help(const char *word)
{
	return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

static bool wants_help(int argc, char **argv)
{
	return (argc >= 2 && (is_help(argv[1]) || strcmp(argv[1], "help") == 0)) ||
	       (argc >= 3 && is_help(argv[2]));
}

int main(int argc, char **argv)
{
	char line[512];
	if (wants_help(argc, argv)) {
		help();
		return 0;
	}
	struct pl_error *e = dispatch(argc, argv);
	if (!e)
		return 0;
	fprintf(stderr, "kernsim: %s\n", pl_error_line(e, line, sizeof(line)));
	int code = pl_error_exit_code(e);
	pl_error_free(e);
	return code;
}
