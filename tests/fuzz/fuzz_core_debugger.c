/*
 * Any path in a debugger's command file, any template: what is quoted reads back, by the rules
 * of the debugger's own words, as the path, and no path makes a line of its own.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/debugger.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

/* One word in double quotes, in which a backslash takes what follows as it is. */
static void need_word(const char *p, const char *path, bool backticks)
{
	need(*p++ == '"');
	for (; *p != '"'; path++, p++) {
		need(!backticks || *p != '`');
		if (*p == '\\')
			p++;
		need(*p != '\0' && *p == *path);
	}
	need(*path == '\0' && p[1] == '\0');
}

static void quote(const char *path)
{
	struct pl_buf out;
	for (int q = DEBUGGER_QUOTE_LLDB; q <= DEBUGGER_QUOTE_RAW; q++) {
		pl_buf_init(&out, 1 << 20);
		struct pl_error *e = debugger_quote((enum debugger_quoting)q, path, &out);
		need(!e || pl_error_kind(e) == PL_ERR_USAGE);
		if (!e && q == DEBUGGER_QUOTE_RAW)
			need(strcmp(pl_buf_text(&out), path) == 0);
		else if (!e)
			need_word(pl_buf_text(&out), path, q == DEBUGGER_QUOTE_LLDB);
		need(e || !strpbrk(pl_buf_text(&out), "\n\r\t\033"));
		pl_buf_deinit(&out);
		pl_error_free(e);
	}
}

static size_t lines_of(const char *text)
{
	size_t n = 0;
	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* How many lines the real template makes of a session whose paths are all this one; 0: it refuses. */
static size_t session(enum debugger_kind kind, const char *path)
{
	char *same = strdup(path);
	need(same != NULL);
	struct debugger_kext kexts[] = {{.path = same, .dsym = same}, {.path = same}};
	struct debugger_session s = {.kind = kind,
		.core = same,
		.kernel = same,
		.kernel_dsym = same,
		.macros = same,
		.has_macros = true,
		.kexts = kexts,
		.kext_count = 2};
	struct pl_buf out;
	pl_buf_init(&out, DEBUGGER_COMMANDS_MAX);
	struct pl_error *e = debugger_commands(&s, &out);
	size_t lines = e ? 0 : lines_of(pl_buf_text(&out));
	pl_error_free(e);
	pl_buf_deinit(&out);
	free(same);
	return lines;
}

static void sessions(const char *path)
{
	for (int k = DEBUGGER_LLDB; k <= DEBUGGER_GDB; k++) {
		size_t lines = session((enum debugger_kind)k, path);
		need(lines == 0 || lines == session((enum debugger_kind)k, "/plain"));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 2);
	need(text != NULL);
	text[0] = '/';
	if (size > 0)
		memcpy(text + 1, data, size);
	text[size + 1] = '\0';
	quote(text);
	quote(text + 1);
	sessions(text);

	char core[] = "/c";
	struct debugger_session s = {.core = core};
	struct pl_buf out;
	pl_buf_init(&out, DEBUGGER_COMMANDS_MAX);
	struct pl_error *e = debugger_fill(text, &s, &out);
	need(e == NULL && lines_of(pl_buf_text(&out)) <= lines_of(text) + 1);
	pl_buf_deinit(&out);
	free(text);
	return 0;
}
