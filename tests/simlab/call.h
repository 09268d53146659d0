/*
 * How the stand-ins talk to the simulated lab: one request, one answer, over
 * a Unix socket.
 *
 * Request: NUL-terminated strings (program, uid, working folder, arguments),
 * ended by shutdown(2) of the sending side. Answer: one byte of exit status,
 * a big-endian u32 length of standard output, standard output, then standard
 * error to the end. No answer means that the program hangs, as its model does.
 */
#ifndef SIMLAB_CALL_H
#define SIMLAB_CALL_H

#include <stddef.h>
#include <stdint.h>

#define CALL_REQUEST_MAX (256 * 1024)
#define CALL_ARGS_MAX 64
#define CALL_ANSWER_HEAD 5
#define CALL_HOST_SOCKET "run/ctl"
#define CALL_GUEST_SOCKET "ctl" /* below /.lab in the guest */

/**
 * Calls `name` with argv[1..argc-1] through dir/socket and prints what it
 * answers. The folder's path may be longer than sun_path allows. The exit
 * status; -1 with errno if the lab does not answer at all.
 */
int call_forward(const char *dir, const char *socket_name, const char *name, int argc, char **argv);

#endif
