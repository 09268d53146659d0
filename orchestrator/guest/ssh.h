/*
 * SSH to a guest, over libssh2.
 *
 * The host key is checked before anything is sent: against the pin, else
 * against the known_hosts file. An unknown key is an error that prints the
 * fingerprint to pin; a changed one is an error that says so. Every call has a
 * deadline and can be interrupted; a session whose peer vanished fails within
 * the keep-alive's time, not the TCP stack's.
 *
 * Errors are PL_ERR_GUEST (or TIMEOUT, INTERRUPTED), at "ssh user@host:port".
 */
#ifndef GUEST_SSH_H
#define GUEST_SSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

struct ssh_target {
	const char *host; /* IPv4 address */
	uint16_t port;
	const char *user;
	const char *key;         /* private key file; NULL: the agent */
	const char *host_key;    /* "SHA256:base64", or NULL */
	const char *known_hosts; /* file, or NULL */
	int64_t silence; /* a guest that sends nothing for so long is dead; 0: 20 s (keep-alives every 5) */
};

struct ssh;

/** Connects, checks the host key, logs in. Strings are copied. */
struct pl_error *ssh_connect(const struct ssh_target *t, const struct pl_log *log, const struct pl_wait *w,
	struct ssh **ret) PL_MUST_USE;

struct ssh_result {
	struct pl_buf out;
	struct pl_buf err;
	bool out_cut;
	bool err_cut;
	int status;      /* exit status; -1: none. 0 also for a session closed without one: libssh2 says 0 */
	char signal[16]; /* "KILL", "" when there is none */
	bool lost;       /* the connection died before the command's end */
};

/**
 * Runs command (already quoted, see pl_shell_quote()) with input on its
 * standard input. A non-zero exit, a signal, or a connection that dies after
 * the command was sent is not an error: see *ret, which needs
 * ssh_result_deinit() in any case.
 */
struct pl_error *ssh_exec(struct ssh *s, const char *command, const void *input, size_t input_size,
	size_t output_max, const struct pl_wait *w, struct ssh_result *ret) PL_MUST_USE;
void ssh_result_deinit(struct ssh_result *r);

/** Writes the bytes to an absolute path in the guest (replaced if there), and checks the size there. */
struct pl_error *ssh_upload(struct ssh *s, const void *data, size_t size, const char *remote, mode_t mode,
	const struct pl_wait *w) PL_MUST_USE;

/** The same from a file of this host. */
struct pl_error *ssh_upload_file(struct ssh *s, const char *local, const char *remote, mode_t mode,
	const struct pl_wait *w) PL_MUST_USE;

/** Reads a file of at most max bytes into local (temporary name, fsync, rename), and checks the size. */
struct pl_error *ssh_download(struct ssh *s, const char *remote, const char *local, uint64_t max,
	const struct pl_wait *w, uint64_t *bytes) PL_MUST_USE;

/** True if the connection is known to be dead. */
bool ssh_dead(const struct ssh *s);

/** "SHA256:..." of the server's key. */
const char *ssh_fingerprint(const struct ssh *s);

/** NULL-safe; never waits longer than a second. */
void ssh_close(struct ssh *s);

/**
 * Connects to host:port and reads the first bytes: ok if an SSH server greets
 * ("SSH-2.0-") before w ends. For finding out which address is alive.
 */
struct pl_error *ssh_probe(const char *host, uint16_t port, const struct pl_wait *w) PL_MUST_USE;

#endif
