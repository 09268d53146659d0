#include "orchestrator/core/debugger_batch.h"

#include <stdio.h>
#include <string.h>

#include "base/proc.h"
#include "orchestrator/core/debugger.h"
#include "orchestrator/core/debugger_output.h"

/* The last line with an error in it, else the last one. */
static void last_words(const struct pl_buf *output, char *out, size_t size)
{
	const char *pick = "nothing", *error = NULL;
	size_t pick_len = strlen(pick), error_len = 0;

	for (const char *line = pl_buf_text(output); *line; line += strcspn(line, "\n")) {
		line += strspn(line, "\n");
		size_t len = strcspn(line, "\n");
		if (len == 0)
			break;
		pick = line;
		pick_len = len;
		if (strncmp(line, "error:", 6) == 0) {
			error = line;
			error_len = len;
		}
	}
	snprintf(out, size, "%.*s", (int)(error ? error_len : pick_len), error ? error : pick);
}

static struct pl_error *no_frames(const char *program, const struct pl_buf *output)
{
	char said[300];

	last_words(output, said, sizeof said);
	return pl_error_why(
		pl_error_at(pl_error_new(PL_ERR_DATA, "no backtrace"), "%s", program), "it said: %s", said);
}

struct pl_error *debugger_batch(const char *program, const char *commands, const struct pl_wait *w,
	struct pl_buf *output, json_t **backtrace)
{
	struct pl_proc_result r;
	struct pl_buf source;
	json_t *frames = NULL;

	*backtrace = NULL;
	pl_buf_init(&source, 65536);
	struct pl_error *e = pl_buf_puts(&source, "command source -e 0 ");
	if (!e)
		e = debugger_quote(DEBUGGER_QUOTE_LLDB, commands, &source);
	if (e) {
		pl_buf_deinit(&source);
		return e;
	}
	/* Not the user's .lldbinit: it may ask, print, or take its time. */
	const char *argv[] = {
		program, "--batch", "--no-lldbinit", "--no-use-colors", "-o", pl_buf_text(&source), NULL};
	struct pl_proc_spec spec = {.argv = argv, .output_max = DEBUGGER_OUTPUT_MAX / 2};
	e = pl_proc_run(&spec, w, &r);
	pl_buf_append_capped(output, pl_buf_text(&r.out), r.out.size);
	pl_buf_append_capped(output, pl_buf_text(&r.err), r.err.size);
	struct pl_error *bad = debugger_read_backtrace(pl_buf_text(&r.out), r.out.size, &frames);
	pl_proc_result_deinit(&r);
	pl_buf_deinit(&source);
	if (!bad && json_array_size(frames) > 0 && (!e || pl_error_kind(e) == PL_ERR_TIMEOUT)) {
		pl_error_free(e);
		*backtrace = frames;
		return NULL;
	}
	json_decref(frames);
	pl_error_keep_first(&e, bad);
	return e ? e : no_frames(program, output);
}
