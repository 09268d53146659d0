#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/wait.h"
#include "tests/simlab/badnet/badnet.h"

#define ROUTES_MAX 16
#define PENDING_MAX 256
#define PACKET_MAX 2048
/* Longer than a round trip, shorter than a client's own retry. */
#define LATE_MAX_MS 80

struct route {
	struct sockaddr_in client;
	int fd; /* connected to the server */
};

struct pending {
	int64_t due; /* 0: free */
	unsigned route;
	bool to_server;
	size_t size;
	uint8_t bytes[PACKET_MAX];
};

struct state {
	const struct relay_options *o;
	uint64_t seed;
	int fd; /* towards the clients */
	unsigned routes;
	struct route route[ROUTES_MAX];
	struct pending pending[PENDING_MAX];
};

static struct pl_error *failed(const char *what)
{
	return pl_error_errno(PL_ERR_LAB, errno, "cannot %s", what);
}

static struct pl_error *open_front(struct state *s)
{
	struct sockaddr_in sin = s->o->listen;
	socklen_t length = sizeof sin;

	s->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)&sin, sizeof sin) < 0 ||
		getsockname(s->fd, (struct sockaddr *)&sin, &length) < 0)
		return failed("listen");
	printf("port=%u\n", (unsigned)ntohs(sin.sin_port));
	fflush(stdout);
	return NULL;
}

/* From the client's own address, so that the server can tell the clients apart. */
static struct pl_error *find_route(struct state *s, const struct sockaddr_in *client, unsigned *ret)
{
	for (*ret = 0; *ret < s->routes; ++*ret) {
		const struct sockaddr_in *c = &s->route[*ret].client;
		if (c->sin_addr.s_addr == client->sin_addr.s_addr && c->sin_port == client->sin_port)
			return NULL;
	}
	if (s->routes == ROUTES_MAX)
		return pl_error_new(PL_ERR_LAB, "too many clients");
	struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr = client->sin_addr};
	struct route *r = &s->route[s->routes++];
	r->client = *client;
	r->fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (r->fd < 0 || bind(r->fd, (struct sockaddr *)&own, sizeof own) < 0 ||
		connect(r->fd, (const struct sockaddr *)&s->o->server, sizeof s->o->server) < 0)
		return failed("reach the server");
	return NULL;
}

static void deliver(const struct state *s, const struct pending *p)
{
	const struct route *r = &s->route[p->route];

	/* What can't be sent is lost, as on any network. */
	if (p->to_server)
		(void)!send(r->fd, p->bytes, p->size, 0);
	else
		(void)!sendto(
			s->fd, p->bytes, p->size, 0, (const struct sockaddr *)&r->client, sizeof r->client);
}

static void deliver_late(struct state *s, struct pending *p)
{
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		if (s->pending[i].due != 0)
			continue;
		p->due = pl_now() + (1 + (int64_t)draw(&s->seed, LATE_MAX_MS)) * PL_MS;
		s->pending[i] = *p;
		return;
	}
}

static void pass(struct state *s, struct pending *p)
{
	if (draw(&s->seed, 100) < s->o->loss)
		return;
	if (draw(&s->seed, 100) < s->o->twice)
		deliver(s, p);
	if (draw(&s->seed, 100) < (p->to_server ? s->o->late_to_server : s->o->late_to_client))
		deliver_late(s, p);
	else
		deliver(s, p);
}

static void deliver_due(struct state *s, int64_t *next)
{
	int64_t now = pl_now();

	*next = PL_TIME_FOREVER;
	for (unsigned i = 0; i < PENDING_MAX; i++) {
		struct pending *p = &s->pending[i];
		if (p->due != 0 && p->due <= now) {
			deliver(s, p);
			p->due = 0;
		}
		if (p->due != 0 && p->due < *next)
			*next = p->due;
	}
}

static struct pl_error *from_client(struct state *s)
{
	struct pending p = {.to_server = true};
	struct sockaddr_in client = {0};
	socklen_t length = sizeof client;
	ssize_t n = recvfrom(s->fd, p.bytes, sizeof p.bytes, 0, (struct sockaddr *)&client, &length);

	if (n < 0)
		return errno == ECONNREFUSED || errno == EINTR ? NULL : failed("receive");
	p.size = (size_t)n;
	struct pl_error *err = find_route(s, &client, &p.route);
	if (!err)
		pass(s, &p);
	return err;
}

static void from_server(struct state *s, unsigned route)
{
	struct pending p = {.route = route};
	ssize_t n = recv(s->route[route].fd, p.bytes, sizeof p.bytes, 0);

	/* No server just now: to the client that is silence. */
	if (n < 0)
		return;
	p.size = (size_t)n;
	pass(s, &p);
}

static struct pl_error *turn(struct state *s)
{
	struct pollfd fds[1 + ROUTES_MAX] = {{.fd = s->fd, .events = POLLIN}};
	struct pl_wait w = {.until = PL_TIME_FOREVER};
	struct pl_error *err = NULL;

	deliver_due(s, &w.until);
	for (unsigned i = 0; i < s->routes; i++)
		fds[1 + i] = (struct pollfd){.fd = s->route[i].fd, .events = POLLIN};
	if (poll(fds, 1 + s->routes, pl_wait_ms(&w)) < 0)
		return errno == EINTR ? NULL : failed("wait");
	for (unsigned i = 0; i < s->routes; i++)
		if (fds[1 + i].revents)
			from_server(s, i);
	if (fds[0].revents)
		err = from_client(s);
	return err;
}

struct pl_error *relay(const struct relay_options *o)
{
	static struct state s;
	struct pl_error *err;

	s = (struct state){.o = o, .seed = o->seed};
	err = open_front(&s);
	while (!err)
		err = turn(&s);
	return err;
}
