#include "server/refusal.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "base/wait.h"

/* Longer than a burst of tries, shorter than a new dump of a guest that rebooted. */
#define FRESH (5 * PL_SECOND)

const struct refusal *refusals_find(const struct refusals *r, struct peer peer, const char *name, int64_t now)
{
	char escaped[REFUSAL_NAME_MAX];

	pl_escape_str(name, escaped, sizeof escaped);
	for (unsigned i = 0; i < REFUSALS_KEPT; i++) {
		const struct refusal *f = &r->kept[i];
		if (f->until > now && peer_equal(f->peer, peer) && strcmp(f->name, escaped) == 0)
			return f;
	}
	return NULL;
}

struct refusal refusal_make(struct peer peer, const char *name, uint32_t code, const char *reason)
{
	struct refusal f = {.peer = peer, .code = code};

	pl_escape_str(name, f.name, sizeof f.name);
	snprintf(f.reason, sizeof f.reason, "%s", reason);
	return f;
}

void refusals_add(struct refusals *r, const struct refusal *f, int64_t now)
{
	struct refusal *kept = &r->kept[r->next++ % REFUSALS_KEPT];

	*kept = *f;
	kept->until = now + FRESH;
}
