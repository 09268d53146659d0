#include "orchestrator/cmd/inspect_map.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/report/memory_map.h"

#define WIDTH_OTHERWISE 100 /* of what is no terminal */
#define MAP_MAX (1u << 20)

static size_t width_of(FILE *out)
{
	struct winsize size;
	uint64_t columns;
	const char *given = getenv("COLUMNS");

	if (given && pl_parse_u64(given, 10000, &columns) && columns > 0)
		return (size_t)columns;
	if (ioctl(fileno(out), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return WIDTH_OTHERWISE;
}

/* What setlocale(3) would go by, without it: the rest of the program needs no locale. */
static bool speaks_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *value = getenv(names[i]);
		const char *dot = value ? strchr(value, '.') : NULL;
		if (value && *value)
			return dot &&
			       (strncasecmp(dot, ".UTF-8", 6) == 0 || strncasecmp(dot, ".utf8", 5) == 0);
	}
	return false;
}

struct pl_error *inspect_print_map(FILE *out, const json_t *doc)
{
	struct pl_buf text;

	pl_buf_init(&text, MAP_MAX);
	struct pl_error *e =
		memory_map_text(doc, (struct map_look){.width = width_of(out), .utf8 = speaks_utf8()}, &text);
	if (!e && text.size > 0)
		fprintf(out, "\nMemory map\n%s", pl_buf_text(&text));
	pl_buf_deinit(&text);
	return e;
}
