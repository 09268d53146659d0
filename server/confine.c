#include "server/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif

#include "base/text.h"
#include "server/confine_parts.h"

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* Folders above the one for dumps that are looked at: their number is an exit status. */
#define WAY_MAX 250
#define WAY_UNKNOWN 255

/* ---- the user -------------------------------------------------------------------- */

static struct pl_error *bad_user(const char *name, const char *why, const char *hint)
{
	char shown[80];

	return pl_error_hint(
		pl_error_why(pl_error_new(PL_ERR_USAGE, "the server cannot go on as the user '%s'",
				     pl_escape_str(name, shown, sizeof shown)),
			"%s", why),
		"%s", hint);
}

struct pl_error *confine_find_user(const char *name, struct confine_user *ret)
{
	/* One thread so far, so the static buffer of getpwnam() is ours. */
	const struct passwd *p = getpwnam(name); /* NOLINT(concurrency-mt-unsafe) */

	if (!p || strlen(name) >= sizeof ret->name)
		return bad_user(name, "there is none of that name", "give one of /etc/passwd, like nobody");
	if (p->pw_uid == 0)
		return bad_user(name, "that is root", "give one without privileges");
	if (geteuid() != 0 && (geteuid() != p->pw_uid || getuid() != p->pw_uid))
		return bad_user(name, "only root can become another user",
			"start the server as root, or leave the user out");
	*ret = (struct confine_user){.uid = p->pw_uid, .gid = p->pw_gid};
	memcpy(ret->name, name, strlen(name) + 1);
	return NULL;
}

/* ---- its folder ------------------------------------------------------------------ */

/* One that was just made; no link in its place is followed. */
static int give(const char *dir, const struct confine_user *u)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int failed = fd < 0 || fchown(fd, u->uid, u->gid) < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return failed;
}

static int make_and_give(const char *dir, const struct confine_user *u)
{
	if (mkdir(dir, 0700) == 0)
		return give(dir, u);
	return errno == EEXIST ? 0 : errno;
}

struct pl_error *confine_make_dir(const char *dir, const struct confine_user *u)
{
	char *path = NULL;
	int failed = 0;
	/* First, because a user cannot remove what root has made. */
	struct pl_error *err = confine_check_way(dir, u);

	if (!err)
		err = pl_strdup(dir, &path);
	if (err)
		return err;
	for (size_t i = 1; !failed && path[0] && path[i]; i++) {
		if (path[i] != '/')
			continue;
		path[i] = '\0';
		failed = make_and_give(path, u);
		path[i] = '/';
	}
	if (!failed)
		failed = make_and_give(path, u);
	free(path);
	if (!failed)
		return NULL;
	return pl_error_at(pl_error_errno(PL_ERR_LAB, failed, "cannot make the folder for dumps"), "%s", dir);
}

/* ---- becoming it ------------------------------------------------------------------- */

static struct pl_error *not_become(int errnum, const struct confine_user *u)
{
	return pl_error_errno(PL_ERR_LAB, errnum, "cannot become the user %s", u->name);
}

/* Nothing of root is left, and nothing brings it back. */
static bool is_for_good(const struct confine_user *u, gid_t gid_before)
{
	gid_t group;

	if (getuid() != u->uid || geteuid() != u->uid || getgid() != u->gid || getegid() != u->gid)
		return false;
	if (getgroups(0, NULL) > 1 || (getgroups(1, &group) == 1 && group != u->gid))
		return false;
	if (setuid(0) == 0 || seteuid(0) == 0)
		return false;
	return gid_before == u->gid || (setgid(gid_before) < 0 && setegid(gid_before) < 0);
}

static struct pl_error *change(const struct confine_user *u)
{
	gid_t gid_before = getgid();

	/* None of the user's other groups: a server of dumps needs none. */
	if (setgroups(1, &u->gid) < 0 || setgid(u->gid) < 0 || setuid(u->uid) < 0)
		return not_become(errno, u);
	if (!is_for_good(u, gid_before))
		return pl_error_why(not_become(EPERM, u), "the process could still become root again");
#if SANITIZED && defined(__linux__)
	/* Changing the user cleared it, and the leak check could not attach. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
	return NULL;
}

struct pl_error *confine_become(const struct confine_user *u, const char *dir)
{
	struct pl_error *err = geteuid() == 0 ? change(u) : NULL;

	if (err || access(dir, R_OK | W_OK | X_OK) == 0)
		return err;
	err = pl_error_errno(PL_ERR_LAB, errno, "the user %s cannot write to the folder for dumps", u->name);
	return pl_error_hint(pl_error_at(err, "%s", dir), "give it to that user (chown), with a way to it "
							  "through the folders above; or choose another");
}

/* ---- the way to the folder ------------------------------------------------------------- */

/* Cuts path after its first `n` folders: 0 is where it starts. False if it has fewer above it. */
static bool cut_after(char *path, unsigned n)
{
	char *p = path + strspn(path, "/");

	for (; n > 0; n--) {
		p += strcspn(p, "/");
		if (p[strspn(p, "/")] == '\0')
			return false;
		if (n > 1)
			p += strspn(p, "/");
	}
	*p = '\0';
	return true;
}

/* Which of the folders above dir the caller may not pass, counted from 1; 0: none of those there. */
static int barred_by(const char *dir)
{
	char path[PATH_MAX];

	for (unsigned n = 0; n < WAY_MAX && strlen(dir) < sizeof path; n++) {
		memcpy(path, dir, strlen(dir) + 1);
		if (!cut_after(path, n))
			break;
		if (access(path[0] ? path : ".", X_OK) < 0)
			return errno == EACCES ? (int)n + 1 : 0;
	}
	return 0;
}

static struct pl_error *barred(const char *dir, unsigned n, const struct confine_user *u)
{
	char path[PATH_MAX];
	struct pl_error *err;

	snprintf(path, sizeof path, "%s", dir);
	(void)cut_after(path, n);
	err = pl_error_new(PL_ERR_LAB, "the user %s cannot get to the folder for dumps", u->name);
	err = pl_error_why(err, "%s does not let it through", path[0] ? path : "the current folder");
	return pl_error_hint(
		pl_error_at(err, "%s", dir), "choose another folder, or open that one to it (chmod o+x)");
}

struct pl_error *confine_check_way(const char *dir, const struct confine_user *u)
{
	int status = 0;

	if (geteuid() != 0)
		return NULL;
	pid_t pid = fork();
	if (pid == 0)
		_exit(change(u) ? WAY_UNKNOWN : barred_by(dir));
	while (pid > 0 && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return NULL;
	/* What could not be asked shows when the process becomes the user. */
	if (pid < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == WAY_UNKNOWN)
		return NULL;
	return barred(dir, (unsigned)WEXITSTATUS(status) - 1, u);
}

/* ---- restricting the process ----------------------------------------------------------- */

bool confine_restricts(void)
{
	return !SANITIZED;
}

#ifdef __linux__
static const char *in_force(int failed)
{
	return failed ? strerror(failed) : "in force"; /* NOLINT(concurrency-mt-unsafe): one thread */
}

void confine_restrict(const char *dir, const struct pl_log *log)
{
	int abi = 0;

	if (!confine_restricts()) {
		pl_log(log, PL_LOG_DEBUG, "not restricted: a build with AddressSanitizer");
		return;
	}
	int privileges = confine_privileges();
	int landlock = confine_landlock(dir, &abi);
	int filter = confine_seccomp();
	pl_log(log, PL_LOG_DEBUG, "no new privileges: %s", in_force(privileges));
	pl_log(log, PL_LOG_DEBUG, "files below %s only (Landlock ABI %d): %s", dir, abi, in_force(landlock));
	pl_log(log, PL_LOG_DEBUG, "filter of system calls: %s", in_force(filter));
	if (geteuid() == 0)
		pl_log(log, PL_LOG_INFO, "the server runs as root; --user NAME gives that up");
}
#else
void confine_restrict(const char *dir, const struct pl_log *log)
{
	(void)dir;
	if (geteuid() == 0)
		pl_log(log, PL_LOG_INFO, "the server runs as root; --user NAME gives that up");
}
#endif
