#include "orchestrator/core/debugger.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/embed.h"
#include "base/text.h"
#include "orchestrator/core/folder.h"

#define NAME_MAX_BYTES 40
#define OLDEST_LLDB 11
#define NEWEST_LLDB 40

extern const struct pl_embedded core_debugger[];

void debugger_session_deinit(struct debugger_session *s)
{
	for (size_t i = 0; i < s->kext_count; i++) {
		free(s->kexts[i].path);
		free(s->kexts[i].dsym);
	}
	free(s->kexts);
	free(s->core);
	free(s->kernel);
	free(s->kernel_dsym);
	free(s->macros);
	memset(s, 0, sizeof *s);
}

static struct pl_error *cannot_quote(const char *path, const char *why)
{
	return pl_error_hint(pl_error_at(pl_error_new(PL_ERR_USAGE,
						 "a debugger's command cannot hold this path (%s)", why),
				     "%s", path),
		"give it a plain name, or a link that has one");
}

struct pl_error *debugger_quote(enum debugger_quoting quoting, const char *path, struct pl_buf *out)
{
	/* What stays special within double quotes. In lldb a backtick starts an expression even there. */
	const char *special = quoting == DEBUGGER_QUOTE_LLDB ? "\"\\`" : "\"\\";
	size_t len = strlen(path);

	if (path[0] != '/')
		return cannot_quote(path, "not absolute");
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f)
			return cannot_quote(path, "a control character");
	if (quoting == DEBUGGER_QUOTE_RAW)
		return path[len - 1] == ' ' ? cannot_quote(path, "a blank at its end")
					    : pl_buf_append(out, path, len);
	struct pl_error *e = pl_buf_puts(out, "\"");
	for (size_t i = 0; !e && i < len; i++) {
		if (strchr(special, path[i]))
			e = pl_buf_puts(out, "\\");
		if (!e)
			e = pl_buf_append(out, &path[i], 1);
	}
	return e ? e : pl_buf_puts(out, "\"");
}

/* What a name stands for. */
struct value {
	bool there;
	bool of_kext; /* the line is for each kext */
	const char *path;
	bool raw; /* gdb takes it without quotes */
	bool hex;
	bool decimal;
	uint64_t number;
};

static struct value path_value(const char *path, bool there)
{
	return (struct value){.there = there && path, .path = path};
}

static struct value raw_value(const char *path)
{
	return (struct value){.there = path, .path = path, .raw = true};
}

static struct value find_kext_value(const struct debugger_kext *x, const char *name)
{
	struct value v = {0};

	if (!x)
		v.there = false;
	else if (strcmp(name, "kext") == 0)
		v = path_value(x->path, true);
	else if (strcmp(name, "kext_dsym") == 0)
		v = path_value(x->dsym, true);
	else if (strcmp(name, "kext_without_dsym") == 0)
		v = path_value(x->path, !x->dsym);
	else if (strcmp(name, "kext_slide") == 0)
		v = (struct value){.there = true, .hex = true, .number = x->slide};
	else if (strcmp(name, "kext_code") == 0)
		v = (struct value){.there = true, .hex = true, .number = x->code};
	v.of_kext = true;
	return v;
}

static struct value find_value(
	const struct debugger_session *s, const struct debugger_kext *x, const char *name)
{
	bool lldb = s->kind == DEBUGGER_LLDB;

	if (strncmp(name, "kext", 4) == 0)
		return find_kext_value(x, name);
	if (strcmp(name, "core") == 0)
		return lldb ? path_value(s->core, true) : raw_value(s->core);
	if (strcmp(name, "core_without_kernel") == 0)
		return path_value(s->core, !s->kernel);
	if (strcmp(name, "kernel") == 0)
		return path_value(s->kernel, true);
	if (strcmp(name, "kernel_dsym") == 0)
		return path_value(s->kernel_dsym, s->kernel);
	if (strcmp(name, "kernel_without_dsym") == 0)
		return path_value(s->kernel, !s->kernel_dsym);
	if (strcmp(name, "thread") == 0)
		return (struct value){.there = s->thread > 1, .decimal = true, .number = s->thread};
	if (strcmp(name, "macros") == 0)
		return lldb ? (struct value){.there = s->has_macros} : raw_value(s->macros);
	return (struct value){
		.there = strcmp(name, "has_macros") == 0 && (lldb ? s->has_macros : s->macros != NULL)};
}

static struct pl_error *put_value(const struct debugger_session *s, const struct value *v, struct pl_buf *out)
{
	if (v->hex)
		return pl_buf_printf(out, "0x%" PRIx64, v->number);
	if (v->decimal)
		return pl_buf_printf(out, "%" PRIu64, v->number);
	if (!v->path)
		return NULL;
	return debugger_quote(s->kind == DEBUGGER_LLDB ? DEBUGGER_QUOTE_LLDB
			      : v->raw                 ? DEBUGGER_QUOTE_RAW
						       : DEBUGGER_QUOTE_GDB,
		v->path, out);
}

/* The next {{name}} in a line of len bytes; false when there is none. */
static bool next_name(const char *line, size_t len, size_t *at, size_t *end, char name[static NAME_MAX_BYTES])
{
	const char *open = memmem(line, len, "{{", 2);
	const char *close = open ? memmem(open, len - (size_t)(open - line), "}}", 2) : NULL;

	if (!close || close - open - 2 >= NAME_MAX_BYTES)
		return false;
	size_t n = (size_t)(close - open) - 2;
	memcpy(name, open + 2, n);
	name[n] = '\0';
	*at = (size_t)(open - line);
	*end = *at + n + 4;
	return true;
}

/* A line with what it stands for. *there: all names have a value; *of_kext: one is a kext's. */
static struct pl_error *fill_line(const struct debugger_session *s, const struct debugger_kext *x,
	const char *line, size_t len, struct pl_buf *out, bool *there, bool *of_kext)
{
	char name[NAME_MAX_BYTES];
	struct pl_error *e = NULL;
	size_t at, end;

	*there = true;
	while (!e && *there && next_name(line, len, &at, &end, name)) {
		struct value v = find_value(s, x, name);
		*of_kext = *of_kext || v.of_kext;
		*there = v.there;
		e = pl_buf_append(out, line, at);
		if (!e && v.there)
			e = put_value(s, &v, out);
		line += end;
		len -= end;
	}
	return e ? e : pl_buf_append(out, line, len);
}

/* Nothing of the line when a value is missing. */
static struct pl_error *put_line(const struct debugger_session *s, const struct debugger_kext *x,
	const char *line, size_t len, struct pl_buf *out, bool *of_kext)
{
	struct pl_buf filled;
	bool there;

	pl_buf_init(&filled, DEBUGGER_COMMANDS_MAX);
	struct pl_error *e = fill_line(s, x, line, len, &filled, &there, of_kext);
	if (!e && there)
		e = pl_buf_printf(out, "%s\n", pl_buf_text(&filled));
	pl_buf_deinit(&filled);
	return e;
}

struct pl_error *debugger_fill(const char *template, const struct debugger_session *s, struct pl_buf *out)
{
	struct pl_error *e = NULL;

	while (!e && *template) {
		size_t len = strcspn(template, "\n");
		bool of_kext = false;
		e = put_line(s, NULL, template, len, out, &of_kext);
		for (size_t i = 0; !e && of_kext && i < s->kext_count; i++)
			e = put_line(s, &s->kexts[i], template, len, out, &of_kext);
		template += len + (template[len] == '\n');
	}
	return e;
}

struct pl_error *debugger_commands(const struct debugger_session *s, struct pl_buf *out)
{
	const struct pl_embedded *t =
		pl_embedded_find(core_debugger, s->kind == DEBUGGER_LLDB ? "core.lldb" : "core.gdb");

	return t ? debugger_fill(t->data, s, out) : pl_error_new(PL_ERR_LAB, "the template is missing");
}

const char *debugger_name(enum debugger_kind kind)
{
	return kind == DEBUGGER_LLDB ? "lldb" : "gdb";
}

bool debugger_kind_parse(const char *name, enum debugger_kind *ret)
{
	*ret = strcmp(name, "gdb") == 0 ? DEBUGGER_GDB : DEBUGGER_LLDB;
	return strcmp(name, debugger_name(*ret)) == 0;
}

/* A program of that name in PATH, malloc'd, or NULL. */
static struct pl_error *find_program(const char *name, char **ret)
{
	const char *path = getenv("PATH");
	struct pl_error *e = NULL;

	*ret = NULL;
	while (!e && path && *path) {
		size_t len = strcspn(path, ":");
		if (len > 0) {
			e = pl_asprintf(ret, "%.*s/%s", (int)len, path, name);
			if (!e && folder_has_file(*ret) && access(*ret, X_OK) == 0)
				return NULL;
			free(*ret);
			*ret = NULL;
		}
		path += len + (path[len] == ':');
	}
	return e;
}

struct pl_error *debugger_find(enum debugger_kind kind, char **ret)
{
	struct pl_error *e = find_program(debugger_name(kind), ret);

	for (int n = NEWEST_LLDB; !e && !*ret && kind == DEBUGGER_LLDB && n >= OLDEST_LLDB; n--) {
		char name[16];
		snprintf(name, sizeof name, "lldb-%d", n);
		e = find_program(name, ret);
	}
	return e;
}
