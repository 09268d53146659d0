/* What `paniclab boot-args decode` prints. */
#ifndef CMD_BOOT_ARGS_OUTPUT_H
#define CMD_BOOT_ARGS_OUTPUT_H

#include "orchestrator/cmd/cmd.h"
#include "orchestrator/macos/boot_args_check.h"

struct boot_args_view {
	const char *args;
	struct macos_version macos; /* all zero: not given */
	struct macos_version xnu;
	enum boot_args_dump dump; /* what they were judged for */
	const struct boot_args_findings *findings;
};

/** For people: each word, the bits of debug=, the findings. */
void boot_args_print(const struct boot_args_view *v, FILE *out);

/** The same as one document; NULL without memory. */
json_t *boot_args_json(const struct boot_args_view *v);

#endif
