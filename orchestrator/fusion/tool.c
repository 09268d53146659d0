#include "orchestrator/fusion/tool.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"

static bool in_path(const char *name)
{
	const char *p = getenv("PATH");
	char *dir, *file;
	bool found = false;

	while (p && *p && !found) {
		size_t n = strcspn(p, ":");
		struct pl_error *e = NULL;

		dir = strndup(p, n);
		file = NULL;
		if (dir)
			e = pl_fs_join(dir, name, &file);
		found = file && !access(file, X_OK);
		pl_error_free(e);
		free(dir);
		free(file);
		p += n;
		p += *p == ':';
	}
	return found;
}

struct pl_error *tool_find(const char *name, char **ret)
{
	/* Public since Fusion 13, Library before */
	static const char *const usual[] = {"/Applications/VMware Fusion.app/Contents/Public",
		"/Applications/VMware Fusion.app/Contents/Library"};

	*ret = NULL;
	for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
		struct pl_error *e = pl_fs_join(usual[i], name, ret);

		if (e || !access(*ret, X_OK))
			return e;
		free(*ret);
		*ret = NULL;
	}
	return in_path(name) ? pl_strdup(name, ret) : NULL;
}
