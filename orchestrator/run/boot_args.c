#include "orchestrator/run/boot_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"

enum { BOOT_ARGS_MAX = 1023, TOKENS_MAX = 256 };

enum {
	DB_HALT = 0x1,
	DB_NMI = 0x4,
	DB_ARP = 0x40,
	DB_KERN_DUMP_ON_NMI = 0x800,
	DB_PANICLOG_DUMP = 0x2000,
	DB_REBOOT_POST_CORE = 0x4000,
	DB_DISABLE_LOCAL_CORE = 0x20000,
	DB_REBOOT_ALWAYS = 0x100000,
};

struct tokens {
	char *word[TOKENS_MAX];
	size_t count;
};

static void tokens_deinit(struct tokens *t)
{
	for (size_t i = 0; i < t->count; i++)
		free(t->word[i]);
	t->count = 0;
}

static struct pl_error *tokens_add(struct tokens *t, const char *word, size_t length)
{
	if (t->count == TOKENS_MAX)
		return pl_error_new(PL_ERR_USAGE, "more than %d boot-args", (int)TOKENS_MAX);
	t->word[t->count] = strndup(word, length);
	if (t->word[t->count] == NULL)
		return pl_error_nomem();
	t->count++;
	return NULL;
}

static struct pl_error *tokens_split(struct tokens *t, const char *args)
{
	struct pl_error *e = NULL;
	while (e == NULL && *args != '\0') {
		args += strspn(args, " \t");
		size_t length = strcspn(args, " \t");
		if (length > 0)
			e = tokens_add(t, args, length);
		args += length;
	}
	return e;
}

static size_t key_length(const char *token)
{
	return strcspn(token, "=");
}

static bool same_key(const char *a, const char *b)
{
	size_t n = key_length(a);
	return n == key_length(b) && memcmp(a, b, n) == 0;
}

static void drop(struct tokens *t, size_t i)
{
	free(t->word[i]);
	for (t->count--; i < t->count; i++)
		t->word[i] = t->word[i + 1];
}

/* Puts token in the place of the first of its key; others of its key go. */
static struct pl_error *put(struct tokens *t, const char *token)
{
	size_t place = 0;
	while (place < t->count && !same_key(t->word[place], token))
		place++;
	if (place == t->count)
		return tokens_add(t, token, strlen(token));
	for (size_t i = t->count - 1; i > place; i--)
		if (same_key(t->word[i], token))
			drop(t, i);
	char *copy = strdup(token);
	if (copy == NULL)
		return pl_error_nomem();
	free(t->word[place]);
	t->word[place] = copy;
	return NULL;
}

static void forget(struct tokens *t, const char *key)
{
	for (size_t i = 0; i < t->count;) {
		if (same_key(t->word[i], key))
			drop(t, i);
		else
			i++;
	}
}

static struct pl_error *put_value(struct tokens *t, const char *key, const char *value)
{
	char *token = NULL;
	struct pl_error *e = pl_asprintf(&token, "%s=%s", key, value);
	if (e == NULL)
		e = put(t, token);
	free(token);
	return e;
}

/* PE_parse_boot_argn() takes 0x, 0b, leading-0 octal and decimal numbers. */
static uint64_t parse_number(const char *s)
{
	if (s[0] == '0' && (s[1] == 'b' || s[1] == 'B'))
		return strtoull(s + 2, NULL, 2);
	return strtoull(s, NULL, 0);
}

uint64_t boot_args_debug(const char *args)
{
	struct tokens t = {.count = 0};
	uint64_t value = 0;
	struct pl_error *e = tokens_split(&t, args);
	for (size_t i = 0; e == NULL && i < t.count; i++) {
		if (pl_starts_with(t.word[i], "debug=")) {
			value = parse_number(t.word[i] + 6);
			break;
		}
	}
	pl_error_free(e);
	tokens_deinit(&t);
	return value;
}

/*
 * What a network core needs, added to the bits that were there. Three bits are
 * taken away: HALT waits for a debugger at every boot, PANICLOG_DUMP sends the
 * log instead of the core, REBOOT_ALWAYS reboots before the dump has begun.
 */
static uint64_t debug_bits(uint64_t present, unsigned xnu_major)
{
	uint64_t bits = present | DB_NMI | DB_ARP | BOOT_ARGS_DUMP_ON_PANIC | DB_KERN_DUMP_ON_NMI |
			DB_REBOOT_POST_CORE;
	/* Since xnu-3247 a local core would come first, and the reboot after it. */
	if (xnu_major == 0 || xnu_major >= 3247)
		bits |= DB_DISABLE_LOCAL_CORE;
	return bits & ~(uint64_t)(DB_HALT | DB_PANICLOG_DUMP | DB_REBOOT_ALWAYS);
}

/* What makes a kernel dump over the network. */
static struct pl_error *put_dump(struct tokens *t, uint64_t debug, const struct boot_args_wish *wish)
{
	char number[32];
	snprintf(number, sizeof number, "0x%llx", (unsigned long long)debug_bits(debug, wish->xnu_major));
	struct pl_error *e = put_value(t, "debug", number);
	if (e == NULL)
		e = put_value(t, "_panicd_ip", wish->server);
	snprintf(number, sizeof number, "%u", wish->port);
	if (wish->port == 1069)
		forget(t, "panicd_port");
	else if (e == NULL)
		e = put_value(t, "panicd_port", number);
	if (e == NULL && wish->interface[0] != '\0')
		e = put_value(t, "kdp_match_name", wish->interface);
	if (e == NULL)
		e = put_value(t, "wdt", "-1");
	return e;
}

static struct pl_error *put_extra(struct tokens *t, const char *extra)
{
	struct tokens more = {.count = 0};
	struct pl_error *e = tokens_split(&more, extra);
	for (size_t i = 0; e == NULL && i < more.count; i++)
		e = put(t, more.word[i]);
	tokens_deinit(&more);
	return e;
}

static struct pl_error *join(const struct tokens *t, char **ret)
{
	struct pl_buf b;
	pl_buf_init(&b, BOOT_ARGS_MAX);
	struct pl_error *e = NULL;
	for (size_t i = 0; e == NULL && i < t->count; i++)
		e = pl_buf_printf(&b, "%s%s", i == 0 ? "" : " ", t->word[i]);
	if (e != NULL && pl_error_kind(e) == PL_ERR_DATA) {
		pl_error_free(e);
		e = pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "boot-args would pass %d bytes", (int)BOOT_ARGS_MAX),
			"shorten boot_args in the scenario or what the guest has");
	}
	if (e == NULL)
		e = pl_buf_take(&b, ret);
	pl_buf_deinit(&b);
	return e;
}

struct pl_error *boot_args_merge(const char *present, const struct boot_args_wish *wish, char **ret)
{
	struct tokens t = {.count = 0};
	struct pl_error *e = tokens_split(&t, present);
	if (e == NULL && wish->server != NULL)
		e = put_dump(&t, boot_args_debug(present), wish);
	if (e == NULL && wish->kcsuffix != NULL)
		e = put_value(&t, "kcsuffix", wish->kcsuffix);
	if (e == NULL)
		e = put_extra(&t, wish->extra);
	if (e == NULL)
		e = join(&t, ret);
	tokens_deinit(&t);
	return e;
}

bool boot_args_has(const char *args, const char *token)
{
	struct tokens t = {.count = 0};
	bool found = false;
	struct pl_error *e = tokens_split(&t, args);
	for (size_t i = 0; e == NULL && i < t.count; i++) {
		/* The kernel takes the first of a key. */
		if (same_key(t.word[i], token)) {
			found = strcmp(t.word[i], token) == 0;
			break;
		}
	}
	pl_error_free(e);
	tokens_deinit(&t);
	return found;
}

struct pl_error *boot_args_missing(const char *actual, const char *wanted, char **ret)
{
	struct tokens t = {.count = 0};
	*ret = NULL;
	struct pl_error *e = tokens_split(&t, wanted);
	for (size_t i = 0; e == NULL && *ret == NULL && i < t.count; i++)
		if (!boot_args_has(actual, t.word[i]))
			e = pl_strdup(t.word[i], ret);
	tokens_deinit(&t);
	return e;
}
