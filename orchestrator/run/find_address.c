#include "orchestrator/run/find_address.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "orchestrator/host/leases.h"

#define PROBE_TIME (10 * PL_SECOND)
#define PAUSE_FIRST (250 * PL_MS)
#define PAUSE_MOST (2 * PL_SECOND)

#define CLAIMS_MAX 32

enum source {
	FROM_CONFIGURED,
	FROM_IP,
	FROM_NICIPS,
	FROM_LEASES,
	FROM_VMRUN,
	SOURCES,
};
static const char *const source_names[SOURCES] = {"configured", "ip", "nicips", "leases", "vmrun"};

struct claim {
	char ip[16];
	enum source source;
	bool expired;
};

struct search {
	const struct find_address *f;
	struct claim claims[CLAIMS_MAX];
	size_t count;
	char said[SOURCES][160]; /* the last of each */
	struct vm_nic nics[8];   /* asked once */
	size_t nics_count;
	bool nics_known;
};

static bool ends_search(const struct pl_error *e)
{
	return pl_error_kind(e) == PL_ERR_INTERRUPTED || pl_error_kind(e) == PL_ERR_NOMEM;
}

static bool is_over(const struct pl_wait *w)
{
	struct pl_error *e = pl_wait_check(w);

	pl_error_free(e);
	return e != NULL;
}

/* Takes e; gives it back if it ends the search, else notes it. */
static struct pl_error *note(
	struct search *s, enum source source, struct pl_error *e, const struct pl_wait *w)
{
	char line[160];

	if (!e || ends_search(e) || is_over(w))
		return e;
	pl_error_line(e, line, sizeof(line));
	snprintf(s->said[source], sizeof(s->said[source]), "%s", line);
	pl_log(s->f->log, PL_LOG_DEBUG, "address: %s: %s", source_names[source], line);
	pl_error_free(e);
	return NULL;
}

static void add(struct search *s, const char *ip, enum source source, bool expired)
{
	for (size_t i = 0; i < s->count; i++)
		if (!strcmp(s->claims[i].ip, ip))
			return;
	if (s->count == CLAIMS_MAX)
		return;
	snprintf(s->claims[s->count].ip, sizeof(s->claims[0].ip), "%s", ip);
	s->claims[s->count].source = source;
	s->claims[s->count].expired = expired;
	s->count++;
}

static enum source source_of(const char *name)
{
	for (int i = FROM_IP; i < SOURCES; i++)
		if (!strcmp(name, source_names[i]))
			return (enum source)i;
	return FROM_VMRUN;
}

static struct pl_error *know_nics(struct search *s, const struct pl_wait *w)
{
	const struct vm_backend *b = s->f->backend;
	struct pl_error *e;

	if (s->nics_known)
		return NULL;
	e = b->ops->nics(b->host, s->f->vm, w, s->nics, &s->nics_count);
	s->nics_known = !e;
	return e;
}

static struct pl_error *read_leases(struct search *s, struct leases *all, const struct pl_wait *w)
{
	const struct find_address *f = s->f;
	struct pl_error *e = know_nics(s, w);

	all->count = 0;
	for (size_t i = 0; !e && i < s->nics_count; i++) {
		struct leases l;

		if (!*s->nics[i].mac)
			continue;
		e = leases_lookup(f->lease_files, f->lease_files_count, f->usual_leases, s->nics[i].mac,
			(int64_t)time(NULL), f->log, &l);
		for (size_t j = 0; !e && j < l.count && all->count < LEASES_MAX; j++)
			all->at[all->count++] = l.at[j];
	}
	return e;
}

static void add_leases(struct search *s, const struct leases *l, bool expired)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->at[i].expired == expired)
			add(s, l->at[i].ip, FROM_LEASES, expired);
}

static void add_told(struct search *s, const struct vm_address *told, size_t count, bool vmrun)
{
	for (size_t i = 0; i < count; i++) {
		enum source source = source_of(told[i].source);

		if ((source == FROM_VMRUN) == vmrun)
			add(s, told[i].ip, source, false);
	}
}

/* What everybody claims now, the most credible first. */
static struct pl_error *gather(struct search *s, const struct pl_wait *w)
{
	const struct vm_backend *b = s->f->backend;
	struct vm_address told[16];
	struct leases leases = {.count = 0};
	size_t count = 0;
	struct pl_error *e;

	s->count = 0;
	e = note(s, FROM_IP, b->ops->addresses(b->host, s->f->vm, w, told, &count), w);
	if (!e)
		e = note(s, FROM_LEASES, read_leases(s, &leases, w), w);
	if (e)
		return e;
	add_told(s, told, count, false);
	add_leases(s, &leases, false);
	add_told(s, told, count, true);
	add_leases(s, &leases, true);
	return NULL;
}

/* *found: the guest is there. */
static struct pl_error *prove(struct search *s, const struct claim *c, const struct pl_wait *w, bool *found)
{
	struct pl_wait own = pl_wait_at_most(w, PROBE_TIME);
	struct pl_error *e = s->f->probe(s->f->probe_arg, c->ip, &own);
	const char *reason;

	*found = !e;
	if (!e || ends_search(e))
		return e;
	reason = pl_error_reason(e);
	/* a probe cut off by the end says less than the one before it */
	if (!is_over(w) || !s->said[c->source][0])
		snprintf(s->said[c->source], sizeof(s->said[0]), "%s%s: %.60s%s%.60s", c->ip,
			c->expired ? " (expired)" : "", pl_error_what(e), reason ? ": " : "",
			reason ? reason : "");
	pl_log(s->f->log, PL_LOG_DEBUG, "address: %s says %s", source_names[c->source], s->said[c->source]);
	pl_error_free(e);
	return NULL;
}

static struct pl_error *try_round(
	struct search *s, const struct pl_wait *w, struct found_address *ret, bool *found)
{
	struct pl_error *e = NULL;

	if (!s->f->configured)
		e = gather(s, w);
	for (size_t i = 0; !e && !*found && i < s->count; i++) {
		const struct claim *c = &s->claims[i];

		e = prove(s, c, w, found);
		if (e || !*found)
			continue;
		memcpy(ret->ip, c->ip, sizeof(ret->ip));
		snprintf(ret->source, sizeof(ret->source), "%s", source_names[c->source]);
	}
	return e;
}

static const char *last_of(const struct search *s, enum source source)
{
	return s->said[source][0] ? s->said[source] : "nothing";
}

static struct pl_error *give_up(const struct search *s, struct pl_error *over)
{
	bool configured = s->f->configured != NULL;
	struct pl_error *e;
	char name[100];

	if (pl_error_kind(over) != PL_ERR_TIMEOUT)
		return over;
	pl_error_free(over);
	e = pl_error_new(PL_ERR_TIMEOUT, "the guest of VM '%s' did not answer in time",
		pl_escape_str(s->f->vm->name, name, sizeof(name)));
	if (configured)
		e = pl_error_why(e, "%s", last_of(s, FROM_CONFIGURED));
	else
		e = pl_error_why(e, "ip: %s; nicips: %s; leases: %s; vmrun: %s", last_of(s, FROM_IP),
			last_of(s, FROM_NICIPS), last_of(s, FROM_LEASES), last_of(s, FROM_VMRUN));
	return pl_error_hint(e,
		configured ? "is guests.NAME.address right, and does Remote Login run in the guest?"
			   : "does Remote Login run in the guest? guests.NAME.address can fix the address");
}

static struct pl_error *search_until_found(
	struct search *s, const struct pl_wait *w, struct found_address *ret)
{
	int64_t pause = PAUSE_FIRST;
	bool found = false;

	for (;;) {
		struct pl_error *e = try_round(s, w, ret, &found);

		if (found)
			return NULL;
		if (!e)
			e = pl_wait_sleep(w, pause);
		if (e)
			return give_up(s, e);
		pause = pause * 2 < PAUSE_MOST ? pause * 2 : PAUSE_MOST;
	}
}

struct pl_error *find_address(
	const struct find_address *f, const struct pl_wait *w, struct found_address *ret)
{
	struct find_address asked = *f;
	struct search s = {.f = &asked};
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	if (asked.configured && !strcmp(asked.configured, "auto"))
		asked.configured = NULL;
	if (asked.configured)
		add(&s, asked.configured, FROM_CONFIGURED, false);
	e = search_until_found(&s, w, ret);
	if (!e)
		pl_log(f->log, PL_LOG_DEBUG, "address: the guest is at %s (%s)", ret->ip, ret->source);
	return e;
}
