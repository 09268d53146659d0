/* Is the VM off? See bundle.h. */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/fusion/bundle.h"
#include "orchestrator/fusion/bundle_lock.h"
#include "orchestrator/fusion/bundle_scan.h"
#include "orchestrator/fusion/vm.h"

#define ASK_TIME (20 * PL_SECOND)

static struct pl_error *is_on(const struct bundle *b, const char *why)
{
	return pl_error_at(
		pl_error_hint(pl_error_why(pl_error_new(PL_ERR_LAB, "the VM is powered on"), "%s", why),
			"shut the guest down first"),
		"%s", b->vmx);
}

static struct pl_error *is_suspended(const struct bundle *b, const char *file)
{
	char safe[200];

	return pl_error_at(
		pl_error_hint(pl_error_why(pl_error_new(PL_ERR_LAB, "the VM is suspended"),
				      "its state is in %s", pl_escape_str(file, safe, sizeof safe)),
			"resume the guest and shut it down"),
		"%s", b->vmx);
}

static struct pl_error *check_suspended(const struct bundle *b)
{
	char **names;
	size_t count;
	struct pl_error *e = bundle_scan(b->dir, ".vmss", &names, &count);

	if (e)
		return e;
	if (b->suspended)
		e = is_suspended(b, b->suspended);
	else if (count)
		e = is_suspended(b, names[0]);
	vm_names_free(names, count);
	return e;
}

/* ---- vmrun ------------------------------------------------------------------------------ */

static bool is_in_folder(const char *vmx, const char *dir)
{
	char *real = realpath(vmx, NULL);
	const char *path = real ? real : vmx;
	const char *slash = strrchr(path, '/');
	bool same = slash && strlen(dir) == (size_t)(slash - path) && !strncmp(path, dir, strlen(dir));

	free(real);
	return same;
}

static struct pl_error *ask_vmrun(const struct bundle *b, struct vmrun *v, const struct pl_wait *w,
	const struct pl_log *log, bool *answered)
{
	struct pl_wait limit = pl_wait_at_most(w, ASK_TIME);
	char line[300];
	char **names;
	size_t count;
	struct pl_error *e = vmrun_list(v, &limit, &names, &count);

	*answered = !e;
	if (e && pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	if (e) {
		/* Its advice is of lab files, which not everybody has who asks. */
		const char *place = pl_error_place(e);
		pl_log(log, PL_LOG_INFO,
			"vmrun does not tell which VMs are on, the lock files have to: %s%s%s",
			place ? place : "", place ? ": " : "", pl_error_brief(e, line, sizeof line));
		pl_error_free(e);
		return NULL;
	}
	for (size_t i = 0; !e && i < count; i++)
		if (is_in_folder(names[i], b->dir))
			e = is_on(b, "vmrun lists it as running");
	vm_names_free(names, count);
	return e;
}

/* ---- locks ------------------------------------------------------------------------------- */

static bool is_alive(long pid)
{
	return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static struct pl_error *judge_lock(
	const struct bundle *b, const char *path, bool answered, const struct pl_log *log)
{
	char why[300], safe[200];
	long pid = 0;
	enum bundle_lock kind = bundle_lock_read(path, &pid);

	pl_escape_str(path, safe, sizeof safe);
	if (kind == BUNDLE_LOCK_NONE)
		return NULL;
	if (kind == BUNDLE_LOCK_UNKNOWN && answered) {
		pl_log(log, PL_LOG_DEBUG, "%s names no process, and vmrun says that the VM is off", safe);
		return NULL;
	}
	if (kind == BUNDLE_LOCK_UNKNOWN)
		snprintf(why, sizeof why, "%s may be a lock of it", safe);
	else
		snprintf(why, sizeof why, "process %ld holds %s", pid, safe);
	if (kind == BUNDLE_LOCK_UNKNOWN || is_alive(pid))
		return pl_error_at(
			pl_error_hint(pl_error_why(pl_error_new(PL_ERR_LAB,
							   "the VM is powered on, or open in Fusion"),
					      "%s", why),
				"shut it down and close its window; a lock goes up to two minutes later"),
			"%s", b->vmx);
	pl_log(log, PL_LOG_WARN, "%s is of process %ld, which is gone: it does not count", safe, pid);
	return NULL;
}

/* A lock is a folder NAME.lck with a file for each holder, or a file. */
static struct pl_error *check_lock(
	const struct bundle *b, const char *path, bool answered, const struct pl_log *log)
{
	struct stat st;
	char **names;
	size_t count;

	if (lstat(path, &st) < 0)
		return NULL;
	if (!S_ISDIR(st.st_mode))
		return judge_lock(b, path, answered, log);
	struct pl_error *e = bundle_scan(path, ".lck", &names, &count);
	if (e)
		return e;
	for (size_t i = 0; !e && i < count; i++) {
		char *file = NULL;

		e = pl_fs_join(path, names[i], &file);
		if (!e)
			e = judge_lock(b, file, answered, log);
		free(file);
	}
	vm_names_free(names, count);
	return e;
}

static struct pl_error *check_locks(const struct bundle *b, bool answered, const struct pl_log *log)
{
	char **names;
	size_t count;
	struct pl_error *e = bundle_scan(b->dir, ".lck", &names, &count);

	if (e)
		return e;
	for (size_t i = 0; !e && i < count; i++) {
		char *path = NULL;

		e = pl_fs_join(b->dir, names[i], &path);
		if (!e)
			e = check_lock(b, path, answered, log);
		free(path);
	}
	vm_names_free(names, count);
	return e;
}

struct pl_error *bundle_check_off(
	const struct bundle *b, struct vmrun *v, const struct pl_wait *w, const struct pl_log *log)
{
	bool answered = false;

	if (!b->vmx)
		return NULL;
	struct pl_error *e = check_suspended(b);
	if (!e)
		e = ask_vmrun(b, v, w, log, &answered);
	return e ? e : check_locks(b, answered, log);
}
