#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"

struct child {
	pid_t pid;
	int in; /* -1 when closed */
	int out;
	int err;
	int exec_errno; /* read end: says why exec failed */
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* Past this no descriptor is looked for: a limit may be "unlimited". */
#define DESCRIPTORS_MOST 65536

/* What was opened without O_CLOEXEC, by whoever started us or to be passed on, ends with exec. */
static void hide_descriptors(void)
{
	long most = sysconf(_SC_OPEN_MAX);
	if (most < 0 || most > DESCRIPTORS_MOST)
		most = DESCRIPTORS_MOST;
	for (int fd = 3; fd < most; fd++)
		(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
}

/* In the child, between fork and exec: only async-signal-safe calls. */
static void become(const struct pl_proc_spec *spec, int in, int out, int err, int report)
{
	sigset_t none;
	if (spec->leaves_process)
		hide_descriptors();
	setpgid(0, 0);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(err, 2) >= 0) {
		for (const char *const *v = spec->env; v != NULL && *v != NULL; v++)
			putenv((char *)(uintptr_t)*v);
		execvp(spec->argv[0], (char *const *)(uintptr_t)spec->argv);
	}
	int why = errno;
	if (write(report, &why, sizeof why) < 0)
		_exit(126);
	_exit(127);
}

/* A pipe whose two ends stay with us over other children's exec. */
static struct pl_error *make_pipe(int fds[2])
{
	if (pipe(fds) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "no pipe");
	fcntl(fds[0], F_SETFD, FD_CLOEXEC);
	fcntl(fds[1], F_SETFD, FD_CLOEXEC);
	return NULL;
}

/*
 * A file without a name, to be read when the child has exited. A process that
 * it left behind may go on writing there; at a closed pipe it might die.
 */
static struct pl_error *make_scratch(int fds[2])
{
	FILE *f = tmpfile();
	if (f == NULL)
		return pl_error_errno(PL_ERR_LAB, errno, "no temporary file for its output");
	fds[0] = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
	fds[1] = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
	fclose(f);
	return fds[0] >= 0 && fds[1] >= 0 ? NULL : pl_error_errno(PL_ERR_LAB, errno, "no descriptor");
}

static struct pl_error *make_output(const struct pl_proc_spec *spec, int fds[2])
{
	return spec->leaves_process ? make_scratch(fds) : make_pipe(fds);
}

static struct pl_error *spawn(const struct pl_proc_spec *spec, struct child *c)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1}, report[2] = {-1, -1};
	*c = (struct child){.pid = -1, .in = -1, .out = -1, .err = -1, .exec_errno = -1};
	struct pl_error *e = make_output(spec, out);
	if (e == NULL)
		e = make_output(spec, err);
	if (e == NULL)
		e = make_pipe(report);
	if (e == NULL && spec->input != NULL)
		e = make_pipe(in);
	else if (e == NULL && (in[0] = open("/dev/null", O_RDONLY | O_CLOEXEC)) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot open /dev/null");
	if (e == NULL) {
		c->pid = fork();
		if (c->pid == 0)
			become(spec, in[0], out[1], err[1], report[1]);
		if (c->pid < 0)
			e = pl_error_errno(PL_ERR_LAB, errno, "cannot fork");
	}
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&err[1]);
	close_fd(&report[1]);
	if (e != NULL) {
		close_fd(&in[1]);
		close_fd(&out[0]);
		close_fd(&err[0]);
		close_fd(&report[0]);
		return e;
	}
	/* The child does the same; whoever is first wins the race with a kill. */
	setpgid(c->pid, c->pid);
	c->in = in[1];
	c->out = out[0];
	c->err = err[0];
	c->exec_errno = report[0];
	return NULL;
}

/* Waits for exec: the pipe closes with it, or brings errno. */
static struct pl_error *check_exec(struct child *c)
{
	int why = 0;
	ssize_t n;
	do {
		n = read(c->exec_errno, &why, sizeof why);
	} while (n < 0 && errno == EINTR);
	close_fd(&c->exec_errno);
	if (n == (ssize_t)sizeof why)
		return pl_error_errno(PL_ERR_LAB, why, "cannot be started");
	return NULL;
}

/* Reads what is there; closes at the end of file. */
static void drain(int *fd, struct pl_buf *b, bool *cut)
{
	char chunk[8192];
	ssize_t n = read(*fd, chunk, sizeof chunk);
	if (n > 0) {
		if (!pl_buf_append_capped(b, chunk, (size_t)n))
			*cut = true;
	} else if (n == 0 || (errno != EINTR && errno != EAGAIN)) {
		close_fd(fd);
	}
}

static void feed(int *fd, const struct pl_proc_spec *spec, size_t *sent)
{
	ssize_t n = write(*fd, (const char *)spec->input + *sent, spec->input_size - *sent);
	if (n > 0)
		*sent += (size_t)n;
	/* A child that does not read its input (EPIPE) is no error of ours. */
	if (*sent == spec->input_size || (n < 0 && errno != EINTR && errno != EAGAIN))
		close_fd(fd);
}

/* Moves bytes until both outputs end. */
static struct pl_error *converse(
	struct child *c, const struct pl_proc_spec *spec, const struct pl_wait *w, struct pl_proc_result *r)
{
	size_t sent = 0;
	if (c->in >= 0)
		fcntl(c->in, F_SETFL, fcntl(c->in, F_GETFL) | O_NONBLOCK);
	if (c->in >= 0 && spec->input_size == 0)
		close_fd(&c->in);
	while (c->out >= 0 || c->err >= 0) {
		struct pollfd fds[3];
		size_t n = 0;
		if (c->out >= 0)
			fds[n++] = (struct pollfd){.fd = c->out, .events = POLLIN};
		if (c->err >= 0)
			fds[n++] = (struct pollfd){.fd = c->err, .events = POLLIN};
		if (c->in >= 0)
			fds[n++] = (struct pollfd){.fd = c->in, .events = POLLOUT};
		struct pl_error *e = pl_wait_poll(w, fds, n);
		if (e != NULL)
			return e;
		for (size_t i = 0; i < n; i++) {
			if (fds[i].revents == 0)
				continue;
			if (fds[i].fd == c->out)
				drain(&c->out, &r->out, &r->out_cut);
			else if (fds[i].fd == c->err)
				drain(&c->err, &r->err, &r->err_cut);
			else if (fds[i].fd == c->in)
				feed(&c->in, spec, &sent);
		}
	}
	return NULL;
}

/*
 * Collects the exit status. Its output has ended, so it is about to exit; one
 * that closed its output and lives on is waited for like the rest.
 */
static struct pl_error *reap(struct child *c, const struct pl_wait *w, struct pl_proc_result *r)
{
	int64_t nap = PL_MS / 4;
	for (;;) {
		int status = 0;
		pid_t pid = waitpid(c->pid, &status, WNOHANG);
		if (pid < 0 && errno != EINTR)
			return pl_error_errno(PL_ERR_LAB, errno, "its status is lost");
		if (pid == c->pid) {
			c->pid = -1;
			r->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
			r->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
			return NULL;
		}
		struct pl_error *e = pl_wait_sleep(w, nap);
		if (e != NULL)
			return e;
		nap = nap < 20 * PL_MS ? nap * 2 : nap;
	}
}

static void kill_group(struct child *c)
{
	if (c->pid < 0)
		return;
	kill(-c->pid, SIGKILL);
	kill(c->pid, SIGKILL);
	while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
		continue;
	c->pid = -1;
}

/* At its own place in the file, since whoever writes on shares ours; capped, since it may be fast. */
static void read_scratch(int fd, struct pl_buf *b, bool *cut)
{
	char chunk[8192];
	ssize_t n;
	for (off_t at = 0; !*cut && (n = pread(fd, chunk, sizeof chunk, at)) > 0; at += n)
		*cut = !pl_buf_append_capped(b, chunk, (size_t)n);
}

/* The last line of what the child said, as the error's reason. */
static struct pl_error *with_output(struct pl_error *e, const struct pl_proc_result *r)
{
	const struct pl_buf *b = r->err.size > 0 ? &r->err : &r->out;
	size_t end = b->size;
	while (end > 0 && (b->data[end - 1] == '\n' || b->data[end - 1] == '\r'))
		end--;
	size_t start = end;
	while (start > 0 && b->data[start - 1] != '\n')
		start--;
	if (end == start)
		return e;
	char line[300];
	return pl_error_why(e, "it said: %s", pl_escape(b->data + start, end - start, line, sizeof line));
}

struct pl_error *pl_proc_run(
	const struct pl_proc_spec *spec, const struct pl_wait *w, struct pl_proc_result *ret)
{
	size_t max = spec->output_max == 0 ? (size_t)1 << 20 : spec->output_max;
	struct child c;
	*ret = (struct pl_proc_result){.status = -1};
	pl_buf_init(&ret->out, max);
	pl_buf_init(&ret->err, max);
	struct pl_error *e = spawn(spec, &c);
	if (e != NULL)
		return pl_error_at(e, "%s", spec->argv[0]);
	e = check_exec(&c);
	if (e == NULL && !spec->leaves_process)
		e = converse(&c, spec, w, ret);
	if (e == NULL)
		e = reap(&c, w, ret);
	kill_group(&c);
	if (spec->leaves_process) {
		read_scratch(c.out, &ret->out, &ret->out_cut);
		read_scratch(c.err, &ret->err, &ret->err_cut);
	}
	close_fd(&c.in);
	close_fd(&c.out);
	close_fd(&c.err);
	close_fd(&c.exec_errno);
	if (e == NULL)
		return NULL;
	return pl_error_at(with_output(e, ret), "%s", spec->argv[0]);
}

void pl_proc_result_deinit(struct pl_proc_result *r)
{
	pl_buf_deinit(&r->out);
	pl_buf_deinit(&r->err);
}
