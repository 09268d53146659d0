#include "orchestrator/cmd/serve_unpack.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/core/core_identity.h"
#include "orchestrator/core/gunzip.h"

/* No Mac has so much memory; a small file may ask for much more. */
#define CORE_MAX (UINT64_C(256) << 30)

struct unpack {
	struct unpack *next;
	struct serve_output *out;
	struct server_event event; /* its texts are ours */
	char *core;                /* the target, NULL when there is none */
	char *name;
	char *peer;
	char *path;
	char *reason;
	pthread_t thread;
};

static void destroy(struct unpack *u)
{
	free(u->core);
	free(u->name);
	free(u->peer);
	free(u->path);
	free(u->reason);
	free(u);
}

static struct pl_error *copy_event(struct unpack *u, const struct server_event *e)
{
	struct pl_error *err = pl_strdup(e->name, &u->name);

	if (!err)
		err = pl_strdup(e->peer, &u->peer);
	if (!err)
		err = pl_strdup(e->path, &u->path);
	if (!err)
		err = pl_strdup(e->reason, &u->reason);
	u->event = *e;
	u->event.name = u->name;
	u->event.peer = u->peer;
	u->event.path = u->path;
	u->event.reason = u->reason;
	return err;
}

/* The kernel's UUID is welcome and no more than that: nothing here is an error. */
static bool find_uuid(const char *path, const struct pl_wait *w, char out[static 37])
{
	struct core_file core;
	struct core_identity identity;
	struct pl_error *err = core_file_open(path, &core);

	out[0] = '\0';
	if (!err) {
		err = core_identify(&core, w, &identity);
		if (!err) {
			memcpy(out, identity.uuid, 37);
			core_identity_deinit(&identity);
		}
		core_file_close(&core);
	}
	pl_error_free(err);
	return out[0] != '\0';
}

static void warn(struct unpack *u, struct pl_error *err)
{
	char line[512];

	if (err)
		pl_log(&u->out->env->log, PL_LOG_WARN, "%s", pl_error_line(err, line, sizeof line));
	pl_error_free(err);
}

static void *work(void *arg)
{
	struct unpack *u = arg;
	struct pl_wait w = {.until = PL_TIME_FOREVER, .cancel = u->out->env->cancel};
	struct gunzip_result result = {.status = GUNZIP_NOT_GZIP};
	char uuid[37];

	struct pl_error *err = gunzip_file(u->path, u->core, CORE_MAX, &w, &result);
	bool made = !err && result.status == GUNZIP_OK;
	warn(u, err);
	bool known = made && find_uuid(u->core, &w, uuid);
	serve_say_done(u->out, &u->event, made ? u->core : NULL, known ? uuid : NULL);
	return NULL;
}

struct pl_error *unpack_start(struct unpack **list, struct serve_output *out, const struct server_event *e)
{
	struct unpack *u = calloc(1, sizeof *u);
	struct pl_error *err = u ? copy_event(u, e) : pl_error_nomem();

	if (!err)
		err = pl_strdup(e->path, &u->core);
	if (err)
		goto fail;
	u->out = out;
	u->core[strlen(u->core) - strlen(".gz")] = '\0';
	if (pl_fs_exists(u->core)) {
		err = pl_error_at(
			pl_error_new(PL_ERR_LAB, "exists: the core is not decompressed"), "%s", u->core);
		goto fail;
	}
	int failed = pthread_create(&u->thread, NULL, work, u);
	if (failed) {
		err = pl_error_errno(PL_ERR_LAB, failed, "no thread to decompress the core in");
		goto fail;
	}
	u->next = *list;
	*list = u;
	return NULL;
fail:
	if (u)
		destroy(u);
	return err;
}

void unpack_finish(struct unpack *list)
{
	while (list) {
		struct unpack *next = list->next;
		pthread_join(list->thread, NULL);
		destroy(list);
		list = next;
	}
}
