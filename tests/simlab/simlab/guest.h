/*
 * The guest's processes: a real sshd in namespaces of its own.
 *
 * Works for root and for an ordinary user: a user namespace gives the right to
 * mount; pivot_root (chroot would forbid user namespaces further in) makes the
 * guest's folder its root, so that scripts find macOS's absolute paths; a
 * second user namespace makes the user `lab` (501:20); sudo makes a third in
 * which uid 0 is real. A PID namespace ends all of it at once.
 *
 * In the guest the host's tree is at /.host (the loader, sshd and the listed
 * tools are links into it) and the lab's socket is below /.lab.
 */
#ifndef SIMLAB_GUEST_H
#define SIMLAB_GUEST_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

struct guest_spec {
	const char *root;             /* the folder that becomes / */
	const char *run;              /* the folder that becomes /.lab */
	const char *log;              /* sshd's own words */
	const char *const *argv;      /* what to run as lab, a path in the guest */
	const char *const *read_only; /* folders of root that nobody can write to, then NULL */
};

/** Starts it; *ret is its first process, to be waited for by the caller. */
struct pl_error *guest_spawn(const struct guest_spec *spec, pid_t *ret) PL_MUST_USE;

/** Takes the read-only mounts of these folders away, in the running guest. */
struct pl_error *guest_unmount(pid_t pid, const char *const *folders) PL_MUST_USE;

/** PL_ERR_LAB with what to do if this host gives no user namespaces. */
struct pl_error *guest_check_host(void) PL_MUST_USE;

/** Ends all of the guest's processes and waits until they are gone. */
void guest_kill(pid_t pid);

/** Stops (as a panic or a suspend does) or continues all of the guest's processes. */
void guest_freeze(pid_t pid, bool frozen);

#endif
