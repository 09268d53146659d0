/* Every command there is; main.c puts them in order. */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "orchestrator/cmd/cmd.h"

extern const struct cmd cmd_boot_args;
extern const struct cmd cmd_extract;
extern const struct cmd cmd_init;
extern const struct cmd cmd_inspect;
extern const struct cmd cmd_kdk;
extern const struct cmd cmd_nvram;
extern const struct cmd cmd_prepare;
extern const struct cmd cmd_prune;
extern const struct cmd cmd_report;
extern const struct cmd cmd_run;
extern const struct cmd cmd_runs;
extern const struct cmd cmd_serve;
extern const struct cmd cmd_teardown;
extern const struct cmd cmd_validate;
extern const struct cmd cmd_version;

#endif
