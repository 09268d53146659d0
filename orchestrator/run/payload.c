#include "orchestrator/run/payload.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"

/* Survives a reboot, unlike /private/tmp; exists on every macOS. */
#define KEXT_FOLDER "/private/var/tmp/paniclab-kext"

enum { BUNDLE_DEPTH_MAX = 8, BUNDLE_FILES_MAX = 2000 };

static const char *base_name(const char *path)
{
	size_t n = strlen(path);
	while (n > 0 && path[n - 1] != '/')
		n--;
	return path + n;
}

struct pl_error *payload_kext_path(const struct scenario *s, char **ret)
{
	*ret = NULL;
	if (s->payload.kext == NULL)
		return NULL;
	return pl_asprintf(ret, "%s/%s", KEXT_FOLDER, base_name(s->payload.kext));
}

json_t *payload_before(const struct scenario *s)
{
	json_t *paths = json_array();
	int failed = 0;
	for (size_t i = 0; i < s->payload.files_count; i++)
		failed |= json_array_append_new(paths, json_string(s->payload.files[i].to));
	if (s->payload.kext != NULL)
		failed |= json_array_append_new(paths, json_string(KEXT_FOLDER));
	/* A file that is not noted down would be neither looked for nor removed. */
	if (failed != 0) {
		json_decref(paths);
		return NULL;
	}
	return json_pack("{s:o, s:{}}", "paths", paths, "folders");
}

static struct pl_error *script(struct guest *g, const char *name, const char *a, const char *b, const char *c,
	const struct pl_wait *w)
{
	struct guest_output o = {0};
	const char *argv[] = {a, b, c, NULL};
	struct pl_error *e = guest_script_ok(g, name, argv, true, w, &o);
	guest_output_deinit(&o);
	return e;
}

/* Through the private folder, since only root may write to most places. */
static struct pl_error *put_file(struct guest *g, const char *from, const char *to, const struct pl_wait *w)
{
	char *staged = NULL;
	struct stat st;
	if (stat(from, &st) < 0)
		return pl_error_at(pl_error_errno(PL_ERR_USAGE, errno, "cannot read it"), "%s", from);
	struct pl_error *e = pl_asprintf(&staged, "%s/staged", guest_folder(g));
	if (e == NULL)
		e = ssh_upload_file(guest_ssh(g), from, staged, st.st_mode & 0777, w);
	if (e == NULL)
		e = script(g, "payload-put.sh", staged, to, (st.st_mode & 0111) != 0 ? "755" : "644", w);
	free(staged);
	return e;
}

struct bundle {
	struct guest *g;
	const struct pl_wait *w;
	size_t files;
};

static struct pl_error *put_entry(struct bundle *b, const char *from, const char *to, int depth);

static struct pl_error *put_folder(struct bundle *b, const char *from, const char *to, int depth)
{
	DIR *d = opendir(from);
	struct dirent *entry;
	struct pl_error *e = NULL;
	if (d == NULL)
		return pl_error_at(pl_error_errno(PL_ERR_USAGE, errno, "cannot list it"), "%s", from);
	while (e == NULL && (entry = readdir(d)) != NULL) {
		char *below_from = NULL, *below_to = NULL;
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		e = pl_asprintf(&below_from, "%s/%s", from, entry->d_name);
		if (e == NULL)
			e = pl_asprintf(&below_to, "%s/%s", to, entry->d_name);
		if (e == NULL)
			e = put_entry(b, below_from, below_to, depth + 1);
		free(below_from);
		free(below_to);
	}
	closedir(d);
	return e;
}

static struct pl_error *put_entry(struct bundle *b, const char *from, const char *to, int depth)
{
	struct stat st;
	if (lstat(from, &st) < 0)
		return pl_error_at(pl_error_errno(PL_ERR_USAGE, errno, "cannot read it"), "%s", from);
	if (depth > BUNDLE_DEPTH_MAX || ++b->files > BUNDLE_FILES_MAX)
		return pl_error_at(
			pl_error_new(PL_ERR_USAGE, "too deep or too large for a kext bundle"), "%s", from);
	if (S_ISDIR(st.st_mode))
		return put_folder(b, from, to, depth);
	if (!S_ISREG(st.st_mode))
		return pl_error_at(pl_error_new(PL_ERR_USAGE, "neither a file nor a folder"), "%s", from);
	return put_file(b->g, from, to, b->w);
}

static struct pl_error *check_path(
	const char *path, struct guest *g, const struct pl_wait *w, json_t *folders)
{
	struct guest_output o = {0};
	const char *argv[] = {path, NULL};
	struct pl_error *e = guest_script_ok(g, "payload-absent.sh", argv, true, w, &o);
	const char *folder = guest_value(&o, "folder");
	if (e == NULL && json_object_set_new(folders, path, json_string(folder == NULL ? "" : folder)) != 0)
		e = pl_error_nomem();
	guest_output_deinit(&o);
	return e;
}

struct pl_error *payload_check(json_t *before, struct guest *g, const struct pl_wait *w)
{
	json_t *folders = json_object_get(before, "folders");
	struct pl_error *e = NULL;
	size_t i;
	json_t *path;
	json_array_foreach(json_object_get(before, "paths"), i, path)
	{
		if (e == NULL)
			e = check_path(json_string_value(path), g, w, folders);
	}
	return pl_error_hint(e, "move it away, or choose another place in the scenario's payload");
}

struct pl_error *payload_install(const struct scenario *s, struct guest *g, const struct pl_wait *w)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; e == NULL && i < s->payload.files_count; i++)
		e = put_file(g, s->payload.files[i].from, s->payload.files[i].to, w);
	if (e != NULL || s->payload.kext == NULL)
		return e;
	char *to = NULL;
	struct bundle b = {.g = g, .w = w};
	e = payload_kext_path(s, &to);
	if (e == NULL)
		e = put_folder(&b, s->payload.kext, to, 0);
	free(to);
	return e;
}

struct pl_error *payload_remove(const json_t *before, struct guest *g, const struct pl_wait *w)
{
	const json_t *folders = json_object_get(before, "folders");
	struct pl_error *e = NULL;
	size_t i;
	json_t *path;
	json_array_foreach(json_object_get(before, "paths"), i, path)
	{
		const char *text = json_string_value(path);
		if (e == NULL && text != NULL)
			e = script(g, "payload-remove.sh", text, pl_json_str_or(folders, text, ""), NULL, w);
	}
	return e;
}

struct pl_error *payload_setup(const struct scenario *s, struct guest *g, const struct pl_wait *w)
{
	char *staged = NULL;
	struct guest_output o = {0};
	struct pl_error *e = pl_asprintf(&staged, "%s/set-up", guest_folder(g));
	if (e == NULL)
		e = ssh_upload_file(guest_ssh(g), s->payload.setup, staged, 0700, w);
	const char *argv[] = {staged, NULL};
	if (e == NULL)
		e = guest_script_ok(g, "set-up.sh", argv, true, w, &o);
	guest_output_deinit(&o);
	free(staged);
	return e;
}
