#include "orchestrator/core/dsym.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/core/folder.h"

struct pl_error *dsym_dwarf(const char *dsym, const char *name, char **ret)
{
	struct folder f = {0};
	const char *pick = NULL;
	char *dir = NULL;

	*ret = NULL;
	struct pl_error *e = pl_asprintf(&dir, "%s/Contents/Resources/DWARF", dsym);
	if (!e && folder_is(dir))
		e = folder_list(dir, 64, &f);
	for (size_t i = 0; i < f.count; i++)
		if (f.count == 1 || (name && strcmp(f.names[i], name) == 0))
			pick = f.names[i];
	if (!e && pick)
		e = pl_asprintf(ret, "%s/%s", dir, pick);
	folder_deinit(&f);
	free(dir);
	return e;
}
