#include "orchestrator/cmd/serve_service.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#ifdef __APPLE__
#include <launch.h>
#endif

#include "base/text.h"

/* ---- what the socket must be -------------------------------------------------------- */

static struct pl_error *not_usable(const char *why)
{
	return pl_error_hint(
		pl_error_why(
			pl_error_new(PL_ERR_USAGE, "the service manager's socket cannot be used"), "%s", why),
		"give one UDP socket of IPv4: ListenDatagram=0.0.0.0:1069 for systemd, SockType dgram and "
		"SockFamily IPv4 for launchd");
}

static struct pl_error *check(int fd, struct serve_socket *ret)
{
	struct sockaddr_in sin = {0};
	socklen_t length = sizeof sin;
	int type = 0;
	socklen_t type_size = sizeof type;

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &type_size) < 0)
		return not_usable("it is not a socket");
	if (type != SOCK_DGRAM)
		return not_usable("it is not UDP");
	if (getsockname(fd, (struct sockaddr *)&sin, &length) < 0 || sin.sin_family != AF_INET)
		return not_usable("it is not IPv4");
	if (sin.sin_port == 0)
		return not_usable("it is not bound to a port");
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		return not_usable("it cannot be kept from child processes");
	*ret = (struct serve_socket){
		.fd = fd, .address = ntohl(sin.sin_addr.s_addr), .port = ntohs(sin.sin_port)};
	return NULL;
}

/* ---- where it comes from -------------------------------------------------------------- */

#ifdef __APPLE__
struct pl_error *serve_service_socket(struct serve_socket *ret)
{
	int *fds = NULL;
	size_t count = 0;
	struct pl_error *err = NULL;
	int failed = launch_activate_socket(SERVE_SERVICE_SOCKET, &fds, &count);

	*ret = (struct serve_socket){.fd = -1};
	/* Not a job of launchd's, or one whose plist has no such socket. */
	if (failed == ESRCH || failed == ENOENT)
		return NULL;
	if (failed)
		return pl_error_errno(PL_ERR_LAB, failed, "launchd does not hand over the socket");
	err = count == 1 ? check(fds[0], ret) : not_usable("there is not one, but several");
	free(fds);
	return err;
}
#else
#define FIRST_FD 3 /* SD_LISTEN_FDS_START */

/* The value as a number, 0 if there is none; the variable is gone afterwards. */
static uint64_t take_number(const char *name)
{
	const char *text = getenv(name); /* NOLINT(concurrency-mt-unsafe): one thread so far */
	uint64_t n = 0;

	if (!text || !pl_parse_u64(text, INT32_MAX, &n))
		n = 0;
	unsetenv(name); /* NOLINT(concurrency-mt-unsafe) */
	return n;
}

struct pl_error *serve_service_socket(struct serve_socket *ret)
{
	uint64_t pid = take_number("LISTEN_PID");
	uint64_t count = take_number("LISTEN_FDS");

	unsetenv("LISTEN_FDNAMES"); /* NOLINT(concurrency-mt-unsafe) */
	*ret = (struct serve_socket){.fd = -1};
	/* Another process's, inherited by mistake. */
	if (pid != (uint64_t)getpid() || count == 0)
		return NULL;
	return count == 1 ? check(FIRST_FD, ret) : not_usable("there is not one, but several");
}
#endif

/* ---- readiness --------------------------------------------------------------------------- */

static struct pl_error *not_told(int errnum, const char *where)
{
	return pl_error_at(
		pl_error_errno(PL_ERR_LAB, errnum, "cannot say that the server is ready"), "%s", where);
}

struct pl_error *serve_service_ready(void)
{
	static const char ready[] = "READY=1";
	const char *where = getenv("NOTIFY_SOCKET"); /* NOLINT(concurrency-mt-unsafe): one thread so far */
	struct sockaddr_un to = {.sun_family = AF_UNIX};

	if (!where || !where[0])
		return NULL;
	size_t length = strlen(where);
	if (length >= sizeof to.sun_path)
		return not_told(ENAMETOOLONG, where);
	memcpy(to.sun_path, where, length);
	/* systemd's way to write an abstract address. */
	if (where[0] == '@')
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	if (fd < 0)
		return not_told(errno, where);
	ssize_t sent = sendto(fd, ready, sizeof ready - 1, 0, (struct sockaddr *)&to,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + length));
	struct pl_error *err = sent < 0 ? not_told(errno, where) : NULL;
	close(fd);
	return err;
}
