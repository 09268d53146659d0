#include "server/keep.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/wait.h"

/* How often the file is looked at while it grows. */
#define LOOK_EVERY (10 * PL_MS)
/* So little is not worth a turn: what comes next is decoded with it. */
#define LOOK_LEAST (UINT64_C(128) << 10)
/* So that the last flush, for which the client waits, has little left to do. */
#define PUSH_EVERY (UINT64_C(8) << 20)

/* ---- while it grows ---------------------------------------------------------------- */

/* Best effort: the flush at the end is what counts. */
static void push(struct keep *k, uint64_t size, uint64_t least)
{
	if (size < k->pushed + least)
		return;
#ifdef SYNC_FILE_RANGE_WRITE
	(void)sync_file_range(
		k->sink->fd, (off_t)k->pushed, (off_t)(size - k->pushed), SYNC_FILE_RANGE_WRITE);
#else
	(void)fsync(k->sink->fd);
#endif
	k->pushed = size;
}

static int64_t follow(struct keep *k, uint8_t *scratch)
{
	uint64_t arrived = atomic_load_explicit(&k->arrived, memory_order_acquire);

	push(k, atomic_load(&k->end), PUSH_EVERY);
	if (atomic_load(&k->gaps) || (!k->verify.full && arrived - k->verify.at < LOOK_LEAST))
		return LOOK_EVERY;
	return verify_turn(&k->verify, arrived, scratch, WORK_SCRATCH) ? WORK_AGAIN : LOOK_EVERY;
}

/* ---- the end ----------------------------------------------------------------------- */

static void set_reason(struct keep *k, const char *reason)
{
	snprintf(k->result.reason, sizeof k->result.reason, "%s", reason);
}

static void write_note(struct keep *k, uint64_t size)
{
	char ended[32];

	pl_timestamp(ended);
	k->note.name = k->name;
	k->note.peer = k->peer;
	k->note.reason = k->result.reason;
	k->note.started = k->started;
	k->note.ended = ended;
	k->note.size = size;
	k->note.gzip = k->unchecked ? NULL : server_gzip_name(k->result.gzip);
	k->note.core = k->core.now[0] ? k->core.now : NULL;
	pl_log_error(k->place->log, note_write(k->place->dir_fd, k->sink->now, &k->note));
}

/* It has its last name. */
static void keep_incomplete(struct keep *k)
{
	uint64_t size = k->sink->size;

	unpack_finish(&k->core, false);
	sink_keep(k->sink);
	write_note(k, size);
}

static struct verify_result judge(const struct keep *k)
{
	if (k->unchecked)
		return (struct verify_result){
			SERVER_GZIP_NONE, false, NOTE_SHUT_DOWN, "the server stopped before it was checked"};
	return verify_judge(&k->verify, k->sink->name, k->sink->size);
}

static void abandon(struct keep *k)
{
	struct verify_result r = judge(k);

	k->result.gzip = r.gzip;
	set_reason(k, k->reason);
	keep_incomplete(k);
}

/* The file can't be made durable, or can't have its name: as with any other error of the disk. */
static void commit_failed(struct keep *k, struct pl_error *err)
{
	pl_error_brief(err, k->result.reason, sizeof k->result.reason);
	pl_error_free(err);
	k->result.code = k->sink->code;
	k->note.why = k->sink->why;
	pl_log_error(k->place->log, sink_set_aside(k->sink));
	keep_incomplete(k);
}

static void commit(struct keep *k)
{
	struct verify_result r = judge(k);

	k->result.gzip = r.gzip;
	k->result.received = true;
	if (!r.whole) {
		set_reason(k, r.reason);
		k->note.why = r.why;
		pl_log_error(k->place->log, sink_set_aside(k->sink));
		keep_incomplete(k);
		return;
	}
	struct pl_error *err = sink_commit(k->sink);
	if (err) {
		k->result.received = false;
		commit_failed(k, err);
		return;
	}
	unpack_finish(&k->core, true);
	k->result.whole = true;
}

static bool is_out_of_time(const struct keep *k)
{
	int64_t until = atomic_load(&k->place->decode_until);

	return until && pl_now() >= until;
}

/* What is left to decode, in turns; then the end. */
static int64_t finish(struct keep *k, enum keep_order order, uint8_t *scratch)
{
	if (atomic_load(&k->gaps) && !k->restarted) {
		k->restarted = true;
		verify_restart(&k->verify);
	}
	/* The disk works while the rest is decoded. */
	push(k, k->sink->size, 1);
	if (verify_turn(&k->verify, k->sink->size, scratch, WORK_SCRATCH)) {
		if (!is_out_of_time(k))
			return WORK_AGAIN;
		k->unchecked = true;
	}
	if (order == KEEP_COMMIT)
		commit(k);
	else
		abandon(k);
	verify_deinit(&k->verify); /* its memory is not needed while the session lingers */
	return WORK_OVER;
}

static int64_t turn(struct work *w, uint8_t *scratch)
{
	struct keep *k = (struct keep *)(void *)((char *)w - offsetof(struct keep, work));
	enum keep_order order = (enum keep_order)atomic_load_explicit(&k->order, memory_order_acquire);

	return order == KEEP_FOLLOW ? follow(k, scratch) : finish(k, order, scratch);
}

/* ---- for the receiving thread ------------------------------------------------------- */

struct pl_error *keep_begin(struct keep *k, struct keep_place *place, struct sink *sink)
{
	memset(k, 0, sizeof *k);
	k->work.turn = turn;
	k->place = place;
	k->sink = sink;
	pl_timestamp(k->started);
	snprintf(k->name, sizeof k->name, "%s", sink->name);
	unpack_init(&k->core, place->dir_fd, sink->name, place->quota, place->identify);
	struct pl_error *err = verify_init(&k->verify, sink->fd, place->decompress ? &k->core : NULL);
	if (err)
		return err;
	err = workers_add(place->workers, &k->work);
	if (err)
		verify_deinit(&k->verify);
	k->added = err == NULL;
	return err;
}

void keep_arrived(struct keep *k, uint64_t bytes, bool gaps)
{
	atomic_store(&k->end, bytes);
	if (gaps)
		atomic_store(&k->gaps, true);
	else
		atomic_store_explicit(&k->arrived, bytes, memory_order_release);
}

void keep_end(struct keep *k, enum keep_order order)
{
	atomic_store_explicit(&k->order, order, memory_order_release);
	workers_hurry(k->place->workers, &k->work);
}

bool keep_over(struct keep *k)
{
	return k->added && workers_over(k->place->workers, &k->work);
}

const char *keep_uuid(struct keep *k)
{
	return k->added && atomic_load(&k->core.known) ? k->core.uuid : NULL;
}

void keep_deinit(struct keep *k)
{
	if (k->added)
		verify_deinit(&k->verify);
	k->added = false;
}
