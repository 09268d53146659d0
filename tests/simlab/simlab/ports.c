#include "tests/simlab/simlab/ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static struct pl_error *try_bind(const char *ip, uint16_t *port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(*port)};
	socklen_t len = sizeof sin;
	int yes = 1;
	struct pl_error *e = NULL;
	if (inet_pton(AF_INET, ip, &sin.sin_addr) != 1)
		return pl_error_new(PL_ERR_USAGE, "'%s' is not an IPv4 address", ip);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
	if (fd < 0 || bind(fd, (struct sockaddr *)&sin, sizeof sin) != 0 || listen(fd, 1) != 0 ||
		getsockname(fd, (struct sockaddr *)&sin, &len) != 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot listen on %s:%u", ip, (unsigned)*port);
	*port = ntohs(sin.sin_port);
	if (fd >= 0)
		close(fd);
	return e;
}

struct pl_error *ports_free(const char *ip, uint16_t *ret)
{
	*ret = 0;
	return try_bind(ip, ret);
}

struct pl_error *ports_check(const char *ip, uint16_t port)
{
	return try_bind(ip, &port);
}
