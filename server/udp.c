#include "server/udp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

/* What the kernel charges for a packet of 1412 bytes: the buffer and its header (Linux: skb truesize). */
#define PACKET_CHARGE 2304
/* Never less: a burst of small packets is charged the same. */
#define BUFFER_MIN (1 << 20)
#define BUFFER_MAX (16 << 20)

struct slot {
	struct sockaddr_in from;
	struct iovec iov;
	uint8_t bytes[WIRE_PACKET_MAX];
};

struct reply {
	struct sockaddr_in to;
	struct iovec iov;
	uint8_t bytes[WIRE_ERROR_MAX];
};

struct udp {
	int fd;
	char address[INET_ADDRSTRLEN];
	uint16_t port;
	size_t received[UDP_BATCH]; /* sizes */
	size_t replies;
	struct slot slots[UDP_BATCH];
	struct reply reply[UDP_BATCH];
#if defined(__linux__)
	struct mmsghdr in[UDP_BATCH];
	struct mmsghdr out[UDP_BATCH];
#endif
};

/* ---- making ------------------------------------------------------------------ */

static struct pl_error *bind_error(int errnum, const char *address, uint16_t port)
{
	struct pl_error *err = pl_error_errno(PL_ERR_LAB, errnum, "cannot listen");

	err = pl_error_at(err, "%s:%u", address, (unsigned)port);
	if (errnum == EADDRINUSE)
		return pl_error_hint(
			err, "another dump server has the port; stop it, or choose another port");
	if (errnum == EADDRNOTAVAIL)
		return pl_error_hint(err, "bind to an address of this host");
	if (errnum == EACCES)
		return pl_error_hint(err, "choose a port above 1023");
	return err;
}

static int buffer_of(int fd)
{
	int size = 0;
	socklen_t length = sizeof size;

	return getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, &length) < 0 ? 0 : size;
}

/*
 * The most that the system grants: an ordinary user may get less than was asked for, and less
 * than there was, so that a socket which somebody with more rights has made is left alone then.
 */
static void ask_for_buffer(int fd, size_t sessions, bool ours)
{
	size_t want = sessions * PACKET_CHARGE;
	int size = want < BUFFER_MIN ? BUFFER_MIN : want > BUFFER_MAX ? BUFFER_MAX : (int)want;

	if (buffer_of(fd) >= size)
		return;
#ifdef SO_RCVBUFFORCE
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) == 0)
		return;
#endif
	if (ours)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

struct pl_error *udp_bind(const char *address, uint16_t port, size_t sessions, int *ret)
{
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(port)};
	struct pl_error *err;

	*ret = -1;
	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "'%s' is not an IPv4 address", address),
			"give one like 192.168.56.1");
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&sin, sizeof sin) == 0) {
		ask_for_buffer(fd, sessions, true);
		*ret = fd;
		return NULL;
	}
	err = bind_error(errno, address, port);
	if (fd >= 0)
		close(fd);
	return err;
}

static struct pl_error *set_options(struct udp *u, const char *address, uint16_t port, size_t sessions)
{
	struct timeval block = {.tv_usec = UDP_BLOCK_MS * 1000};
	struct sockaddr_in sin = {0};
	socklen_t length = sizeof sin;

	ask_for_buffer(u->fd, sessions, false);
	if (fcntl(u->fd, F_SETFD, FD_CLOEXEC) < 0 ||
		setsockopt(u->fd, SOL_SOCKET, SO_RCVTIMEO, &block, sizeof block) < 0 ||
		getsockname(u->fd, (struct sockaddr *)&sin, &length) < 0)
		return bind_error(errno, address, port);
	/* A socket that was handed over may be set otherwise. */
	if (fcntl(u->fd, F_SETFL, fcntl(u->fd, F_GETFL) & ~O_NONBLOCK) < 0)
		return bind_error(errno, address, port);
	u->port = ntohs(sin.sin_port);
	inet_ntop(AF_INET, &sin.sin_addr, u->address, sizeof u->address);
	return NULL;
}

static void point_batches(struct udp *u)
{
	for (size_t i = 0; i < UDP_BATCH; i++) {
		u->slots[i].iov = (struct iovec){u->slots[i].bytes, sizeof u->slots[i].bytes};
		u->reply[i].iov = (struct iovec){u->reply[i].bytes, 0};
#if defined(__linux__)
		u->in[i].msg_hdr = (struct msghdr){.msg_name = &u->slots[i].from,
			.msg_namelen = sizeof u->slots[i].from,
			.msg_iov = &u->slots[i].iov,
			.msg_iovlen = 1};
		u->out[i].msg_hdr = (struct msghdr){.msg_name = &u->reply[i].to,
			.msg_namelen = sizeof u->reply[i].to,
			.msg_iov = &u->reply[i].iov,
			.msg_iovlen = 1};
#endif
	}
}

struct pl_error *udp_create(const char *address, uint16_t port, int socket, size_t sessions, struct udp **ret)
{
	struct udp *u = calloc(1, sizeof *u);
	struct pl_error *err = NULL;

	if (!u) {
		if (socket >= 0)
			close(socket);
		return pl_error_nomem();
	}
	u->fd = socket;
	if (u->fd < 0)
		err = udp_bind(address, port, sessions, &u->fd);
	if (!err)
		err = set_options(u, address, port, sessions);
	if (err) {
		udp_destroy(u);
		return err;
	}
	point_batches(u);
	*ret = u;
	return NULL;
}

void udp_destroy(struct udp *u)
{
	if (!u)
		return;
	if (u->fd >= 0)
		close(u->fd);
	free(u);
}

int udp_fd(const struct udp *u)
{
	return u->fd;
}

const char *udp_address(const struct udp *u)
{
	return u->address;
}

uint16_t udp_port(const struct udp *u)
{
	return u->port;
}

/* ---- receiving --------------------------------------------------------------- */

/* Packets received, or -1 with errno. */
static int receive_one(struct udp *u, enum udp_waiting waiting)
{
	struct slot *slot = &u->slots[0];
	socklen_t length = sizeof slot->from;
	ssize_t n = recvfrom(u->fd, slot->bytes, sizeof slot->bytes, waiting == UDP_BLOCK ? 0 : MSG_DONTWAIT,
		(struct sockaddr *)&slot->from, &length);

	if (n < 0)
		return -1;
	u->received[0] = (size_t)n;
	return 1;
}

static int receive_batch(struct udp *u, enum udp_waiting waiting)
{
#if defined(__linux__)
	int flags = waiting == UDP_BLOCK ? MSG_WAITFORONE : MSG_DONTWAIT;
	int n = recvmmsg(u->fd, u->in, UDP_BATCH, flags, NULL);

	for (int i = 0; i < n; i++)
		u->received[i] = u->in[i].msg_len;
	return n;
#else
	return receive_one(u, waiting);
#endif
}

static bool is_passing(int errnum)
{
	switch (errnum) {
	case EINTR:
	case EAGAIN:
#if EWOULDBLOCK != EAGAIN
	case EWOULDBLOCK:
#endif
	case ECONNREFUSED: /* an ICMP message about an earlier answer */
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ENETDOWN:
	case ENOMEM: /* the system's, for a moment */
	case ENOBUFS:
		return true;
	default:
		return false;
	}
}

struct pl_error *udp_receive(struct udp *u, enum udp_waiting waiting, size_t peers, size_t *count)
{
	int n = peers <= 2 ? receive_one(u, waiting) : receive_batch(u, waiting);

	*count = n > 0 ? (size_t)n : 0;
	if (n >= 0 || is_passing(errno))
		return NULL;
	return pl_error_at(
		pl_error_errno(PL_ERR_LAB, errno, "cannot receive"), "%s:%u", u->address, (unsigned)u->port);
}

struct udp_packet udp_packet(const struct udp *u, size_t i)
{
	const struct slot *slot = &u->slots[i];

	return (struct udp_packet){
		.from = {.address = ntohl(slot->from.sin_addr.s_addr), .port = ntohs(slot->from.sin_port)},
		.bytes = slot->bytes,
		.size = u->received[i],
	};
}

/* ---- answering --------------------------------------------------------------- */

static int send_one(const struct udp *u, const struct reply *r)
{
	return sendto(u->fd, r->bytes, r->iov.iov_len, MSG_DONTWAIT, (const struct sockaddr *)&r->to,
		       sizeof r->to) < 0
		       ? errno
		       : 0;
}

/* Sends from the one at *sent on and moves it; errno of one that was lost. */
static int send_some(struct udp *u, size_t *sent)
{
#if defined(__linux__)
	if (u->replies - *sent > 1) {
		int n = sendmmsg(u->fd, u->out + *sent, (unsigned)(u->replies - *sent), MSG_DONTWAIT);
		/* Less than all: the next one is what failed, and is lost. */
		*sent += n > 0 ? (size_t)n : 1;
		return n > 0 ? 0 : errno;
	}
#endif
	return send_one(u, &u->reply[(*sent)++]);
}

int udp_flush(struct udp *u)
{
	int lost = 0;

	for (size_t sent = 0; sent < u->replies;) {
		int errnum = send_some(u, &sent);
		if (errnum)
			lost = errnum;
	}
	u->replies = 0;
	return lost;
}

void udp_answer(struct udp *u, struct peer to, const void *bytes, size_t size)
{
	if (u->replies == UDP_BATCH)
		(void)udp_flush(u);
	struct reply *r = &u->reply[u->replies++];

	r->to = (struct sockaddr_in){
		.sin_family = AF_INET, .sin_port = htons(to.port), .sin_addr.s_addr = htonl(to.address)};
	memcpy(r->bytes, bytes, size);
	r->iov.iov_len = size;
}
