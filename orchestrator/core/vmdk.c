#include "orchestrator/core/vmdk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/core/core_holes.h"
#include "orchestrator/core/vmdk_descriptor.h"
#include "orchestrator/core/vmdk_sparse.h"

#define NO_EXTENT SIZE_MAX

/* One disk of the chain. */
struct disk {
	int fd; /* of its description; the caller's for the first disk */
	dev_t device;
	ino_t inode;
	char *folder; /* NULL: none is known */
	struct vmdk_descriptor d;
	bool embedded;  /* the description is in its only extent, which is fd */
	size_t current; /* the extent that is open */
	int extent_fd;
	struct vmdk_sparse sparse; /* if it is sparse */
	struct disk *parent;
};

struct vmdk {
	struct disk *top;
	uint64_t size;
};

bool vmdk_is_one(const void *head, size_t size)
{
	return vmdk_is_sparse(head, size) || vmdk_is_descriptor(head, size) ||
	       (size >= 4 && memcmp(head, "COWD", 4) == 0);
}

/* ---- a disk ------------------------------------------------------------------------ */

static void close_extent(struct disk *k)
{
	if (k->current == NO_EXTENT)
		return;
	vmdk_sparse_close(&k->sparse);
	if (k->extent_fd >= 0 && !k->embedded)
		close(k->extent_fd);
	k->extent_fd = -1;
	k->current = NO_EXTENT;
}

static struct pl_error *read_text(int fd, uint64_t at, uint64_t size, struct vmdk_descriptor *ret)
{
	size_t got, want = size < VMDK_DESCRIPTOR_MAX ? (size_t)size : VMDK_DESCRIPTOR_MAX;
	char *text = malloc(want + 1);

	if (!text)
		return pl_error_nomem();
	struct pl_error *e = pl_fs_read_at(fd, at, text, want, &got);
	if (!e && !vmdk_is_descriptor(text, got))
		e = pl_error_hint(pl_error_new(PL_ERR_USAGE, "one of several files of a virtual disk"),
			"give the .vmdk that names them, which has no -s001 in its name");
	if (!e)
		e = vmdk_descriptor_parse(text, got, ret);
	free(text);
	return e;
}

/* Its own file is the extent, whatever name the description has for it. */
static struct pl_error *describe_embedded(struct disk *k)
{
	struct pl_error *e = vmdk_sparse_open(k->fd, &k->sparse);

	if (e)
		return e;
	k->embedded = true;
	k->current = 0;
	k->extent_fd = k->fd;
	e = read_text(k->fd, k->sparse.descriptor, k->sparse.descriptor_size, &k->d);
	if (!e && k->d.extent_count != 1)
		e = pl_error_new(PL_ERR_USAGE, "it names other files than its own");
	if (e)
		return e;
	k->d.extents[0].type = VMDK_SPARSE;
	k->d.extents[0].size = k->sparse.size;
	k->d.size = k->sparse.size;
	return NULL;
}

static struct pl_error *describe(struct disk *k)
{
	uint8_t head[32];
	size_t got;
	struct pl_error *e = pl_fs_read_at(k->fd, 0, head, sizeof head, &got);

	if (e)
		return e;
	if (vmdk_is_sparse(head, got))
		return describe_embedded(k);
	if (vmdk_is_descriptor(head, got))
		return read_text(k->fd, 0, VMDK_DESCRIPTOR_MAX, &k->d);
	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "no virtual disk of a kind that can be read here"),
		"qemu-img convert -O raw makes a plain disk of many others");
}

static struct pl_error *disk_init(struct disk *k, const char *path)
{
	struct stat st;

	if (fstat(k->fd, &st) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot look at it");
	if (!S_ISREG(st.st_mode))
		return pl_error_new(PL_ERR_USAGE, "not a plain file");
	k->device = st.st_dev;
	k->inode = st.st_ino;
	struct pl_error *e = path ? pl_fs_parent(path, &k->folder) : NULL;
	return e ? e : describe(k);
}

static struct pl_error *disk_open(const char *path, int fd, struct disk **ret)
{
	struct disk *k = calloc(1, sizeof *k);

	*ret = k; /* even on an error: it is closed with the chain */
	if (!k)
		return pl_error_nomem();
	k->fd = fd;
	k->extent_fd = -1;
	k->current = NO_EXTENT;
	return pl_error_at(disk_init(k, path), "%s", path ? path : "the virtual disk");
}

static void disk_close(struct disk *k)
{
	close_extent(k);
	vmdk_descriptor_deinit(&k->d);
	free(k->folder);
	free(k);
}

/* ---- the chain --------------------------------------------------------------------- */

static const char *last_name(const char *path)
{
	const char *name = path;

	for (; *path; path++)
		if (*path == '/' || *path == '\\')
			name = path + 1;
	return name;
}

static struct pl_error *open_parent_file(const struct disk *k, char **path, int *fd)
{
	struct pl_error *e = pl_fs_join(k->folder, k->d.parent, path);

	if (e)
		return e;
	*fd = open(*path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (*fd >= 0 || errno != ENOENT)
		return NULL;
	free(*path);
	e = pl_asprintf(path, "%s/%s", k->folder, last_name(k->d.parent));
	if (!e)
		*fd = open(*path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	return e;
}

static struct pl_error *check_parent(const struct vmdk *v, const struct disk *child)
{
	const struct disk *parent = child->parent;
	unsigned depth = 1;

	if (parent->d.cid != child->d.parent_cid)
		return pl_error_hint(
			pl_error_why(pl_error_new(PL_ERR_USAGE, "not the disk that the snapshot was made of"),
				"its content ID is %08x, not %08x", parent->d.cid, child->d.parent_cid),
			"it was changed since: its own snapshot, or a copy made before, is needed");
	for (const struct disk *k = v->top; k != parent; k = k->parent, depth++)
		if (k->device == parent->device && k->inode == parent->inode)
			return pl_error_new(PL_ERR_USAGE, "the snapshots' parents go round in a circle");
	if (depth > VMDK_CHAIN_MAX)
		return pl_error_new(PL_ERR_USAGE, "more than %d snapshots in a line", VMDK_CHAIN_MAX);
	return NULL;
}

static struct pl_error *open_parent(const struct vmdk *v, struct disk *k)
{
	char *path = NULL;
	int fd = -1;

	if (!k->d.parent || !k->folder)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "a snapshot, and its parent is not known"),
			"give the path of the .vmdk in the virtual machine's folder");
	struct pl_error *e = open_parent_file(k, &path, &fd);
	if (!e && fd < 0)
		e = pl_error_at(pl_error_hint(pl_error_errno(PL_ERR_LAB, errno, "cannot open the parent"),
					"the snapshot needs it: put it there, or beside the snapshot"),
			"%s", path);
	if (!e)
		e = disk_open(path, fd, &k->parent);
	if (!e)
		e = pl_error_at(check_parent(v, k), "%s", path);
	if (!k->parent && fd >= 0)
		close(fd);
	free(path);
	return e;
}

struct pl_error *vmdk_open(const char *path, int fd, struct vmdk **ret)
{
	struct vmdk *v = calloc(1, sizeof *v);

	*ret = NULL;
	if (!v)
		return pl_error_nomem();
	struct pl_error *e = disk_open(path, fd, &v->top);
	for (struct disk *k = v->top; !e && k->d.parent_cid != VMDK_NO_PARENT; k = k->parent)
		e = open_parent(v, k);
	if (e) {
		vmdk_close(v);
		return e;
	}
	v->size = v->top->d.size;
	*ret = v;
	return NULL;
}

void vmdk_close(struct vmdk *v)
{
	if (!v)
		return;
	for (struct disk *k = v->top, *next; k; k = next) {
		next = k->parent;
		if (k != v->top)
			close(k->fd);
		disk_close(k);
	}
	free(v);
}

uint64_t vmdk_size(const struct vmdk *v)
{
	return v->size;
}

bool vmdk_has_file(const struct vmdk *v, const struct stat *st)
{
	for (const struct disk *k = v->top; k; k = k->parent) {
		if (k->device == st->st_dev && k->inode == st->st_ino)
			return true;
		for (size_t i = 0; i < k->d.extent_count && !k->embedded; i++) {
			char *path = NULL;
			struct stat x;
			const char *file = k->d.extents[i].file;
			pl_error_free(file && k->folder ? pl_fs_join(k->folder, file, &path) : NULL);
			bool same = path && lstat(path, &x) == 0 && x.st_dev == st->st_dev &&
				    x.st_ino == st->st_ino;
			free(path);
			if (same)
				return true;
		}
	}
	return false;
}

/* ---- reading ----------------------------------------------------------------------- */

/* The one that holds the byte at `at`, which is within the disk. */
static size_t extent_at(const struct disk *k, uint64_t at)
{
	size_t low = 0, high = k->d.extent_count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;
		if (k->d.extents[middle].begin <= at)
			low = middle;
		else
			high = middle;
	}
	return low;
}

static struct pl_error *open_extent_file(const struct disk *k, const struct vmdk_extent *x, int *ret)
{
	char *path;
	struct stat st;

	if (!k->folder || strchr(x->file, '/') || strcmp(x->file, "..") == 0)
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "its extent '%s' is not in the same folder", x->file),
			"put the file there; of a device, give the device itself");
	struct pl_error *e = pl_fs_join(k->folder, x->file, &path);
	if (e)
		return e;
	*ret = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	if (*ret < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot open this file of the virtual disk");
	else if (fstat(*ret, &st) < 0 || !S_ISREG(st.st_mode))
		e = pl_error_new(PL_ERR_USAGE, "not a plain file");
	e = pl_error_at(e, "%s", path);
	free(path);
	return e;
}

static struct pl_error *open_extent(struct disk *k, size_t n)
{
	const struct vmdk_extent *x = &k->d.extents[n];

	if (k->current == n || x->type == VMDK_ZERO)
		return NULL;
	close_extent(k);
	k->current = n;
	struct pl_error *e = open_extent_file(k, x, &k->extent_fd);
	if (!e && x->type == VMDK_SPARSE)
		e = pl_error_at(vmdk_sparse_open(k->extent_fd, &k->sparse), "%s/%s", k->folder, x->file);
	if (e)
		close_extent(k);
	return e;
}

static struct pl_error *read_flat(const struct disk *k, const struct vmdk_extent *x, uint64_t at, void *data,
	size_t *size, enum vmdk_grain *found)
{
	struct pl_error *e = pl_fs_read_at(k->extent_fd, x->offset + at, data, *size, size);

	*found = *size > 0 ? VMDK_GRAIN_DATA : VMDK_GRAIN_BAD;
	return e;
}

/* What this disk of the chain has at `at`; *size becomes how far that goes. */
static struct pl_error *read_disk(
	struct disk *k, uint64_t at, void *data, size_t *size, enum vmdk_grain *found)
{
	*found = VMDK_GRAIN_ZERO;
	if (at >= k->d.size) /* the child was made larger than this, its parent */
		return NULL;
	size_t n = extent_at(k, at);
	const struct vmdk_extent *x = &k->d.extents[n];
	struct pl_error *e = open_extent(k, n);

	at -= x->begin;
	if (*size > x->size - at)
		*size = (size_t)(x->size - at);
	if (e || x->type == VMDK_ZERO)
		return e;
	if (x->type == VMDK_FLAT)
		return read_flat(k, x, at, data, size, found);
	*found = VMDK_GRAIN_BAD; /* where its header has less than the description */
	return at < k->sparse.size ? vmdk_sparse_read(&k->sparse, at, data, size, found) : NULL;
}

/* Up to *size bytes; *size becomes 0 where nothing can be read. */
static struct pl_error *read_some(struct vmdk *v, uint64_t at, uint8_t *data, size_t *size)
{
	enum vmdk_grain found = VMDK_GRAIN_ABSENT;

	for (struct disk *k = v->top; k && found == VMDK_GRAIN_ABSENT; k = k->parent) {
		struct pl_error *e = read_disk(k, at, data, size, &found);
		if (e)
			return e;
	}
	if (found == VMDK_GRAIN_BAD)
		*size = 0;
	else if (found != VMDK_GRAIN_DATA)
		memset(data, 0, *size);
	return NULL;
}

struct pl_error *vmdk_read(struct vmdk *v, uint64_t at, void *data, size_t size, size_t *got)
{
	*got = 0;
	if (at >= v->size)
		return NULL;
	if (size > v->size - at)
		size = (size_t)(v->size - at);
	while (*got < size) {
		size_t n = size - *got;
		struct pl_error *e = read_some(v, at + *got, (uint8_t *)data + *got, &n);
		if (e || n == 0)
			return e;
		*got += n;
	}
	return NULL;
}

/* ---- holes ------------------------------------------------------------------------- */

static uint64_t flat_hole(const struct disk *k, const struct vmdk_extent *x, uint64_t at, uint64_t left)
{
	uint64_t from = x->offset + at;

	if (from > (uint64_t)INT64_MAX)
		return left;
	return core_next_data(k->extent_fd, from, from + left) - from;
}

/* How far from `at` on this disk has no data; 0: it has some there, or cannot tell. */
static uint64_t hole_at(struct disk *k, uint64_t at)
{
	size_t n = extent_at(k, at);
	const struct vmdk_extent *x = &k->d.extents[n];
	struct pl_error *e = open_extent(k, n);

	at -= x->begin;
	uint64_t left = x->size - at, run = 0;
	if (e)
		pl_error_free(e);
	else if (x->type == VMDK_FLAT)
		run = flat_hole(k, x, at, left);
	else if (x->type == VMDK_ZERO || at >= k->sparse.size)
		run = left;
	else
		run = vmdk_sparse_hole(&k->sparse, at);
	return run < left ? run : left;
}

static bool disk_is_hole(struct disk *k, uint64_t at, uint64_t end)
{
	if (end > k->d.size)
		end = k->d.size;
	while (at < end) {
		uint64_t run = hole_at(k, at);
		if (run == 0)
			return false;
		at += run;
	}
	return true;
}

bool vmdk_is_hole(struct vmdk *v, uint64_t at, uint64_t size)
{
	for (struct disk *k = v->top; k; k = k->parent)
		if (!disk_is_hole(k, at, at + size))
			return false;
	return true;
}
