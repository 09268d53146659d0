/*
 * Files go through `cat` in the guest, on a channel of its own: that needs
 * nothing but a shell, streams at full speed, and the same few lines check
 * the size and put the file into place whole or not at all. Junk that a
 * user's shell start-up prints is skipped (it would break SFTP).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/guest/shell.h"
#include "orchestrator/guest/ssh_exec.h"

#define WORDS_MAX 4096
#define JUNK_MAX (64u << 10)
#define CHUNK (64u << 10)

/* $1 the file, $2 its size, $3 its mode. */
static const char receive_script[] =
	"f=$1; [ -d \"$f\" ] && { echo \"$f: is a directory\" >&2; exit 1; }; "
	"t=${f%/*}/.paniclab.$$; umask 077; trap 'rm -f \"$t\"' 0; "
	"cat > \"$t\" || exit 1; n=$(wc -c < \"$t\") || exit 1; "
	"[ \"$n\" -eq \"$2\" ] || { echo \"$n bytes of $2 arrived\" >&2; exit 1; }; "
	"chmod \"$3\" \"$t\" && mv -f \"$t\" \"$f\" && n=$(wc -c < \"$f\") && echo \"paniclab-size $n\"";

/* $1 the file, $2 the most bytes wanted. head -c 0 is an error on macOS. */
static const char send_script[] =
	"f=$1; [ -d \"$f\" ] && { echo \"$f: is a directory\" >&2; exit 1; }; "
	"exec 3< \"$f\" || exit 1; n=$(wc -c < \"$f\") || exit 1; n=$((n)); "
	"[ \"$n\" -le \"$2\" ] || { echo \"$f has $n bytes, more than $2\" >&2; exit 1; }; "
	"echo \"paniclab-size $n\"; [ \"$n\" -eq 0 ] || head -c \"$n\" <&3";

static const char size_mark[] = "paniclab-size ";

/* What the guest's shell said, or that it is gone. */
static struct pl_error *failed(const struct ssh *s, const struct ssh_result *r, const char *what)
{
	char words[512];
	struct pl_error *e = pl_error_new(PL_ERR_GUEST, "%s", what);
	if (r->lost)
		return pl_error_why(e, "the connection was lost: %s", s->gone_why);
	if (r->err.size == 0)
		return pl_error_why(e, "exit status %d%s%s", r->status,
			r->signal[0] == '\0' ? "" : ", signal ", r->signal);
	size_t size = strcspn(pl_buf_text(&r->err), "\r\n");
	return pl_error_why(e, "%s", pl_escape(pl_buf_text(&r->err), size, words, sizeof words));
}

/* The value of the first mark at the start of a line, and where the line ends. */
static bool find_size(const char *text, uint64_t *size, size_t *after)
{
	for (const char *line = text; line != NULL;) {
		const char *end = strchr(line, '\n');
		if (end != NULL && strncmp(line, size_mark, sizeof size_mark - 1) == 0) {
			char number[32];
			const char *p = line + sizeof size_mark - 1;
			snprintf(number, sizeof number, "%.*s", (int)(end - p), p + strspn(p, " "));
			*after = (size_t)(end + 1 - text);
			return pl_parse_u64(number, INT64_MAX, size);
		}
		line = end == NULL ? NULL : end + 1;
	}
	return false;
}

/* ---- upload ------------------------------------------------------------------- */

struct upload {
	const char *data; /* from memory */
	int fd;           /* or from a file; -1 */
	uint64_t left;
	struct pl_buf out;
	char chunk[CHUNK];
};

static struct pl_error *upload_input(void *arg, const char **data, size_t *size)
{
	struct upload *u = arg;
	*size = u->left < CHUNK ? (size_t)u->left : CHUNK;
	*data = u->data;
	if (u->fd >= 0 && *size > 0) {
		ssize_t n = read(u->fd, u->chunk, *size);
		if (n <= 0)
			return n < 0 ? pl_error_errno(PL_ERR_LAB, errno, "cannot read the file")
				     : pl_error_new(PL_ERR_LAB, "the file shrank while it was sent");
		*size = (size_t)n;
		*data = u->chunk;
	} else if (u->fd < 0 && *size > 0) {
		u->data += *size;
	}
	u->left -= *size;
	return NULL;
}

static struct pl_error *upload_output(void *arg, const char *data, size_t size)
{
	struct upload *u = arg;
	pl_buf_append_capped(&u->out, data, size);
	return NULL;
}

/* Runs a script of ours in the guest, its data in and out by what io says. */
static struct pl_error *run_script(struct ssh *s, const char *script, const char *const *args,
	struct ssh_stream io, const char *failure, const struct pl_wait *w)
{
	struct pl_buf command;
	struct ssh_result r = {0};
	pl_buf_init(&command, JUNK_MAX);
	struct pl_error *e = shell_command(&command, script, args);
	io.command = pl_buf_text(&command);
	io.error_max = WORDS_MAX;
	if (e == NULL)
		e = ssh_stream_run(s, &io, w, &r);
	if (e == NULL && (r.lost || r.status != 0))
		e = failed(s, &r, failure);
	pl_buf_deinit(&command);
	ssh_result_deinit(&r);
	return e;
}

static struct pl_error *upload(
	struct ssh *s, struct upload *u, const char *remote, mode_t mode, const struct pl_wait *w)
{
	char size_text[32];
	char mode_text[8];
	uint64_t size = u->left;
	uint64_t there = 0;
	size_t after;
	pl_buf_init(&u->out, JUNK_MAX);
	snprintf(size_text, sizeof size_text, "%llu", (unsigned long long)size);
	snprintf(mode_text, sizeof mode_text, "%04o", (unsigned)mode & 07777u);
	const char *args[] = {remote, size_text, mode_text, NULL};
	struct ssh_stream io = {.input = upload_input, .output = upload_output, .arg = u};
	struct pl_error *e = run_script(s, receive_script, args, io, "the file did not arrive", w);
	if (e == NULL && (!find_size(pl_buf_text(&u->out), &there, &after) || there != size))
		e = pl_error_new(PL_ERR_GUEST, "the guest does not confirm the file's size");
	e = pl_error_context(e, "sending %s", remote);
	pl_buf_deinit(&u->out);
	return pl_error_at(e, "%s:%s", s->place, remote);
}

static struct pl_error *check_remote(const struct ssh *s, const char *remote)
{
	if (remote[0] == '/' && strlen(remote) < 4096 && !pl_ends_with(remote, "/"))
		return NULL;
	return pl_error_at(
		pl_error_new(PL_ERR_GUEST, "'%s' is not an absolute path of a file", remote), "%s", s->place);
}

struct pl_error *ssh_upload(struct ssh *s, const void *data, size_t size, const char *remote, mode_t mode,
	const struct pl_wait *w)
{
	struct pl_error *e = check_remote(s, remote);
	if (e != NULL)
		return e;
	struct upload *u = calloc(1, sizeof *u);
	if (u == NULL)
		return pl_error_nomem();
	u->data = data;
	u->fd = -1;
	u->left = size;
	e = upload(s, u, remote, mode, w);
	free(u);
	return e;
}

struct pl_error *ssh_upload_file(
	struct ssh *s, const char *local, const char *remote, mode_t mode, const struct pl_wait *w)
{
	struct stat st;
	struct pl_error *e = check_remote(s, remote);
	if (e != NULL)
		return e;
	struct upload *u = calloc(1, sizeof *u);
	if (u == NULL)
		return pl_error_nomem();
	u->fd = open(local, O_RDONLY | O_CLOEXEC);
	if (u->fd < 0 || fstat(u->fd, &st) < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot read %s", local);
	else if (!S_ISREG(st.st_mode))
		e = pl_error_new(PL_ERR_LAB, "%s is not a regular file", local);
	if (e == NULL) {
		u->left = (uint64_t)st.st_size;
		e = pl_error_context(upload(s, u, remote, mode, w), "%s", local);
	}
	if (u->fd >= 0)
		close(u->fd);
	free(u);
	return e;
}

/* ---- download ----------------------------------------------------------------- */

struct download {
	int fd;
	bool begun; /* the size line was seen */
	uint64_t size;
	uint64_t got;
	struct pl_buf junk; /* until then */
};

static struct pl_error *download_bytes(struct download *d, const char *data, size_t size)
{
	d->got += size;
	if (d->got > d->size)
		return pl_error_new(PL_ERR_GUEST, "the guest sends more than the file's size");
	return pl_fs_write_all(d->fd, data, size);
}

static struct pl_error *download_output(void *arg, const char *data, size_t size)
{
	struct download *d = arg;
	size_t after;
	if (d->begun)
		return download_bytes(d, data, size);
	struct pl_error *e = pl_buf_append(&d->junk, data, size);
	if (e != NULL)
		return pl_error_as(e, PL_ERR_GUEST);
	if (!find_size(pl_buf_text(&d->junk), &d->size, &after))
		return NULL;
	d->begun = true;
	return download_bytes(d, d->junk.data + after, d->junk.size - after);
}

static struct pl_error *download_input(void *arg, const char **data, size_t *size)
{
	(void)arg;
	*data = NULL;
	*size = 0;
	return NULL;
}

static struct pl_error *download(
	struct ssh *s, struct download *d, const char *remote, uint64_t max, const struct pl_wait *w)
{
	char max_text[32];
	snprintf(max_text, sizeof max_text, "%llu", (unsigned long long)(max > INT64_MAX ? INT64_MAX : max));
	const char *args[] = {remote, max_text, NULL};
	pl_buf_init(&d->junk, JUNK_MAX + CHUNK);
	struct ssh_stream io = {.input = download_input, .output = download_output, .arg = d};
	struct pl_error *e = run_script(s, send_script, args, io, "the file did not come", w);
	if (e == NULL && (!d->begun || d->got != d->size))
		e = pl_error_new(PL_ERR_GUEST, "the file shrank while it was read: %llu bytes of %llu",
			(unsigned long long)d->got, (unsigned long long)d->size);
	pl_buf_deinit(&d->junk);
	return e;
}

/* The file, complete and on disk, under its own name. */
static struct pl_error *settle(int fd, const char *temporary, const char *local)
{
	struct pl_error *e = pl_fs_sync(fd);
	if (e != NULL)
		return pl_error_context(e, "writing %s", local);
	if (rename(temporary, local) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot write %s", local);
	char *dir = NULL;
	const char *slash = strrchr(local, '/');
	e = pl_asprintf(
		&dir, "%.*s", slash == NULL ? 1 : (int)(slash - local) + 1, slash == NULL ? "." : local);
	if (e == NULL)
		e = pl_fs_sync_dir(dir);
	free(dir);
	return e;
}

struct pl_error *ssh_download(struct ssh *s, const char *remote, const char *local, uint64_t max,
	const struct pl_wait *w, uint64_t *bytes)
{
	struct download d = {.fd = -1};
	char *temporary = NULL;
	struct pl_error *e = check_remote(s, remote);
	if (e == NULL)
		e = pl_asprintf(&temporary, "%s.XXXXXX", local);
	if (e != NULL)
		return e;
	d.fd = mkstemp(temporary);
	if (d.fd < 0) {
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot write %s", local);
		free(temporary);
		return e;
	}
	(void)fcntl(d.fd, F_SETFD, FD_CLOEXEC);
	e = pl_error_at(download(s, &d, remote, max, w), "%s:%s", s->place, remote);
	if (e == NULL)
		e = settle(d.fd, temporary, local);
	if (e != NULL)
		unlink(temporary);
	close(d.fd);
	free(temporary);
	if (e == NULL && bytes != NULL)
		*bytes = d.got;
	return e;
}
