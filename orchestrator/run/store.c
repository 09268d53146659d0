#include "orchestrator/run/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"

static bool is_id(const char *name)
{
	static const char form[] = "dddddddd-dddddd-xxxx";
	size_t i = 0;
	for (; form[i] != '\0'; i++) {
		const char *set = form[i] == 'd' ? "0123456789" : form[i] == 'x' ? "0123456789abcdef" : "-";
		if (name[i] == '\0' || strchr(set, name[i]) == NULL)
			return false;
	}
	return name[i] == '\0';
}

static struct pl_error *new_id(char **ret)
{
	unsigned char random[2];
	if (getentropy(random, sizeof random) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "no random bytes");
	time_t now = time(NULL);
	struct tm tm;
	char stamp[32];
	gmtime_r(&now, &tm);
	strftime(stamp, sizeof stamp, "%Y%m%d-%H%M%S", &tm);
	return pl_asprintf(ret, "%s-%02x%02x", stamp, random[0], random[1]);
}

struct pl_error *store_path(const char *dir, const char *name, char **ret)
{
	return pl_asprintf(ret, "%s/%s", dir, name);
}

static struct pl_error *make_below(const char *dir, const char *name)
{
	char *path = NULL;
	struct pl_error *e = store_path(dir, name, &path);
	if (e == NULL)
		e = pl_fs_mkdirs(path);
	free(path);
	return e;
}

struct pl_error *store_create(const char *state, char **id, char **dir)
{
	char *runs = NULL;
	*id = *dir = NULL;
	struct pl_error *e = store_path(state, "runs", &runs);
	if (e == NULL)
		e = pl_fs_mkdirs(runs);
	for (int tries = 0; e == NULL && *dir == NULL; tries++) {
		free(*id);
		*id = NULL;
		e = new_id(id);
		if (e == NULL)
			e = store_path(runs, *id, dir);
		if (e != NULL || mkdir(*dir, 0700) == 0)
			break;
		if (errno != EEXIST || tries == 20)
			e = pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot make the run's folder"),
				"%s", *dir);
		free(*dir);
		*dir = NULL;
	}
	if (e == NULL)
		e = make_below(*dir, "core");
	if (e == NULL)
		e = make_below(*dir, "logs");
	if (e == NULL)
		e = pl_fs_sync_dir(runs);
	free(runs);
	if (e != NULL) {
		free(*id);
		free(*dir);
		*id = *dir = NULL;
	}
	return e;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static struct pl_error *collect(DIR *d, char ***ret, size_t *count)
{
	struct dirent *entry;
	while ((entry = readdir(d)) != NULL) {
		if (!is_id(entry->d_name))
			continue;
		char **grown = realloc(*ret, (*count + 1) * sizeof *grown);
		if (grown == NULL)
			return pl_error_nomem();
		*ret = grown;
		struct pl_error *e = pl_strdup(entry->d_name, &grown[*count]);
		if (e != NULL)
			return e;
		++*count;
	}
	return NULL;
}

struct pl_error *store_ids(const char *state, char ***ret, size_t *count)
{
	char *runs = NULL;
	*ret = NULL;
	*count = 0;
	struct pl_error *e = store_path(state, "runs", &runs);
	if (e != NULL)
		return e;
	DIR *d = opendir(runs);
	if (d == NULL && errno != ENOENT)
		e = pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot list the runs"), "%s", runs);
	if (d != NULL) {
		e = collect(d, ret, count);
		closedir(d);
	}
	free(runs);
	if (e != NULL) {
		store_ids_free(*ret, *count);
		*ret = NULL;
		*count = 0;
		return e;
	}
	if (*count > 0)
		qsort(*ret, *count, sizeof **ret, by_name);
	return NULL;
}

void store_ids_free(char **ids, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(ids[i]);
	free(ids);
}

struct pl_error *store_find(const char *state, const char *word, char **id, char **dir)
{
	char **ids = NULL;
	size_t count = 0, matches = 0;
	const char *match = NULL;
	*id = *dir = NULL;
	struct pl_error *e = store_ids(state, &ids, &count);
	if (e != NULL)
		return e;
	for (size_t i = 0; i < count; i++) {
		if (!pl_starts_with(ids[i], word))
			continue;
		match = ids[i];
		matches++;
	}
	char shown[64];
	pl_escape_str(word, shown, sizeof shown);
	if (matches != 1 || word[0] == '\0')
		e = pl_error_hint(
			pl_error_new(PL_ERR_USAGE,
				matches == 0 ? "no run '%s'" : "several runs begin with '%s'", shown),
			"paniclab runs lists them");
	else
		e = pl_asprintf(dir, "%s/runs/%s", state, match);
	if (e == NULL)
		e = pl_strdup(match, id);
	store_ids_free(ids, count);
	return e;
}

/* FNV-1a: a file name for a path; two paths with one hash merely share a lock. */
static uint64_t hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (; *s != '\0'; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

static struct pl_error *lock_path(const char *state, const char *vmx, char **ret)
{
	return pl_asprintf(ret, "%s/locks/%016llx.lock", state, (unsigned long long)hash(vmx));
}

bool store_locked(const char *state, const char *vmx)
{
	char *path = NULL;
	struct pl_error *e = lock_path(state, vmx, &path);
	int fd = e == NULL ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
	bool held = fd >= 0 && flock(fd, LOCK_SH | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	if (fd >= 0)
		close(fd);
	pl_error_free(e);
	free(path);
	return held;
}

/* Children keep it. */
static struct pl_error *share(const struct pl_lock *l)
{
	if (fcntl(l->fd, F_SETFD, 0) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot share the lock with children");
	return NULL;
}

static struct pl_error *lock_named(const char *state, const char *vmx, const char *id, struct pl_lock *ret)
{
	char *path = NULL, *holder = NULL;
	struct pl_error *e = make_below(state, "locks");
	if (e == NULL)
		e = lock_path(state, vmx, &path);
	if (e == NULL)
		e = pl_asprintf(&holder, "run %s (process %ld) on %s\n", id, (long)getpid(), vmx);
	if (e == NULL)
		e = pl_lock_take(ret, path, holder);
	if (e == NULL)
		e = share(ret);
	free(path);
	free(holder);
	return e;
}

/* The folder that the .vmx really is in, malloc'd; NULL if there is none here. */
static char *real_folder(const char *vmx)
{
	char *path = realpath(vmx, NULL);
	char *slash = path == NULL ? NULL : strrchr(path, '/');
	if (slash != NULL)
		*slash = '\0';
	return path;
}

/* The .vmx would not do: Fusion puts a new file in its place. */
static struct pl_error *lock_folder(const char *vmx, const char *holder, struct pl_lock *ret)
{
	char *path = real_folder(vmx);
	if (path == NULL)
		return NULL;
	ret->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(path);
	if (ret->fd < 0)
		return NULL;
	if (flock(ret->fd, LOCK_EX | LOCK_NB) == 0)
		return share(ret);
	bool taken = errno == EWOULDBLOCK;
	pl_lock_release(ret);
	if (!taken)
		return NULL;
	return pl_error_why(pl_error_at(pl_error_new(PL_ERR_LAB, "in use"), "%s", vmx), "held by %s", holder);
}

struct pl_error *store_lock(const char *state, const char *vmx, const char *id, struct store_lock *ret)
{
	*ret = STORE_UNLOCKED;
	struct pl_error *e = lock_named(state, vmx, id, &ret->named);
	if (e == NULL)
		e = lock_folder(vmx, "a run with another state folder", &ret->folder);
	if (e != NULL)
		store_unlock(ret);
	return e;
}

struct pl_error *store_lock_folder(const char *vmx, struct store_lock *ret)
{
	*ret = STORE_UNLOCKED;
	return lock_folder(vmx, "a run; `paniclab runs` lists them", &ret->folder);
}

void store_unlock(struct store_lock *l)
{
	pl_lock_release(&l->named);
	pl_lock_release(&l->folder);
}
