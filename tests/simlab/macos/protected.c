/*
 * SIP and read-only system volumes: the folders are mounted read-only, and what
 * is said of it comes from here, as Linux would say "Read-only" in either case.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlab/macos/macos.h"

#define PROTECTED_FILE MACOS_LAB_DIR "/protected"

/* Those that write to their last argument, or to each. */
static const struct {
	const char *name;
	bool last;
} WRITERS[] = {{"cp", true}, {"ditto", true}, {"ln", true}, {"chmod", false}, {"chown", false},
	{"mkdir", false}, {"mv", false}, {"rm", false}, {"rmdir", false}, {"tee", false}, {"touch", false}};

/* Where it is or would be, without links. */
static bool resolve(const char *path, char out[static PATH_MAX])
{
	char parent[PATH_MAX];
	if (realpath(path, out) != NULL)
		return true;
	snprintf(parent, sizeof parent, "%s", path);
	char *slash = strrchr(parent, '/');
	if (slash == NULL || slash == parent)
		return false;
	*slash = '\0';
	return resolve(parent, out);
}

static bool is_below(const char *path, const char *folder)
{
	size_t len = strlen(folder);
	return strncmp(path, folder, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* The words for it if `path` is in one of the folders, else NULL. */
static const char *why_not(const char *path, char words[static 64])
{
	char place[PATH_MAX];
	char folder[64];
	bool found = false;
	FILE *f = fopen(PROTECTED_FILE, "re");
	if (f == NULL)
		return NULL;
	bool any = fgets(words, 64, f) != NULL && resolve(path, place);
	words[strcspn(words, "\n")] = '\0';
	while (any && !found && fgets(folder, sizeof folder, f) != NULL) {
		folder[strcspn(folder, "\n")] = '\0';
		found = is_below(place, folder);
	}
	fclose(f);
	return found ? words : NULL;
}

bool macos_protected(const char *name, int argc, char **argv)
{
	char words[64] = "";
	size_t i = 0;
	size_t count = sizeof WRITERS / sizeof WRITERS[0];
	while (i < count && strcmp(WRITERS[i].name, name) != 0)
		i++;
	if (i == count)
		return false;
	for (int k = WRITERS[i].last ? argc - 1 : 1; k > 0 && k < argc; k++) {
		const char *why = argv[k][0] != '-' ? why_not(argv[k], words) : NULL;
		if (why == NULL)
			continue;
		fprintf(stderr, "%s: %s: %s\n", name, argv[k], why);
		return true;
	}
	return false;
}
