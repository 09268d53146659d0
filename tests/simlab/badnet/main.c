/*
 * badnet relay LISTEN:PORT SERVER:PORT LOSS TWICE LATE-TO-SERVER LATE-TO-CLIENT SEED
 * badnet noise SERVER:PORT FROM NAME COUNT SEED
 * badnet say SERVER:PORT FROM HEX...
 *
 * The four numbers of a relay are percentages.
 */
#include "tests/simlab/badnet/badnet.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

unsigned draw(uint64_t *state, unsigned below)
{
	/* Knuth's MMIX generator; its upper half is the random one. */
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (unsigned)(*state >> 33) % below;
}

static bool read_address(const char *text, struct sockaddr_in *ret)
{
	char ip[INET_ADDRSTRLEN];
	uint64_t port;
	const char *colon = strchr(text, ':');
	size_t length = colon ? (size_t)(colon - text) : 0;

	*ret = (struct sockaddr_in){.sin_family = AF_INET};
	if (!colon || length >= sizeof ip || !pl_parse_u64(colon + 1, UINT16_MAX, &port))
		return false;
	memcpy(ip, text, length);
	ip[length] = '\0';
	ret->sin_port = htons((uint16_t)port);
	return inet_pton(AF_INET, ip, &ret->sin_addr) == 1;
}

static bool read_percent(const char *text, unsigned *ret)
{
	uint64_t n;

	if (!pl_parse_u64(text, 100, &n))
		return false;
	*ret = (unsigned)n;
	return true;
}

static struct pl_error *dispatch(int argc, char **argv)
{
	struct relay_options r;
	struct noise_options n;

	if (argc == 9 && strcmp(argv[1], "relay") == 0 && read_address(argv[2], &r.listen) &&
		read_address(argv[3], &r.server) && read_percent(argv[4], &r.loss) &&
		read_percent(argv[5], &r.twice) && read_percent(argv[6], &r.late_to_server) &&
		read_percent(argv[7], &r.late_to_client) && pl_parse_u64(argv[8], UINT64_MAX, &r.seed))
		return relay(&r);
	if (argc == 7 && strcmp(argv[1], "noise") == 0 && read_address(argv[2], &n.to) &&
		inet_pton(AF_INET, argv[3], &n.from) == 1 && pl_parse_u64(argv[5], UINT64_MAX, &n.count) &&
		pl_parse_u64(argv[6], UINT64_MAX, &n.seed)) {
		n.name = argv[4];
		return noise(&n);
	}
	if (argc >= 5 && strcmp(argv[1], "say") == 0 && read_address(argv[2], &n.to) &&
		inet_pton(AF_INET, argv[3], &n.from) == 1)
		return say(&n.to, n.from, (const char *const *)(argv + 4));
	return pl_error_new(PL_ERR_USAGE,
		"badnet relay LISTEN:PORT SERVER:PORT LOSS TWICE LATE-TO-SERVER LATE-TO-CLIENT SEED, or "
		"badnet noise SERVER:PORT FROM NAME COUNT SEED, or "
		"badnet say SERVER:PORT FROM HEX...");
}

int main(int argc, char **argv)
{
	char line[512];
	struct pl_error *err = dispatch(argc, argv);
	int code = pl_error_exit_code(err);

	if (err)
		fprintf(stderr, "badnet: %s\n", pl_error_line(err, line, sizeof line));
	pl_error_free(err);
	return code;
}
