#include "orchestrator/cmd/serve_check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "base/wait.h"
#include "server/quota.h"
#include "server/udp.h"

static struct pl_error *check_port(const struct server_config *c)
{
	int fd;
	struct pl_error *err;

	if (c->socket >= 0)
		return NULL;
	err = udp_bind(c->bind, c->port, c->max_sessions, &fd);
	if (!err)
		close(fd);
	return err;
}

/* ---- the folder -------------------------------------------------------------------- */

static struct pl_error *folder_error(int errnum, const char *what, const char *dir)
{
	return pl_error_at(pl_error_errno(PL_ERR_LAB, errnum, "%s", what), "%s", dir);
}

/* `folder` is not there. It is as it was afterwards. */
static struct pl_error *can_be_made(char *folder)
{
	char *slash = strrchr(folder, '/');
	int failed;

	if (slash)
		*slash = '\0';
	failed = access(!slash ? "." : slash == folder ? "/" : folder, W_OK | X_OK) < 0 ? errno : 0;
	if (slash)
		*slash = '/';
	return failed ? folder_error(failed, "cannot make the folder", folder) : NULL;
}

/* Up to the first folder that is not there: those below it would be made in it. */
static struct pl_error *check_way(char *path, bool *there)
{
	struct pl_error *err = NULL;
	struct stat st;

	*there = true;
	for (char *p = path + 1; !err && *there; p++) {
		bool end = *p == '\0';
		if (!end && *p != '/')
			continue;
		*p = '\0';
		*there = stat(path, &st) == 0;
		if (!*there)
			err = errno == ENOENT ? can_be_made(path)
					      : folder_error(errno, "cannot make the folder", path);
		if (end)
			break;
		*p = '/';
	}
	if (!err && *there && !S_ISDIR(st.st_mode))
		err = pl_error_at(pl_error_new(PL_ERR_LAB, "not a folder"), "%s", path);
	return err;
}

static struct pl_error *check_access(const char *dir)
{
	if (access(dir, R_OK) < 0)
		return folder_error(errno, "cannot open the folder for dumps", dir);
	if (access(dir, W_OK | X_OK) < 0)
		return pl_error_hint(folder_error(errno, "cannot write to the folder", dir),
			"choose a folder that you may write to");
	return NULL;
}

static struct pl_error *check_dir(const char *dir, bool *there)
{
	char *path = NULL;
	struct pl_error *err = pl_strdup(dir, &path);

	*there = false;
	if (!err && path[0] == '\0')
		err = folder_error(ENOENT, "cannot make the folder", dir);
	if (!err)
		err = check_way(path, there);
	free(path);
	return err;
}

struct pl_error *serve_check(const struct serve_options *o)
{
	bool there = false;
	struct pl_error *err = serve_options_raise_files(o);

	if (!err && o->user)
		err = confine_check_way(o->dir, &o->become);
	if (!err)
		err = check_port(&o->config);
	if (!err)
		err = check_dir(o->dir, &there);
	if (err || !there)
		return err;
	if (o->user)
		err = confine_become(&o->become, o->dir);
	return err ? err : check_access(o->dir);
}

/* ---- room ---------------------------------------------------------------------------- */

void serve_check_room(const struct server_config *c, const struct pl_log *log)
{
	struct quota quota;
	enum wire_code code;
	char line[256];
	int fd = open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	struct pl_error *err = quota_init(&quota, fd, c->max_total, c->min_free, pl_now());
	if (!err)
		err = quota_take(&quota, 1, pl_now(), &code);
	if (err)
		pl_log(log, PL_LOG_WARN, "%s has no room, every dump would be refused: %s", c->dir,
			pl_error_line(err, line, sizeof line));
	pl_error_free(err);
	close(fd);
}
