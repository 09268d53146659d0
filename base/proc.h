/*
 * Child processes: an argv array, a deadline, capped output; killed with their
 * whole process group when the wait is over. Never a shell.
 */
#ifndef PL_BASE_PROC_H
#define PL_BASE_PROC_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/wait.h"

struct pl_proc_result {
	struct pl_buf out; /* what fits; the rest is read and dropped */
	struct pl_buf err;
	bool out_cut;
	bool err_cut;
	int status; /* exit status, or -1 if a signal ended it */
	int signal; /* 0 or the signal */
};

struct pl_proc_spec {
	const char *const *argv; /* NULL-terminated; argv[0] is looked up in PATH */
	const char *const *env;  /* NULL-terminated NAME=VALUE added, or NULL */
	const void *input;       /* for standard input, or NULL for /dev/null */
	size_t input_size;
	size_t output_max; /* bytes kept of each stream; 0: 1 MiB */
	/*
	 * The program may leave a process behind that lives on (a VM): neither gets
	 * any of our descriptors but 0 to 2, a lock included, and the output is what
	 * was said when the program exits, not when nobody can write to it any more.
	 */
	bool leaves_process;
};

/**
 * Runs to the end. Ok even when the child fails: look at status. An error
 * (PL_ERR_LAB, PL_ERR_TIMEOUT, PL_ERR_INTERRUPTED) names argv[0] and carries
 * the last line of output as its reason. On success and on error *ret is
 * initialised and needs pl_proc_result_deinit().
 */
struct pl_error *pl_proc_run(
	const struct pl_proc_spec *spec, const struct pl_wait *w, struct pl_proc_result *ret) PL_MUST_USE;

void pl_proc_result_deinit(struct pl_proc_result *r);

#endif
