#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wait.h"
#include "tests/simlab/badnet/badnet.h"

#define PORTS 8
#define SIZE_MAX_OF_ONE 2000
/* Between two of them: a flood would fill the receive buffer, which is another test. */
#define PAUSE (100 * INT64_C(1000))

struct datagram {
	uint8_t bytes[SIZE_MAX_OF_ONE];
	size_t size;
};

static struct pl_error *open_ports(const struct noise_options *o, int fds[static PORTS])
{
	const struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = o->from};

	for (int i = 0; i < PORTS; i++) {
		fds[i] = socket(AF_INET, SOCK_DGRAM, 0);
		if (fds[i] < 0 || bind(fds[i], (const struct sockaddr *)&own, sizeof own) < 0 ||
			connect(fds[i], (const struct sockaddr *)&o->to, sizeof o->to) < 0)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot reach the server");
	}
	return NULL;
}

static void put_random(struct datagram *d, uint64_t *seed, size_t size)
{
	for (d->size = 0; d->size < size; d->size++)
		d->bytes[d->size] = (uint8_t)draw(seed, 256);
}

/* A WRQ's name, mode, features and sizes. */
static void put_wrq(struct datagram *d, const char *name)
{
	static const char rest[] = "octet\0features\0\0\0\0\3\0\0\5\176";
	int n = snprintf((char *)d->bytes + 2, 200, "%s", name);

	d->bytes[0] = 0;
	d->bytes[1] = 2;
	memcpy(d->bytes + 2 + n + 1, rest, sizeof rest - 1);
	d->size = 2 + (size_t)n + 1 + sizeof rest - 1;
}

/* DATA, ACK, ERROR, SEEK, EOF or what comes after, with a block number that a transfer may be at. */
static void put_block(struct datagram *d, uint64_t *seed)
{
	put_random(d, seed, 6 + draw(seed, 1406));
	d->bytes[0] = 0;
	d->bytes[1] = (uint8_t)(3 + draw(seed, 6));
	d->bytes[2] = 0;
	d->bytes[3] = 0;
	d->bytes[4] = (uint8_t)draw(seed, 8);
}

static void make(struct datagram *d, const struct noise_options *o, uint64_t *seed, uint64_t number)
{
	char name[64];

	switch (draw(seed, 5)) {
	case 0:
		put_random(d, seed, draw(seed, SIZE_MAX_OF_ONE));
		break;
	case 1:
		put_wrq(d, o->name);
		d->size = draw(seed, (unsigned)d->size);
		break;
	case 2:
		snprintf(name, sizeof name, "../no-%llu", (unsigned long long)number);
		put_wrq(d, name);
		break;
	case 3:
		put_wrq(d, o->name);
		break;
	default:
		put_block(d, seed);
	}
}

struct pl_error *noise(const struct noise_options *o)
{
	static struct datagram d;
	struct pl_wait w = pl_wait_for(PL_TIME_FOREVER, NULL);
	uint64_t seed = o->seed;
	uint64_t sent = 0;
	int fds[PORTS];
	struct pl_error *err = open_ports(o, fds);

	for (uint64_t i = 0; !err && (o->count == 0 || i < o->count); i++) {
		make(&d, o, &seed, i);
		/* ECONNREFUSED and the like are about an earlier one. */
		sent += send(fds[draw(&seed, PORTS)], d.bytes, d.size, 0) >= 0;
		err = pl_wait_sleep(&w, PAUSE);
	}
	printf("sent=%llu\n", (unsigned long long)sent);
	return err;
}
