/* Secrets: read when they are needed, from where the lab says, and wiped. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "orchestrator/config/lab.h"

#define SECRET_MAX ((size_t)4096)

bool secret_given(const struct secret_source *s)
{
	return s->file != NULL || s->env != NULL;
}

/* explicit_bzero() and memset_s() each exist on half of the systems. */
static void wipe(void *bytes, size_t size)
{
	volatile unsigned char *p = bytes;

	while (size-- > 0)
		*p++ = 0;
}

static struct pl_error *check_file(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return pl_error_errno(PL_ERR_USAGE, errno, "can't look at it");
	if (!S_ISREG(st.st_mode))
		return pl_error_new(PL_ERR_USAGE, "not a regular file");
	if ((st.st_mode & 077) == 0)
		return NULL;
	return pl_error_hint(
		pl_error_why(pl_error_new(PL_ERR_USAGE, "others may use the secret in this file"),
			"its mode is %03o", (unsigned)(st.st_mode & 0777)),
		"chmod 600 %s", path);
}

/* Fills at most `size` bytes; *used is what came before the end of the file. */
static struct pl_error *fill(int fd, char *bytes, size_t size, size_t *used)
{
	*used = 0;
	while (*used < size) {
		ssize_t n = read(fd, bytes + *used, size - *used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pl_error_errno(PL_ERR_USAGE, errno, "can't read it");
		if (n == 0)
			break;
		*used += (size_t)n;
	}
	return NULL;
}

/* Cuts the bytes (size of them, room for a NUL after) to their first line. */
static struct pl_error *first_line(char *bytes, size_t size)
{
	bytes[size] = '\0';
	char *newline = memchr(bytes, '\n', size);
	size_t length = newline != NULL ? (size_t)(newline - bytes) : size;

	if (newline == NULL && size > SECRET_MAX)
		return pl_error_new(PL_ERR_USAGE, "the secret is longer than %zu bytes", SECRET_MAX);
	if (length > 0 && bytes[length - 1] == '\r')
		length--;
	if (memchr(bytes, '\0', length) != NULL)
		return pl_error_new(PL_ERR_USAGE, "the secret holds a NUL character");
	if (length == 0)
		return pl_error_new(PL_ERR_USAGE, "the secret is empty");
	bytes[length] = '\0';
	return NULL;
}

static struct pl_error *read_file(const char *path, char **ret)
{
	char bytes[SECRET_MAX + 2];
	size_t used = 0;

	/* O_NONBLOCK: opening a FIFO must not hang before it is refused. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return pl_error_errno(PL_ERR_USAGE, errno, "can't open it");
	struct pl_error *e = check_file(fd, path);
	if (e == NULL)
		e = fill(fd, bytes, SECRET_MAX + 1, &used);
	close(fd);
	if (e == NULL)
		e = first_line(bytes, used);
	if (e == NULL)
		e = pl_strdup(bytes, ret);
	wipe(bytes, sizeof bytes);
	return e;
}

static struct pl_error *read_variable(const char *name, char **ret)
{
	const char *value = getenv(name);

	if (value == NULL || value[0] == '\0')
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "the variable is %s", value == NULL ? "not set" : "empty"),
			"export %s", name);
	if (strlen(value) > SECRET_MAX)
		return pl_error_new(PL_ERR_USAGE, "the secret is longer than %zu bytes", SECRET_MAX);
	return pl_strdup(value, ret);
}

struct pl_error *secret_read(const struct secret_source *s, const char *what, char **ret)
{
	struct pl_error *e;

	*ret = NULL;
	if (s->file != NULL)
		e = pl_error_hint(pl_error_at(read_file(s->file, ret), "%s", s->file),
			"the lab names this file for %s: write it there, alone on a line, and chmod 600 the "
			"file",
			what);
	else if (s->env != NULL)
		e = pl_error_at(read_variable(s->env, ret), "$%s", s->env);
	else
		e = pl_error_hint(pl_error_new(PL_ERR_USAGE, "no secret is configured"),
			"give the lab a {file: PATH} or {env: NAME} for it");
	return pl_error_context(e, "%s", what);
}

void secret_free(char *secret)
{
	if (secret == NULL)
		return;
	wipe(secret, strlen(secret));
	free(secret);
}
