#include "tests/simlab/kdp_client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/reader.h"
#include "tests/simlab/kernel_desc.h"

#define POLL_NS (3 * PL_MS)
#define POLLS_FIRST 2500
#define POLLS_WRQ 1000 /* more */
#define POLLS_RETRY 1000
#define TRIES 15
#define SPIN_NS (100 * PL_MS) /* panic_timeout */
#define SUPERBLOCK 2048
#define HEADER 6
#define PACKET_MAX 2048

enum opcode { OP_WRQ = 2, OP_DATA = 3, OP_ACK = 4, OP_ERROR = 5, OP_SEEK = 6, OP_EOF = 7 };

struct answer {
	uint16_t opcode;
	uint32_t block; /* or the error's code */
};

struct kdp_client {
	struct kdp_config config;
	double factor;
	int fd;
	int debugger_fd; /* -1: the port was taken */
	bool reachable;
	struct sockaddr_in server;  /* its port changes with each answer */
	uint8_t packet[PACKET_MAX]; /* like xnu's pkt, never cleared: junk tails come from here */
	uint64_t random;
	bool again;          /* the last answer is to be seen twice */
	enum opcode request; /* what is being sent */
	struct answer answer;
	bool aborted; /* by a debugger */
	struct kdp_stats stats;
};

/* ---- faults ----------------------------------------------------------------- */

static bool chance(struct kdp_client *c, double percent)
{
	if (percent <= 0)
		return false;
	c->random = kernel_mix(c->random);
	return (double)(c->random >> 11) * 100.0 / 9007199254740992.0 < percent;
}

static void say(struct kdp_client *c, const char *text)
{
	if (c->config.console)
		c->config.console(c->config.console_arg, text);
}

static void sayf(struct kdp_client *c, const char *fmt, ...) PL_PRINTF(2, 3);
static void sayf(struct kdp_client *c, const char *fmt, ...)
{
	char text[128];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	say(c, text);
}

/* ---- sockets ---------------------------------------------------------------- */

static struct pl_error *open_port(const char *ip, uint16_t port, int *ret)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
	if (inet_pton(AF_INET, ip, &a.sin_addr) != 1)
		return pl_error_new(PL_ERR_USAGE, "'%s' is not an IPv4 address", ip);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot make a UDP socket");
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0) {
		struct pl_error *e = pl_error_errno(PL_ERR_LAB, errno, "cannot bind to %s:%u", ip, port);
		close(fd);
		return e;
	}
	*ret = fd;
	return NULL;
}

static void find_server(struct kdp_client *c)
{
	c->server.sin_family = AF_INET;
	c->server.sin_port = htons(c->config.port);
	c->reachable = c->config.server_ip &&
		       inet_pton(AF_INET, c->config.server_ip, &c->server.sin_addr) == 1 &&
		       ntohl(c->server.sin_addr.s_addr) >> 24 == 127;
}

struct pl_error *kdp_client_create(const struct kdp_config *config, struct kdp_client **ret)
{
	struct kdp_client *c = calloc(1, sizeof(*c));
	if (!c)
		return pl_error_nomem();
	c->config = *config;
	c->debugger_fd = -1;
	c->factor = config->time_factor > 0 ? config->time_factor : 1;
	c->random = kernel_mix(config->faults.seed);
	if (c->config.port == 0)
		c->config.port = KDP_PANICD_PORT;
	if (c->config.features == 0)
		c->config.features = KDP_LARGE_CRASHDUMPS | KDP_LARGE_PACKETS;
	if (config->packet_size == 0 || config->packet_size > KDP_SIZE_LARGE)
		c->config.packet_size = KDP_SIZE_LARGE;
	c->stats.packet_size = c->config.packet_size;
	find_server(c);
	struct pl_error *e =
		open_port(config->local_ip, config->local_port ? config->local_port : c->config.port, &c->fd);
	if (e) {
		free(c);
		return e;
	}
	/* Only one guest an address can have it; the others just miss debuggers. */
	pl_error_free(open_port(config->local_ip, KDP_DEBUGGER_PORT, &c->debugger_fd));
	*ret = c;
	return NULL;
}

void kdp_client_destroy(struct kdp_client *c)
{
	if (!c)
		return;
	close(c->fd);
	if (c->debugger_fd >= 0)
		close(c->debugger_fd);
	free(c);
}

void kdp_client_stats(const struct kdp_client *c, struct kdp_stats *ret)
{
	*ret = c->stats;
}

static struct pl_error *transmit(struct kdp_client *c, size_t size, const struct pl_wait *w)
{
	const struct kdp_faults *f = &c->config.faults;
	if (f->delay_ns > 0) {
		struct pl_error *e = pl_wait_sleep(w, f->delay_ns);
		if (e)
			return e;
	}
	c->stats.sent++;
	if (chance(c, f->loss_out) || !c->reachable)
		return NULL;
	unsigned copies = 1 + chance(c, f->dup_out);
	/* What the host refuses to send is lost, as it would be on a wire. */
	for (unsigned i = 0; i < copies; i++)
		(void)!sendto(
			c->fd, c->packet, size, 0, (const struct sockaddr *)&c->server, sizeof(c->server));
	return NULL;
}

static bool loses_eof_answer(struct kdp_client *c)
{
	if (c->request != OP_EOF || c->config.faults.eof_answers_lost == 0)
		return false;
	c->config.faults.eof_answers_lost--;
	return true;
}

/* One datagram from the port, if there is one that the faults let through. */
static bool take(struct kdp_client *c)
{
	uint8_t bytes[PACKET_MAX];
	struct sockaddr_in from = {0};
	socklen_t from_size = sizeof(from);
	ssize_t n = recvfrom(c->fd, bytes, sizeof(bytes), 0, (struct sockaddr *)&from, &from_size);
	if (n < 0 || chance(c, c->config.faults.loss_in) || loses_eof_answer(c))
		return false;
	struct pl_reader r = pl_reader_be(bytes, (size_t)n);
	c->answer.opcode = pl_read_u16(&r);
	c->answer.block = pl_read_u32(&r);
	c->server.sin_port = from.sin_port;
	c->stats.received++;
	c->again = chance(c, c->config.faults.dup_in);
	return true;
}

static bool debugger_called(struct kdp_client *c, const struct pollfd *fd)
{
	uint8_t byte;
	return c->debugger_fd >= 0 && (fd->revents & POLLIN) && recv(c->debugger_fd, &byte, 1, 0) >= 0;
}

enum heard { HEARD_NOTHING, HEARD_ANSWER, HEARD_DEBUGGER };

/* Polls for at most *budget nanoseconds, which it makes less. */
static struct pl_error *listen_for(
	struct kdp_client *c, int64_t *budget, const struct pl_wait *w, enum heard *ret)
{
	int64_t until = pl_now() + *budget;
	*ret = HEARD_NOTHING;
	if (c->again) {
		c->again = false;
		*ret = HEARD_ANSWER;
		return NULL;
	}
	while (*budget > 0) {
		struct pollfd fds[2] = {
			{.fd = c->fd, .events = POLLIN}, {.fd = c->debugger_fd, .events = POLLIN}};
		struct pl_wait mine = pl_wait_at_most(w, *budget);
		struct pl_error *e = pl_wait_poll(&mine, fds, c->debugger_fd >= 0 ? 2 : 1);
		*budget = until - pl_now();
		if (e && pl_error_kind(e) == PL_ERR_TIMEOUT) {
			pl_error_free(e);
			e = pl_wait_check(w);
			if (e)
				return e;
			continue;
		}
		if (e)
			return e;
		if (debugger_called(c, &fds[1])) {
			*ret = HEARD_DEBUGGER;
			return NULL;
		}
		if ((fds[0].revents & POLLIN) && take(c)) {
			*ret = HEARD_ANSWER;
			return NULL;
		}
	}
	*budget = 0;
	return NULL;
}

/* ---- one packet to its end -------------------------------------------------- */

struct exchange {
	enum opcode request;
	size_t size; /* of the datagram */
	unsigned tries;
	unsigned skipped; /* answers of block - 1 */
	int64_t budget;
};

static int64_t polls(const struct kdp_client *c, unsigned count)
{
	return (int64_t)((double)(count * POLL_NS) * c->factor);
}

static void accept_features(struct kdp_client *c)
{
	uint32_t features = c->answer.opcode >> 8;
	if ((c->answer.opcode & 0xff) != OP_ACK)
		return;
	c->stats.features = features;
	if (!(features & KDP_LARGE_PACKETS) && c->stats.packet_size > KDP_SIZE_SMALL)
		c->stats.packet_size = KDP_SIZE_SMALL;
	sayf(c, "Protocol features: 0x%x\n", features);
	c->answer.opcode = OP_ACK;
}

enum verdict { GO_ON, SEND_AGAIN, LISTEN_AGAIN };

static enum verdict judge(struct kdp_client *c, struct exchange *x)
{
	if (x->request == OP_WRQ)
		accept_features(c);
	if (c->answer.opcode == OP_ACK && c->answer.block == c->stats.block)
		return GO_ON;
	if (c->answer.opcode == OP_ERROR) {
		c->stats.errors++;
		c->stats.last_error = c->answer.block;
		sayf(c, "Panic server returned error %u, retrying\n", c->answer.block);
		x->budget = polls(c, POLLS_RETRY);
		return SEND_AGAIN;
	}
	if (c->answer.block == c->stats.block - 1) {
		say(c, "RX retry ");
		return ++x->skipped > 1 ? SEND_AGAIN : LISTEN_AGAIN;
	}
	c->stats.stale++;
	return GO_ON;
}

/* Listens until the packet is settled or has to be sent again. */
static struct pl_error *hear(
	struct kdp_client *c, struct exchange *x, const struct pl_wait *w, enum verdict *verdict)
{
	enum heard heard;
	do {
		struct pl_error *e = listen_for(c, &x->budget, w, &heard);
		if (e)
			return e;
		if (heard == HEARD_DEBUGGER) {
			say(c, "Received a debugger packet,transferring control to debugger\n");
			c->aborted = true;
			*verdict = GO_ON;
			return NULL;
		}
		if (heard == HEARD_NOTHING) {
			x->budget = polls(c, POLLS_RETRY);
			*verdict = SEND_AGAIN;
			return pl_wait_sleep(w, (int64_t)((double)(x->tries % 4 * SPIN_NS) * c->factor));
		}
		*verdict = judge(c, x);
	} while (*verdict == LISTEN_AGAIN);
	return NULL;
}

static void settled(struct kdp_client *c, enum opcode request)
{
	if (++c->stats.block % SUPERBLOCK == 0)
		say(c, ".");
	if (request == OP_EOF)
		sayf(c, "\nTotal number of packets transmitted: %u\n", c->stats.block);
}

static struct pl_error *exchange(struct kdp_client *c, enum opcode request, size_t size,
	const struct pl_wait *w, enum kdp_failure *ret)
{
	struct exchange x = {.request = request, .size = size};
	enum verdict verdict = SEND_AGAIN;
	c->request = request;
	x.budget = polls(c, POLLS_FIRST + (request == OP_WRQ ? POLLS_WRQ : 0));
	*ret = KDP_OK;
	while (verdict == SEND_AGAIN) {
		if (++x.tries >= TRIES) {
			say(c, "Cannot contact panic server, timing out.\n");
			*ret = KDP_TIMEOUT;
			return NULL;
		}
		if (x.tries > 2)
			sayf(c, "TX retry #%u ", x.tries);
		c->stats.resent += x.tries > 1;
		if (request == OP_WRQ) /* a repeat goes to the well-known port again */
			c->server.sin_port = htons(c->config.port);
		struct pl_error *e = transmit(c, size, w);
		if (!e && !c->aborted)
			e = hear(c, &x, w, &verdict);
		if (e)
			return e;
		if (c->aborted) { /* once aborted, packets still leave, as block 0, and nobody waits */
			c->stats.block = 0;
			*ret = KDP_DEBUGGER;
			return NULL;
		}
	}
	settled(c, request);
	return NULL;
}

/* The machine's sudden death comes between packets. */
static bool dead(const struct kdp_client *c, enum kdp_failure *ret)
{
	if (!c->config.faults.stop || c->stats.bytes < c->config.faults.stop_at)
		return false;
	*ret = KDP_DIED;
	return true;
}

static void put_header(struct kdp_client *c, enum opcode opcode)
{
	pl_put_be16(c->packet, (uint16_t)opcode);
	pl_put_be32(c->packet + 2, c->stats.block);
}

static size_t append(struct kdp_client *c, size_t at, const void *bytes, size_t size)
{
	memcpy(c->packet + at, bytes, size);
	return at + size;
}

struct pl_error *kdp_packet_wrq(
	struct kdp_client *c, const char *name, const struct pl_wait *w, enum kdp_failure *ret)
{
	size_t len = strlen(name) < KDP_NAME_MAX ? strlen(name) : KDP_NAME_MAX;
	c->stats.block = 0;
	pl_put_be16(c->packet, OP_WRQ);
	size_t at = append(c, 2, name, len);
	c->packet[at++] = '\0';
	at = append(c, at, "octet", 6);
	if (c->config.wrq != KDP_WRQ_OLD) {
		at = append(c, at, "features", 9);
		pl_put_be32(c->packet + at, c->config.features);
		at += 4;
	}
	if (c->config.wrq == KDP_WRQ_SIZE)
		pl_put_be32(c->packet + at, c->config.packet_size);
	if (c->config.wrq == KDP_WRQ_SIZE || c->config.wrq == KDP_WRQ_STALE_SIZE)
		at += 4;
	return exchange(c, OP_WRQ, at, w, ret);
}

struct pl_error *kdp_packet_data(struct kdp_client *c, const void *bytes, size_t size, size_t junk,
	const struct pl_wait *w, enum kdp_failure *ret)
{
	if (dead(c, ret))
		return NULL;
	size_t full = c->stats.packet_size;
	if (size > full || HEADER + size + junk > sizeof(c->packet))
		return pl_error_new(PL_ERR_DATA, "%zu bytes are too many for a packet", size);
	put_header(c, OP_DATA);
	append(c, HEADER, bytes, size);
	memset(c->packet + HEADER + size, 'Y', full - size);
	struct pl_error *e = exchange(c, OP_DATA, HEADER + size + junk, w, ret);
	if (!e && *ret == KDP_OK)
		c->stats.bytes += size;
	return e;
}

struct pl_error *kdp_packet_seek(
	struct kdp_client *c, uint64_t offset, const struct pl_wait *w, enum kdp_failure *ret)
{
	if (dead(c, ret))
		return NULL;
	put_header(c, OP_SEEK);
	if (c->stats.features & KDP_LARGE_CRASHDUMPS) {
		pl_put_be64(c->packet + HEADER, offset);
		return exchange(c, OP_SEEK, HEADER + 8, w, ret);
	}
	pl_put_be32(c->packet + HEADER, (uint32_t)offset);
	return exchange(c, OP_SEEK, HEADER + 4, w, ret);
}

struct pl_error *kdp_packet_eof(struct kdp_client *c, const struct pl_wait *w, enum kdp_failure *ret)
{
	if (dead(c, ret))
		return NULL;
	put_header(c, OP_EOF);
	return exchange(c, OP_EOF, HEADER, w, ret);
}
