#include "orchestrator/report/emit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void emit_bytes(struct emit *w, const char *text, size_t size)
{
	if (w->error == NULL)
		w->error = pl_buf_append(w->out, text, size);
}

void emit(struct emit *w, const char *text)
{
	emit_bytes(w, text, strlen(text));
}

void emit_printf(struct emit *w, const char *fmt, ...)
{
	if (w->error != NULL)
		return;
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	int length = vasprintf(&text, fmt, args);
	va_end(args);
	if (length < 0) {
		w->error = pl_error_nomem();
		return;
	}
	emit_bytes(w, text, (size_t)length);
	free(text);
}

void emit_html(struct emit *w, const char *text)
{
	while (*text != '\0') {
		size_t plain = strcspn(text, "&<>\"'");
		emit_bytes(w, text, plain);
		text += plain;
		if (*text != '\0')
			emit_printf(w, "&#%d;", *text++);
	}
}

void emit_url(struct emit *w, const char *path)
{
	static const char unreserved[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
	while (*path != '\0') {
		size_t plain = strspn(path, unreserved);
		emit_bytes(w, path, plain);
		path += plain;
		if (*path != '\0')
			emit_printf(w, "%%%02X", (unsigned char)*path++);
	}
}

static size_t longest_run_of_ticks(const char *text)
{
	size_t longest = 0;
	while (*(text += strcspn(text, "`")) != '\0') {
		size_t run = strspn(text, "`");
		longest = run > longest ? run : longest;
		text += run;
	}
	return longest;
}

static void ticks(struct emit *w, size_t count)
{
	for (size_t i = 0; i < count; i++)
		emit(w, "`");
}

void emit_code(struct emit *w, const char *text, bool in_table)
{
	size_t length = strlen(text);
	if (length == 0)
		return;
	size_t fence = longest_run_of_ticks(text) + 1;
	/* One space at each end is dropped again, so a tick or a space may stand at the edge. */
	bool pad = text[0] == '`' || text[0] == ' ' || text[length - 1] == '`' || text[length - 1] == ' ';
	ticks(w, fence);
	emit(w, pad ? " " : "");
	for (const char *p = text; *p != '\0'; p++) {
		if (in_table && *p == '|')
			emit(w, "\\");
		emit_bytes(w, p, 1);
	}
	emit(w, pad ? " " : "");
	ticks(w, fence);
}

void emit_code_block(struct emit *w, const char *text)
{
	size_t length = strlen(text);
	size_t fence = longest_run_of_ticks(text) + 1;
	fence = fence < 3 ? 3 : fence;
	ticks(w, fence);
	emit(w, "text\n");
	emit_bytes(w, text, length);
	emit(w, length > 0 && text[length - 1] == '\n' ? "" : "\n");
	ticks(w, fence);
	emit(w, "\n");
}
