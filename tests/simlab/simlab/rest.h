/*
 * vmrest, simulated: HTTP (or HTTPS) on 127.0.0.1, basic authentication, its
 * media type, its error bodies. Each answer takes a moment; a request that
 * comes while another is under way is refused and noted as a violation, as
 * the real one is not safe for parallel calls. Whenever it starts to listen,
 * the fault rest-down being over included, the VMs get new ids.
 */
#ifndef SIMLAB_REST_H
#define SIMLAB_REST_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>

#include "tests/simlab/simlab/sim.h"

struct rest;

/** Listens; s->opt.port and the ids are the real ones after. */
struct pl_error *rest_create(struct sim *s, struct rest **ret) PL_MUST_USE;
void rest_destroy(struct rest *r);

/** 32 characters, as vmrest makes them. */
struct pl_error *rest_new_id(char ret[static SIM_ID_SIZE]) PL_MUST_USE;

/** A CA and a certificate for 127.0.0.1 (ca.pem, run/rest-cert.pem, run/rest-key.pem), if not there. */
struct pl_error *rest_make_certificate(void) PL_MUST_USE;

/** Fills at most one descriptor; returns how many. */
size_t rest_poll(const struct rest *r, struct pollfd *fd);
void rest_run(struct rest *r);
bool rest_busy(const struct rest *r);

/* ---- what the endpoints see (rest_api.c) ---- */

struct rest_request {
	const char *method;
	char *path[8]; /* the segments after /api */
	size_t depth;
	const char *body;        /* "" without one */
	const char *vm_password; /* NULL: not given */
};

struct rest_answer {
	unsigned status;
	char *json; /* malloc'd; NULL: an empty body */
	bool plain; /* text/plain, as for an unknown path */
};

void rest_api(struct sim *s, const struct rest_request *q, struct rest_answer *ret);

/** vmrest's error body; `status` is HTTP's, `code` its own. */
void rest_error(struct rest_answer *a, unsigned status, int code, const char *fmt, ...) PL_PRINTF(4, 5);

#endif
