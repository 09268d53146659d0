/*
 * `paniclab serve` as a service: the socket that systemd or launchd has bound for it, and
 * word to systemd that it is ready. None of their libraries is needed for that.
 *
 * sd_listen_fds(3), sd_notify(3): environment variables and one datagram. launchd.plist(5),
 * launch_activate_socket(3): the job's only socket is to be named "Dumps" in its plist.
 */
#ifndef CMD_SERVE_SERVICE_H
#define CMD_SERVE_SERVICE_H

#include <stdint.h>

#include "base/err.h"

#define SERVE_SERVICE_SOCKET "Dumps"

struct serve_socket {
	int fd;           /* -1: this process was not given one */
	uint32_t address; /* that it is bound to, host byte order */
	uint16_t port;
};

/**
 * Takes the socket over. PL_ERR_USAGE when there are several, or one that is not UDP over
 * IPv4 and bound. Clears the variables, so that it is found once.
 */
struct pl_error *serve_service_socket(struct serve_socket *ret) PL_MUST_USE;

/** Tells whoever waits at $NOTIFY_SOCKET that dumps are taken now; nothing if that is not set. */
struct pl_error *serve_service_ready(void) PL_MUST_USE;

#endif
