/*
 * boot-args: any text can be checked; what a merge does not touch stays byte for
 * byte and in its place; what is encoded once encodes again as itself.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/macos/boot_args.h"
#include "orchestrator/macos/boot_args_encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void is_true(int holds)
{
	if (!holds)
		abort();
}

static int is_ours(const struct boot_arg *a)
{
	static const char *const ours[] = {"debug", "_panicd_ip", "panicd_port", "kdp_match_name", "wdt",
		"kcsuffix", "_router_ip", "keepsyms", "serial"};
	for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
		if (boot_arg_is(a, ours[i]))
			return 1;
	return 0;
}

/* The next word that no wish touches. */
static int foreign(const char **cursor, struct boot_arg *ret)
{
	while (boot_args_next(cursor, ret))
		if (!is_ours(ret))
			return 1;
	return 0;
}

static void same_foreign(const char *before, const char *after)
{
	struct boot_arg a, b;
	while (foreign(&before, &a)) {
		is_true(foreign(&after, &b));
		is_true(a.size == b.size && memcmp(a.text, b.text, a.size) == 0);
	}
	is_true(!foreign(&after, &b));
}

static struct boot_args_wish wish_of(uint8_t byte)
{
	static const unsigned xnu[] = {0, 1699, 3789, 7195};
	return (struct boot_args_wish){.dump = (enum boot_args_dump)(byte & 3),
		.server = "10.0.0.1",
		.port = byte & 4 ? PANICD_PORT : 4000,
		.interface = byte & 8 ? "en0" : NULL,
		.reboot = (byte & 16) != 0,
		.nmi = (byte & 16) != 0,
		.kernel = byte & 32 ? "development" : NULL,
		.keepsyms = (byte & 32) != 0,
		.xnu = {.major = xnu[byte >> 6]}};
}

static void check_findings(const char *args, const struct boot_args_wish *w)
{
	const char *const nics[] = {args, "e1000e"};
	const struct boot_args_guest guest = {
		.xnu = w->xnu, .nics = nics, .nics_count = 1 + (size_t)w->reboot};
	struct boot_args_findings f;
	boot_args_check(args, w->dump, &guest, &f);
	is_true(f.count <= BOOT_ARGS_FINDINGS_MAX);
	for (size_t i = 0; i < f.count; i++)
		is_true(f.list[i].subject[0] != '\0' && f.list[i].text != NULL && f.list[i].advice != NULL);
	(void)boot_args_dump_meant(args, &w->xnu);
}

/* A wish's own word has been put: the kernel goes by it. */
static void check_encoded(const char *args, const struct boot_args_wish *w)
{
	char *once = NULL, *twice = NULL, *missing = NULL;
	struct pl_error *e = boot_args_encode(args, w, &once);
	if (e != NULL) {
		is_true(pl_error_kind(e) == PL_ERR_USAGE && once == NULL);
		pl_error_free(e);
		return;
	}
	same_foreign(args, once);
	is_true(strlen(once) <= BOOT_ARGS_LENGTH_MAX);
	is_true(w->dump == DUMP_NONE || boot_args_count(once, "wdt") == 1);
	is_true(boot_args_encode(once, w, &twice) == NULL);
	is_true(strcmp(once, twice) == 0);
	is_true(boot_args_missing(twice, once, &missing) == NULL && missing == NULL);
	check_findings(once, w);
	free(once);
	free(twice);
}

static void check_removal(const char *args)
{
	struct boot_arg a;
	char *without = NULL;
	struct pl_error *e = boot_args_remove(args, "debug", &without);
	if (e == NULL) {
		is_true(!boot_args_get(without, "debug", &a));
		is_true(strlen(without) <= strlen(args));
		same_foreign(args, without);
	}
	pl_error_free(e);
	free(without);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > 1500)
		return 0;
	const struct boot_args_wish w = wish_of(data[0]);
	char *args = malloc(size);
	if (args == NULL)
		return 0;
	memcpy(args, data + 1, size - 1);
	args[size - 1] = '\0';
	check_findings(args, &w);
	check_encoded(args, &w);
	check_removal(args);
	free(args);
	return 0;
}
