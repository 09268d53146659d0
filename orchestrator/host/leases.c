#include "orchestrator/host/leases.h"

#include <arpa/inet.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/host/lease_records.h"

/* A record that counts more: valid before expired, then the one that ends later. */
static bool is_better(const struct lease *a, const struct lease *b)
{
	if (a->expired != b->expired)
		return b->expired;
	return a->ends > b->ends;
}

/* Keeps the list in order, an address once, the best LEASES_MAX. */
static void insert(struct leases *l, const struct lease *new)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (!strcmp(l->at[i].ip, new->ip)) {
			if (!is_better(new, &l->at[i]))
				return;
			l->count--;
			memmove(&l->at[i], &l->at[i + 1], (l->count - i) * sizeof(l->at[0]));
			break;
		}
	for (i = 0; i < l->count && !is_better(new, &l->at[i]); i++)
		;
	if (i == LEASES_MAX)
		return;
	if (l->count == LEASES_MAX)
		l->count--;
	memmove(&l->at[i + 1], &l->at[i], (l->count - i) * sizeof(l->at[0]));
	l->at[i] = *new;
	l->count++;
}

static bool is_superseded(const struct lease_records *all, const struct lease_record *r)
{
	for (size_t i = 0; i < all->count; i++) {
		const struct lease_record *o = &all->at[i];

		if (o->ip == r->ip && o->ends > r->ends && memcmp(o->mac, r->mac, sizeof(r->mac)) != 0)
			return true;
	}
	return false;
}

static void take(
	const struct lease_records *all, const struct lease_record *r, int64_t now, struct leases *ret)
{
	struct lease l = {.ends = r->ends, .expired = r->released || r->ends <= now};
	struct in_addr a = {.s_addr = r->ip};

	if (is_superseded(all, r) || !inet_ntop(AF_INET, &a, l.ip, sizeof(l.ip)))
		return;
	insert(ret, &l);
}

struct pl_error *leases_parse(const char *text, size_t size, const char *mac, int64_t now, struct leases *ret)
{
	struct lease_records all = {0};
	struct pl_error *e;
	uint8_t wanted[6];
	char safe[64];

	if (!lease_mac(mac, strlen(mac), wanted))
		return pl_error_new(
			PL_ERR_LAB, "'%s' is no MAC address", pl_escape_str(mac, safe, sizeof(safe)));
	e = lease_records_parse(text, size, &all);
	for (size_t i = 0; !e && i < all.count; i++)
		if (!memcmp(all.at[i].mac, wanted, sizeof(wanted)))
			take(&all, &all.at[i], now, ret);
	lease_records_deinit(&all);
	return e;
}

struct pl_error *leases_read(const char *path, const char *mac, int64_t now, struct leases *ret)
{
	struct pl_buf b;
	struct pl_error *e;

	pl_buf_init(&b, LEASES_SIZE_MAX);
	e = pl_fs_read(path, &b);
	if (!e)
		e = leases_parse(pl_buf_text(&b), b.size, mac, now, ret);
	pl_buf_deinit(&b);
	return e;
}

/* A file that cannot be read is no reason not to look into the next. */
static struct pl_error *read_one(
	const char *path, const char *mac, int64_t now, const struct pl_log *log, struct leases *ret)
{
	struct pl_error *e;
	char line[512];

	if (!pl_fs_exists(path))
		return NULL;
	e = leases_read(path, mac, now, ret);
	if (!e || pl_error_kind(e) == PL_ERR_NOMEM)
		return e;
	pl_log(log, PL_LOG_DEBUG, "leases: %s", pl_error_line(e, line, sizeof(line)));
	pl_error_free(e);
	return NULL;
}

static struct pl_error *read_usual(const char *mac, int64_t now, const struct pl_log *log, struct leases *ret)
{
	struct pl_error *e = read_one("/var/db/dhcpd_leases", mac, now, log, ret);
	glob_t found = {0};

	if (!e && !glob("/var/db/vmware/vmnet-dhcpd-*.leases", 0, NULL, &found))
		for (size_t i = 0; !e && i < found.gl_pathc; i++)
			e = read_one(found.gl_pathv[i], mac, now, log, ret);
	globfree(&found);
	return e;
}

struct pl_error *leases_lookup(const char *const *files, size_t count, bool usual, const char *mac,
	int64_t now, const struct pl_log *log, struct leases *ret)
{
	struct pl_error *e = NULL;

	memset(ret, 0, sizeof(*ret));
	for (size_t i = 0; !e && i < count; i++)
		e = read_one(files[i], mac, now, log, ret);
	if (!e && usual)
		e = read_usual(mac, now, log, ret);
	return e;
}
