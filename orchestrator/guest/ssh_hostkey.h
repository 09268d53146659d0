/*
 * Is this the guest that we know? The pin or the known_hosts file, asked
 * before anything is sent.
 *
 * known_hosts is OpenSSH's: plain, [host]:port and hashed names; lines marked
 * @revoked refuse a key, @cert-authority and wildcards are not understood and
 * skipped. A server has keys of several kinds: the handshake asks for the
 * kinds that we know first, and for a pin tries one after the other.
 */
#ifndef GUEST_SSH_HOSTKEY_H
#define GUEST_SSH_HOSTKEY_H

#include "orchestrator/guest/ssh_io.h"

#define HOSTKEY_KINDS 4

/* When no kind is known: the one to be shown to the user is the one that OpenSSH prefers. */
#define HOSTKEY_ANY                                                                                          \
	"ssh-ed25519,ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521,rsa-sha2-512,rsa-sha2-256," \
	"ssh-rsa"

struct hostkey_policy {
	const struct ssh_target *target; /* borrowed */
	LIBSSH2_SESSION *session;        /* never connected: known hosts live in one */
	LIBSSH2_KNOWNHOSTS *known;
	LIBSSH2_KNOWNHOSTS *revoked;
	char name[300];                         /* as known_hosts has it: "host" or "[host]:port" */
	const char *methods[HOSTKEY_KINDS + 1]; /* to ask for, one after the other; NULL ends */
};

/** Reads the known_hosts file. An absent one is an empty one. */
struct pl_error *hostkey_policy_init(struct hostkey_policy *p, const struct ssh_target *t) PL_MUST_USE;
void hostkey_policy_deinit(struct hostkey_policy *p);

/** After the handshake: ok only for a key that we know. Sets s->fingerprint in any case. */
struct pl_error *hostkey_check(const struct hostkey_policy *p, struct ssh *s) PL_MUST_USE;

#endif
