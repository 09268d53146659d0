/* A dump server for tests: a thread that records each packet and answers as a script says. */
#ifndef TEST_SIMLAB_FAKE_SERVER_H
#define TEST_SIMLAB_FAKE_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/reader.h"
#include "base/wait.h"

#define FAKE_PACKETS 64

struct fake_packet {
	uint8_t bytes[1600];
	size_t size;
	bool second_port; /* came to the other socket */
	uint16_t from_port;
};

struct fake_server {
	char ip[16];        /* the server's */
	char client_ip[16]; /* what a client may bind to */
	uint16_t port;
	int fds[2]; /* the well-known port and an ephemeral one */
	struct pl_cancel stop;
	pthread_t thread;
	/* Answers packet number n (from 0); NULL answers nothing. */
	void (*script)(struct fake_server *f, size_t n, const struct fake_packet *p);
	void *arg;
	struct fake_packet packets[FAKE_PACKETS];
	size_t count; /* of all packets; only the first FAKE_PACKETS are kept */
	struct sockaddr_in client;
};

static inline void fake_answer(struct fake_server *f, int which, uint16_t opcode, uint32_t block)
{
	uint8_t b[6];
	pl_put_be16(b, opcode);
	pl_put_be32(b + 2, block);
	(void)!sendto(f->fds[which], b, sizeof(b), 0, (const struct sockaddr *)&f->client, sizeof(f->client));
}

static inline uint16_t fake_opcode(const struct fake_packet *p)
{
	return (uint16_t)(p->bytes[0] << 8 | p->bytes[1]);
}

static inline uint32_t fake_block(const struct fake_packet *p)
{
	return (uint32_t)p->bytes[2] << 24 | (uint32_t)p->bytes[3] << 16 | (uint32_t)p->bytes[4] << 8 |
	       p->bytes[5];
}

/* Acknowledges everything; agrees to both features. */
static inline void fake_polite(struct fake_server *f, size_t n, const struct fake_packet *p)
{
	(void)n;
	if (fake_opcode(p) == 2)
		fake_answer(f, 0, 0x0304, 0);
	else
		fake_answer(f, 0, 4, fake_block(p));
}

static inline void fake_take(struct fake_server *f, int which)
{
	struct fake_packet spare = {.second_port = which == 1};
	socklen_t len = sizeof(f->client);
	ssize_t n = recvfrom(
		f->fds[which], spare.bytes, sizeof(spare.bytes), 0, (struct sockaddr *)&f->client, &len);
	if (n < 2)
		return;
	spare.size = (size_t)n;
	spare.from_port = ntohs(f->client.sin_port);
	if (f->count < FAKE_PACKETS)
		f->packets[f->count] = spare;
	size_t number = f->count++;
	if (f->script)
		f->script(f, number, &spare);
}

static inline void *fake_run(void *arg)
{
	struct fake_server *f = arg;
	for (;;) {
		struct pollfd fds[2] = {
			{.fd = f->fds[0], .events = POLLIN}, {.fd = f->fds[1], .events = POLLIN}};
		struct pl_wait w = pl_wait_for(PL_TIME_FOREVER, &f->stop);
		struct pl_error *e = pl_wait_poll(&w, fds, 2);
		/* What was sent before the stop is still to be recorded. */
		if (e && poll(fds, 2, 0) <= 0) {
			pl_error_free(e);
			return NULL;
		}
		pl_error_free(e);
		for (int i = 0; i < 2; i++)
			if (fds[i].revents & POLLIN)
				fake_take(f, i);
	}
}

static inline int fake_socket(const char *ip)
{
	struct sockaddr_in a = {.sin_family = AF_INET};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	inet_pton(AF_INET, ip, &a.sin_addr);
	if (bind(fd, (const struct sockaddr *)&a, sizeof(a)) != 0)
		perror("bind");
	return fd;
}

/* Addresses of its own for each process, so that tests can run side by side. */
static inline void fake_start(
	struct fake_server *f, void (*script)(struct fake_server *, size_t, const struct fake_packet *))
{
	struct sockaddr_in a = {0};
	socklen_t len = sizeof(a);
	unsigned id = (unsigned)getpid();
	memset(f, 0, sizeof(*f));
	snprintf(f->ip, sizeof(f->ip), "127.%u.%u.1", 64 + id / 250 % 64, 1 + id % 250);
	snprintf(f->client_ip, sizeof(f->client_ip), "127.%u.%u.2", 64 + id / 250 % 64, 1 + id % 250);
	f->fds[0] = fake_socket(f->ip);
	f->fds[1] = fake_socket(f->ip);
	getsockname(f->fds[0], (struct sockaddr *)&a, &len);
	f->port = ntohs(a.sin_port);
	f->script = script;
	pl_error_free(pl_cancel_init(&f->stop));
	pthread_create(&f->thread, NULL, fake_run, f);
}

/* After this the record can be read. */
static inline void fake_stop(struct fake_server *f)
{
	pl_cancel_set(&f->stop);
	pthread_join(f->thread, NULL);
	close(f->fds[0]);
	close(f->fds[1]);
	pl_cancel_deinit(&f->stop);
}

#endif
