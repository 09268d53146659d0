#include "orchestrator/macos/debug_flags.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/embed.h"
#include "base/text.h"

extern const struct pl_embedded macos_rules[];

const char *flag_state_name(enum flag_state s)
{
	static const char *const names[] = {"unknown", "not-yet", "obsolete", "active"};
	return names[s];
}

/* One word of the line, cut at size; *p moves behind it and its blank. */
static const char *take_word(const char **p, char *out, size_t size)
{
	size_t n = strcspn(*p, " \n");
	snprintf(out, size, "%.*s", (int)n, *p);
	*p += n;
	*p += **p == ' ';
	return out;
}

/* SINCE and UNTIL; "-" is no limit, and leaves zero. */
static void take_limits(const char **p, struct boot_flag *f)
{
	char word[32];
	(void)macos_version_parse_xnu(take_word(p, word, sizeof word), &f->since);
	f->until = (unsigned)strtoul(take_word(p, word, sizeof word), NULL, 10);
}

static bool take_line(const char *line, struct boot_flag *f)
{
	char word[32];
	bool is_bit = pl_starts_with(line, "bit ");
	*f = (struct boot_flag){0};
	if (!is_bit && !pl_starts_with(line, "key "))
		return false;
	const char *p = line + 4;
	if (is_bit)
		f->bit = (uint32_t)strtoul(take_word(&p, word, sizeof word), NULL, 16);
	take_word(&p, f->name, sizeof f->name);
	take_limits(&p, f);
	snprintf(f->meaning, sizeof f->meaning, "%.*s", (int)strcspn(p, "\n"), p);
	return true;
}

bool boot_flags_next(const char **cursor, struct boot_flag *ret)
{
	const char *line = *cursor;
	if (line == NULL)
		line = pl_embedded_find(macos_rules, "boot-args.txt")->data;
	bool found = false;
	while (!found && *line != '\0') {
		found = take_line(line, ret);
		line += strcspn(line, "\n");
		line += *line == '\n';
	}
	*cursor = line;
	return found;
}

static enum flag_state state_of(const struct boot_flag *f, const struct macos_version *xnu)
{
	if (!macos_version_known(xnu))
		return FLAG_ACTIVE;
	if (macos_version_compare(xnu, &f->since) < 0)
		return FLAG_NOT_YET;
	return f->until != 0 && xnu->major > f->until ? FLAG_OBSOLETE : FLAG_ACTIVE;
}

/* By bit, or by key when bit is 0. */
static enum flag_state find(
	uint32_t bit, const char *key, size_t size, const struct macos_version *xnu, struct boot_flag *ret)
{
	struct boot_flag f;
	const char *cursor = NULL;
	enum flag_state best = FLAG_UNKNOWN;
	*ret = (struct boot_flag){0};
	while (best != FLAG_ACTIVE && boot_flags_next(&cursor, &f)) {
		if (f.bit != bit)
			continue;
		if (bit == 0 && (strlen(f.name) != size || memcmp(f.name, key, size) != 0))
			continue;
		enum flag_state s = state_of(&f, xnu);
		if (s <= best)
			continue;
		best = s;
		*ret = f;
	}
	return best;
}

enum flag_state debug_flag(uint32_t bit, const struct macos_version *xnu, struct boot_flag *ret)
{
	*ret = (struct boot_flag){0};
	return bit == 0 ? FLAG_UNKNOWN : find(bit, NULL, 0, xnu, ret);
}

enum flag_state boot_key(const char *key, size_t size, const struct macos_version *xnu, struct boot_flag *ret)
{
	return find(0, key, size, xnu, ret);
}
