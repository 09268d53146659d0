#include "orchestrator/config/path.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"

/* In place; path is absolute. */
static void tidy(char *path)
{
	char *out = path;
	const char *in = path;

	while (*in != '\0') {
		in += strspn(in, "/");
		size_t length = strcspn(in, "/");
		if (length == 0 || (length == 1 && in[0] == '.')) {
			in += length;
			continue;
		}
		*out++ = '/';
		memmove(out, in, length);
		out += length;
		in += length;
	}
	if (out == path)
		*out++ = '/';
	*out = '\0';
}

struct pl_error *config_path(const char *folder, const char *path, char **ret)
{
	char *expanded = NULL;

	*ret = NULL;
	if (path[0] == '~' && path[1] != '\0' && path[1] != '/')
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "only '~/' of one's own home is known"),
			"write the whole path");
	struct pl_error *e = pl_fs_expand(path, &expanded);
	if (e != NULL)
		return pl_error_as(e, PL_ERR_USAGE);
	if (expanded[0] == '/')
		*ret = expanded;
	else {
		e = pl_fs_join(folder, expanded, ret);
		free(expanded);
		if (e != NULL)
			return e;
	}
	tidy(*ret);
	return NULL;
}
