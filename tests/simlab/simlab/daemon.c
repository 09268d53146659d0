#include "tests/simlab/simlab/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "tests/simlab/call.h"
#include "tests/simlab/simlab/boot.h"
#include "tests/simlab/simlab/calls.h"
#include "tests/simlab/simlab/guest.h"
#include "tests/simlab/simlab/leases.h"
#include "tests/simlab/simlab/make.h"
#include "tests/simlab/simlab/other_vm.h"
#include "tests/simlab/simlab/panic.h"
#include "tests/simlab/simlab/ports.h"
#include "tests/simlab/simlab/power.h"
#include "tests/simlab/simlab/rest.h"

#define POLL_MAX (CALLS_MAX + 8)
#define TICK_MS 10

struct daemon {
	struct sim sim;
	struct calls *calls;
	struct rest *rest;
	struct pl_lock lock;
};

/* ---- the loop ---- */

/* A machine that stands still does not go on booting. */
static bool is_armed(const struct sim *s, int timer)
{
	bool still = s->power == POWER_PAUSED || s->power == POWER_SUSPENDED;
	bool host = timer == TIMER_POWER || timer == TIMER_UNLOCK;
	return s->timers[timer] != 0 && (host || !still);
}

static void run_timers(struct sim *s)
{
	static void (*const ACTIONS[TIMER_COUNT])(struct sim *) = {
		[TIMER_POWER] = power_timer,
		[TIMER_DOWN] = power_down_timer,
		[TIMER_BOOT] = boot_timer,
		[TIMER_UNLOCK] = power_unlock_timer,
	};
	int64_t now = pl_now();
	for (int t = 0; t < TIMER_COUNT; t++) {
		if (!is_armed(s, t) || s->timers[t] > now)
			continue;
		s->timers[t] = 0;
		if (t == TIMER_TOOLS)
			s->tools = true;
		else
			ACTIONS[t](s);
	}
}

/* Short while something is under way that no descriptor tells of. */
static int next_ms(const struct daemon *d)
{
	int64_t next = pl_now() + 1000 * PL_MS;
	for (int t = 0; t < TIMER_COUNT; t++)
		if (is_armed(&d->sim, t) && d->sim.timers[t] < next)
			next = d->sim.timers[t];
	struct pl_wait w = {.until = next};
	int ms = pl_wait_ms(&w);
	bool busy = d->sim.panic > 0 || calls_waiting(d->calls) || rest_busy(d->rest);
	return busy && ms > TICK_MS ? TICK_MS : ms;
}

static volatile sig_atomic_t terminated;

static void on_signal(int sig)
{
	(void)sig;
	terminated = 1;
}

static void serve(struct daemon *d)
{
	struct pollfd fds[POLL_MAX];
	while (!d->sim.quit && !terminated) {
		size_t n = calls_poll(d->calls, fds, POLL_MAX - 1);
		n += rest_poll(d->rest, &fds[n]);
		poll(fds, (nfds_t)n, next_ms(d));
		run_timers(&d->sim);
		panic_poll(&d->sim);
		calls_run(d->calls);
		rest_run(d->rest);
	}
}

void daemon_faults_changed(struct sim *s, const struct faults *before)
{
	static const enum fault of_ssh[] = {FAULT_SSH_REFUSE, FAULT_HOST_KEY_CHANGED, FAULT_SSH_CUT};
	bool changed = false;
	for (size_t i = 0; i < sizeof of_ssh / sizeof *of_ssh; i++)
		changed = changed || s->faults.on[of_ssh[i]] != before->on[of_ssh[i]];
	/* It would end the sessions of a guest that has nothing to do with the fault. */
	if (changed)
		boot_restart_sshd(s);
	leases_write(s);
	sim_complain(other_vm_rename(s));
}

/* ---- start ---- */

static struct pl_error *open_daemon(struct daemon *d)
{
	struct sim *s = &d->sim;
	char holder[64];
	struct pl_error *e = pl_fs_mkdirs("run");
	if (e == NULL)
		e = pl_fs_mkdirs("log");
	snprintf(holder, sizeof holder, "the simulated lab, process %d", (int)getpid());
	if (e == NULL)
		e = pl_lock_take(&d->lock, DAEMON_LOCK, holder);
	if (e == NULL)
		e = guest_check_host();
	if (e != NULL)
		return e;
	/* Of a lab that was killed: its memory is gone, its disk as it was. */
	unlink(SIM_VMSS);
	boot_protect_disk(false);
	e = make_lab(s);
	if (e == NULL && s->opt.ssh_port == 0)
		e = ports_free(s->opt.ip, &s->opt.ssh_port);
	if (e == NULL)
		e = ports_check(s->opt.ip, s->opt.ssh_port);
	if (e == NULL && s->opt.tls)
		e = rest_make_certificate();
	if (e == NULL)
		e = rest_create(s, &d->rest);
	if (e == NULL)
		e = make_settings(s);
	if (e == NULL)
		e = calls_create(s, &d->calls);
	return e;
}

static void close_daemon(struct daemon *d)
{
	power_cut(&d->sim);
	rest_destroy(d->rest);
	calls_destroy(d->calls);
	nvram_deinit(&d->sim.nvram);
	pl_lock_release(&d->lock);
	unlink(DAEMON_LOCK);
}

static void detach(int ready_fd)
{
	int null_fd = open("/dev/null", O_RDWR);
	int log_fd = open("log/simlab.log", O_WRONLY | O_CREAT | O_APPEND, 0600);
	setsid();
	dup2(null_fd, STDIN_FILENO);
	dup2(log_fd >= 0 ? log_fd : null_fd, STDOUT_FILENO);
	dup2(log_fd >= 0 ? log_fd : null_fd, STDERR_FILENO);
	if (null_fd > 2)
		close(null_fd);
	if (log_fd > 2)
		close(log_fd);
	(void)ready_fd;
	struct sigaction sa = {.sa_handler = on_signal};
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
}

/* The error as "kind line" through the pipe; nothing when all is well. */
static void tell(int fd, struct pl_error *e)
{
	char line[1024];
	if (e == NULL)
		return;
	dprintf(fd, "%d%s", pl_error_exit_code(e), pl_error_line(e, line, sizeof line));
	pl_error_free(e);
}

static _Noreturn void background(struct daemon *d, int ready_fd)
{
	struct pl_error *e = NULL;
	pid_t pid = 0;
	/* Again, so that the lab is nobody's child and no session's leader. */
	setsid();
	pid = fork();
	if (pid != 0)
		_exit(0);
	e = pl_fs_mkdirs("log");
	detach(ready_fd);
	if (e == NULL)
		e = open_daemon(d);
	bool failed = e != NULL;
	tell(ready_fd, e);
	close(ready_fd);
	if (!failed) {
		sim_event("lab started");
		serve(d);
		sim_event("lab stopped");
		close_daemon(d);
	} else {
		rest_destroy(d->rest);
		calls_destroy(d->calls);
		pl_lock_release(&d->lock);
	}
	free(d->sim.dir);
	free(d);
	exit(failed);
}

static bool is_live(void)
{
	struct pl_lock l = {.fd = -1};
	if (access(DAEMON_LOCK, F_OK) != 0)
		return false;
	struct pl_error *e = pl_lock_take(&l, DAEMON_LOCK, "looking");
	bool live = e != NULL;
	pl_error_free(e);
	pl_lock_release(&l);
	return live;
}

static struct pl_error *wait_until_ready(int fd)
{
	char line[1024] = "";
	size_t n = 0;
	ssize_t got;
	while (n < sizeof line - 1 && (got = read(fd, line + n, sizeof line - 1 - n)) > 0)
		n += (size_t)got;
	line[n] = '\0';
	if (n == 0)
		return NULL;
	return pl_error_new(line[0] == '2' ? PL_ERR_USAGE : PL_ERR_LAB, "%s", line + 1);
}

static struct pl_error *enter(const char *dir, bool make, char **ret)
{
	struct pl_error *e = make ? pl_fs_mkdirs(dir) : NULL;
	if (e == NULL && chdir(dir) != 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "%s", dir);
	if (e == NULL) {
		free(*ret);
		*ret = realpath(".", NULL);
	}
	return e;
}

struct pl_error *daemon_start(
	const char *dir, const struct options *opt, const struct faults *faults, bool *already)
{
	int fds[2];
	struct daemon *d = calloc(1, sizeof *d);
	if (d == NULL)
		return pl_error_nomem();
	d->lock.fd = -1;
	d->sim.opt = *opt;
	d->sim.faults = *faults;
	*already = false;
	struct pl_error *e = enter(dir, true, &d->sim.dir);
	if (e == NULL && is_live()) {
		*already = true;
		goto out;
	}
	if (e == NULL && pipe2(fds, O_CLOEXEC) != 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot make a pipe");
	if (e != NULL)
		goto out;
	pid_t pid = fork();
	if (pid == 0) {
		close(fds[0]);
		background(d, fds[1]);
	}
	close(fds[1]);
	e = pid < 0 ? pl_error_errno(PL_ERR_LAB, errno, "cannot start a process") : wait_until_ready(fds[0]);
	close(fds[0]);
out:
	free(d->sim.dir);
	free(d);
	return e;
}

struct pl_error *daemon_stop(const char *dir)
{
	char *here = NULL;
	char *const argv[] = {(char *)"stop", NULL};
	struct pl_wait w = pl_wait_for(30 * PL_SECOND, NULL);
	struct pl_error *e = enter(dir, false, &here);
	if (e == NULL && is_live())
		call_forward(".", CALL_HOST_SOCKET, "stop", 1, (char **)argv);
	while (e == NULL && is_live())
		e = pl_wait_sleep(&w, 10 * PL_MS);
	/* After a kill -9: the guest died with the daemon, these stay behind. */
	if (e == NULL) {
		boot_protect_disk(false);
		unlink(CALL_HOST_SOCKET);
		unlink(SIM_GUEST_RUN "/" CALL_GUEST_SOCKET);
		e = pl_fs_remove_tree(SIM_VMX_LOCK);
	}
	free(here);
	return e;
}
