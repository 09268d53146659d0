/* The two halves of `paniclab kdk`, and what both show. */
#ifndef CMD_KDK_H
#define CMD_KDK_H

#include "orchestrator/cmd/cmd.h"

/** `kdk find`: the kit that fits. */
struct pl_error *kdk_run_find(struct cmd_env *env, const struct cmd_input *in, int *exit_code) PL_MUST_USE;

/** `kdk check`: whole, and the one of a file. */
struct pl_error *kdk_run_check(struct cmd_env *env, const struct cmd_input *in, int *exit_code) PL_MUST_USE;

/** "  Label          text", escaped; nothing for "" and NULL. */
void kdk_row(FILE *out, const char *label, const char *text);

#endif
