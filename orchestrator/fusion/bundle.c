#include "orchestrator/fusion/bundle.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/fusion/bundle_scan.h"
#include "orchestrator/fusion/vm.h"
#include "orchestrator/fusion/vmx.h"

/* ---- which files --------------------------------------------------------------------- */

static bool has_suffix(const char *path, const char *suffix)
{
	size_t n = strlen(path), s = strlen(suffix);

	return n > s && !strcasecmp(path + n - s, suffix);
}

/* The file that the .vmx names as its .nvram, malloc'd; *v is that .vmx. */
static struct pl_error *nvram_of(const char *dir, const char *vmx, const struct vmx *v, char **ret)
{
	const char *named = vmx_get(v, "nvram");

	if (named && *named)
		return pl_fs_join(dir, named, ret);
	return pl_asprintf(ret, "%.*s.nvram", (int)(strlen(vmx) - strlen(".vmx")), vmx);
}

static struct pl_error *read_vmx(struct bundle *b)
{
	struct vmx v;
	struct pl_error *e = vmx_load(b->vmx, &v);

	if (!e && !b->nvram)
		e = nvram_of(b->dir, b->vmx, &v, &b->nvram);
	if (!e) {
		const char *state = vmx_get(&v, "checkpoint.vmState");

		b->encrypted = vmx_get(&v, "encryption.data") != NULL;
		e = pl_strdup(state && *state ? state : NULL, &b->suspended);
	}
	vmx_deinit(&v);
	return e;
}

static bool names_this(const struct bundle *b, const char *vmx)
{
	struct vmx v;
	char *named = NULL, *real = NULL;
	struct pl_error *e = vmx_load(vmx, &v);

	if (!e)
		e = nvram_of(b->dir, vmx, &v, &named);
	if (!e)
		real = realpath(named, NULL);
	bool same = real && !strcmp(real, b->nvram);
	pl_error_free(e);
	vmx_deinit(&v);
	free(named);
	free(real);
	return same;
}

/* The .vmx beside an .nvram that names it; none is ok. */
static struct pl_error *find_owner(struct bundle *b)
{
	char **names = NULL;
	size_t count;
	struct pl_error *e = bundle_scan(b->dir, ".vmx", &names, &count);

	for (size_t i = 0; !e && !b->vmx && i < count; i++) {
		char *path = NULL;

		e = pl_fs_join(b->dir, names[i], &path);
		if (!e && names_this(b, path))
			b->vmx = path;
		else
			free(path);
	}
	if (names)
		vm_names_free(names, count);
	return e;
}

static struct pl_error *find_only_vmx(struct bundle *b)
{
	char **names;
	size_t count;
	struct pl_error *e = bundle_scan(b->dir, ".vmx", &names, &count);

	if (e)
		return e;
	if (count == 1)
		e = pl_fs_join(b->dir, names[0], &b->vmx);
	else
		e = pl_error_at(pl_error_hint(pl_error_new(PL_ERR_USAGE, "%s .vmx is in the folder",
						      count ? "more than one" : "no"),
					"name the VM's .vmx or .nvram"),
			"%s", b->dir);
	vm_names_free(names, count);
	return e;
}

static struct pl_error *folder_of(const char *path, char **ret)
{
	const char *slash = strrchr(path, '/');

	*ret = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	return *ret ? NULL : pl_error_nomem();
}

/* `real` is absolute; it goes into b. */
static struct pl_error *place(struct bundle *b, char *real)
{
	struct stat st;
	struct pl_error *e;

	if (stat(real, &st) == 0 && S_ISDIR(st.st_mode)) {
		b->dir = real;
		return find_only_vmx(b);
	}
	if (has_suffix(real, ".vmx")) {
		b->vmx = real;
		return folder_of(real, &b->dir);
	}
	b->nvram = real;
	e = folder_of(real, &b->dir);
	return e ? e : find_owner(b);
}

struct pl_error *bundle_find(const char *path, struct bundle *ret)
{
	char *real = realpath(path, NULL);
	struct pl_error *e;

	memset(ret, 0, sizeof *ret);
	if (!real)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", path);
	e = place(ret, real);
	return !e && ret->vmx ? read_vmx(ret) : e;
}

void bundle_deinit(struct bundle *b)
{
	free(b->dir);
	free(b->vmx);
	free(b->nvram);
	free(b->suspended);
	memset(b, 0, sizeof *b);
}

/* ---- reading and writing --------------------------------------------------------------- */

struct pl_error *bundle_read(const char *path, struct pl_buf *out, struct stat *seen)
{
	if (stat(path, seen) < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", path);
	if (!S_ISREG(seen->st_mode))
		return pl_error_at(pl_error_new(PL_ERR_USAGE, "not a file"), "%s", path);
	if ((uintmax_t)seen->st_size > out->max)
		return pl_error_at(pl_error_new(PL_ERR_DATA, "too big to be such a file"), "%s", path);
	return pl_fs_read(path, out);
}

struct pl_error *bundle_write(const char *path, const struct stat *seen, const void *data, size_t size)
{
	struct stat now;

	if (stat(path, &now) < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot look at it"), "%s", path);
	if (now.st_ino != seen->st_ino || now.st_size != seen->st_size || now.st_mtime != seen->st_mtime ||
		now.st_ctime != seen->st_ctime)
		return pl_error_at(
			pl_error_hint(pl_error_new(PL_ERR_LAB, "something else has changed it just now"),
				"shut the guest down, and try again"),
			"%s", path);
	return pl_fs_replace(path, data, size);
}

/* base/fs.c names them so. */
static bool is_leftover(const char *name, const char *of)
{
	size_t n = strlen(of);

	if (strncmp(name, of, n) != 0 || strncmp(name + n, ".tmp.", 5) != 0)
		return false;
	name += n + 5;
	size_t digits = strspn(name, "0123456789");
	if (digits == 0 || name[digits] != '-')
		return false;
	name += digits + 1;
	digits = strspn(name, "0123456789");
	return digits > 0 && name[digits] == '\0';
}

void bundle_sweep(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : NULL;
	DIR *d = dir ? opendir(dir) : NULL;
	struct dirent *entry;

	while (d && (entry = readdir(d)))
		if (is_leftover(entry->d_name, slash + 1))
			unlinkat(dirfd(d), entry->d_name, 0);
	if (d)
		closedir(d);
	free(dir);
}
