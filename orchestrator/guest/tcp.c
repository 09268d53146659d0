#include "orchestrator/guest/tcp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "orchestrator/guest/ssh.h"

#define BANNER_MAX 4096 /* RFC 4253, 4.2 allows lines before the version */

static struct pl_error *open_socket(int *ret)
{
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	if (fd < 0)
		return pl_error_errno(PL_ERR_GUEST, errno, "no socket");
	int flags = fcntl(fd, F_GETFL);
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		struct pl_error *e = pl_error_errno(PL_ERR_GUEST, errno, "no socket");
		close(fd);
		return e;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
#ifdef SO_NOSIGPIPE
	setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &one, sizeof one);
#endif
	*ret = fd;
	return NULL;
}

static struct pl_error *refused(int errnum)
{
	struct pl_error *e = pl_error_errno(PL_ERR_GUEST, errnum, "cannot connect");
	if (errnum == ECONNREFUSED)
		return pl_error_hint(e, "turn on Remote Login in the guest (Sharing in its settings, or "
					"'sudo systemsetup -setremotelogin on'), and check ssh.port");
	return pl_error_hint(e, "check that the guest is up and that its address is right");
}

static struct pl_error *finish(int fd, const struct pl_wait *w)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct pl_error *e = pl_wait_poll(w, &p, 1);
	if (e != NULL)
		return pl_error_why(e, "no answer to the TCP connection");
	int errnum = 0;
	socklen_t size = sizeof errnum;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &errnum, &size) < 0)
		errnum = errno;
	return errnum == 0 ? NULL : refused(errnum);
}

struct pl_error *tcp_connect(const char *host, uint16_t port, const struct pl_wait *w, int *ret)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = -1;
	*ret = -1;
	if (inet_pton(AF_INET, host, &to.sin_addr) != 1)
		return pl_error_new(PL_ERR_GUEST, "'%s' is not an IPv4 address", host);
	struct pl_error *e = open_socket(&fd);
	if (e != NULL)
		return e;
	if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0)
		e = errno == EINPROGRESS || errno == EINTR ? finish(fd, w) : refused(errno);
	if (e != NULL) {
		close(fd);
		return e;
	}
	*ret = fd;
	return NULL;
}

/* True once a whole prefix of a version line is there, at the start of a line. */
static bool greets(const char *text)
{
	for (const char *line = text; line != NULL;) {
		if (strncmp(line, "SSH-2.0-", 8) == 0 || strncmp(line, "SSH-1.99-", 9) == 0)
			return true;
		line = strchr(line, '\n');
		line = line == NULL ? NULL : line + 1;
	}
	return false;
}

static struct pl_error *read_greeting(int fd, const struct pl_wait *w)
{
	char text[BANNER_MAX];
	size_t have = 0;
	while (have < sizeof text - 1) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		struct pl_error *e = pl_wait_poll(w, &p, 1);
		if (e != NULL)
			return pl_error_why(e, "connected, but no SSH server greets");
		ssize_t n = recv(fd, text + have, sizeof text - 1 - have, 0);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (n <= 0)
			return pl_error_new(PL_ERR_GUEST, "the connection closed before an SSH greeting");
		have += (size_t)n;
		text[have] = '\0';
		if (greets(text))
			return NULL;
	}
	return pl_error_new(PL_ERR_GUEST, "what answers is not an SSH server");
}

struct pl_error *ssh_probe(const char *host, uint16_t port, const struct pl_wait *w)
{
	int fd;
	struct pl_error *e = tcp_connect(host, port, w, &fd);
	if (e == NULL) {
		e = read_greeting(fd, w);
		close(fd);
	}
	return pl_error_at(e, "ssh %s:%u", host, port);
}
