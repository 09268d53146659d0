#include "tests/bench/core.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/proc.h"
#include "base/wait.h"

#define RUN_TIME (600 * PL_SECOND)

struct pl_error *core_run(const char *const *argv, double *seconds)
{
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_proc_result r;
	struct pl_wait w = pl_wait_for(RUN_TIME, NULL);
	int64_t started = pl_now();
	struct pl_error *e = pl_proc_run(&spec, &w, &r);
	if (!e && r.status != 0)
		e = pl_error_new(PL_ERR_LAB, "%s %s ended with %d", argv[0], argv[1], r.status);
	if (seconds)
		*seconds = (double)(pl_now() - started) / 1e9;
	pl_proc_result_deinit(&r);
	return e;
}

static struct pl_error *compress_file(const char *from, const char *to)
{
	static unsigned char bytes[1 << 18];
	struct pl_error *e = NULL;
	ssize_t n = 0;
	int in = open(from, O_RDONLY | O_CLOEXEC);
	gzFile out = gzopen(to, "wb1");
	if (in < 0 || !out)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot compress %s", from);
	while (!e && (n = read(in, bytes, sizeof(bytes))) > 0)
		if (gzwrite(out, bytes, (unsigned)n) != (int)n)
			e = pl_error_errno(PL_ERR_LAB, errno, "cannot write %s", to);
	if (!e && n < 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot read %s", from);
	if (out && gzclose(out) != Z_OK && !e)
		e = pl_error_new(PL_ERR_LAB, "cannot write %s", to);
	if (in >= 0)
		close(in);
	return e;
}

struct pl_error *core_make(const struct bench *b, const char *size, struct core *ret)
{
	struct stat plain;
	struct stat gz;
	snprintf(ret->path, sizeof(ret->path), "%s/core", b->dir);
	snprintf(ret->gz_path, sizeof(ret->gz_path), "%s.gz", ret->path);
	const char *const argv[] = {b->kernsim, "core", "--out", ret->path, "--size", size, NULL};
	struct pl_error *e = core_run(argv, NULL);
	if (!e)
		e = compress_file(ret->path, ret->gz_path);
	if (!e && (stat(ret->path, &plain) < 0 || stat(ret->gz_path, &gz) < 0))
		e = pl_error_errno(PL_ERR_LAB, errno, "no core");
	if (e)
		return e;
	ret->size = (uint64_t)plain.st_size;
	ret->gz_size = (uint64_t)gz.st_size;
	sync(); /* else the server's fsync would wait for this, too */
	return NULL;
}

void core_remove(const struct core *c)
{
	(void)unlink(c->path);
	(void)unlink(c->gz_path);
}
