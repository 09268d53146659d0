#include "server/verify.h"

#include <errno.h>
#include <unistd.h>

#include "base/text.h"
#include "server/machcore.h"

/* Of the scratch; the rest takes what comes of it. */
#define INPUT ((size_t)64 << 10)
/* Padding gives no output that would end a turn, and one SEEK makes GiBs of it. */
#define INPUT_A_TURN (UINT64_C(4) << 20)

struct pl_error *verify_init(struct verify *v, int fd, struct unpack *core)
{
	*v = (struct verify){.fd = fd, .core = core, .phase = GZ_START};
	return gz_create(&v->gz);
}

void verify_deinit(struct verify *v)
{
	gz_destroy(v->gz);
	v->gz = NULL;
}

void verify_restart(struct verify *v)
{
	gz_reset(v->gz);
	v->phase = GZ_START;
	v->at = 0;
	v->full = false;
	if (v->core)
		unpack_restart(v->core);
}

static bool is_final(enum gz_phase phase)
{
	return phase == GZ_TRAILING || phase == GZ_CORRUPT || phase == GZ_OTHER;
}

static size_t read_some(struct verify *v, uint64_t end, uint8_t *to)
{
	size_t want = end - v->at < INPUT ? (size_t)(end - v->at) : INPUT;
	ssize_t n;

	if (want == 0)
		return 0;
	do
		n = pread(v->fd, to, want, (off_t)v->at);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		v->unread = true;
	return n > 0 ? (size_t)n : 0;
}

bool verify_turn(struct verify *v, uint64_t end, uint8_t *scratch, size_t size)
{
	struct gz_io io = {.out = scratch + INPUT, .out_left = size - INPUT};
	uint64_t stop = v->at + INPUT_A_TURN < end ? v->at + INPUT_A_TURN : end;

	while (!is_final(v->phase) && !v->unread && (v->full || v->at < stop) && io.out_left > 0) {
		size_t n = read_some(v, stop, scratch);
		io.in = scratch;
		io.in_left = n;
		v->phase = gz_decode(v->gz, &io);
		v->at += n - io.in_left;
		v->full = io.out_left == 0;
	}
	size_t made = size - INPUT - io.out_left;
	if (v->core && made > 0)
		unpack_write(v->core, scratch + INPUT, made);
	return !is_final(v->phase) && !v->unread && (v->full || v->at < end);
}

static const char cut_core[] = "the Mach-O core ends before its segments";

struct verify_result verify_judge(const struct verify *v, const char *name, uint64_t size)
{
	if (v->unread)
		return (struct verify_result){
			SERVER_GZIP_NONE, false, NOTE_WRITE_ERROR, "the file cannot be read back"};
	switch (v->phase) {
	case GZ_MEMBER:
		return (struct verify_result){
			SERVER_GZIP_TRUNCATED, false, NOTE_TRUNCATED_GZIP, "the gzip stream is truncated"};
	case GZ_TRAILING:
	case GZ_CORRUPT:
		return (struct verify_result){
			SERVER_GZIP_CORRUPT, false, NOTE_CORRUPT_GZIP, "the gzip stream is corrupt"};
	case GZ_BETWEEN:
		if (v->core && v->core->fd >= 0 && machcore_is_cut(v->core->fd, v->core->sparse.size))
			return (struct verify_result){SERVER_GZIP_OK, false, NOTE_TRUNCATED_CORE, cut_core};
		return (struct verify_result){SERVER_GZIP_OK, true, NOTE_OTHER, ""};
	case GZ_START:
		if (pl_ends_with(name, ".gz"))
			return (struct verify_result){
				SERVER_GZIP_TRUNCATED, false, NOTE_EMPTY_GZIP, "the gzip stream is empty"};
		break;
	case GZ_OTHER:
		if (pl_ends_with(name, ".gz"))
			return (struct verify_result){
				SERVER_GZIP_CORRUPT, false, NOTE_CORRUPT_GZIP, "the content is not gzip"};
		break;
	}
	if (machcore_is_cut(v->fd, size))
		return (struct verify_result){SERVER_GZIP_NONE, false, NOTE_TRUNCATED_CORE, cut_core};
	return (struct verify_result){SERVER_GZIP_NONE, true, NOTE_OTHER, ""};
}
