#include "tests/simlab/simlab/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "tests/simlab/bundle_config.h"
#include "tests/simlab/simlab/boot.h"
#include "tests/simlab/simlab/guest.h"
#include "tests/simlab/simlab/power.h"
#include "tests/simlab/simlab/tree.h"

/* ---- .vmsd ---- */

static unsigned number(const struct config *c, const char *key)
{
	const char *v = config_get(c, key);
	return v != NULL ? (unsigned)strtoul(v, NULL, 10) : 0;
}

static void read_one(const struct config *c, size_t i, struct snapshot *ret)
{
	char key[64];
	snprintf(key, sizeof key, "snapshot%zu.uid", i);
	ret->uid = number(c, key);
	snprintf(key, sizeof key, "snapshot%zu.parent", i);
	ret->parent = number(c, key);
	snprintf(key, sizeof key, "snapshot%zu.displayName", i);
	const char *name = config_get(c, key);
	snprintf(ret->name, sizeof ret->name, "%s", name != NULL ? name : "");
}

struct pl_error *snapshots_read(struct snapshots *ret)
{
	struct config c;
	*ret = (struct snapshots){0};
	struct pl_error *e = config_read(SIM_VMSD, &c);
	ret->current = number(&c, "snapshot.current");
	ret->last = number(&c, "snapshot.lastUID");
	ret->count = number(&c, "snapshot.numSnapshots");
	if (ret->count > SNAPSHOTS_MAX)
		ret->count = SNAPSHOTS_MAX;
	for (size_t i = 0; i < ret->count; i++)
		read_one(&c, i, &ret->list[i]);
	config_deinit(&c);
	return e;
}

static struct pl_error *set_number(struct config *c, const char *key, size_t value)
{
	char text[32];
	snprintf(text, sizeof text, "%zu", value);
	return config_set(c, key, text);
}

static struct pl_error *write_one(struct config *c, size_t i, const struct snapshot *s)
{
	char key[64];
	char file[300];
	struct pl_error *e = NULL;
	snprintf(key, sizeof key, "snapshot%zu.uid", i);
	e = set_number(c, key, s->uid);
	snprintf(key, sizeof key, "snapshot%zu.parent", i);
	if (e == NULL && s->parent != 0)
		e = set_number(c, key, s->parent);
	snprintf(key, sizeof key, "snapshot%zu.filename", i);
	snprintf(file, sizeof file, "%s-Snapshot%u.vmsn", sim_name(), s->uid);
	if (e == NULL)
		e = config_set(c, key, file);
	snprintf(key, sizeof key, "snapshot%zu.displayName", i);
	if (e == NULL)
		e = config_set(c, key, s->name);
	snprintf(key, sizeof key, "snapshot%zu.numDisks", i);
	if (e == NULL)
		e = config_set(c, key, "1");
	snprintf(key, sizeof key, "snapshot%zu.disk0.fileName", i);
	snprintf(file, sizeof file, "%s.vmdk", sim_name());
	return e != NULL ? e : config_set(c, key, file);
}

static struct pl_error *snapshots_write(const struct snapshots *all)
{
	struct config c;
	struct pl_error *e = config_read(SIM_VMSD, &c);
	config_remove(&c, "snapshot");
	if (e == NULL)
		e = set_number(&c, "snapshot.lastUID", all->last);
	if (e == NULL && all->count > 0)
		e = set_number(&c, "snapshot.numSnapshots", all->count);
	if (e == NULL && all->count > 0)
		e = set_number(&c, "snapshot.current", all->current);
	for (size_t i = 0; i < all->count && e == NULL; i++)
		e = write_one(&c, i, &all->list[i]);
	if (e == NULL)
		e = config_write(&c, SIM_VMSD);
	config_deinit(&c);
	return e;
}

/* ---- a snapshot's files ---- */

void snapshot_files(unsigned uid, struct snapshot_files *f)
{
	snprintf(f->dir, sizeof f->dir, SIM_SNAPSHOTS "/%u", uid);
	snprintf(f->disk, sizeof f->disk, "%s/disk", f->dir);
	snprintf(f->vmx, sizeof f->vmx, "%s/vmx", f->dir);
	snprintf(f->nvram, sizeof f->nvram, "%s/nvram", f->dir);
	snprintf(f->memory, sizeof f->memory, "%s/memory", f->dir);
	snprintf(f->vmsn, sizeof f->vmsn, "%s/%s-Snapshot%u.vmsn", sim_bundle(), sim_name(), uid);
}

/* What a running kernel is made of, as key=value lines. */
static struct pl_error *save_memory(const struct sim *s, const char *path)
{
	struct pl_buf b;
	const struct boot *m = &s->boot;
	char uuid[37];
	pl_buf_init(&b, 65536);
	struct pl_error *e = pl_buf_printf(&b, "%" PRIu64 "\n%u\n%lld\n%lld\n%d\n%s\n%s\n%s\n%s\n",
		m->entropy, (unsigned)m->csr, (long long)m->at, (long long)time(NULL), m->root_writable,
		kernel_uuid_text(m->kernel.uuid, uuid), m->kernel.version, m->kexts, m->kernel.boot_args);
	if (e == NULL)
		e = pl_fs_write(path, b.data, b.size, 0600);
	pl_buf_deinit(&b);
	return e;
}

static void line_of(FILE *f, char *out, size_t size)
{
	if (fgets(out, (int)size, f) == NULL)
		out[0] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

static void load_memory(struct sim *s, const char *path)
{
	char number_text[64];
	struct kernel_identification id = {0};
	struct kernel_desc d = {0};
	char args[1024];
	FILE *f = fopen(path, "re");
	if (f == NULL)
		return;
	s->boot = (struct boot){0};
	line_of(f, number_text, sizeof number_text);
	s->boot.entropy = strtoull(number_text, NULL, 10);
	line_of(f, number_text, sizeof number_text);
	s->boot.csr = (uint32_t)strtoul(number_text, NULL, 10);
	line_of(f, number_text, sizeof number_text);
	s->boot.at = (time_t)strtoll(number_text, NULL, 10);
	line_of(f, number_text, sizeof number_text);
	s->boot.frozen = (time_t)strtoll(number_text, NULL, 10);
	line_of(f, number_text, sizeof number_text);
	s->boot.root_writable = number_text[0] == '1';
	line_of(f, number_text, sizeof number_text);
	sim_complain(kernel_desc_set(&d, "uuid", number_text));
	memcpy(id.uuid, d.uuid, sizeof id.uuid);
	line_of(f, id.version, sizeof id.version);
	line_of(f, s->boot.kexts, sizeof s->boot.kexts);
	line_of(f, args, sizeof args);
	fclose(f);
	boot_describe_kernel(s, &s->boot, args, &id);
}

struct pl_error *snapshot_take(struct sim *s, const char *name, bool with_memory)
{
	struct snapshots all;
	struct snapshot_files f;
	struct pl_error *e = snapshots_read(&all);
	if (e == NULL && all.count == SNAPSHOTS_MAX)
		e = pl_error_new(PL_ERR_LAB, "too many snapshots");
	if (e != NULL)
		return e;
	struct snapshot *snap = &all.list[all.count++];
	*snap = (struct snapshot){.uid = ++all.last, .parent = all.current};
	snprintf(snap->name, sizeof snap->name, "%s", name);
	all.current = snap->uid;
	snapshot_files(snap->uid, &f);
	bool runs = sim_is_on(s) && s->guest_running;
	bool memory = runs && with_memory;
	if (runs) {
		guest_freeze(s->guest, true);
		boot_write_nvram(s);
	}
	e = pl_fs_mkdirs(f.dir);
	if (e == NULL)
		e = tree_copy(SIM_DISK, f.disk);
	if (e == NULL)
		e = pl_fs_copy(SIM_VMX, f.vmx, 0644);
	if (e == NULL)
		e = pl_fs_copy(SIM_NVRAM, f.nvram, 0600);
	if (e == NULL && memory)
		e = save_memory(s, f.memory);
	if (e == NULL)
		e = pl_fs_write(f.vmsn, "simulated snapshot\n", 19, 0600);
	if (runs)
		guest_freeze(s->guest, false);
	if (e == NULL)
		e = snapshots_write(&all);
	if (e == NULL)
		sim_event("snapshot %u \"%s\"%s", snap->uid, name, memory ? " with memory" : "");
	return e;
}

struct pl_error *snapshot_revert(struct sim *s, const struct snapshot *snap)
{
	struct snapshots all;
	struct snapshot_files f;
	snapshot_files(snap->uid, &f);
	power_cut(s);
	unlink(SIM_PANIC_REPORT);
	struct pl_error *e = pl_fs_remove_tree(SIM_DISK);
	if (e == NULL)
		e = tree_copy(f.disk, SIM_DISK);
	if (e == NULL)
		e = pl_fs_copy(f.vmx, SIM_VMX, 0644);
	/* With its memory the guest's idea of it comes back as well. */
	bool spared = s->faults.on[FAULT_REVERT_SPARES_NVRAM] && access(f.memory, F_OK) != 0;
	if (e == NULL && !spared)
		e = pl_fs_copy(f.nvram, SIM_NVRAM, 0600);
	if (e == NULL)
		e = snapshots_read(&all);
	if (e == NULL) {
		all.current = snap->uid;
		e = snapshots_write(&all);
	}
	if (e == NULL && access(f.memory, F_OK) == 0) {
		load_memory(s, f.memory);
		s->power = POWER_SUSPENDED;
		s->resume = true;
		e = pl_fs_write(SIM_VMSS, "simulated suspend state\n", 24, 0600);
	}
	sim_event("reverted to snapshot %u \"%s\"", snap->uid, snap->name);
	return e;
}

struct pl_error *snapshot_delete(const struct snapshot *snap)
{
	struct snapshots all;
	struct snapshot_files f;
	unsigned uid = snap->uid;
	unsigned parent = snap->parent;
	struct pl_error *e = snapshots_read(&all);
	size_t kept = 0;
	for (size_t i = 0; i < all.count; i++) {
		struct snapshot *one = &all.list[i];
		if (one->parent == uid)
			one->parent = parent;
		if (one->uid != uid)
			all.list[kept++] = *one;
	}
	all.count = kept;
	if (all.current == uid)
		all.current = parent;
	snapshot_files(uid, &f);
	if (e == NULL)
		e = snapshots_write(&all);
	unlink(f.vmsn);
	if (e == NULL)
		e = pl_fs_remove_tree(f.dir);
	sim_event("deleted snapshot %u", uid);
	return e;
}
