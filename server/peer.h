/* Who a packet is from. */
#ifndef SERVER_PEER_H
#define SERVER_PEER_H

#include <stdbool.h>
#include <stdint.h>

struct peer {
	uint32_t address; /* host byte order */
	uint16_t port;
};

#define PEER_TEXT 24

/** "ip:port". Returns out. */
const char *peer_text(struct peer p, char out[static PEER_TEXT]);

bool peer_equal(struct peer a, struct peer b);

#endif
