#include "tests/simlab/call.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"

#define ANSWER_MAX (16U << 20)

/* sun_path holds 108 bytes; the detour over the folder's descriptor is short. */
static int connect_below(const char *dir, const char *socket_name)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int dir_fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return -1;
	snprintf(sun.sun_path, sizeof sun.sun_path, "/proc/self/fd/%d/%s", dir_fd, socket_name);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int bad = fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof sun) != 0;
	int saved = errno;
	close(dir_fd);
	if (bad && fd >= 0)
		close(fd);
	errno = saved;
	return bad ? -1 : fd;
}

static struct pl_error *put(struct pl_buf *b, const char *text)
{
	return pl_buf_append(b, text, strlen(text) + 1);
}

static struct pl_error *send_request(int fd, const char *name, int argc, char **argv)
{
	struct pl_buf b;
	char uid[16];
	char cwd[PATH_MAX];
	snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
	if (getcwd(cwd, sizeof cwd) == NULL)
		snprintf(cwd, sizeof cwd, "/");
	pl_buf_init(&b, CALL_REQUEST_MAX);
	struct pl_error *e = put(&b, name);
	if (e == NULL)
		e = put(&b, uid);
	if (e == NULL)
		e = put(&b, cwd);
	for (int i = 1; i < argc && e == NULL; i++)
		e = put(&b, argv[i]);
	if (e == NULL)
		e = pl_fs_write_all(fd, b.data, b.size);
	pl_buf_deinit(&b);
	if (e == NULL)
		shutdown(fd, SHUT_WR);
	return e;
}

static struct pl_error *receive(int fd, struct pl_buf *b)
{
	char chunk[65536];
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof chunk);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return NULL;
		struct pl_error *e = pl_buf_append(b, chunk, (size_t)n);
		if (e != NULL)
			return e;
	}
}

/* The exit status, or -1 if the answer is not a whole one. */
static int print_answer(const struct pl_buf *b)
{
	if (b->size < CALL_ANSWER_HEAD)
		return -1;
	const unsigned char *p = (const unsigned char *)b->data;
	size_t out = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
	size_t rest = b->size - CALL_ANSWER_HEAD;
	if (out > rest)
		return -1;
	fwrite(b->data + CALL_ANSWER_HEAD, 1, out, stdout);
	fflush(stdout);
	fwrite(b->data + CALL_ANSWER_HEAD + out, 1, rest - out, stderr);
	return p[0];
}

int call_forward(const char *dir, const char *socket_name, const char *name, int argc, char **argv)
{
	int fd = connect_below(dir, socket_name);
	if (fd < 0)
		return -1;
	struct pl_buf answer;
	pl_buf_init(&answer, ANSWER_MAX);
	struct pl_error *e = send_request(fd, name, argc, argv);
	if (e == NULL)
		e = receive(fd, &answer);
	int status = e == NULL ? print_answer(&answer) : -1;
	if (status < 0)
		errno = ECONNRESET;
	pl_error_free(e);
	pl_buf_deinit(&answer);
	close(fd);
	return status;
}
