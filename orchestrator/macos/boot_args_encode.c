#include "orchestrator/macos/boot_args_encode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "orchestrator/macos/boot_args.h"
#include "orchestrator/macos/debug_flags.h"

/* The text on its way, and the first error. */
struct draft {
	char *text;
	struct pl_error *error;
};

static void take(struct draft *d, char *next)
{
	if (d->error != NULL)
		return;
	free(d->text);
	d->text = next;
}

static void put(struct draft *d, const char *fmt, ...) PL_PRINTF(2, 3);

static void put(struct draft *d, const char *fmt, ...)
{
	char word[256], *next = NULL;
	va_list args;
	if (d->error != NULL)
		return;
	va_start(args, fmt);
	int size = vsnprintf(word, sizeof word, fmt, args);
	va_end(args);
	if (size < 0 || (size_t)size >= sizeof word)
		d->error = pl_error_new(PL_ERR_USAGE, "a boot-arg is longer than 255 bytes");
	else
		d->error = boot_args_set(d->text, word, &next);
	take(d, next);
}

static void forget(struct draft *d, const char *key)
{
	char *next = NULL;
	if (d->error != NULL)
		return;
	d->error = boot_args_remove(d->text, key, &next);
	take(d, next);
}

static bool over_network(const struct boot_args_wish *w)
{
	return w->dump == DUMP_NETWORK || w->dump == DUMP_PANICLOG;
}

/* DISABLE_LOCAL_CORE came with xnu-3247; before it there is no local core to come first. */
static bool has_local_core(const struct macos_version *xnu)
{
	return !macos_version_known(xnu) || macos_version_at_least(xnu, 3247, 0, 0);
}

/*
 * HALT waits for a debugger at every boot, PANICLOG_DUMP sends the log instead
 * of the core, REBOOT_ALWAYS reboots before a network dump has begun.
 */
static uint32_t dump_bits(uint32_t bits, const struct boot_args_wish *w)
{
	if (w->dump == DUMP_NONE)
		return bits;
	bits &= ~(uint32_t)(DB_HALT | DB_PANICLOG_DUMP);
	bits |= w->dump == DUMP_PANICLOG ? DB_PANICLOG_DUMP : DB_KERN_DUMP_ON_PANIC;
	if (w->dump == DUMP_LOCAL)
		return bits & ~(uint32_t)DB_DISABLE_LOCAL_CORE;
	bits |= DB_ARP;
	if (has_local_core(&w->xnu))
		bits |= DB_DISABLE_LOCAL_CORE;
	return bits & ~(uint32_t)DB_REBOOT_ALWAYS;
}

static uint32_t debug_bits(uint32_t bits, const struct boot_args_wish *w)
{
	bits = dump_bits(bits, w);
	if (w->reboot)
		bits |= DB_REBOOT_POST_CORE;
	if (w->nmi)
		bits |= DB_NMI;
	if (w->nmi && w->dump != DUMP_NONE)
		bits |= DB_KERN_DUMP_ON_NMI;
	if (w->wait_for_debugger)
		bits |= DB_HALT | DB_ARP;
	return bits;
}

static void put_network(struct draft *d, const struct boot_args_wish *w)
{
	put(d, "_panicd_ip=%s", w->server == NULL ? "" : w->server);
	if (w->port == PANICD_PORT)
		forget(d, "panicd_port");
	else
		put(d, "panicd_port=%u", w->port);
	if (w->router != NULL)
		put(d, "_router_ip=%s", w->router);
}

/* What is no number would give bits that nobody wanted. */
static uint32_t present_bits(const char *present)
{
	struct boot_arg a;
	uint32_t bits;
	return boot_args_get(present, "debug", &a) && boot_arg_number(&a, &bits) ? bits : 0;
}

struct pl_error *boot_args_encode(const char *present, const struct boot_args_wish *w, char **ret)
{
	struct draft d = {.text = NULL};
	uint32_t before = present_bits(present);
	uint32_t debug = debug_bits(before, w);
	d.error = pl_strdup(present, &d.text);
	if (w->dump != DUMP_NONE || debug != before)
		put(&d, "debug=0x%" PRIx32, debug);
	if (over_network(w))
		put_network(&d, w);
	if (w->interface != NULL && w->interface[0] != '\0')
		put(&d, "kdp_match_name=%s", w->interface);
	/* The watchdog would take a long dump for a hang. */
	if (w->dump != DUMP_NONE)
		put(&d, "wdt=-1");
	if (w->kernel != NULL)
		put(&d, "kcsuffix=%s", w->kernel);
	if (w->keepsyms)
		put(&d, "keepsyms=1");
	if (w->serial)
		put(&d, "serial=3");
	if (d.error == NULL)
		*ret = d.text;
	else
		free(d.text);
	return d.error;
}
