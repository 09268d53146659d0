/* Between the files of `paniclab nvram`. */
#ifndef CMD_NVRAM_PARTS_H
#define CMD_NVRAM_PARTS_H

#include <sys/stat.h>

#include "orchestrator/cmd/cmd.h"
#include "orchestrator/fusion/bundle.h"
#include "orchestrator/fusion/nvram.h"

struct nvram_open {
	struct bundle bundle;
	struct stat seen;
	struct nvram nvram;
};

/** FILE may be an .nvram, a .vmx or a bundle. What is no such file is PL_ERR_USAGE. Needs nvram_close(). */
struct pl_error *nvram_open(const char *path, struct nvram_open *ret) PL_MUST_USE;
void nvram_close(struct nvram_open *o);

/** set and delete. */
struct pl_error *nvram_change(struct cmd_env *env, const struct cmd_input *in) PL_MUST_USE;

/** Exit code 0: the same variables; 1: not. */
struct pl_error *nvram_diff(
	struct cmd_env *env, const char *file, const char *other, int *exit_code) PL_MUST_USE;

/**
 * The bytes that VALUE on the command line means for that variable. Appends;
 * nothing where SIP is to be on and no variable says otherwise.
 */
struct pl_error *nvram_value_parse(const struct cmd_input *in, const struct nvram *n,
	const struct nvram_id *id, const char *value, struct pl_buf *out) PL_MUST_USE;

#endif
