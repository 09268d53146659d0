/*
 * The host's application firewall: socketfilterfw's list, and what it means
 * for a packet from the guest.
 */
#ifndef SIMLAB_FIREWALL_H
#define SIMLAB_FIREWALL_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/simlab/simlab/calls.h"

/** The file of a new lab: enabled, one unrelated program allowed. */
struct pl_error *firewall_create(void) PL_MUST_USE;

/**
 * True if the firewall is off, or the program that holds UDP ip:port is
 * allowed; also if nobody holds it, as then there is nothing to protect.
 */
bool firewall_lets_udp_in(const char *ip, uint16_t port);

/** socketfilterfw's command line. */
void firewall_call(struct sim *s, struct call *c);

#endif
