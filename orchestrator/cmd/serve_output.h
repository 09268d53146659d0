/*
 * What `serve` says: one JSON object a line, or text. Lines come from the
 * server's events and from the threads that take finished cores apart, so a
 * mutex keeps them whole; each is flushed at once.
 */
#ifndef CMD_SERVE_OUTPUT_H
#define CMD_SERVE_OUTPUT_H

#include <pthread.h>
#include <stdint.h>

#include "orchestrator/cmd/cmd.h"
#include "server/server.h"

struct serve_output {
	struct cmd_env *env;
	pthread_mutex_t mutex;
	int64_t progress_at; /* of the last progress line that is no live one */
};

void serve_output_init(struct serve_output *o, struct cmd_env *env);
void serve_output_deinit(struct serve_output *o);

void serve_say_listening(struct serve_output *o, const char *address, uint16_t port);

/** STARTED, PROGRESS, REFUSED. */
void serve_say_event(struct serve_output *o, const struct server_event *e);

/** DONE; core is the decompressed file, uuid the kernel's; NULL where there is none. */
void serve_say_done(struct serve_output *o, const struct server_event *e, const char *core, const char *uuid);

#endif
