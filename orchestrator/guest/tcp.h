/* A TCP connection under a deadline. */
#ifndef GUEST_TCP_H
#define GUEST_TCP_H

#include <stdint.h>

#include "base/err.h"
#include "base/wait.h"

/**
 * Connects to an IPv4 address. *ret is non-blocking, closes on exec and never
 * raises SIGPIPE where the system can be told so (SO_NOSIGPIPE).
 */
struct pl_error *tcp_connect(const char *host, uint16_t port, const struct pl_wait *w, int *ret) PL_MUST_USE;

#endif
