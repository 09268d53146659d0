/* The scenario's payload in the guest: files, a kext, a set-up script. */
#ifndef RUN_PAYLOAD_H
#define RUN_PAYLOAD_H

#include <jansson.h>

#include "base/err.h"
#include "orchestrator/config/scenario.h"
#include "orchestrator/guest/guest.h"

/**
 * What the journal needs to remove the payload again: {"paths":[…],"folders":{PATH:FOLDER}}.
 * payload_check() fills in the folders: the topmost one that is made for that path, or "".
 */
json_t *payload_before(const struct scenario *s);

/** Where the kext goes in the guest; malloc'd, NULL when there is none. */
struct pl_error *payload_kext_path(const struct scenario *s, char **ret) PL_MUST_USE;

/** PL_ERR_GUEST if one of the paths is taken: asked before the journal promises to remove them. */
struct pl_error *payload_check(json_t *before, struct guest *g, const struct pl_wait *w) PL_MUST_USE;

/**
 * Uploads the files and the kext. A file that is there already is
 * PL_ERR_GUEST: what paniclab overwrote it could not put back.
 */
struct pl_error *payload_install(
	const struct scenario *s, struct guest *g, const struct pl_wait *w) PL_MUST_USE;

/** Removes what payload_install() made, and nothing else; absent is ok. */
struct pl_error *payload_remove(const json_t *before, struct guest *g, const struct pl_wait *w) PL_MUST_USE;

/** Runs the set-up script as root. */
struct pl_error *payload_setup(
	const struct scenario *s, struct guest *g, const struct pl_wait *w) PL_MUST_USE;

#endif
