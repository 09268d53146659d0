/*
 * Any bytes as the header of an on-disk core: whatever it claims, the files that come
 * out lie within the head that was given, and the names end. Of what it is to be taken
 * apart into: paths are single components that no two parts share, in any case, and
 * every byte of the image is in some part.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "orchestrator/core/image_plan.h"
#include "orchestrator/core/kdumpimg.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static void check_paths(const struct image_plan *p)
{
	for (size_t i = 0; i < p->count; i++) {
		const char *path = p->parts[i].path;
		need(path[0] != '\0' && path[0] != '.' && path[0] != '-' && !strchr(path, '/'));
		need(strcasecmp(path, "manifest.json") != 0);
		for (; *path; path++)
			need(*path >= ' ' && *path <= '~');
		for (size_t j = 0; j < i; j++)
			need(strcasecmp(p->parts[i].path, p->parts[j].path) != 0);
	}
}

/* The parts are sorted by where they begin: none may begin behind what is covered. */
static void check_cover(const struct image_plan *p, uint64_t size)
{
	uint64_t covered = 0;

	for (size_t i = 0; i < p->count; i++) {
		const struct image_part *part = &p->parts[i];
		need(part->begin <= part->end);
		need(part->begin <= covered || covered >= size);
		need(!part->trailing || part->end == size);
		if (part->end > covered)
			covered = part->end;
	}
	need(covered >= size);
}

static void check_plan(const struct kdumpimg *k, const uint8_t *data, size_t size, bool stored)
{
	static struct image_magic magic;
	struct image_plan p;

	memset(&magic, 0, sizeof magic);
	memcpy(magic.files, data, size < sizeof magic.files ? size : sizeof magic.files);
	need(image_plan_make(k, &magic, size, stored, &p) == NULL);
	check_paths(&p);
	check_cover(&p, size);
	image_plan_deinit(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct kdumpimg *k = malloc(sizeof *k);
	need(k != NULL);

	if (kdumpimg_decode(data, size, k)) {
		need(k->version == 1 || k->version == 2);
		need(k->file_count <= k->claimed);
		need(k->file_count <= (k->version == 1 ? KDUMPIMG_FILES_V1 : KDUMPIMG_FILES_MAX));
		need(!k->complete || (k->size <= size && k->file_count == k->claimed));
		need(k->size <= KDUMPIMG_HEAD && (k->version == 1 || k->size <= size));
		for (size_t i = 0; i < k->file_count; i++)
			need(memchr(k->files[i].name, 0, sizeof k->files[i].name) != NULL);
		check_plan(k, data, size, false);
		check_plan(k, data, size, true);
	}
	free(k);
	return 0;
}
