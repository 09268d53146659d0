/* A log for tests: what was said, a line each. */
#ifndef TEST_HEAR_H
#define TEST_HEAR_H

#include <stdio.h>
#include <string.h>

#include "base/log.h"

struct heard {
	char text[8192];
};

static inline void hear(void *arg, enum pl_log_level level, const char *message)
{
	struct heard *h = arg;
	size_t n = strlen(h->text);

	(void)level;
	snprintf(h->text + n, sizeof(h->text) - n, "%s\n", message);
}

#endif
