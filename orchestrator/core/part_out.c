#include "orchestrator/core/part_out.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/sparse.h"

#define FLUSH (UINT64_C(8) << 20)

/* What happens to each block; both at the same time. */
struct stage {
	struct part_out *out;
	struct pl_error *(*work)(struct part_out *o, const uint8_t *data, size_t size);
	uint64_t done; /* blocks */
	pthread_t thread;
	bool running;
};

enum { HASHES, WRITES, STAGES };

struct part_out {
	uint8_t *memory;
	size_t sizes[PART_OUT_BLOCKS];
	size_t have;   /* bytes in the block that is being filled: the decoder's alone */
	uint64_t size; /* in all; the decoder's alone */
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	/* Under the mutex, as is each stage's `done`: */
	uint64_t filled; /* blocks */
	bool over;       /* no block follows */
	bool stop;       /* what is left does not matter */
	struct pl_error *error;
	struct stage stages[STAGES];
	struct sha256 hash; /* of one stage each */
	struct sparse file;
	uint64_t flushing; /* the disk was asked to write up to there */
};

static struct pl_error *hash_block(struct part_out *o, const uint8_t *data, size_t size)
{
	sha256_add(&o->hash, data, size);
	return NULL;
}

/* A wish: that the disk begins with it now and not when all has come. */
static void begin_flush(int fd, uint64_t from, uint64_t size)
{
#ifdef __linux__
	(void)sync_file_range(fd, (off_t)from, (off_t)size, SYNC_FILE_RANGE_WRITE);
#else
	(void)fd, (void)from, (void)size;
#endif
}

static struct pl_error *write_block(struct part_out *o, const uint8_t *data, size_t size)
{
	struct pl_error *e = sparse_write(&o->file, data, size);

	if (!e && o->file.size - o->flushing >= FLUSH) {
		begin_flush(o->file.fd, o->flushing, o->file.size - o->flushing);
		o->flushing = o->file.size;
	}
	return e;
}

static uint8_t *block(const struct part_out *o, uint64_t n)
{
	return o->memory + n % PART_OUT_BLOCKS * PART_OUT_BLOCK;
}

/* False when no block follows. */
static bool await_filled(struct stage *s)
{
	struct part_out *o = s->out;

	pthread_mutex_lock(&o->mutex);
	while (s->done == o->filled && !o->over && !o->stop)
		pthread_cond_wait(&o->changed, &o->mutex);
	bool more = s->done < o->filled && !o->stop;
	pthread_mutex_unlock(&o->mutex);
	return more;
}

static void finished(struct stage *s, struct pl_error *e)
{
	struct part_out *o = s->out;

	pthread_mutex_lock(&o->mutex);
	s->done++;
	if (e) { /* only one stage can have one */
		o->error = e;
		o->stop = true;
	}
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->mutex);
}

static void *run_stage(void *arg)
{
	struct stage *s = arg;

	while (await_filled(s))
		finished(
			s, s->work(s->out, block(s->out, s->done), s->out->sizes[s->done % PART_OUT_BLOCKS]));
	return NULL;
}

struct pl_error *part_out_create(int fd, struct part_out **ret)
{
	struct part_out *o = calloc(1, sizeof *o);

	*ret = NULL;
	if (!o)
		return pl_error_nomem();
	o->memory = aligned_alloc(4096, PART_OUT_BLOCKS * PART_OUT_BLOCK);
	if (!o->memory) {
		free(o);
		return pl_error_nomem();
	}
	pthread_mutex_init(&o->mutex, NULL);
	pthread_cond_init(&o->changed, NULL);
	o->stages[HASHES] = (struct stage){.out = o, .work = hash_block};
	o->stages[WRITES] = (struct stage){.out = o, .work = write_block};
	o->file.fd = fd;
	sha256_init(&o->hash);
	*ret = o;
	return NULL;
}

static struct pl_error *start(struct part_out *o)
{
	for (size_t i = 0; i < STAGES; i++) {
		struct stage *s = &o->stages[i];
		int why = s->running ? 0 : pthread_create(&s->thread, NULL, run_stage, s);
		if (why != 0)
			return pl_error_errno(PL_ERR_LAB, why, "cannot start a thread");
		s->running = true;
	}
	return NULL;
}

static bool is_free(const struct part_out *o, uint64_t n)
{
	return n - o->stages[HASHES].done < PART_OUT_BLOCKS && n - o->stages[WRITES].done < PART_OUT_BLOCKS;
}

struct pl_error *part_out_room(struct part_out *o, uint8_t **ret, size_t *size)
{
	pthread_mutex_lock(&o->mutex);
	while (!is_free(o, o->filled) && !o->stop)
		pthread_cond_wait(&o->changed, &o->mutex);
	struct pl_error *e = o->error;
	o->error = NULL;
	pthread_mutex_unlock(&o->mutex);
	*ret = block(o, o->filled) + o->have;
	*size = PART_OUT_BLOCK - o->have;
	return e;
}

/* Hands the block over to the stages. */
static struct pl_error *pass_on(struct part_out *o)
{
	pthread_mutex_lock(&o->mutex);
	o->sizes[o->filled % PART_OUT_BLOCKS] = o->have;
	o->filled++;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->mutex);
	o->have = 0;
	return start(o);
}

struct pl_error *part_out_made(struct part_out *o, size_t size)
{
	o->have += size;
	o->size += size;
	return o->have == PART_OUT_BLOCK ? pass_on(o) : NULL;
}

uint64_t part_out_size(const struct part_out *o)
{
	return o->size;
}

static void join(struct part_out *o, bool stop)
{
	pthread_mutex_lock(&o->mutex);
	o->over = true;
	o->stop = o->stop || stop;
	pthread_cond_broadcast(&o->changed);
	pthread_mutex_unlock(&o->mutex);
	for (size_t i = 0; i < STAGES; i++) {
		if (o->stages[i].running)
			pthread_join(o->stages[i].thread, NULL);
		o->stages[i].running = false;
	}
}

/* The last block, by the caller itself: it is not full. */
static struct pl_error *do_rest(struct part_out *o)
{
	const uint8_t *data = block(o, o->filled);
	struct pl_error *e = o->error;

	o->error = NULL;
	for (size_t i = 0; i < STAGES && !e; i++)
		e = o->stages[i].work(o, data, o->have);
	return e ? e : sparse_finish(&o->file);
}

struct pl_error *part_out_end(struct part_out *o, char hex[static SHA256_HEX])
{
	join(o, false);
	struct pl_error *e = do_rest(o);
	sha256_end(&o->hash, hex);
	return e;
}

void part_out_destroy(struct part_out *o)
{
	if (!o)
		return;
	join(o, true);
	pl_error_free(o->error);
	pthread_cond_destroy(&o->changed);
	pthread_mutex_destroy(&o->mutex);
	free(o->memory);
	free(o);
}
