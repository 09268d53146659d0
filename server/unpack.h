/*
 * The core that comes out of NAME.gz while it arrives: NAME, sparse, in the
 * same folder.
 *
 * It is NAME.partial while it grows. It is no evidence of its own, the .gz is:
 * so whatever goes wrong with it (no room, NAME exists) is told and changes
 * nothing about the transfer, and it is not waited for until it is on the disk.
 */
#ifndef SERVER_UNPACK_H
#define SERVER_UNPACK_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/sparse.h"
#include "server/quota.h"
#include "server/sink.h"

#define UNPACK_REASON_MAX 160

/* What makes it known which kernel a core is of; see struct server_config. */
struct unpack_identify {
	bool (*fn)(void *arg, int core_fd, char uuid[static 37]);
	void *arg;
};

struct unpack {
	int dir_fd;          /* borrowed */
	struct quota *quota; /* borrowed, may be NULL */
	struct unpack_identify identify;
	int fd; /* -1: not made */
	struct sparse sparse;
	char name[NAME_LENGTH_MAX + 1]; /* without .gz */
	char now[SINK_NAME_MAX + 1];    /* its name at present; "": there is none */
	char reason[UNPACK_REASON_MAX]; /* why not, ""; after one nothing more is written */
	uint64_t look_at;               /* size at which it is looked into next */
	char uuid[37];                  /* valid once known is set */
	atomic_bool known;
};

/** For the file `gz_name`; nothing is made before there are bytes. */
void unpack_init(struct unpack *u, int dir_fd, const char *gz_name, struct quota *quota,
	struct unpack_identify identify);

/** The next bytes. Never fails: see reason. */
void unpack_write(struct unpack *u, const void *data, size_t size);

/** Forgets what it has. */
void unpack_restart(struct unpack *u);

/** Whole: NAME. Else NAME.incomplete. Closes. */
void unpack_finish(struct unpack *u, bool whole);

#endif
