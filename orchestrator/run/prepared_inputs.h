/*
 * What goes into a prepared guest, as JSON: its digest is what later runs look
 * for, and the first input that is another tells why it does not fit any more.
 *
 *     {"paniclab":VERSION,
 *      "vm":{"vmx","uuid","hardware":{KEY:VALUE of the .vmx}},
 *      "guest":{"product_version","build","kernel_uuid"},
 *      "kernel":wanted,"boot_args":all of them or null,"csr":csr-active-config or null,
 *      "payload":{"files":{PATH:{"sha256","executable"}},"kext":{"name","sha256"},"setup":sha256},
 *      "scripts":sha256 of paniclab's own,
 *      "server":{"address","port"} or null}
 *
 * What the guest's disk holds is not among them: nobody can see that of a VM
 * that is off.
 */
#ifndef RUN_PREPARED_INPUTS_H
#define RUN_PREPARED_INPUTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/config/scenario.h"

struct run;

/* What the files of the lab do not tell. */
struct prepared_known {
	const json_t *guest;   /* borrowed, as above */
	const char *boot_args; /* NULL: none are set */
	bool csr_set;
	uint32_t csr;
	const char *server; /* NULL: no dump is wanted */
	uint16_t port;
};

/** A new reference. PL_ERR_LAB for a payload or .vmx that cannot be read. */
struct pl_error *prepared_inputs(
	const struct run *r, const struct prepared_known *k, json_t **ret) PL_MUST_USE;

/** The payload alone. */
struct pl_error *prepared_payload(const struct scenario *s, json_t **ret) PL_MUST_USE;

#endif
