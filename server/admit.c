#include "server/admit.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/wait.h"
#include "server/name.h"

/* ---- buckets ------------------------------------------------------------------- */

static struct admit_bucket full_bucket(unsigned a_second, int64_t now)
{
	int64_t share = PL_SECOND / a_second;

	return (struct admit_bucket){.share = share > 0 ? share : 1, .filled = PL_SECOND, .at = now};
}

static bool draw(struct admit_bucket *b, int64_t now)
{
	int64_t passed = now > b->at ? now - b->at : 0;

	b->filled = passed < PL_SECOND - b->filled ? b->filled + passed : PL_SECOND;
	b->at += passed;
	if (b->filled < b->share)
		return false;
	b->filled -= b->share;
	return true;
}

/* ---- who may begin --------------------------------------------------------------- */

struct pl_error *admit_init(struct admit *a, const struct server_config *c, int64_t now)
{
	*a = (struct admit){
		.max_sessions = c->max_sessions ? c->max_sessions : 1,
		.told = full_bucket(ADMIT_TELL_RATE, now),
	};
	if (c->max_rate > 0) {
		a->limited = true;
		a->begun = full_bucket(c->max_rate, now);
	}
	if (c->allow_count == 0)
		return NULL;
	a->allow = calloc(c->allow_count, sizeof *a->allow);
	if (!a->allow)
		return pl_error_nomem();
	memcpy(a->allow, c->allow, c->allow_count * sizeof *a->allow);
	a->allow_count = c->allow_count;
	return NULL;
}

void admit_deinit(struct admit *a)
{
	free(a->allow);
	a->allow = NULL;
	a->allow_count = 0;
}

bool admit_allows(const struct admit *a, uint32_t address)
{
	for (size_t i = 0; i < a->allow_count; i++)
		if (((address ^ a->allow[i].address) & a->allow[i].mask) == 0)
			return true;
	return a->allow_count == 0;
}

const struct admit_refusal *admit_check(
	struct admit *a, uint32_t address, const char *name, const char *mode, size_t active, int64_t now)
{
	static const struct admit_refusal not_allowed = {
		WIRE_E_ACCESS, "this address is not allowed (--allow)", false};
	static const struct admit_refusal unsafe = {
		WIRE_E_ACCESS, "not a safe file name: 1-100 of A-Za-z0-9._-, no . or - first", false};
	static const struct admit_refusal not_octet = {
		WIRE_E_ILLEGAL, "the transfer mode is not octet", false};
	static const struct admit_refusal too_many = {
		WIRE_E_OTHER, "too many transfers under way (--max-sessions)", false};
	static const struct admit_refusal too_fast = {
		WIRE_E_OTHER, "too many new transfers a second (--max-rate)", true};

	if (!admit_allows(a, address))
		return &not_allowed;
	if (!name_is_safe(name))
		return &unsafe;
	if (strcasecmp(mode, "octet") != 0)
		return &not_octet;
	if (active >= a->max_sessions)
		return &too_many;
	if (a->limited && !draw(&a->begun, now))
		return &too_fast;
	return NULL;
}

/* ---- how many refusals are told of -------------------------------------------------- */

bool admit_may_tell(struct admit *a, int64_t now, uint64_t *untold)
{
	if (!draw(&a->told, now)) {
		a->untold++;
		return false;
	}
	*untold = a->untold;
	a->untold = 0;
	return true;
}
