#include "server/peer.h"

#include <stdio.h>

const char *peer_text(struct peer p, char out[static PEER_TEXT])
{
	snprintf(out, PEER_TEXT, "%u.%u.%u.%u:%u", p.address >> 24 & 0xff, p.address >> 16 & 0xff,
		p.address >> 8 & 0xff, p.address & 0xff, (unsigned)p.port);
	return out;
}

bool peer_equal(struct peer a, struct peer b)
{
	return a.address == b.address && a.port == b.port;
}
