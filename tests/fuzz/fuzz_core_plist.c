/* Any bytes as a property list: values are terminated, bounded, and the same every time. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/plist.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char id[16], version[64], again[64];
	const struct plist_wanted wanted[] = {
		{"CFBundleIdentifier", id, sizeof id}, {"CFBundleVersion", version, sizeof version}};
	const struct plist_wanted one[] = {{"CFBundleVersion", again, sizeof again}};

	memset(id, 'x', sizeof id);
	memset(version, 'x', sizeof version);
	/* at the very end of its memory, so that a byte too far is seen */
	char *copy = malloc(size + 1);
	need(copy != NULL);
	if (size > 0)
		memcpy(copy + 1, data, size);
	struct pl_error *e = plist_read(copy + 1, size, wanted, 2);
	need(memchr(id, 0, sizeof id) && memchr(version, 0, sizeof version));
	need(!e || pl_error_kind(e) == PL_ERR_DATA);
	/* a key's value does not depend on which others are asked for */
	struct pl_error *e2 = plist_read(copy + 1, size, one, 1);
	need((e == NULL) == (e2 == NULL) && strcmp(version, again) == 0);
	pl_error_free(e);
	pl_error_free(e2);
	free(copy);
	return 0;
}
