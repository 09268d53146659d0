/*
 * Fusion's REST service (vmrest, API 1.3): the calls that the run needs.
 *
 * Errors are PL_ERR_LAB (or TIMEOUT, INTERRUPTED) at "GET /api/vms/ID/power".
 * vmrest does not bear calls in parallel: one struct vmrest is one caller, and
 * sends one request at a time. GETs are tried again when the connection breaks
 * or the service says that it is unwell (500, 502, 503, 504); nothing else is.
 */
#ifndef FUSION_VMREST_H
#define FUSION_VMREST_H

#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"
#include "orchestrator/fusion/vm.h"

#define VMREST_VMS_MAX 1024

struct vmrest_options {
	const char *url;           /* without /api (tolerated); no credentials in it */
	const char *user;          /* "" sends no credentials */
	const char *password;      /* may be NULL */
	const char *password_from; /* where it is configured, for the hint: "file /x" */
	const char *ca_file;       /* NULL: the system's own */
	const char *vm_password;   /* of an encrypted VM; NULL: none; borrowed */
	int64_t timeout;           /* of one call, its retries included */
	const struct pl_log *log;
};

struct vmrest;

/** No traffic. Strings are copied unless said otherwise; PL_ERR_USAGE for a URL that is none. */
struct pl_error *vmrest_open(const struct vmrest_options *o, struct vmrest **ret) PL_MUST_USE;

/** Wipes what is secret. NULL-safe. */
void vmrest_close(struct vmrest *r);

/** The status of the last answer; 0 when there was none. */
long vmrest_status(const struct vmrest *r);

struct vmrest_vm {
	char *id;   /* letters, digits, - and _ only */
	char *path; /* of the .vmx */
};

/** GET /vms. *ret: free with vmrest_vms_free(). */
struct pl_error *vmrest_vms(
	struct vmrest *r, const struct pl_wait *w, struct vmrest_vm **ret, size_t *count) PL_MUST_USE;
void vmrest_vms_free(struct vmrest_vm *vms, size_t count);

/** GET /vms/{id}/power. */
struct pl_error *vmrest_power(
	struct vmrest *r, const char *id, const struct pl_wait *w, enum vm_power *ret) PL_MUST_USE;

/**
 * PUT /vms/{id}/power with the bare word (on, off, shutdown, ...). Ok says only
 * that it was accepted: poll for the state.
 */
struct pl_error *vmrest_power_change(
	struct vmrest *r, const char *id, const char *word, const struct pl_wait *w) PL_MUST_USE;

/** POST /vms: a full clone of the VM with that id, off; *ret: its id, malloc'd. */
struct pl_error *vmrest_clone(
	struct vmrest *r, const char *id, const char *name, const struct pl_wait *w, char **ret) PL_MUST_USE;

/** POST /vms/registration: makes the service know the VM with that .vmx; *ret: its id, malloc'd. */
struct pl_error *vmrest_register(
	struct vmrest *r, const char *name, const char *vmx, const struct pl_wait *w, char **ret) PL_MUST_USE;

/** DELETE /vms/{id}, with its files; 409 until it is off and Fusion has let go of them. */
struct pl_error *vmrest_delete(struct vmrest *r, const char *id, const struct pl_wait *w) PL_MUST_USE;

/** GET /vms/{id}/nic: index as Fusion counts (from 1), device left empty. */
struct vmrest_nic {
	int64_t index;
	struct vm_nic nic;
};
struct pl_error *vmrest_nics(struct vmrest *r, const char *id, const struct pl_wait *w,
	struct vmrest_nic ret[8], size_t *count) PL_MUST_USE;

/** GET /vms/{id}/ip, one try: an error until the guest's Tools report. */
struct pl_error *vmrest_ip(
	struct vmrest *r, const char *id, const struct pl_wait *w, char ret[16]) PL_MUST_USE;

/** GET /vms/{id}/nicips, one try: the IPv4 addresses of all adapters. */
struct pl_error *vmrest_nicips(struct vmrest *r, const char *id, const struct pl_wait *w, char ret[16][16],
	size_t *count) PL_MUST_USE;

/** GET /vmnet: the subnet of the virtual network of that name. PL_ERR_LAB if it is not listed. */
struct pl_error *vmrest_network(
	struct vmrest *r, const char *vmnet, const struct pl_wait *w, struct vm_network *ret) PL_MUST_USE;

/*
 * The decoders of the answers, apart from the traffic. Their errors are
 * PL_ERR_DATA at t->where.
 */
struct vmrest_text {
	const char *text;
	size_t size;
	const char *where;
};
struct pl_error *vmrest_decode_vms(
	const struct vmrest_text *t, struct vmrest_vm **ret, size_t *count) PL_MUST_USE;
struct pl_error *vmrest_decode_power(const struct vmrest_text *t, enum vm_power *ret) PL_MUST_USE;
struct pl_error *vmrest_decode_nics(
	const struct vmrest_text *t, struct vmrest_nic ret[8], size_t *count) PL_MUST_USE;
/** The "id" of a VM that was made or registered; malloc'd. */
struct pl_error *vmrest_decode_id(const struct vmrest_text *t, char **ret) PL_MUST_USE;
/** *found is false, and no error, when there is no network of that name. */
struct pl_error *vmrest_decode_network(
	const struct vmrest_text *t, const char *vmnet, bool *found, struct vm_network *ret) PL_MUST_USE;
struct pl_error *vmrest_decode_ip(const struct vmrest_text *t, char ret[16]) PL_MUST_USE;
struct pl_error *vmrest_decode_nicips(
	const struct vmrest_text *t, char ret[16][16], size_t *count) PL_MUST_USE;

/**
 * What an answer says went wrong: NULL for a 2xx that is no error model (or one
 * with Code 0), else "409 Conflict" with the service's own words as the reason.
 */
struct pl_error *vmrest_decode_failure(long status, const char *text, size_t size) PL_MUST_USE;

/** True for an IPv4 address that a host can have (not 0.0.0.0, multicast or broadcast). */
bool vmrest_is_ip(const char *text);

#endif
