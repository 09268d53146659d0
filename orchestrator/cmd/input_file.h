/*
 * A command's file argument, where "-" is standard input: that is read to its end into an unnamed
 * file below $TMPDIR (else /tmp) first, as files are read in no order.
 */
#ifndef CMD_INPUT_FILE_H
#define CMD_INPUT_FILE_H

#include <stdbool.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/image_source.h"

struct input_file {
	const char *path; /* opens the file: the argument, or own */
	const char *name; /* for people: the argument, or "standard input" */
	char own[32];
	bool is_stdin;
	struct image_source spool;
};

/** arg may be NULL: then path is. *ret is fit for input_file_close() on errors too, and must not move. */
struct pl_error *input_file_open(
	const char *arg, const struct pl_wait *w, struct input_file *ret) PL_MUST_USE;
void input_file_close(struct input_file *f);

#endif
