/* Logging in: with a private key file, or with the agent's keys. */
#ifndef GUEST_SSH_AUTH_H
#define GUEST_SSH_AUTH_H

#include "orchestrator/guest/ssh_io.h"

/**
 * key is a file as ssh-keygen writes it, without a passphrase; NULL asks the
 * agent at $SSH_AUTH_SOCK. Each way to fail has its own message.
 */
struct pl_error *ssh_auth(struct ssh *s, const char *key, const struct pl_wait *w) PL_MUST_USE;

#endif
