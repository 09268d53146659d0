#include "orchestrator/macos/macos_version.h"

#include <stdio.h>
#include <string.h>

/* A release and the tag of its kernel, as its `uname -v` says. Oldest first. */
struct release {
	struct macos_version macos;
	unsigned xnu_major, xnu_minor;
};

static const struct release releases[] = {
	{{10, 7, 0}, 1699, 22},
	{{10, 7, 2}, 1699, 24},
	{{10, 7, 4}, 1699, 26},
	{{10, 7, 5}, 1699, 32},
	{{10, 8, 0}, 2050, 7},
	{{10, 8, 1}, 2050, 9},
	{{10, 8, 2}, 2050, 18},
	{{10, 8, 3}, 2050, 22},
	{{10, 8, 4}, 2050, 24},
	{{10, 8, 5}, 2050, 48},
	{{10, 9, 0}, 2422, 1},
	{{10, 9, 2}, 2422, 90},
	{{10, 9, 3}, 2422, 100},
	{{10, 9, 4}, 2422, 110},
	{{10, 9, 5}, 2422, 115},
	{{10, 10, 0}, 2782, 1},
	{{10, 10, 2}, 2782, 10},
	{{10, 10, 3}, 2782, 20},
	{{10, 10, 4}, 2782, 30},
	{{10, 10, 5}, 2782, 40},
	{{10, 11, 0}, 3247, 1},
	{{10, 11, 1}, 3247, 10},
	{{10, 11, 2}, 3248, 20},
	{{10, 11, 3}, 3248, 30},
	{{10, 11, 4}, 3248, 40},
	{{10, 11, 5}, 3248, 50},
	{{10, 11, 6}, 3248, 60},
	{{10, 12, 0}, 3789, 1},
	{{10, 12, 1}, 3789, 21},
	{{10, 12, 2}, 3789, 31},
	{{10, 12, 3}, 3789, 41},
	{{10, 12, 4}, 3789, 51},
	{{10, 12, 5}, 3789, 60},
	{{10, 12, 6}, 3789, 70},
	{{10, 13, 0}, 4570, 1},
	{{10, 13, 1}, 4570, 20},
	{{10, 13, 2}, 4570, 31},
	{{10, 13, 3}, 4570, 41},
	{{10, 13, 4}, 4570, 51},
	{{10, 13, 5}, 4570, 61},
	{{10, 13, 6}, 4570, 71},
	{{10, 14, 0}, 4903, 201},
	{{10, 14, 1}, 4903, 221},
	{{10, 14, 2}, 4903, 231},
	{{10, 14, 3}, 4903, 241},
	{{10, 14, 4}, 4903, 251},
	{{10, 14, 5}, 4903, 261},
	{{10, 14, 6}, 4903, 270},
	{{10, 15, 0}, 6153, 11},
	{{10, 15, 1}, 6153, 41},
	{{10, 15, 2}, 6153, 61},
	{{10, 15, 3}, 6153, 81},
	{{10, 15, 4}, 6153, 101},
	{{10, 15, 5}, 6153, 121},
	{{10, 15, 6}, 6153, 141},
	{{11, 0, 0}, 7195, 50},
	{{11, 1, 0}, 7195, 60},
	{{11, 2, 0}, 7195, 81},
	{{11, 3, 0}, 7195, 101},
	{{11, 4, 0}, 7195, 121},
	{{11, 5, 0}, 7195, 141},
	{{12, 0, 0}, 8019, 41},
	{{12, 1, 0}, 8019, 61},
	{{12, 2, 0}, 8019, 80},
	{{12, 3, 0}, 8020, 101},
	{{12, 4, 0}, 8020, 121},
	{{12, 5, 0}, 8020, 140},
	{{13, 0, 0}, 8792, 41},
	{{13, 1, 0}, 8792, 61},
	{{13, 2, 0}, 8792, 81},
	{{13, 3, 0}, 8796, 101},
	{{13, 4, 0}, 8796, 121},
	{{13, 5, 0}, 8796, 141},
	{{14, 0, 0}, 10002, 1},
	{{14, 1, 0}, 10002, 41},
	{{14, 2, 0}, 10002, 61},
	{{14, 3, 0}, 10002, 81},
	{{14, 4, 0}, 10063, 101},
	{{14, 5, 0}, 10063, 121},
	{{14, 6, 0}, 10063, 141},
	{{15, 0, 0}, 11215, 1},
	{{15, 1, 0}, 11215, 41},
	{{15, 2, 0}, 11215, 61},
	{{15, 3, 0}, 11215, 81},
	{{15, 4, 0}, 11417, 101},
	{{15, 5, 0}, 11417, 121},
	{{15, 6, 0}, 11417, 140},
};

enum { RELEASES = sizeof releases / sizeof *releases, NUMBER_MAX = 1000000 };

static bool take_number(const char **p, unsigned *ret)
{
	const char *start = *p;
	unsigned n = 0;
	for (; **p >= '0' && **p <= '9'; (*p)++) {
		if (n >= NUMBER_MAX)
			return false;
		n = n * 10 + (unsigned)(**p - '0');
	}
	*ret = n;
	return *p != start;
}

/* Up to three numbers; *p stands behind them. */
static bool take_version(const char **p, struct macos_version *ret)
{
	*ret = (struct macos_version){0};
	struct macos_version v = {0};
	unsigned *const part[] = {&v.major, &v.minor, &v.patch};
	for (size_t i = 0; i < 3; i++) {
		if (!take_number(p, part[i]))
			return false;
		if (i == 2 || **p != '.')
			break;
		(*p)++;
	}
	if (!macos_version_known(&v))
		return false;
	*ret = v;
	return true;
}

bool macos_version_parse(const char *text, struct macos_version *ret)
{
	bool ok = take_version(&text, ret) && *text == '\0';
	if (!ok)
		*ret = (struct macos_version){0};
	return ok;
}

bool macos_version_parse_xnu(const char *text, struct macos_version *ret)
{
	if (strncmp(text, "xnu-", 4) == 0)
		text += 4;
	bool ok = take_version(&text, ret) && (*text == '\0' || *text == '.' || *text == '~');
	if (!ok)
		*ret = (struct macos_version){0};
	return ok;
}

bool macos_version_known(const struct macos_version *v)
{
	return v->major != 0;
}

static int compare(unsigned a, unsigned b)
{
	return (a > b) - (a < b);
}

int macos_version_compare(const struct macos_version *a, const struct macos_version *b)
{
	int order = compare(a->major, b->major);
	if (order == 0)
		order = compare(a->minor, b->minor);
	return order != 0 ? order : compare(a->patch, b->patch);
}

bool macos_version_at_least(const struct macos_version *v, unsigned major, unsigned minor, unsigned patch)
{
	const struct macos_version wanted = {major, minor, patch};
	return macos_version_known(v) && macos_version_compare(v, &wanted) >= 0;
}

const char *macos_version_text(const struct macos_version *v, char out[static MACOS_VERSION_TEXT])
{
	if (!macos_version_known(v))
		snprintf(out, MACOS_VERSION_TEXT, "?");
	else if (v->patch != 0)
		snprintf(out, MACOS_VERSION_TEXT, "%u.%u.%u", v->major, v->minor, v->patch);
	else if (v->minor != 0)
		snprintf(out, MACOS_VERSION_TEXT, "%u.%u", v->major, v->minor);
	else
		snprintf(out, MACOS_VERSION_TEXT, "%u", v->major);
	return out;
}

struct macos_version macos_version_xnu(const struct macos_version *release)
{
	struct macos_version xnu = {0};
	for (size_t i = 0; i < RELEASES && macos_version_compare(&releases[i].macos, release) <= 0; i++)
		xnu = (struct macos_version){releases[i].xnu_major, releases[i].xnu_minor, 0};
	return xnu;
}
