#include "tests/simlab/simlab/clones.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "tests/simlab/bundle_config.h"
#include "tests/simlab/simlab/power.h"
#include "tests/simlab/simlab/rest.h"
#include "tests/simlab/simlab/tree.h"

#define LIST "clones.list"
#define FOLDER_SIZE 32

static void folder_of(const struct sim *s, int which, char out[static FOLDER_SIZE])
{
	if (which == CLONES_OWN)
		snprintf(out, FOLDER_SIZE, "clones/own");
	else
		snprintf(out, FOLDER_SIZE, "clones/%u", s->clones[which].number);
}

const char *clones_vmx(const struct sim *s, int which)
{
	return which == CLONES_OWN ? SIM_OWN_VMX : s->clones[which].vmx;
}

int clones_of_vmx(const struct sim *s, const char *vmx)
{
	for (int i = CLONES_OWN; i < (int)s->clone_count; i++) {
		char *path = sim_path(s, clones_vmx(s, i));
		bool same = strcmp(path, vmx) == 0;
		free(path);
		if (same)
			return i;
	}
	return CLONES_NONE;
}

int clones_of_id(const struct sim *s, const char *id)
{
	for (size_t i = 0; i < s->clone_count; i++)
		if (strcmp(s->clones[i].id, id) == 0)
			return (int)i;
	return strcmp(s->vm_id, id) == 0 ? CLONES_OWN : CLONES_NONE;
}

/* ---- the list ---- */

static struct pl_error *save(const struct sim *s)
{
	struct pl_buf b;
	struct pl_error *e = NULL;
	pl_buf_init(&b, 1U << 16);
	for (size_t i = 0; i < s->clone_count && e == NULL; i++)
		e = pl_buf_printf(&b, "%u %s\n", s->clones[i].number, s->clones[i].vmx);
	if (e == NULL)
		e = pl_fs_write(LIST, pl_buf_text(&b), b.size, 0600);
	pl_buf_deinit(&b);
	return e;
}

static struct pl_error *add(struct sim *s, unsigned number, const char *vmx)
{
	struct clone *c = &s->clones[s->clone_count];
	if (s->clone_count == CLONES_MAX || strlen(vmx) >= sizeof c->vmx)
		return pl_error_new(PL_ERR_LAB, "Insufficient disk space");
	*c = (struct clone){.number = number};
	snprintf(c->vmx, sizeof c->vmx, "%s", vmx);
	struct pl_error *e = rest_new_id(c->id);
	if (e == NULL)
		s->clone_count++;
	return e;
}

/* Takes its place back, in a lab that ended while a clone was the machine. */
static struct pl_error *restore_own(void)
{
	char path[PATH_MAX];
	if (access("clones/own/disk", F_OK) != 0)
		return NULL;
	struct pl_error *e = NULL;
	FILE *f = fopen("clones/active", "re");
	if (f == NULL || fgets(path, FOLDER_SIZE, f) == NULL)
		e = pl_error_new(PL_ERR_LAB, "clones/active does not say whose the disk is");
	if (f != NULL)
		fclose(f);
	if (e != NULL)
		return e;
	size_t len = strcspn(path, "\n");
	snprintf(path + len, sizeof path - len, "/disk");
	rename(SIM_DISK, path);
	snprintf(path + len, sizeof path - len, "/snapshots");
	rename(SIM_SNAPSHOTS, path);
	if (rename("clones/own/disk", SIM_DISK) != 0 || rename("clones/own/snapshots", SIM_SNAPSHOTS) != 0)
		return pl_error_errno(PL_ERR_LAB, errno, "clones/own");
	return NULL;
}

struct pl_error *clones_load(struct sim *s)
{
	unsigned number = 0;
	char vmx[sizeof s->clones[0].vmx];
	s->clone_count = 0;
	s->active = CLONES_OWN;
	sim_use(NULL, 0);
	struct pl_error *e = restore_own();
	FILE *f = fopen(LIST, "re");
	while (f != NULL && e == NULL && fscanf(f, "%u %1023[^\n]\n", &number, vmx) == 2)
		e = add(s, number, vmx);
	if (f != NULL)
		fclose(f);
	return e;
}

/* ---- whose turn it is ---- */

static struct pl_error *exchange(const char *out, const char *in)
{
	char path[PATH_MAX];
	static const char *const PLACES[] = {SIM_DISK, SIM_SNAPSHOTS};
	struct pl_error *e = pl_fs_mkdirs(out);
	if (e == NULL)
		e = pl_fs_write("clones/active", in, strlen(in), 0600);
	for (size_t i = 0; i < 2 && e == NULL; i++) {
		snprintf(path, sizeof path, "%s/%s", out, PLACES[i]);
		if (rename(PLACES[i], path) != 0)
			return pl_error_errno(PL_ERR_LAB, errno, "%s", path);
		snprintf(path, sizeof path, "%s/%s", in, PLACES[i]);
		if (rename(path, PLACES[i]) != 0)
			return pl_error_errno(PL_ERR_LAB, errno, "%s", path);
	}
	return e;
}

bool clones_activate(struct sim *s, int which)
{
	char out[FOLDER_SIZE];
	char in[FOLDER_SIZE];
	if (s->active == which)
		return true;
	if (s->power != POWER_OFF || power_locked(s))
		return false;
	folder_of(s, s->active, out);
	folder_of(s, which, in);
	struct pl_error *e = exchange(out, in);
	if (e != NULL) {
		sim_complain(e);
		return false;
	}
	s->active = which;
	sim_use(which == CLONES_OWN ? NULL : s->clones[which].vmx,
		which == CLONES_OWN ? 0 : s->clones[which].number);
	sim_event("the machine is %s", clones_vmx(s, which));
	return true;
}

/* ---- making and removing ---- */

/* FOLDER/NAME.vmx -> FOLDER/NAME.vmsd and the like. */
static void beside(const char *vmx, const char *suffix, char out[static PATH_MAX])
{
	snprintf(out, PATH_MAX, "%.*s%s", (int)(strlen(vmx) - strlen(".vmx")), vmx, suffix);
}

static struct pl_error *write_vmx(const char *from, const struct clone *clone, const char *name)
{
	struct config c;
	char mac[24];
	char file[PATH_MAX];
	const char *base = strrchr(clone->vmx, '/') + 1;
	int stem = (int)(strlen(base) - strlen(".vmx"));
	struct pl_error *e = config_read(from, &c);
	snprintf(file, sizeof file, "%.*s", stem, base);
	if (e == NULL)
		e = config_set(&c, "displayName", name != NULL ? name : file);
	snprintf(file, sizeof file, "%.*s.nvram", stem, base);
	if (e == NULL)
		e = config_set(&c, "nvram", file);
	snprintf(file, sizeof file, "%.*s.vmdk", stem, base);
	if (e == NULL)
		e = config_set(&c, "scsi0:0.fileName", file);
	snprintf(mac, sizeof mac, SIM_CLONE_MAC, clone->number & 0xFF);
	if (e == NULL)
		e = config_set(&c, "ethernet0.generatedAddress", mac);
	if (e == NULL)
		e = config_write(&c, clone->vmx);
	config_deinit(&c);
	return e;
}

static struct pl_error *write_bundle(
	const struct clone *c, const char *vmx, const char *nvram, const char *name)
{
	char path[PATH_MAX];
	struct pl_error *e = write_vmx(vmx, c, name);
	beside(c->vmx, ".nvram", path);
	if (e == NULL)
		e = pl_fs_copy(nvram, path, 0600);
	beside(c->vmx, ".vmsd", path);
	if (e == NULL)
		e = pl_fs_write(path, ".encoding = \"UTF-8\"\n", 20, 0644);
	beside(c->vmx, ".vmdk", path);
	return e != NULL ? e : pl_fs_write(path, "# Disk DescriptorFile\n# simulated\n", 34, 0600);
}

static struct pl_error *write_disk(const struct sim *s, int which, const char *disk)
{
	char folder[FOLDER_SIZE];
	char path[PATH_MAX];
	folder_of(s, which, folder);
	snprintf(path, sizeof path, "%s/snapshots", folder);
	struct pl_error *e = pl_fs_mkdirs(path);
	snprintf(path, sizeof path, "%s/disk", folder);
	return e != NULL ? e : tree_copy(disk, path);
}

static unsigned next_number(const struct sim *s)
{
	unsigned n = 1;
	for (size_t i = 0; i < s->clone_count; i++)
		if (s->clones[i].number >= n)
			n = s->clones[i].number + 1;
	return n;
}

struct pl_error *clones_make(
	struct sim *s, const char *vmx, const char *name, const struct snapshot *snap, int *ret)
{
	char folder[PATH_MAX];
	struct snapshot_files f;
	if (s->power != POWER_OFF)
		return pl_error_new(
			PL_ERR_LAB, "The virtual machine should not be powered on. It is already running.");
	if (!pl_ends_with(vmx, ".vmx") || strrchr(vmx, '/') == NULL || access(vmx, F_OK) == 0)
		return pl_error_new(PL_ERR_LAB, "The file already exists");
	if (snap != NULL)
		snapshot_files(snap->uid, &f);
	if (snap != NULL && access(f.memory, F_OK) == 0)
		return pl_error_new(
			PL_ERR_LAB, "The snapshot was taken of a virtual machine that was powered on");
	snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(vmx, '/') - vmx), vmx);
	struct pl_error *e = pl_fs_mkdirs(folder);
	if (e == NULL)
		e = add(s, next_number(s), vmx);
	if (e != NULL)
		return e;
	*ret = (int)s->clone_count - 1;
	e = write_bundle(
		&s->clones[*ret], snap != NULL ? f.vmx : SIM_VMX, snap != NULL ? f.nvram : SIM_NVRAM, name);
	if (e == NULL)
		e = write_disk(s, *ret, snap != NULL ? f.disk : SIM_DISK);
	if (e == NULL)
		e = save(s);
	sim_event("cloned to %s", vmx);
	return e;
}

struct pl_error *clones_delete(struct sim *s, int which)
{
	char path[PATH_MAX];
	folder_of(s, which, path);
	struct pl_error *e = pl_fs_remove_tree(path);
	/* The whole bundle, as Fusion does; any other folder only when nothing else is in it. */
	snprintf(path, sizeof path, "%.*s", (int)(strrchr(s->clones[which].vmx, '/') - s->clones[which].vmx),
		s->clones[which].vmx);
	if (e == NULL && pl_ends_with(path, ".vmwarevm"))
		e = pl_fs_remove_tree(path);
	else if (e == NULL) {
		static const char *const FILES[] = {".vmx", ".nvram", ".vmsd", ".vmdk"};
		char file[PATH_MAX];
		for (size_t i = 0; i < sizeof FILES / sizeof FILES[0]; i++) {
			beside(s->clones[which].vmx, FILES[i], file);
			unlink(file);
		}
		rmdir(path);
	}
	sim_event("deleted the clone %s", s->clones[which].vmx);
	s->clones[which] = s->clones[--s->clone_count];
	if (s->active == (int)s->clone_count)
		s->active = which;
	pl_error_keep_first(&e, save(s));
	return e;
}
