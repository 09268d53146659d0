#include "tests/simlab/panic_style.h"

#include <stddef.h>

static const struct panic_style STYLES[] = {
	{.since = 0, .place = PLACE_SOURCE_CACHE, .bsd = true},
	{.since = 3247, .place = PLACE_XBS, .bsd = true},
	{.since = 6153, .place = PLACE_BUILD_ROOT, .bsd = true, .shutdown = true, .report = REPORT_JSON},
	{.since = 7195,
		.place = PLACE_SWE,
		.shutdown = true,
		.hibernated = true,
		.started = true,
		.report = REPORT_JSON},
	{.since = 8019,
		.place = PLACE_BARE,
		.task = true,
		.shutdown = true,
		.hibernated = true,
		.started = true,
		.report = REPORT_JSON_KERNEL},
	{.since = 8792,
		.place = PLACE_BARE,
		.task = true,
		.roots = true,
		.shutdown = true,
		.hibernated = true,
		.started = true,
		.report = REPORT_JSON_KERNEL},
};

const struct panic_style *panic_style_of(unsigned xnu)
{
	size_t i = sizeof STYLES / sizeof STYLES[0] - 1;
	while (STYLES[i].since > xnu)
		i--;
	return &STYLES[i];
}
