/* TCP ports of this host. */
#ifndef SIMLAB_PORTS_H
#define SIMLAB_PORTS_H

#include <stdint.h>

#include "base/err.h"

/** A TCP port that nobody holds at ip just now. */
struct pl_error *ports_free(const char *ip, uint16_t *ret) PL_MUST_USE;

/** PL_ERR_LAB if somebody holds it. */
struct pl_error *ports_check(const char *ip, uint16_t port) PL_MUST_USE;

#endif
