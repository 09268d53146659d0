#include "tests/simlab/release.h"

#include <stdio.h>
#include <string.h>

#include "tests/simlab/kernel_desc.h"

static const struct release RELEASES[] = {
	{"10.9.5", "13F34", 1009, "Mac OS X", "13.4.0", "2422.115.4~1", "Sun Aug 17 19:50:11 PDT 2014",
		"darwin13-64", INSTALL_MACH_KERNEL},
	{"10.12.6", "16G29", 1012, "Mac OS X", "16.7.0", "3789.70.16~2", "Thu Jun 15 17:36:27 PDT 2017",
		"darwin16-64", INSTALL_PRELINKED},
	{"10.14.6", "18G84", 1014, "Mac OS X", "18.7.0", "4903.270.47~4", "Thu Jun 20 18:42:21 PDT 2019",
		"darwin18-64", INSTALL_PRELINKED},
	{"10.15.7", "19H2", 1015, "Mac OS X", "19.6.0", "6153.141.2~1", "Mon Aug 31 22:12:52 PDT 2020",
		"darwin19-64", INSTALL_PREBOOT},
	{"11.7", "20G817", 1107, "macOS", "20.6.0", "7195.141.39~2", "Wed Aug 10 14:28:23 PDT 2022",
		"darwin20-64", INSTALL_SEALED},
	{"13.6", "22G120", 1306, "macOS", "22.6.0", "8796.141.3.700.8~1", "Fri Sep 15 13:39:52 PDT 2023",
		"darwin22-64", INSTALL_SEALED_KDK},
	{"15.3", "24D60", 1503, "macOS", "24.3.0", "11215.81.4~3", "Thu Jan  2 20:22:00 PST 2025",
		"darwin24-64", INSTALL_SEALED_KDK},
};
#define RELEASES_COUNT (sizeof RELEASES / sizeof RELEASES[0])

const char *const RELEASE_VARIANT_NAMES[RELEASE_VARIANTS] = {"RELEASE", "DEVELOPMENT", "DEBUG", "KASAN"};
const char *const RELEASE_VARIANT_SUFFIXES[RELEASE_VARIANTS] = {"", ".development", ".debug", ".kasan"};

const struct release *release_default(void)
{
	return &RELEASES[1];
}

const struct release *release_of_build(const char *build)
{
	for (size_t i = 0; i < RELEASES_COUNT; i++)
		if (strcmp(RELEASES[i].build, build) == 0)
			return &RELEASES[i];
	return NULL;
}

struct pl_error *release_find(const char *version, const struct release **ret)
{
	size_t len = strlen(version);
	for (size_t i = 0; i < RELEASES_COUNT; i++) {
		const char *v = RELEASES[i].version;
		if (len > 0 && strncmp(v, version, len) == 0 && (v[len] == '\0' || v[len] == '.')) {
			*ret = &RELEASES[i];
			return NULL;
		}
	}
	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "no simulated macOS '%s'", version),
		"one of 10.9.5, 10.12.6, 10.14.6, 10.15.7, 11.7, 13.6, 15.3");
}

bool release_has_variant(const struct release *r, size_t variant)
{
	switch (variant) {
	case 0:
		return true;
	case 1:
		return r->number >= 1010;
	case 2:
		return r->number < 1100;
	default:
		return r->number >= 1012;
	}
}

void release_kernel_version(const struct release *r, size_t variant, char *out, size_t size)
{
	static const char *const TREES[RELEASE_VARIANTS] = {"xnu", "xnu_development", "xnu", "xnu_kasan"};
	/* From 11 on kasan kernels, from 14 on development ones are of a tree with their name. */
	bool own = variant == 1 ? r->number >= 1400 : variant == 3 && r->number >= 1100;
	snprintf(out, size, "Darwin Kernel Version %s: %s; root:%s-%s/%s_X86_64", r->darwin, r->built,
		own ? TREES[variant] : "xnu", r->xnu, RELEASE_VARIANT_NAMES[variant]);
}

void release_kernel_uuid(const struct release *r, size_t variant, uint8_t uuid[static 16])
{
	char version[192];
	release_kernel_version(r, variant, version, sizeof version);
	kernel_uuid_of(version, uuid);
}
