/*
 * Two hosts on one wire, in namespaces of their own: this process with its firewall, at
 * 172.30.5.1 on v0, and a peer at 172.30.5.128 (and .129) that sends to it. An ordinary
 * user may make them where the system allows user namespaces.
 *
 * /run is private too: nothing reaches this host's own D-Bus or locks.
 */
#ifndef TEST_NET_LAB_H
#define TEST_NET_LAB_H

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/proc.h"

#define NET_HOST "172.30.5.1"
#define NET_GUEST "172.30.5.128"
#define NET_OTHER "172.30.5.129"
#define NET_PORT 1069
#define NET_OPEN 7000 /* a test's firewall lets it in: what came before it has been judged by then */

struct net_lab {
	pid_t peer;
	int peer_fd; /* what the peer is to do */
	int udp;     /* at NET_PORT */
	int open;    /* at NET_OPEN */
};

/* A shell's exit status; its output is shown when it fails. */
static inline int net_sh(const char *script)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	struct pl_proc_spec spec = {.argv = argv, .leaves_process = true};
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct pl_proc_result r;
	struct pl_error *e = pl_proc_run(&spec, &w, &r);
	int status = e ? -1 : r.status;

	if (status != 0)
		fprintf(stderr, "# %s\n# status %d: %s%s\n", script, status, pl_buf_text(&r.out),
			pl_buf_text(&r.err));
	pl_proc_result_deinit(&r);
	pl_error_free(e);
	return status;
}

static inline bool net_write(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);
	bool good = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

	if (fd >= 0)
		close(fd);
	return good;
}

/*
 * The first process of a process namespace: whatever a test leaves behind ends with it. The
 * caller's own process waits for it and never returns.
 */
static inline void net_become_first(void)
{
	pid_t first = fork();
	int status = 0;

	if (first == 0)
		return;
	while (first > 0 && waitpid(first, &status, 0) < 0 && errno == EINTR)
		continue;
	_exit(first > 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

/* False if the system does not allow it; then nothing else may be called. */
static inline bool net_enter(void)
{
	char map[64];

	snprintf(map, sizeof(map), "0 %u 1", (unsigned)geteuid());
	if (unshare(CLONE_NEWUSER | CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID) < 0)
		return false;
	/* not there on old kernels */
	(void)net_write("/proc/self/setgroups", "deny");
	if (!net_write("/proc/self/uid_map", map))
		return false;
	(void)net_write("/proc/self/gid_map", map);
	net_become_first();
	return mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
	       mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0 && net_sh("ip link set lo up") == 0;
}

static inline void net_send(const char *from, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET},
			   to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	inet_pton(AF_INET, from, &at.sin_addr);
	inet_pton(AF_INET, NET_HOST, &to.sin_addr);
	if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ||
		sendto(fd, "x", 1, 0, (struct sockaddr *)&to, sizeof(to)) != 1)
		perror("# the peer cannot send");
	close(fd);
}

/* Each byte is a wish: 'g' from the guest's address, 'o' from another. */
static inline void net_peer(int wishes, int ready)
{
	char wish = 'r';

	if (unshare(CLONE_NEWNET) < 0 || write(ready, &wish, 1) != 1 || read(wishes, &wish, 1) != 1 ||
		net_sh("ip addr add " NET_GUEST "/24 dev v1 && ip addr add " NET_OTHER
		       "/24 dev v1 && ip link set v1 up") != 0 ||
		write(ready, &wish, 1) != 1)
		_exit(1);
	while (read(wishes, &wish, 1) == 1) {
		net_send(wish == 'g' ? NET_GUEST : NET_OTHER, NET_PORT);
		net_send(NET_GUEST, NET_OPEN);
	}
	_exit(0);
}

static inline int net_listen(uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	inet_pton(AF_INET, NET_HOST, &at.sin_addr);
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 ? -1 : fd;
}

static inline bool net_start(struct net_lab *n)
{
	int wishes[2], ready[2];
	char script[256], byte;

	if (pipe(wishes) < 0 || pipe(ready) < 0)
		return false;
	n->peer = fork();
	if (n->peer == 0) {
		close(wishes[1]);
		net_peer(wishes[0], ready[1]);
	}
	close(wishes[0]);
	close(ready[1]);
	fcntl(wishes[1], F_SETFD, FD_CLOEXEC);
	n->peer_fd = wishes[1];
	snprintf(script, sizeof(script),
		"ip link del v0 2>/dev/null; ip link add v0 type veth peer name v1 netns %d && ip addr "
		"add " NET_HOST "/24 dev v0 && ip link set v0 up",
		(int)n->peer);
	if (read(ready[0], &byte, 1) != 1 || net_sh(script) != 0 || write(n->peer_fd, "u", 1) != 1 ||
		read(ready[0], &byte, 1) != 1)
		return false;
	close(ready[0]);
	n->udp = net_listen(NET_PORT);
	n->open = net_listen(NET_OPEN);
	return n->udp >= 0 && n->open >= 0;
}

static inline void net_stop(struct net_lab *n)
{
	close(n->peer_fd);
	close(n->udp);
	close(n->open);
	waitpid(n->peer, NULL, 0);
}

/* Does a packet of the peer arrive at NET_PORT? By its side goes one that does in any case. */
static inline bool net_arrives(struct net_lab *n, char wish)
{
	struct pollfd fd = {.fd = n->open, .events = POLLIN};
	char byte;

	if (write(n->peer_fd, &wish, 1) != 1 || poll(&fd, 1, 20000) != 1 || recv(n->open, &byte, 1, 0) != 1) {
		fprintf(stderr, "# the open port gets nothing\n");
		abort();
	}
	return recv(n->udp, &byte, 1, MSG_DONTWAIT) == 1;
}

#endif
