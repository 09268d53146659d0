#include "orchestrator/core/symbol_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/text.h"
#include "orchestrator/core/dsym.h"
#include "orchestrator/core/folder.h"
#include "orchestrator/core/inspect_parts.h"
#include "orchestrator/core/macho_file.h"
#include "orchestrator/core/plist.h"

#define LC_FILESET_ENTRY UINT32_C(0x80000035)

/* ---- bundles ---- */

/* What is behind the last slash, without its extension, which is at the path's end. */
static char *stem(const char *path, const char *extension)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	return strndup(name, strlen(name) - strlen(extension));
}

/* DIR/Contents/MacOS/NAME, or DIR/NAME of a bundle without Contents; NAME by Info.plist, else the bundle's.
 */
static struct pl_error *kext_executable(const char *dir, char **ret)
{
	char *contents, *plist = NULL, *name = NULL, said[256] = "";
	const struct plist_wanted wanted = {"CFBundleExecutable", said, sizeof said};

	struct pl_error *e = pl_asprintf(&contents, "%s/Contents", dir);
	bool deep = !e && folder_is(contents);
	if (!e)
		e = pl_asprintf(&plist, "%s/Info.plist", deep ? contents : dir);
	if (!e)
		pl_error_free(plist_read_file(plist, &wanted, 1));
	if (!e && (!said[0] || strchr(said, '/')) && !(name = stem(dir, ".kext")))
		e = pl_error_nomem();
	if (!e)
		e = pl_asprintf(
			ret, "%s%s/%s", deep ? contents : dir, deep ? "/MacOS" : "", name ? name : said);
	free(contents);
	free(plist);
	free(name);
	return e;
}

static struct pl_error *resolve(const char *path, char **ret)
{
	char *given, *name = NULL;
	struct pl_error *e = pl_strdup(path, &given);

	if (e)
		return e;
	for (size_t n = strlen(given); n > 1 && given[n - 1] == '/'; n--)
		given[n - 1] = '\0';
	*ret = NULL;
	if (!folder_is(given)) {
		*ret = given;
		return NULL;
	}
	if (pl_ends_with(given, ".dSYM")) {
		name = stem(given, pl_ends_with(given, ".kext.dSYM") ? ".kext.dSYM" : ".dSYM");
		e = name ? dsym_dwarf(given, name, ret) : pl_error_nomem();
	} else if (pl_ends_with(given, ".kext")) {
		e = kext_executable(given, ret);
	}
	if (!e && !*ret)
		e = pl_error_hint(pl_error_new(PL_ERR_USAGE, "a folder without symbols"),
			"name a Mach-O file, a .kext or a .dSYM");
	free(name);
	free(given);
	return e;
}

/* ---- members ---- */

static struct pl_error *add(struct symbol_file *f, const struct macho_part *p, uint64_t linkedit)
{
	if (f->count == SYMBOL_MEMBERS_MAX)
		return NULL;
	void *grown = pl_grow(f->members, f->count, sizeof *f->members);
	if (!grown)
		return pl_error_nomem();
	f->members = grown;
	struct symbol_member *m = &f->members[f->count++];
	*m = (struct symbol_member){.header = p->offset, .linkedit = linkedit, .dwarf = p->dwarf};
	memcpy(m->uuid, p->uuid, sizeof m->uuid);
	return NULL;
}

/* struct fileset_entry_command: u64 address, u64 file offset, then where its name is */
static struct pl_error *add_entry(
	struct symbol_file *f, const struct macho_part *collection, struct macho_cmd cmd)
{
	struct macho_part p;

	pl_read_skip(&cmd.body, 8);
	uint64_t offset = pl_read_u64(&cmd.body);
	if (!pl_reader_ok(&cmd.body) || offset == 0 || offset >= collection->length)
		return NULL;
	struct pl_error *bad =
		macho_part_read(f->fd, collection->offset + offset, collection->length - offset, &p);
	if (bad && pl_error_kind(bad) == PL_ERR_NOMEM)
		return bad;
	bool is = !bad;
	pl_error_free(bad);
	return is ? add(f, &p, collection->offset) : NULL;
}

static struct pl_error *add_collection(struct symbol_file *f, const struct macho_part *collection)
{
	size_t size = collection->header.commands_size;
	struct macho_iter it;
	struct macho_cmd cmd;
	struct pl_error *e = NULL;

	if (size > collection->length)
		size = (size_t)collection->length;
	uint8_t *commands = malloc(size + 1);
	if (!commands)
		return pl_error_nomem();
	size = inspect_read(f->fd, collection->offset + collection->header.header_size, commands, size);
	macho_iter_init(&it, &collection->header, commands, size);
	while (!e && f->count < SYMBOL_MEMBERS_MAX && macho_next(&it, &cmd))
		if (cmd.cmd == LC_FILESET_ENTRY)
			e = add_entry(f, collection, cmd);
	free(commands);
	return e;
}

static struct pl_error *add_parts(struct symbol_file *f)
{
	struct macho_file file;
	struct pl_error *e = macho_file_read(f->path, &file);

	for (size_t i = 0; !e && i < file.count; i++) {
		const struct macho_part *p = &file.parts[i];
		e = add(f, p, p->offset);
		if (!e && p->header.file_type == MACHO_FILESET)
			e = add_collection(f, p);
	}
	return e;
}

struct pl_error *symbol_file_open(const char *path, struct symbol_file *ret)
{
	*ret = (struct symbol_file){.fd = -1};
	struct pl_error *e = resolve(path, &ret->path);

	if (!e) {
		/* O_NONBLOCK: a FIFO must not hang us; no effect on files */
		ret->fd = open(ret->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (ret->fd < 0)
			e = pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open it"), "%s", ret->path);
	}
	if (!e)
		e = add_parts(ret);
	if (e)
		symbol_file_close(ret);
	return pl_error_at(e, "%s", path);
}

void symbol_file_close(struct symbol_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	free(f->path);
	free(f->members);
	*f = (struct symbol_file){.fd = -1};
}

const struct symbol_member *symbol_file_member(const struct symbol_file *f, const char *uuid)
{
	for (size_t i = 0; uuid[0] && i < f->count; i++)
		if (strcmp(f->members[i].uuid, uuid) == 0)
			return &f->members[i];
	return NULL;
}

static size_t read_fd(void *arg, uint64_t offset, void *data, size_t size)
{
	const int *fd = arg;
	return inspect_read(*fd, offset, data, size);
}

struct pl_error *symbol_file_read(
	const struct symbol_file *f, const struct symbol_member *m, struct symtab *ret)
{
	int fd = f->fd;
	struct symtab_source s = {read_fd, &fd, m->header, m->linkedit, false};

	return pl_error_at(symtab_read(&s, ret), "%s", f->path);
}

/* ---- dSYMs ---- */

static struct pl_error *try_dsym(
	const char *beside, size_t len, const char *name, const char *uuid, char **ret)
{
	struct macho_file file;
	char *dsym, *path = NULL;

	struct pl_error *e = pl_asprintf(&dsym, "%.*s.dSYM", (int)len, beside);
	if (!e)
		e = dsym_dwarf(dsym, name, &path);
	if (!e && path) {
		struct pl_error *bad = macho_file_read(path, &file);
		if (!bad && macho_file_uuid(&file, uuid)) {
			*ret = path;
			path = NULL;
		}
		pl_error_free(bad);
	}
	free(path);
	free(dsym);
	return e;
}

struct pl_error *symbol_file_dsym(const char *path, const char *uuid, char **ret)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
	const char *kext = strstr(path, ".kext/");

	*ret = NULL;
	struct pl_error *e = try_dsym(path, strlen(path), name, uuid, ret);
	for (; !e && !*ret && kext; kext = strstr(kext + 1, ".kext/"))
		e = try_dsym(path, (size_t)(kext + strlen(".kext") - path), name, uuid, ret);
	return e;
}
