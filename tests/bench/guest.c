#include "tests/bench/guest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "base/reader.h"
#include "base/wait.h"

#define HEADER 6
#define TRIES 14
#define FIRST_WAIT (7500 * PL_MS)
#define WRQ_WAIT (10500 * PL_MS)
#define RETRY_WAIT (3000 * PL_MS)
#define FEATURES_LARGE 3u /* 64-bit seeks and large packets */
#define FEATURES_SMALL 1u
#define LARGE_PACKETS 2u
#define PACING_STEP (200000) /* ns that it may be early */

enum { OP_WRQ = 2, OP_DATA = 3, OP_ACK = 4, OP_ERROR = 5, OP_EOF = 7 };

static void append(struct guest *g, const void *bytes, size_t size)
{
	memcpy(g->packet + g->packet_size, bytes, size);
	g->packet_size += size;
}

static void put_wrq(struct guest *g)
{
	uint8_t words[8];
	pl_put_be16(g->packet, OP_WRQ);
	g->packet_size = 2;
	append(g, g->config.name, strlen(g->config.name) + 1);
	append(g, "octet", 6);
	append(g, "features", 9);
	pl_put_be32(words, g->config.large == GUEST_LARGE ? FEATURES_LARGE : FEATURES_SMALL);
	pl_put_be32(words + 4, (uint32_t)g->config.large);
	append(g, words, sizeof(words));
}

static void put_block(struct guest *g, unsigned opcode)
{
	pl_put_be16(g->packet, (uint16_t)opcode);
	pl_put_be32(g->packet + 2, g->block);
	g->packet_size = HEADER;
}

/* The packet for where the dump stands. */
static void make_packet(struct guest *g)
{
	uint64_t left = g->config.size - g->offset;
	g->tries = 1;
	g->stale = 0;
	if (g->state == GUEST_WRQ) {
		put_wrq(g);
		return;
	}
	if (left == 0) {
		g->state = g->config.echo ? GUEST_DONE : GUEST_EOF;
		put_block(g, OP_EOF);
		return;
	}
	put_block(g, OP_DATA);
	g->data = left < g->full ? (size_t)left : g->full;
	append(g, content_at(g->config.content, g->config.start + g->offset), g->data);
}

void guest_begin(struct guest *g, const struct guest_config *config)
{
	memset(&g->result, 0, sizeof(g->result));
	g->config = *config;
	g->full = config->large;
	g->state = config->echo ? GUEST_DATA : GUEST_WRQ;
	g->block = config->echo ? 1 : 0;
	g->offset = 0;
	g->data = 0;
	make_packet(g);
}

static enum guest_todo fail(struct guest *g, const char *fmt, ...) PL_PRINTF(2, 3);
static enum guest_todo fail(struct guest *g, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(g->result.why, sizeof(g->result.why), fmt, ap);
	va_end(ap);
	g->state = GUEST_FAILED;
	return GUEST_STOP;
}

static enum guest_todo send_again(struct guest *g, const char *why)
{
	g->stale = 0;
	if (++g->tries > TRIES)
		return fail(g, "block %u: %s, 14 times", g->block, why);
	return GUEST_SEND;
}

static enum guest_todo go_on(struct guest *g)
{
	g->result.packets++;
	g->block++;
	if (g->state == GUEST_EOF) {
		g->state = GUEST_DONE;
	} else {
		g->offset += g->data;
		g->state = GUEST_DATA;
		make_packet(g);
	}
	if (g->state != GUEST_DONE)
		return GUEST_SEND;
	g->result.ok = true;
	return GUEST_STOP;
}

/* An ACK of block 0 has the features in its opcode, also when it comes once more. */
static bool is_ack(struct guest *g, unsigned opcode, uint32_t block)
{
	if ((opcode & 0xff) != OP_ACK || (opcode != OP_ACK && block != 0))
		return false;
	if (g->state == GUEST_WRQ && !(opcode >> 8 & LARGE_PACKETS) && g->full > GUEST_SMALL)
		g->full = GUEST_SMALL;
	return true;
}

enum guest_todo guest_answer(struct guest *g, const uint8_t *bytes, size_t size)
{
	struct pl_reader r = pl_reader_be(bytes, size);
	unsigned opcode = pl_read_u16(&r);
	uint32_t block = pl_read_u32(&r);
	if (size >= HEADER && opcode == OP_ERROR) {
		g->result.errors++;
		return send_again(g, "the server says ERROR");
	}
	if (size != HEADER || !is_ack(g, opcode, block)) {
		g->result.wrong++;
		return fail(g, "block %u: the answer is no ACK", g->block);
	}
	if (block == g->block)
		return go_on(g);
	if (block != g->block - 1) {
		g->result.wrong++;
		return fail(g, "block %u: the answer is an ACK of %u", g->block, block);
	}
	g->result.extra++;
	if (++g->stale < 2)
		return GUEST_LISTEN;
	g->result.asked++;
	return send_again(g, "the server asks for it");
}

enum guest_todo guest_silence(struct guest *g)
{
	g->result.silent++;
	return send_again(g, "no answer");
}

int64_t guest_patience(const struct guest *g)
{
	if (g->tries > 1)
		return RETRY_WAIT;
	return g->state == GUEST_WRQ ? WRQ_WAIT : FIRST_WAIT;
}

/* ---- one over a blocking socket ---------------------------------------------- */

int guest_socket(bool blocking)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (fd < 0)
		return -1;
	(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	if (!blocking)
		(void)fcntl(fd, F_SETFL, O_NONBLOCK);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0)
		return fd;
	int failed = errno;
	close(fd);
	errno = failed;
	return -1;
}

static void sleep_for(int64_t ns)
{
	struct timespec t = {.tv_sec = (time_t)(ns / PL_SECOND), .tv_nsec = (long)(ns % PL_SECOND)};
	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		continue;
}

/* What the guest does beside sending: nothing, mostly. */
static void idle_before(struct guest *g, bool *paused)
{
	if (g->config.pause > 0 && !*paused && g->offset >= g->config.pause_at) {
		*paused = true;
		sleep_for(g->config.pause);
	}
	if (g->config.rate > 0) {
		int64_t due = g->result.started + (int64_t)((double)g->offset * 1e9 / g->config.rate);
		int64_t early = due - pl_now();
		if (early > PACING_STEP)
			sleep_for(early);
	}
	if (g->state == GUEST_EOF && g->result.eof_sent == 0)
		g->result.eof_sent = pl_now();
}

static void set_patience(int fd, int64_t ns)
{
	struct timeval t = {.tv_sec = (time_t)(ns / PL_SECOND), .tv_usec = (ns % PL_SECOND) / 1000};
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
}

static ssize_t receive(const struct guest *g, int fd, void *bytes, struct sockaddr_in *server)
{
	int64_t until = g->config.spin ? pl_now() + guest_patience(g) : 0;
	for (;;) {
		socklen_t n = sizeof(*server);
		ssize_t size = recvfrom(fd, bytes, CONTENT_PACKET_MAX, g->config.spin ? MSG_DONTWAIT : 0,
			(struct sockaddr *)server, &n);
		if (size >= 0 || !g->config.spin || pl_now() >= until)
			return size;
	}
}

static enum guest_todo listen_for_answer(struct guest *g, int fd, struct sockaddr_in *server)
{
	uint8_t bytes[CONTENT_PACKET_MAX];
	ssize_t size = receive(g, fd, bytes, server);
	if (size >= 0)
		return guest_answer(g, bytes, (size_t)size);
	if (errno == EINTR)
		return GUEST_LISTEN;
	if (errno != EAGAIN && errno != EWOULDBLOCK)
		return fail(g, "recvfrom: %s", strerror(errno));
	return guest_silence(g);
}

void guest_run(const struct guest_config *config, struct guest_result *ret)
{
	struct guest g;
	struct sockaddr_in server = config->server;
	enum guest_todo todo = GUEST_SEND;
	int64_t patience = 0;
	bool paused = false;
	int fd = guest_socket(true);
	guest_begin(&g, config);
	g.result.started = pl_now();
	if (fd < 0)
		todo = fail(&g, "socket: %s", strerror(errno));
	while (todo != GUEST_STOP) {
		if (todo == GUEST_SEND) {
			idle_before(&g, &paused);
			(void)!sendto(fd, g.packet, g.packet_size, 0, (const struct sockaddr *)&server,
				sizeof(server));
		}
		if (guest_patience(&g) != patience) {
			patience = guest_patience(&g);
			set_patience(fd, patience);
		}
		todo = listen_for_answer(&g, fd, &server);
	}
	g.result.ended = pl_now();
	if (fd >= 0)
		close(fd);
	*ret = g.result;
}
