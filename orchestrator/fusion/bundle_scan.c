#include "orchestrator/fusion/bundle_scan.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orchestrator/fusion/vm.h"

static bool ends_in(const char *name, const char *suffix)
{
	size_t n = strlen(name), s = strlen(suffix);

	return n >= s && !strcasecmp(name + n - s, suffix);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct pl_error *collect(DIR *d, const char *suffix, char **names, size_t *count)
{
	struct dirent *entry;

	while ((entry = readdir(d))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
			!ends_in(entry->d_name, suffix))
			continue;
		if (*count == BUNDLE_SCAN_MAX)
			return pl_error_new(PL_ERR_LAB, "the folder has too many files");
		names[*count] = strdup(entry->d_name);
		if (!names[*count])
			return pl_error_nomem();
		++*count;
	}
	qsort(names, *count, sizeof(char *), by_text);
	return NULL;
}

struct pl_error *bundle_scan(const char *dir, const char *suffix, char ***ret, size_t *count)
{
	DIR *d = opendir(dir);
	struct pl_error *e;
	char **names;

	*ret = NULL;
	*count = 0;
	if (!d)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open the folder"), "%s", dir);
	names = calloc(BUNDLE_SCAN_MAX, sizeof(char *));
	e = names ? collect(d, suffix, names, count) : pl_error_nomem();
	closedir(d);
	if (!e) {
		*ret = names;
		return NULL;
	}
	if (names)
		vm_names_free(names, *count);
	*count = 0;
	return pl_error_at(e, "%s", dir);
}
