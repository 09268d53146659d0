/* The records of a lease file, in the file's order. For leases.h, which see. */
#ifndef HOST_LEASE_RECORDS_H
#define HOST_LEASE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct lease_record {
	uint32_t ip; /* network byte order, as in_addr */
	uint8_t mac[6];
	bool released; /* its binding state is another than active */
	int64_t ends;  /* seconds since 1970; INT64_MAX: never; 0: not known */
};

struct lease_records {
	struct lease_record *at;
	size_t count;
	size_t room;
};

/** Both formats, even mixed. Records without address or MAC are skipped. *ret starts zeroed. */
struct pl_error *lease_records_parse(const char *text, size_t size, struct lease_records *ret) PL_MUST_USE;
void lease_records_deinit(struct lease_records *r);

/** Six groups of one or two hexadecimal digits with colons; false if it is none. */
bool lease_mac(const char *text, size_t size, uint8_t ret[6]);

#endif
