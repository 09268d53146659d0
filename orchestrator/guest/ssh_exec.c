#include "orchestrator/guest/ssh_exec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

#define CHUNK (32u << 10)

/* One command under way. */
struct run {
	struct ssh *s;
	LIBSSH2_CHANNEL *channel;
	const struct ssh_stream *io;
	const struct pl_wait *w;
	struct ssh_result *result;
	const char *input; /* what the source gave last, and what of it is unsent */
	size_t input_size;
	bool input_over; /* the source gave its end */
	bool input_sent; /* and the guest was told */
	bool moved;      /* this round got something done */
	char chunk[CHUNK];
};

/*
 * True if the call must be made again before any other, because libssh2 has
 * sent half of its message. Waits until it can be.
 */
static bool half_sent(struct run *r, ssize_t rc, struct pl_error **e)
{
	int directions = libssh2_session_block_directions(r->s->session);
	if (rc != LIBSSH2_ERROR_EAGAIN || !(directions & LIBSSH2_SESSION_BLOCK_OUTBOUND))
		return false;
	*e = ssh_io_wait(r->s, r->w);
	return *e == NULL;
}

static struct pl_error *open_channel(struct run *r)
{
	struct pl_error *e = NULL;
	for (;;) {
		r->channel = libssh2_channel_open_session(r->s->session);
		if (r->channel != NULL)
			return NULL;
		int rc = libssh2_session_last_errno(r->s->session);
		if (rc != LIBSSH2_ERROR_EAGAIN)
			return ssh_io_error(r->s, rc, "the guest opens no session");
		e = ssh_io_wait(r->s, r->w);
		if (e != NULL)
			return e;
	}
}

static struct pl_error *start(struct run *r)
{
	struct pl_error *e = NULL;
	int rc;
	while ((rc = libssh2_channel_exec(r->channel, r->io->command)) == LIBSSH2_ERROR_EAGAIN && e == NULL)
		e = ssh_io_wait(r->s, r->w);
	if (e == NULL && rc != 0)
		e = ssh_io_error(r->s, rc, "the guest refuses to run a command");
	return e;
}

static struct pl_error *end_input(struct run *r)
{
	struct pl_error *e = NULL;
	int rc;
	do
		rc = libssh2_channel_send_eof(r->channel);
	while (half_sent(r, rc, &e));
	if (e != NULL || rc == LIBSSH2_ERROR_EAGAIN)
		return e;
	r->input_sent = true;
	r->moved = true;
	return rc == 0 ? NULL : ssh_io_error(r->s, rc, "cannot end the command's input");
}

static struct pl_error *push(struct run *r)
{
	struct pl_error *e = NULL;
	ssize_t rc;
	if (r->input_sent)
		return NULL;
	if (r->input_size == 0 && !r->input_over) {
		e = r->io->input(r->io->arg, &r->input, &r->input_size);
		if (e != NULL)
			return e;
		r->input_over = r->input_size == 0;
	}
	if (r->input_over)
		return end_input(r);
	size_t size = r->input_size < CHUNK ? r->input_size : CHUNK;
	do
		rc = libssh2_channel_write(r->channel, r->input, size);
	while (half_sent(r, rc, &e));
	if (e != NULL || rc == LIBSSH2_ERROR_EAGAIN)
		return e;
	if (rc < 0)
		return ssh_io_error(r->s, (int)rc, "cannot send the command's input");
	r->input += rc;
	r->input_size -= (size_t)rc;
	r->moved = r->moved || rc > 0;
	return NULL;
}

static struct pl_error *take(struct run *r, int stream, size_t size)
{
	if (stream == 0)
		return r->io->output(r->io->arg, r->chunk, size);
	if (!pl_buf_append_capped(&r->result->err, r->chunk, size))
		r->result->err_cut = true;
	return NULL;
}

static struct pl_error *pull(struct run *r, int stream)
{
	struct pl_error *e = NULL;
	for (;;) {
		ssize_t rc;
		do
			rc = libssh2_channel_read_ex(r->channel, stream, r->chunk, sizeof r->chunk);
		while (half_sent(r, rc, &e));
		if (e != NULL || rc == LIBSSH2_ERROR_EAGAIN || rc == 0)
			return e;
		if (rc < 0)
			return ssh_io_error(r->s, (int)rc, "cannot read the command's output");
		r->moved = true;
		e = take(r, stream, (size_t)rc);
		if (e == NULL)
			e = pl_wait_check(r->w);
		if (e != NULL)
			return e;
	}
}

/* Moves bytes until the guest ends both of its streams. */
static struct pl_error *pump(struct run *r)
{
	for (;;) {
		uint64_t received = r->s->received;
		r->moved = false;
		struct pl_error *e = push(r);
		if (e == NULL)
			e = pull(r, 0);
		if (e == NULL)
			e = pull(r, SSH_EXTENDED_DATA_STDERR);
		if (e != NULL)
			return e;
		if (libssh2_channel_eof(r->channel) == 1 && !r->moved)
			return NULL;
		/* One stream's read takes in the other's bytes: only wait when nothing came at all. */
		if (!r->moved && r->s->received == received) {
			e = ssh_io_wait(r->s, r->w);
			if (e != NULL)
				return e;
		}
	}
}

/* The channel's close is what says that the status before it was the last word. */
static struct pl_error *finish(struct run *r)
{
	struct pl_error *e = NULL;
	char *signal = NULL;
	size_t size = 0;
	int rc;
	while ((rc = libssh2_channel_wait_closed(r->channel)) == LIBSSH2_ERROR_EAGAIN && e == NULL)
		e = ssh_io_wait(r->s, r->w);
	if (e == NULL && rc != 0)
		e = ssh_io_error(r->s, rc, "the command does not end");
	if (e != NULL)
		return e;
	libssh2_channel_get_exit_signal(r->channel, &signal, &size, NULL, NULL, NULL, NULL);
	if (signal != NULL)
		pl_escape(signal, size, r->result->signal, sizeof r->result->signal);
	else
		r->result->status = libssh2_channel_get_exit_status(r->channel);
	libssh2_free(r->s->session, signal);
	return NULL;
}

/*
 * sshd may confirm the close of a command that was given up only when that
 * ends; the channel then stays in the session, which frees it with itself.
 */
static void free_channel(struct run *r)
{
	struct pl_wait w = pl_wait_for(PL_SECOND, NULL);
	struct pl_error *e = NULL;
	ssize_t rc;
	if (r->channel == NULL || r->s->gone)
		return;
	r->w = &w;
	do
		rc = libssh2_channel_free(r->channel);
	while (half_sent(r, rc, &e));
	if (e != NULL)
		ssh_io_lose(r->s, "a command was given up, and the guest takes nothing more");
	pl_error_free(e);
}

struct pl_error *ssh_stream_run(
	struct ssh *s, const struct ssh_stream *io, const struct pl_wait *w, struct ssh_result *ret)
{
	*ret = (struct ssh_result){.status = -1};
	pl_buf_init(&ret->out, 0);
	pl_buf_init(&ret->err, io->error_max);
	struct run *r = calloc(1, sizeof *r);
	if (r == NULL)
		return pl_error_nomem();
	*r = (struct run){.s = s, .io = io, .w = w, .result = ret};
	ssh_io_begin(s, w);
	pl_log(s->log, PL_LOG_TRACE, "%s: %s", s->place, io->command);
	struct pl_error *e = open_channel(r);
	if (e == NULL) {
		e = start(r);
		if (e == NULL)
			e = pump(r);
		if (e == NULL)
			e = finish(r);
		if (e != NULL && s->gone && pl_error_kind(e) == PL_ERR_GUEST) {
			ret->lost = true;
			pl_error_free(e);
			e = NULL;
		}
	}
	free_channel(r);
	free(r);
	return e;
}

void ssh_result_deinit(struct ssh_result *r)
{
	pl_buf_deinit(&r->out);
	pl_buf_deinit(&r->err);
}

/* ---- a command with its input and output in memory ---------------------------- */

struct memory {
	const char *input;
	size_t input_size;
	struct pl_buf out;
	bool cut;
};

static struct pl_error *memory_input(void *arg, const char **data, size_t *size)
{
	struct memory *m = arg;
	*data = m->input;
	*size = m->input_size;
	m->input_size = 0;
	return NULL;
}

static struct pl_error *memory_output(void *arg, const char *data, size_t size)
{
	struct memory *m = arg;
	if (!pl_buf_append_capped(&m->out, data, size))
		m->cut = true;
	return NULL;
}

struct pl_error *ssh_exec(struct ssh *s, const char *command, const void *input, size_t input_size,
	size_t output_max, const struct pl_wait *w, struct ssh_result *ret)
{
	struct memory m = {.input = input, .input_size = input_size};
	struct ssh_stream io = {.command = command,
		.input = memory_input,
		.output = memory_output,
		.arg = &m,
		.error_max = output_max};
	pl_buf_init(&m.out, output_max);
	struct pl_error *e = ssh_stream_run(s, &io, w, ret);
	ret->out = m.out;
	ret->out_cut = m.cut;
	return e;
}
