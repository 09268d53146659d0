/* Any bytes as a Mach-O file, thin or fat: parts lie within it, texts end, and a second look sees the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/core/macho_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static void check_part(int fd, const struct macho_part *p, uint64_t bytes)
{
	static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
	struct kernel_version v;
	struct macho_part again;

	need(p->offset <= bytes && p->length <= bytes - p->offset);
	need(p->uuid[0] == '\0' || strlen(p->uuid) == 36);
	need(macho_part_read(fd, p->offset, p->length, &again) == NULL);
	need(strcmp(again.uuid, p->uuid) == 0 && again.text == p->text && again.code == p->code);
	need(macho_find_version(fd, p->offset, p->offset + p->length, &forever, &v) == NULL);
	need(memchr(v.text, 0, sizeof v.text) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char name[] = "/tmp/fuzz_macho.XXXXXX";
	int fd = mkstemp(name);
	struct macho_file f;

	need(fd >= 0 && write(fd, data, size) == (ssize_t)size);
	struct pl_error *e = macho_file_read(name, &f);
	unlink(name);
	need(e == NULL || pl_error_kind(e) == PL_ERR_DATA);
	need(e != NULL || (f.bytes == size && f.count >= 1 && f.count <= MACHO_PARTS_MAX));
	for (size_t i = 0; e == NULL && i < f.count; i++)
		check_part(fd, &f.parts[i], size);
	pl_error_free(e);
	close(fd);
	return 0;
}
