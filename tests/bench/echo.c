#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/reader.h"
#include "tests/bench/child.h"
#include "tests/bench/guest.h"
#include "tests/bench/os.h"

#define ACK 4
#define ACK_SIZE 6
#define RECEIVE_BUFFER (1 << 20) /* a datagram lost here would cost 7.5 s */

static void answer_all(int fd, int file)
{
	uint8_t bytes[CONTENT_PACKET_MAX];
	struct sockaddr_in from;
	for (;;) {
		socklen_t n = sizeof(from);
		ssize_t size = recvfrom(fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &n);
		if (size < ACK_SIZE)
			continue;
		if (file >= 0 && write(file, bytes + ACK_SIZE, (size_t)size - ACK_SIZE) < 0)
			_exit(1); /* the guests find out */
		pl_put_be16(bytes, ACK);
		(void)!sendto(fd, bytes, ACK_SIZE, 0, (const struct sockaddr *)&from, n);
	}
}

struct pl_error *echo_start(struct echo *s, const char *file, int core)
{
	int room = RECEIVE_BUFFER;
	int out = -1;
	socklen_t n = sizeof(s->address);
	pid_t parent = getpid();
	s->pid = 0;
	int fd = guest_socket(true);
	if (fd < 0 || getsockname(fd, (struct sockaddr *)&s->address, &n) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "no socket for the echo");
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	if (file) {
		out = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
		if (out < 0) {
			close(fd);
			return pl_error_errno(PL_ERR_LAB, errno, "cannot write %s", file);
		}
	}
	(void)fflush(NULL);
	s->pid = fork();
	if (s->pid == 0) {
		os_die_with(parent);
		(void)os_pin(core);
		answer_all(fd, out);
	}
	close(fd);
	if (out >= 0)
		close(out);
	return s->pid < 0 ? pl_error_errno(PL_ERR_LAB, errno, "cannot fork") : NULL;
}

void echo_stop(struct echo *s)
{
	if (s->pid <= 0)
		return;
	(void)kill(s->pid, SIGKILL);
	while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	s->pid = 0;
}
