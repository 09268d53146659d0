/*
 * The parts of tests/bench/inflate.sh that a shell cannot do:
 *
 *   bench-inflate libraries                   names what the build can decode with
 *   bench-inflate make CORE MIB OUT           a file like a core, with pages of CORE
 *   bench-inflate decode LIBRARY GZ [OUT]     as core/gunzip does; OUT is written sparse
 *   bench-inflate time COMMAND ARGUMENT...    its seconds: by the clock, and of the processor; the
 *                                             most memory, in KiB; its output is dropped
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/gz_backend.h"
#include "base/sparse.h"

#define PAGE ((size_t)4096)
#ifdef __APPLE__
#define RSS_UNIT 1024 /* bytes there, KiB elsewhere */
#else
#define RSS_UNIT 1
#endif
#ifndef IN_SIZE
#define IN_SIZE ((size_t)128 << 10)
#define OUT_SIZE ((size_t)256 << 10)
#endif

static int fail(const char *what)
{
	fprintf(stderr, "bench-inflate: %s: %s\n", what, strerror(errno));
	return 1;
}

static int fail_error(struct pl_error *e)
{
	char line[256];
	fprintf(stderr, "bench-inflate: %s\n", pl_error_line(e, line, sizeof line));
	pl_error_free(e);
	return 1;
}

static int libraries(void)
{
	for (size_t i = 0; gz_backends()[i]; i++)
		puts(gz_backends()[i]->library);
	return 0;
}

static uint32_t draw(uint32_t *seed, uint32_t below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (uint32_t)((uint64_t)(*seed >> 8) * below >> 24);
}

static void noise(uint8_t *page, uint32_t *seed)
{
	for (size_t i = 0; i < PAGE; i++)
		page[i] = (uint8_t)draw(seed, 256);
}

/* Lines of words and numbers, as a kernel logs them. */
static void text(uint8_t *page, uint32_t *seed)
{
	static const char *const words[] = {"com.apple.driver", "IOService", "start", "failed", "with",
		"error", "matching", "kext", "loaded", "at", "address", "power", "state", "changed", "to",
		"device", "node", "registered", "as", "disk", "partition", "mounted", "on", "volume",
		"interface", "link", "up", "timeout", "waiting", "for", "thread", "task"};
	char line[64];
	size_t at = 0;
	while (at < PAGE) {
		int n = draw(seed, 4) > 0 ? snprintf(line, sizeof line, "%s ", words[draw(seed, 32)])
					  : snprintf(line, sizeof line, "0x%08x\n", (unsigned)*seed);
		size_t take = (size_t)n < PAGE - at ? (size_t)n : PAGE - at;
		memcpy(page + at, line, take);
		at += take;
	}
}

/* One run of pages of a kind; in hundredths: 30 of zeros, 45 of CORE, 15 of text, 10 of noise. */
static bool put_run(FILE *core, FILE *out, size_t pages, uint32_t *seed)
{
	uint8_t page[PAGE];
	uint32_t kind = draw(seed, 100);
	for (; pages > 0; pages--) {
		memset(page, 0, PAGE);
		if (kind >= 90)
			noise(page, seed);
		else if (kind >= 75)
			text(page, seed);
		else if (kind >= 30 && fread(page, 1, PAGE, core) != PAGE)
			rewind(core);
		if (fwrite(page, 1, PAGE, out) != PAGE)
			return false;
	}
	return true;
}

static int make(const char *from, const char *mib, const char *to)
{
	size_t pages = (size_t)strtoul(mib, NULL, 10) << 8;
	uint32_t seed = 1;
	FILE *core = fopen(from, "rb");
	if (!core)
		return fail(from);
	FILE *out = fopen(to, "wb");
	if (!out) {
		fclose(core);
		return fail(to);
	}
	bool ok = true;
	while (ok && pages > 0) {
		size_t run = 1 + draw(&seed, 32);
		run = run < pages ? run : pages;
		ok = put_run(core, out, run, &seed);
		pages -= run;
	}
	fclose(core);
	ok = fclose(out) == 0 && ok;
	return ok ? 0 : fail(to);
}

static const struct gz_backend *library(const char *name)
{
	for (size_t i = 0; gz_backends()[i]; i++)
		if (strcmp(gz_backends()[i]->library, name) == 0)
			return gz_backends()[i];
	return NULL;
}

/* Reads and decodes a window; false at the end of the data. */
static bool window(struct gz *g, struct gz_io *io, int in_fd, uint8_t *in, uint8_t *out, enum gz_phase *phase)
{
	io->out = out;
	io->out_left = OUT_SIZE;
	for (;;) {
		*phase = gz_decode(g, io);
		if (io->out_left == 0)
			return true;
		if (*phase >= GZ_TRAILING)
			return false;
		ssize_t n = read(in_fd, in, IN_SIZE);
		if (n <= 0)
			return false;
		io->in = in;
		io->in_left = (size_t)n;
	}
}

static struct pl_error *decode_all(struct gz *g, int in_fd, struct sparse *to, enum gz_phase *phase)
{
	static uint8_t in[IN_SIZE], out[OUT_SIZE];
	struct gz_io io = {in, 0, out, OUT_SIZE};
	for (bool more = true; more;) {
		more = window(g, &io, in_fd, in, out, phase);
		struct pl_error *e = to ? sparse_write(to, out, OUT_SIZE - io.out_left) : NULL;
		if (e)
			return e;
	}
	return NULL;
}

static int decode(const char *name, const char *from, const char *to)
{
	const struct gz_backend *backend = library(name);
	struct sparse sparse = {.fd = -1};
	enum gz_phase phase = GZ_START;
	struct gz *g = NULL;

	errno = ENOENT;
	if (!backend)
		return fail(name);
	int fd = open(from, O_RDONLY);
	if (fd < 0)
		return fail(from);
	if (to)
		sparse.fd = open(to, O_RDWR | O_CREAT | O_TRUNC, 0600);
	if (to && sparse.fd < 0) {
		close(fd);
		return fail(to);
	}
	struct pl_error *e = gz_create_with(backend, &g);
	if (!e)
		e = decode_all(g, fd, to ? &sparse : NULL, &phase);
	gz_destroy(g);
	close(fd);
	/* Not sparse_finish(): nothing that this is compared with waits for the disk. */
	if (!e && to && ftruncate(sparse.fd, (off_t)sparse.size) != 0)
		e = pl_error_errno(PL_ERR_LAB, errno, "cannot set the length");
	if (to)
		close(sparse.fd);
	if (e)
		return fail_error(e);
	errno = EINVAL;
	return phase == GZ_BETWEEN ? 0 : fail(from);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double of(struct timeval t)
{
	return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static int seconds(char **argv)
{
	struct rusage use;
	double start = now();
	int status = 0;
	pid_t pid = fork();
	if (pid < 0)
		return fail("fork");
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);
		if (null < 0 || dup2(null, 1) < 0)
			_exit(126);
		execvp(argv[0], argv);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0)
		return fail("waitpid");
	double took = now() - start;
	if (getrusage(RUSAGE_CHILDREN, &use) < 0)
		return fail("getrusage");
	printf("%.3f\t%.3f\t%ld\n", took, of(use.ru_utime) + of(use.ru_stime), use.ru_maxrss / RSS_UNIT);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (argc == 2 && strcmp(what, "libraries") == 0)
		return libraries();
	if (argc == 5 && strcmp(what, "make") == 0)
		return make(argv[2], argv[3], argv[4]);
	if ((argc == 4 || argc == 5) && strcmp(what, "decode") == 0)
		return decode(argv[2], argv[3], argv[4]);
	if (argc > 2 && strcmp(what, "time") == 0)
		return seconds(argv + 2);
	fputs("usage: see tests/bench/inflate/inflate.c\n", stderr);
	return 2;
}
