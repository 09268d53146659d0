#include "server/leftover.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wait.h"
#include "server/name.h"
#include "server/note.h"
#include "server/rename.h"
#include "server/sink.h"

#define SUFFIX ".partial"
/* Another server that settles the folder has it for a moment. */
#define LOCK_WAIT (5 * PL_SECOND)
#define LOCK_PAUSE (10 * PL_MS)

/* The name that its client gave it; false if no server of ours can have made this file. */
static bool is_ours(int dir_fd, const char *file, struct stat *st, char name[static NAME_LENGTH_MAX + 1])
{
	size_t length = strlen(file);

	if (!pl_ends_with(file, SUFFIX) || length - strlen(SUFFIX) > NAME_LENGTH_MAX)
		return false;
	length -= strlen(SUFFIX);
	memcpy(name, file, length);
	name[length] = '\0';
	if (!name_is_safe(name) || fstatat(dir_fd, file, st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	return S_ISREG(st->st_mode) && st->st_uid == geteuid() && st->st_nlink == 1 &&
	       (st->st_mode & 07777) == 0600;
}

static struct pl_error *explain(int dir_fd, const char *file, const char *name, const struct stat *st)
{
	char last_write[32] = "";
	struct tm tm;

	if (gmtime_r(&st->st_mtime, &tm))
		strftime(last_write, sizeof last_write, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return note_write(dir_fd, file,
		&(struct note){
			.name = name,
			.why = NOTE_KILLED,
			.reason = "the server ended without being told to",
			.bytes = NOTE_UNKNOWN,
			.size = (uint64_t)st->st_size,
			.packets = NOTE_UNKNOWN,
			.resent = NOTE_UNKNOWN,
			.ended = last_write[0] ? last_write : NULL,
		});
}

static struct pl_error *settle(int dir_fd, const char *file, const struct pl_log *log)
{
	char name[NAME_LENGTH_MAX + 1];
	char wanted[SINK_NAME_MAX + 1];
	char now[SINK_NAME_MAX + 1];
	struct stat st;

	if (!is_ours(dir_fd, file, &st, name))
		return NULL;
	snprintf(wanted, sizeof wanted, "%s.incomplete", name);
	if (rename_numbered(dir_fd, file, wanted, now, sizeof now) < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot rename it"), "%s", file);
	pl_log(log, PL_LOG_WARN, "%s is of a server that was killed: it is %s now", file, now);
	return explain(dir_fd, now, name, &st);
}

static struct pl_error *settle_all(int dir_fd, const struct pl_log *log)
{
	/* Opened anew: a duplicate would share its position, and fdopendir() takes it over. */
	int fd = openat(dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	struct pl_error *first = NULL;
	const struct dirent *entry;

	if (!d) {
		first = pl_error_errno(PL_ERR_LAB, errno, "cannot read the folder");
		if (fd >= 0)
			close(fd);
		return first;
	}
	while ((entry = readdir(d)) != NULL)
		pl_error_keep_first(&first, settle(dir_fd, entry->d_name, log));
	closedir(d);
	return first;
}

/* Whoever is alone with the folder holds it for as long as settle_all() takes. */
static struct pl_error *share(int dir_fd)
{
	struct pl_wait w = pl_wait_for(LOCK_WAIT, NULL);
	struct pl_error *err = NULL;

	while (!err && flock(dir_fd, LOCK_SH | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return pl_error_errno(PL_ERR_LAB, errno, "cannot lock the folder");
		err = pl_wait_sleep(&w, LOCK_PAUSE);
	}
	return pl_error_as(
		pl_error_context(err, "waiting for another server to open the folder"), PL_ERR_LAB);
}

struct pl_error *leftover_settle(int dir_fd, const struct pl_log *log)
{
	struct pl_error *first = NULL;

	if (flock(dir_fd, LOCK_EX | LOCK_NB) == 0)
		first = settle_all(dir_fd, log);
	else if (errno != EWOULDBLOCK)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot lock the folder");
	pl_error_keep_first(&first, share(dir_fd));
	return first;
}
