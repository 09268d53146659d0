#include "tests/simlab/simlab/state.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "tests/simlab/bundle_config.h"
#include "tests/simlab/simlab/clones.h"
#include "tests/simlab/simlab/launchctl.h"
#include "tests/simlab/simlab/other_vm.h"
#include "tests/simlab/simlab/power.h"
#include "tests/simlab/simlab/snapshot.h"
#include "tests/simlab/simlab/tree.h"
#include "tests/simlab/simlab/volumes.h"

#define EMPTIED_AT_BOOT "/private/tmp"

/*
 * What is nothing to a guest that is off; the system volume behind its snapshot, which
 * `bless --last-sealed-snapshot` leaves changed on a Mac too; the host's part of its root, and logs.
 */
static const char *const NOT_STATE[] = {EMPTIED_AT_BOOT, "/.volumes", "/.host", "/.lab", "/.tools", "/dev",
	"/proc", "/private/var/log", "/Library/Logs", NULL};

static struct pl_error *config_state(const char *path, const char *label, struct pl_buf *out)
{
	struct config c;
	struct pl_error *e = config_read(path, &c);
	for (size_t i = 0; i < c.count && e == NULL; i++) {
		const struct config_line *l = &c.lines[i];
		/* Counts up with every snapshot that ever was. */
		if (l->key != NULL && strcmp(l->key, "snapshot.lastUID") == 0)
			continue;
		if (l->key != NULL)
			e = pl_buf_printf(out, "%s %s=%s\n", label, l->key, l->value);
		else
			e = pl_buf_printf(out, "%s %s\n", label, l->value);
	}
	config_deinit(&c);
	return e;
}

static struct pl_error *variable_state(const struct nvram_variable *v, struct pl_buf *out)
{
	struct pl_error *e = pl_buf_puts(out, "nvram ");
	for (int i = 0; i < 16 && e == NULL; i++)
		e = pl_buf_printf(out, "%02x", v->guid[i]);
	if (e == NULL)
		e = pl_buf_printf(out, ":%s %u ", v->name, (unsigned)v->attributes);
	for (size_t i = 0; i < v->size && e == NULL; i++)
		e = pl_buf_printf(out, "%02x", v->value[i]);
	return e != NULL ? e : pl_buf_puts(out, "\n");
}

static struct pl_error *nvram_state(const struct sim *s, struct pl_buf *out)
{
	struct nvram n = {0};
	struct pl_buf b;
	pl_buf_init(&b, NVRAM_FILE_MAX);
	/* A running firmware knows better than the file. */
	struct pl_error *e = NULL;
	if (s->nvram.file != NULL)
		e = nvram_encode(&s->nvram, &b);
	else
		e = pl_fs_read(SIM_NVRAM, &b);
	if (e == NULL)
		e = nvram_decode(b.data, b.size, &n);
	for (size_t i = 0; i < n.count && e == NULL; i++)
		/* The firmware counts its boots there. */
		if (strcmp(n.variables[i].name, "MTC") != 0)
			e = variable_state(&n.variables[i], out);
	nvram_deinit(&n);
	pl_buf_deinit(&b);
	return e;
}

static struct pl_error *snapshot_state(struct pl_buf *out)
{
	struct snapshots all;
	struct pl_error *e = snapshots_read(&all);
	for (size_t i = 0; i < all.count && e == NULL; i++)
		e = pl_buf_printf(out, "snapshot %u %s\n", all.list[i].uid, all.list[i].name);
	return e;
}

/* Names only: to find what somebody forgot there. Locks, memory and logs come and go. */
static struct pl_error *bundle_state(struct pl_buf *out)
{
	static const char *const COME_AND_GO[] = {".lck", ".vmem", ".vmss", ".vmsn", ".log"};
	struct pl_error *e = NULL;
	DIR *d = opendir(sim_bundle());
	for (struct dirent *f; d != NULL && e == NULL && (f = readdir(d)) != NULL;) {
		bool skip = strcmp(f->d_name, ".") == 0 || strcmp(f->d_name, "..") == 0;
		for (size_t i = 0; i < sizeof COME_AND_GO / sizeof COME_AND_GO[0]; i++)
			skip |= pl_ends_with(f->d_name, COME_AND_GO[i]);
		if (!skip)
			e = pl_buf_printf(out, "bundle %s\n", f->d_name);
	}
	if (d != NULL)
		closedir(d);
	return e;
}

static struct pl_error *firewall_state(struct pl_buf *out)
{
	struct pl_buf b;
	char *save = NULL;
	pl_buf_init(&b, 1U << 20);
	struct pl_error *e = pl_fs_read(SIM_FIREWALL, &b);
	for (char *line = e == NULL ? strtok_r(b.data, "\n", &save) : NULL; line != NULL && e == NULL;
		line = strtok_r(NULL, "\n", &save))
		e = pl_buf_printf(out, "firewall %s\n", line);
	pl_buf_deinit(&b);
	return e;
}

/* 11 and later: which snapshot boots next. */
static struct pl_error *volume_state(const struct sim *s, struct pl_buf *out)
{
	char name[VOLUMES_NAME_SIZE];
	if (s->release->number < 1100)
		return NULL;
	volumes_blessed(name);
	return pl_buf_printf(out, "system volume: boots %s\n", name);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Sorts the lines of `text` into the call's answer. */
static void sort_lines(struct pl_buf *text, struct call *c)
{
	size_t count = 0;
	char *save = NULL;
	for (size_t i = 0; i < text->size; i++)
		count += text->data[i] == '\n';
	char **lines = calloc(count + 1, sizeof *lines);
	if (lines == NULL)
		return;
	size_t n = 0;
	for (char *l = strtok_r(text->data, "\n", &save); l != NULL && n < count;
		l = strtok_r(NULL, "\n", &save))
		lines[n++] = l;
	qsort(lines, n, sizeof *lines, by_text);
	for (size_t i = 0; i < n; i++)
		call_out(c, "%s\n", lines[i]);
	free(lines);
}

void state_call(struct sim *s, struct call *c)
{
	struct pl_buf text;
	pl_buf_init(&text, 8U << 20);
	/* A clone that is off makes room. */
	clones_activate(s, CLONES_OWN);
	struct pl_error *e = pl_buf_printf(&text, "power %s\nport tcp 127.0.0.1:%u vmrest\nsimulated lab\n",
		power_name(s->power), s->opt.port);
	if (e == NULL && s->guest > 0)
		e = pl_buf_printf(&text, "port tcp %s:%u sshd\n", s->opt.ip, s->opt.ssh_port);
	if (e == NULL)
		e = config_state(SIM_VMX, "vmx", &text);
	if (e == NULL)
		e = config_state(SIM_VMSD, "vmsd", &text);
	if (e == NULL)
		e = nvram_state(s, &text);
	if (e == NULL)
		e = snapshot_state(&text);
	if (e == NULL)
		e = bundle_state(&text);
	if (e == NULL)
		e = firewall_state(&text);
	if (e == NULL)
		e = launchctl_state(&text);
	if (e == NULL)
		e = volume_state(s, &text);
	for (size_t i = 0; i < s->clone_count && e == NULL; i++)
		e = pl_buf_printf(&text, "clone %s\n", s->clones[i].vmx);
	if (e == NULL)
		e = tree_list(SIM_DISK, "disk", NOT_STATE + (s->power != POWER_OFF), &text);
	if (e == NULL)
		e = other_vm_state(&text);
	if (e == NULL)
		sort_lines(&text, c);
	else
		c->status = 3;
	pl_buf_deinit(&text);
	sim_complain(e);
}
