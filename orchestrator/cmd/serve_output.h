/* What `serve` says: one JSON object a line, or text; each is flushed at once. */
#ifndef CMD_SERVE_OUTPUT_H
#define CMD_SERVE_OUTPUT_H

#include <stdint.h>

#include "orchestrator/cmd/cmd.h"
#include "server/server.h"

struct serve_output {
	struct cmd_env *env;
	int64_t progress_at; /* of the last progress line that is no live one */
};

void serve_output_init(struct serve_output *o, struct cmd_env *env);

void serve_say_listening(struct serve_output *o, const char *address, uint16_t port);

void serve_say(struct serve_output *o, const struct server_event *e);

#endif
