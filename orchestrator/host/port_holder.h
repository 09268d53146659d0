/* Who has the UDP port? */
#ifndef HOST_PORT_HOLDER_H
#define HOST_PORT_HOLDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

/** True if a socket cannot be bound there because another has the port; by trying. */
bool port_taken(const char *address, uint16_t port);

/**
 * Who has it at that address, in words, into out: Apple's kdumpd if launchctl (as for kdumpd_open()) lists
 * it; else "PROGRAM (process N)" by lsof, which without root sees our own only; else "another program". Never
 * fails.
 */
void port_holder(const char *address, uint16_t port, const char *launchctl, const struct pl_wait *w,
	char *out, size_t size);

/**
 * `lsof -F pcn`: lines "pN", "cNAME", "nADDRESS:PORT". The first that has it at that address or
 * at all of them ("*"); false if there is none. name is printable.
 */
bool port_read_lsof(const char *text, size_t size, const char *address, uint64_t *pid, char name[64]);

#endif
