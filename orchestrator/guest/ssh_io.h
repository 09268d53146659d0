/*
 * What the files of ssh_*.c share: the session, and how each of libssh2's
 * calls is driven:
 *
 *     while ((rc = libssh2_...()) == LIBSSH2_ERROR_EAGAIN && e == NULL)
 *             e = ssh_io_wait(s, w);
 *
 * A connection that ends is hidden from libssh2 (its reads then say "nothing
 * yet"), because libssh2 would drop what it has already received; the wait
 * reports the end instead.
 */
#ifndef GUEST_SSH_IO_H
#define GUEST_SSH_IO_H

#include <libssh2.h>

#include "orchestrator/guest/fingerprint.h"
#include "orchestrator/guest/ssh.h"

struct ssh {
	LIBSSH2_SESSION *session;
	int fd;
	const struct pl_log *log;
	char *user;
	char *host;
	uint16_t port;
	char *place; /* "ssh user@host:port" */
	char fingerprint[FINGERPRINT_SIZE];
	bool ready;                 /* logged in: keep-alives may be sent */
	bool gone;                  /* the connection is known to be dead */
	const char *gone_why;       /* static text; set with gone */
	bool closing;               /* nothing is read or sent any more */
	int64_t silence;            /* this long without a byte: dead */
	int64_t heard;              /* when the last byte came, or the call began */
	int64_t pinged;             /* when the last keep-alive was sent */
	uint64_t received;          /* bytes, to see that something came */
	const struct pl_wait *wait; /* of the call under way: for the agent's socket */
};

/** Connects and makes a session; methods: the host key algorithms to ask for. */
struct pl_error *ssh_io_open(const struct ssh_target *t, const char *methods, const struct pl_log *log,
	const struct pl_wait *w, struct ssh **ret) PL_MUST_USE;

/** Starts a public call: silence counts from now. */
void ssh_io_begin(struct ssh *s, const struct pl_wait *w);

/** Waits until libssh2's last call may go on, with keep-alives. PL_ERR_GUEST when the connection is gone. */
struct pl_error *ssh_io_wait(struct ssh *s, const struct pl_wait *w) PL_MUST_USE;

/** An error with libssh2's own words as the reason. Marks the session gone if rc says that it is. */
struct pl_error *ssh_io_error(struct ssh *s, int rc, const char *what) PL_MUST_USE;

/** Marks the connection as dead; why is static text. */
void ssh_io_lose(struct ssh *s, const char *why);

/** Frees without a word to the other side. */
void ssh_io_free(struct ssh *s);

#endif
