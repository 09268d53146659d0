#include "server/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/wait.h"

#define THREADS_MAX 16
#define BEAT (10 * PL_MS)

struct thread {
	struct workers *pool;
	pthread_t id;
	uint8_t *scratch;
};

struct workers {
	pthread_mutex_t mutex;
	pthread_cond_t changed;
	struct work *queue; /* in the order of their next turn */
	struct work *last;  /* most go to the end */
	unsigned wanted;
	unsigned running;
	bool stop;
	struct thread threads[THREADS_MAX];
};

/* Deadlines by a clock that nobody sets, each system in its own way. */
static void init_condition(pthread_cond_t *c)
{
#if defined(__APPLE__)
	pthread_cond_init(c, NULL);
#else
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(c, &attr);
	pthread_condattr_destroy(&attr);
#endif
}

static void wait_at_most(struct workers *p, int64_t ns)
{
#if defined(__APPLE__)
	struct timespec t = {.tv_sec = (time_t)(ns / PL_SECOND), .tv_nsec = (long)(ns % PL_SECOND)};
	pthread_cond_timedwait_relative_np(&p->changed, &p->mutex, &t);
#else
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	ns += t.tv_nsec;
	t.tv_sec += (time_t)(ns / PL_SECOND);
	t.tv_nsec = (long)(ns % PL_SECOND);
	pthread_cond_timedwait(&p->changed, &p->mutex, &t);
#endif
}

struct pl_error *workers_create(unsigned threads, struct workers **ret)
{
	struct workers *p = calloc(1, sizeof *p);

	if (!p)
		return pl_error_nomem();
	p->wanted = threads < 1 ? 1 : threads > THREADS_MAX ? THREADS_MAX : threads;
	pthread_mutex_init(&p->mutex, NULL);
	init_condition(&p->changed);
	*ret = p;
	return NULL;
}

/* ---- the queue, with the mutex held ---------------------------------------------- */

static void enqueue(struct workers *p, struct work *w)
{
	struct work **at = &p->queue;

	if (p->last && p->last->due <= w->due)
		at = &p->last->next;
	while (*at && (*at)->due <= w->due)
		at = &(*at)->next;
	w->next = *at;
	w->queued = true;
	*at = w;
	if (!w->next)
		p->last = w;
}

static void dequeue(struct workers *p, struct work *w)
{
	struct work *before = NULL;

	for (struct work *at = p->queue; at != w; at = at->next)
		before = at;
	if (before)
		before->next = w->next;
	else
		p->queue = w->next;
	if (p->last == w)
		p->last = before;
	w->queued = false;
}

/* ---- the threads ------------------------------------------------------------------- */

static void wait_for_work(struct workers *p)
{
	int64_t ns = p->queue ? p->queue->due - pl_now() : 0;

	if (!p->queue)
		pthread_cond_wait(&p->changed, &p->mutex);
	else if (ns > 0)
		wait_at_most(p, ns);
}

/* On a common beat, so that a thousand waiting works wake a thread once and not a thousand times. */
static int64_t due_after(int64_t pause)
{
	int64_t due = pl_now() + pause;

	return pause < BEAT ? due : due - due % BEAT + BEAT;
}

static void take_turn(struct workers *p, uint8_t *scratch)
{
	struct work *w = p->queue;

	dequeue(p, w);
	pthread_mutex_unlock(&p->mutex);
	int64_t pause = w->turn(w, scratch);
	pthread_mutex_lock(&p->mutex);
	if (pause < 0) {
		w->over = true;
		return;
	}
	w->due = w->hurry ? 0 : due_after(pause);
	w->hurry = false;
	enqueue(p, w);
}

static void *serve(void *arg)
{
	struct thread *t = arg;
	struct workers *p = t->pool;

	pthread_mutex_lock(&p->mutex);
	while (!p->stop) {
		if (p->queue && p->queue->due <= pl_now())
			take_turn(p, t->scratch);
		else
			wait_for_work(p);
	}
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

static int start_thread(struct workers *p)
{
	struct thread *t = &p->threads[p->running];
	sigset_t all;
	sigset_t before;

	t->pool = p;
	t->scratch = malloc(WORK_SCRATCH);
	if (!t->scratch)
		return ENOMEM;
	/* Signals belong to the thread that started the server. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&t->id, NULL, serve, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (failed)
		free(t->scratch);
	else
		p->running++;
	return failed;
}

/* ---- for the caller ---------------------------------------------------------------- */

struct pl_error *workers_add(struct workers *p, struct work *w)
{
	int failed = 0;

	while (p->running < p->wanted && !failed)
		failed = start_thread(p);
	if (p->running == 0)
		return pl_error_errno(PL_ERR_LAB, failed, "no thread for the work");
	pthread_mutex_lock(&p->mutex);
	w->due = pl_now();
	enqueue(p, w);
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->mutex);
	return NULL;
}

void workers_hurry(struct workers *p, struct work *w)
{
	pthread_mutex_lock(&p->mutex);
	if (w->queued) {
		dequeue(p, w);
		w->due = 0;
		enqueue(p, w);
	} else {
		w->hurry = true;
	}
	pthread_cond_signal(&p->changed);
	pthread_mutex_unlock(&p->mutex);
}

bool workers_over(struct workers *p, const struct work *w)
{
	pthread_mutex_lock(&p->mutex);
	bool over = w->over;
	pthread_mutex_unlock(&p->mutex);
	return over;
}

void workers_destroy(struct workers *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->mutex);
	p->stop = true;
	pthread_cond_broadcast(&p->changed);
	pthread_mutex_unlock(&p->mutex);
	for (unsigned i = 0; i < p->running; i++) {
		pthread_join(p->threads[i].id, NULL);
		free(p->threads[i].scratch);
	}
	pthread_cond_destroy(&p->changed);
	pthread_mutex_destroy(&p->mutex);
	free(p);
}
