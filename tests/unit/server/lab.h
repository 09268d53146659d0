/*
 * A server on loopback, its events, and a guest that sends by the client's
 * rules. Client and server take turns in one thread: whatever waits, waits in
 * pump(), with a deadline.
 */
#ifndef TESTS_SERVER_LAB_H
#define TESTS_SERVER_LAB_H

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/wait.h"
#include "server/server.h"
#include "tests/unit/server/packets.h"

#define GUESTS 8
#define FILE_MAX (1u << 20)

struct seen {
	unsigned started;
	unsigned refused;
	unsigned done;
	bool complete;
	enum server_gzip gzip;
	char reason[128];
	char path[512];
	uint64_t bytes;
	uint64_t resent;
	uint32_t code;
};

struct lab {
	char dir[64];
	struct server_config config;
	struct server_network allow;
	struct server *server;
	struct seen seen;
};

struct guest {
	int fd;
	uint32_t block; /* of the next packet */
	unsigned loss;  /* in 100, each way */
	uint64_t random;
};

static inline void on_event(void *arg, const struct server_event *e)
{
	struct seen *seen = arg;

	seen->started += e->kind == SERVER_STARTED;
	if (e->kind == SERVER_REFUSED) {
		seen->refused++;
		seen->code = e->code;
	}
	if (e->kind == SERVER_DONE) {
		seen->done++;
		seen->complete = e->complete;
		seen->gzip = e->gzip;
		seen->bytes = e->bytes;
		seen->resent = e->resent;
		snprintf(seen->reason, sizeof seen->reason, "%s", e->reason);
		snprintf(seen->path, sizeof seen->path, "%s", e->path);
	}
}

static inline int setup(void **state)
{
	struct lab *lab = calloc(1, sizeof *lab);

	snprintf(lab->dir, sizeof lab->dir, "/tmp/paniclab-server-XXXXXX");
	assert_non_null(mkdtemp(lab->dir));
	server_config_init(&lab->config);
	lab->config.bind = "127.0.0.1";
	lab->config.port = 0;
	lab->config.dir = lab->dir;
	*state = lab;
	return 0;
}

static inline int teardown(void **state)
{
	struct lab *lab = *state;

	server_destroy(lab->server);
	assert_null(pl_fs_remove_tree(lab->dir));
	free(lab);
	return 0;
}

static inline void serve(struct lab *lab)
{
	assert_null(server_create(&lab->config, NULL, on_event, &lab->seen, &lab->server));
}

static inline struct guest boot(struct lab *lab)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
		.sin_port = htons(server_port(lab->server)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct guest g = {.fd = socket(AF_INET, SOCK_DGRAM, 0), .random = 88172645463325252u};

	assert_true(g.fd >= 0);
	assert_int_equal(connect(g.fd, (struct sockaddr *)&sin, sizeof sin), 0);
	assert_int_equal(fcntl(g.fd, F_SETFL, O_NONBLOCK), 0);
	return g;
}

static inline bool lost(struct guest *g)
{
	g->random ^= g->random << 13;
	g->random ^= g->random >> 7;
	g->random ^= g->random << 17;
	return g->random % 100 < g->loss;
}

/* Lets the server work until the guest has an answer or the time is up; its size. */
static inline size_t pump(struct lab *lab, struct guest *g, uint8_t *answer, size_t size, int64_t ns)
{
	struct pl_wait w = pl_wait_for(ns, NULL);

	for (;;) {
		struct pollfd fds[2] = {
			{.fd = server_fd(lab->server), .events = POLLIN}, {.fd = g->fd, .events = POLLIN}};
		struct pl_wait due = {.until = server_deadline(lab->server)};
		int ms = pl_wait_ms(&w);
		int due_ms = pl_wait_ms(&due);
		(void)poll(fds, 2, due_ms >= 0 && due_ms < ms ? due_ms : ms);
		assert_null(server_dispatch(lab->server));
		ssize_t n = recv(g->fd, answer, size, 0);
		if (n > 0 && !lost(g))
			return (size_t)n;
		if (pl_wait_ms(&w) == 0)
			return 0;
	}
}

/* Lets the server work until that many transfers are done, ten seconds at the most. */
static inline void until_done(struct lab *lab, unsigned count)
{
	struct pl_wait w = pl_wait_for(10 * PL_SECOND, NULL);

	while (lab->seen.done < count && pl_wait_ms(&w) > 0) {
		struct pollfd fd = {.fd = server_fd(lab->server), .events = POLLIN};
		struct pl_wait due = {.until = server_deadline(lab->server)};
		(void)poll(&fd, 1, pl_wait_ms(&due));
		assert_null(server_dispatch(lab->server));
	}
	assert_int_equal(lab->seen.done, count);
}

static inline void transmit(struct guest *g, const struct packet *p)
{
	if (!lost(g))
		assert_int_equal(send(g->fd, p->bytes, p->size, 0), p->size);
}

static inline uint32_t number(const uint8_t *b)
{
	return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/*
 * One packet by the client's rules; the error code + 1000 of an ERROR, -1 for
 * no answer, else the features of the ACK.
 */
static inline int exchange(struct lab *lab, struct guest *g, const struct packet *p)
{
	unsigned skipped = 0;

	transmit(g, p);
	for (int tries = 1; tries < 15;) {
		uint8_t answer[600];
		size_t n = pump(lab, g, answer, sizeof answer, 3 * PL_SECOND);
		if (n == 0) {
			tries++;
			transmit(g, p);
			continue;
		}
		assert_true(n >= 6);
		/* A guest that was kept waiting meanwhile has been asked to say it again. */
		if (answer[1] == 5 && number(answer + 2) == 0 && n > 12 &&
			memcmp(answer + 6, "say again", 9) == 0) {
			tries++;
			transmit(g, p);
			continue;
		}
		if (answer[1] == 5)
			return (int)number(answer + 2) + 1000;
		assert_int_equal(answer[1], 4);
		if (number(answer + 2) == g->block) {
			g->block++;
			return answer[0];
		}
		/* Any other would be taken for success. */
		assert_int_equal(number(answer + 2), g->block - 1);
		if (++skipped > 1)
			transmit(g, p);
	}
	return -1;
}

static inline int ask(struct lab *lab, struct guest *g, const char *name)
{
	struct packet p = make_wrq(name, 2, 3, 1406);

	g->block = 0;
	return exchange(lab, g, &p);
}

static inline int give(struct lab *lab, struct guest *g, const void *bytes, size_t size)
{
	struct packet p = make_data(g->block, bytes, size);

	return exchange(lab, g, &p);
}

static inline int finish(struct lab *lab, struct guest *g)
{
	struct packet p = make_header(7, g->block);

	return exchange(lab, g, &p);
}

static inline void give_all(struct lab *lab, struct guest *g, const uint8_t *bytes, size_t size)
{
	for (size_t at = 0; at < size; at += 1406)
		assert_int_equal(give(lab, g, bytes + at, size - at < 1406 ? size - at : 1406), 0);
}

static inline void send_file(struct lab *lab, const char *name, const uint8_t *bytes, size_t size)
{
	struct guest g = boot(lab);

	assert_int_equal(ask(lab, &g, name), 3);
	give_all(lab, &g, bytes, size);
	assert_int_equal(finish(lab, &g), 0);
	/* The event follows the answer. */
	assert_int_equal(lab->seen.done, lab->seen.started);
	close(g.fd);
}

static inline void path_of(const struct lab *lab, const char *name, char out[static 256])
{
	snprintf(out, 256, "%s/%s", lab->dir, name);
}

static inline bool there(const struct lab *lab, const char *name)
{
	char path[256];

	path_of(lab, name, path);
	return pl_fs_exists(path);
}

static inline void check_file(const struct lab *lab, const char *name, const void *bytes, size_t size)
{
	struct pl_buf b;
	char path[256];
	struct stat st;

	path_of(lab, name, path);
	pl_buf_init(&b, FILE_MAX);
	assert_null(pl_fs_read(path, &b));
	assert_int_equal(b.size, size);
	if (size > 0)
		assert_memory_equal(b.data, bytes, size);
	pl_buf_deinit(&b);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static inline unsigned files(const struct lab *lab)
{
	DIR *d = opendir(lab->dir);
	unsigned n = 0;

	for (const struct dirent *e; (e = readdir(d)) != NULL;)
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

/* gzip by zlib's own writer: hard to compress, so that it has many packets. */
static inline size_t make_gzip(uint8_t *out, size_t room, size_t size, unsigned seed)
{
	uint8_t *plain = malloc(size);
	z_stream z = {0};

	for (size_t i = 0; i < size; i++)
		plain[i] = (uint8_t)((seed = seed * 1103515245u + 12345u) >> 16);
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = plain;
	z.avail_in = (uInt)size;
	z.next_out = out;
	z.avail_out = (uInt)room;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	free(plain);
	return room - z.avail_out;
}

#endif
