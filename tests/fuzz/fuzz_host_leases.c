/* Lease files: any bytes; what comes out is ordered, unique and well-formed. */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/host/leases.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct leases *l)
{
	if (l->count > LEASES_MAX)
		abort();
	for (size_t i = 0; i < l->count; i++) {
		const struct lease *a = &l->at[i];
		struct in_addr ip;

		if (inet_pton(AF_INET, a->ip, &ip) != 1 || ip.s_addr == 0 || a->ends < 0)
			abort();
		if (!a->expired && a->ends <= 1700000000)
			abort();
		for (size_t j = i + 1; j < l->count; j++) {
			const struct lease *b = &l->at[j];

			if (!strcmp(a->ip, b->ip) || (a->expired && !b->expired) ||
				(a->expired == b->expired && a->ends < b->ends))
				abort();
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct leases l = {.count = 0};
	struct pl_error *e;

	if (size > 65536)
		return 0;
	e = leases_parse((const char *)data, size, "00:0c:29:0a:0b:0c", 1700000000, &l);
	pl_error_free(e);
	check(&l);
	return 0;
}
