#include "tests/simlab/simlab/volumes.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/simlab/tree.h"

#define BLESSED VOLUMES "/blessed"
#define BOOTED VOLUMES "/booted"
#define MOUNTS VOLUMES "/mounts"
#define ROOT_LIBRARY SIM_DISK "/System/Library"
#define MOUNTS_MAX 8

/* ---- snapshots ---- */

static void read_name(const char *path, char name[static VOLUMES_NAME_SIZE])
{
	struct pl_buf b;
	pl_buf_init(&b, VOLUMES_NAME_SIZE);
	pl_error_free(pl_fs_read(path, &b));
	snprintf(name, VOLUMES_NAME_SIZE, "%.*s", (int)strcspn(pl_buf_text(&b), "\n"), pl_buf_text(&b));
	pl_buf_deinit(&b);
}

static struct pl_error *write_name(const char *path, const char *name)
{
	return pl_fs_write(path, name, strlen(name), 0644);
}

void volumes_blessed(char name[static VOLUMES_NAME_SIZE])
{
	read_name(BLESSED, name);
}

void volumes_booted(char name[static VOLUMES_NAME_SIZE])
{
	read_name(BOOTED, name);
}

bool volumes_is_sealed(const char *name)
{
	return strcmp(name, VOLUMES_SEALED) == 0;
}

static struct pl_error *snapshot_as(const char *from, const char *name)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, VOLUMES_SNAPSHOTS "/%s", name);
	return tree_copy(from, path);
}

struct pl_error *volumes_make(void)
{
	struct pl_error *e = pl_fs_mkdirs(VOLUMES_LIVE "/System");
	if (e == NULL)
		e = pl_fs_mkdirs(VOLUMES_SNAPSHOTS);
	chmod(VOLUMES_LIVE, 0755);
	chmod(VOLUMES_LIVE "/System", 0755);
	if (e == NULL)
		e = tree_copy(ROOT_LIBRARY, VOLUMES_LIVE "/System/Library");
	if (e == NULL)
		e = snapshot_as(VOLUMES_LIVE, VOLUMES_SEALED);
	if (e == NULL)
		e = write_name(BLESSED, VOLUMES_SEALED);
	return e != NULL ? e : write_name(BOOTED, VOLUMES_SEALED);
}

struct pl_error *volumes_boot(const char *name)
{
	char booted[VOLUMES_NAME_SIZE];
	char path[PATH_MAX];
	volumes_booted(booted);
	if (strcmp(booted, name) == 0)
		return NULL;
	snprintf(path, sizeof path, VOLUMES_SNAPSHOTS "/%s/System/Library", name);
	struct pl_error *e = pl_fs_remove_tree(ROOT_LIBRARY);
	if (e == NULL)
		e = tree_copy(path, ROOT_LIBRARY);
	return e != NULL ? e : write_name(BOOTED, name);
}

/* The live volume, where it is mounted just now. */
static void live_place(char path[static PATH_MAX])
{
	char at[PATH_MAX];
	if (volumes_mounted(VOLUMES_SYSTEM_DEVICE, NULL, at))
		snprintf(path, PATH_MAX, SIM_DISK "/%.1023s", at);
	else
		snprintf(path, PATH_MAX, VOLUMES_LIVE);
}

struct pl_error *volumes_snapshot(unsigned number)
{
	char name[VOLUMES_NAME_SIZE];
	char live[PATH_MAX];
	char path[PATH_MAX];
	do {
		snprintf(name, sizeof name, "com.apple.bless.51A71AB0-0000-4000-8000-%012u", number++);
		snprintf(path, sizeof path, VOLUMES_SNAPSHOTS "/%s", name);
	} while (access(path, F_OK) == 0);
	live_place(live);
	struct pl_error *e = snapshot_as(live, name);
	return e != NULL ? e : write_name(BLESSED, name);
}

struct pl_error *volumes_bless_sealed(void)
{
	return write_name(BLESSED, VOLUMES_SEALED);
}

/* ---- mounts ---- */

struct mount {
	char device[64];
	char backing[256];
	char at[1024];
};

static size_t read_mounts(struct mount all[static MOUNTS_MAX])
{
	size_t n = 0;
	FILE *f = fopen(MOUNTS, "re");
	while (f != NULL && n < MOUNTS_MAX &&
		fscanf(f, "%63[^\t]\t%255[^\t]\t%1023[^\n]\n", all[n].device, all[n].backing, all[n].at) == 3)
		n++;
	if (f != NULL)
		fclose(f);
	return n;
}

static struct pl_error *write_mounts(const struct mount *all, size_t n)
{
	struct pl_buf b;
	struct pl_error *e = NULL;
	if (n == 0) {
		unlink(MOUNTS);
		return NULL;
	}
	pl_buf_init(&b, 1U << 16);
	for (size_t i = 0; i < n && e == NULL; i++)
		e = pl_buf_printf(&b, "%s\t%s\t%s\n", all[i].device, all[i].backing, all[i].at);
	if (e == NULL)
		e = pl_fs_write(MOUNTS, b.data, b.size, 0644);
	pl_buf_deinit(&b);
	return e;
}

int volumes_mount(const char *device, const char *backing, const char *at)
{
	struct mount all[MOUNTS_MAX];
	char path[PATH_MAX];
	struct stat st;
	size_t n = read_mounts(all);
	if (n == MOUNTS_MAX || volumes_mounted(device, NULL, NULL))
		return EBUSY;
	snprintf(path, sizeof path, SIM_DISK "/%s", at);
	if (stat(path, &st) != 0)
		return ENOENT;
	if (rename(backing, path) != 0)
		return errno;
	snprintf(all[n].device, sizeof all[n].device, "%s", device);
	snprintf(all[n].backing, sizeof all[n].backing, "%s", backing);
	snprintf(all[n].at, sizeof all[n].at, "%s", at);
	sim_complain(write_mounts(all, n + 1));
	return 0;
}

bool volumes_mounted(const char *device_or_at, char *device, char *at)
{
	struct mount all[MOUNTS_MAX];
	size_t n = read_mounts(all);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(all[i].device, device_or_at) != 0 && strcmp(all[i].at, device_or_at) != 0)
			continue;
		if (device != NULL)
			memcpy(device, all[i].device, sizeof all[i].device);
		if (at != NULL)
			memcpy(at, all[i].at, sizeof all[i].at);
		return true;
	}
	return false;
}

/* An image's backing folder goes with its mount; the system volume stays. */
static struct pl_error *take_back(const struct mount *m)
{
	char path[PATH_MAX];
	snprintf(path, sizeof path, SIM_DISK "/%s", m->at);
	if (rename(path, m->backing) != 0 || mkdir(path, 0755) != 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot unmount %s", path);
	return strcmp(m->backing, VOLUMES_LIVE) == 0 ? NULL : pl_fs_remove_tree(m->backing);
}

struct pl_error *volumes_unmount(const char *at)
{
	struct mount all[MOUNTS_MAX];
	struct pl_error *e = NULL;
	size_t n = read_mounts(all);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		if (e == NULL && strcmp(all[i].at, at) == 0)
			e = take_back(&all[i]);
		else
			all[kept++] = all[i];
	}
	pl_error_keep_first(&e, write_mounts(all, kept));
	return e;
}

struct pl_error *volumes_unmount_all(void)
{
	struct mount all[MOUNTS_MAX];
	struct pl_error *e = NULL;
	size_t n = read_mounts(all);
	for (size_t i = n; i-- > 0;)
		pl_error_keep_first(&e, take_back(&all[i]));
	pl_error_keep_first(&e, write_mounts(all, 0));
	return e;
}

void volumes_each(void (*fn)(void *arg, const char *device, const char *at), void *arg)
{
	struct mount all[MOUNTS_MAX];
	size_t n = read_mounts(all);
	for (size_t i = 0; i < n; i++)
		fn(arg, all[i].device, all[i].at);
}
