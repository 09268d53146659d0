/*
 * One VM host, whatever it is driven by: the table of operations that the run
 * uses. fusion_open() makes the one for VMware Fusion (vmrest for what it can,
 * vmrun for the rest); tests have a fake.
 *
 * Errors are PL_ERR_LAB (or TIMEOUT, INTERRUPTED), at the endpoint or command.
 */
#ifndef FUSION_VM_H
#define FUSION_VM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"
#include "orchestrator/config/lab.h"

enum vm_power {
	VM_POWER_OFF,
	VM_POWER_ON,
	VM_POWER_SUSPENDED,
	VM_POWER_PAUSED,
	VM_POWER_CHANGING, /* poweringOn, poweringOff */
};
const char *vm_power_name(enum vm_power p);

struct vm {
	char *id;   /* vmrest's */
	char *vmx;  /* absolute path of the .vmx */
	char *name; /* for people */
};
void vm_deinit(struct vm *vm);

struct vm_nic {
	char mac[18];    /* lower case, 00:50:56:.. */
	char type[16];   /* nat, hostonly, bridged, custom */
	char vmnet[16];  /* vmnet8 */
	char device[16]; /* e1000e, vmxnet3; "" if not known */
};

/* The subnet behind a network adapter; host byte order. */
struct vm_network {
	uint32_t subnet;
	uint32_t mask;
};

/* An address that something claims for the guest; nobody has proved it yet. */
struct vm_address {
	char ip[16];
	char source[16]; /* ip, nicips, vmrun */
};

/* What a clone is to be. */
struct vm_clone {
	const char *snapshot; /* taken while the VM was off: memory cannot be cloned */
	const char *vmx;      /* absolute path that does not exist yet */
	const char *name;     /* its display name, and the base name of a full clone's .vmx */
};

struct vm_host; /* a back end's own state */

struct vm_ops {
	/** Finds the one VM that sel names; *ret needs vm_deinit(). Several or none: PL_ERR_LAB, listing what
	 * there is. */
	struct pl_error *(*find)(
		struct vm_host *h, const struct lab_vm *sel, const struct pl_wait *w, struct vm *ret);
	struct pl_error *(*power)(
		struct vm_host *h, const struct vm *vm, const struct pl_wait *w, enum vm_power *ret);
	/** Powers on and polls until it is on. Already on: ok. */
	struct pl_error *(*start)(struct vm_host *h, const struct vm *vm, const struct pl_wait *w);
	/** Powers off (hard: pulls the plug; else asks the guest) and polls until it is off. Already off: ok.
	 */
	struct pl_error *(*stop)(struct vm_host *h, const struct vm *vm, bool hard, const struct pl_wait *w);
	/**
	 * Waits until the files of a VM that is off may be edited: Fusion lets go of
	 * them up to two minutes later. PL_ERR_LAB with what holds them when w ends,
	 * at once for what does not end by itself (suspended, not on this host).
	 */
	struct pl_error *(*settle)(struct vm_host *h, const struct vm *vm, const struct pl_wait *w);
	/** *ret: malloc'd array of malloc'd names, free with vm_names_free(). */
	struct pl_error *(*snapshots)(
		struct vm_host *h, const struct vm *vm, const struct pl_wait *w, char ***ret, size_t *count);
	struct pl_error *(*snapshot_take)(
		struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w);
	struct pl_error *(*snapshot_revert)(
		struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w);
	struct pl_error *(*snapshot_delete)(
		struct vm_host *h, const struct vm *vm, const char *name, const struct pl_wait *w);
	/**
	 * Clones the VM, which is off, as of its snapshot: a linked clone by vmrun, at
	 * c->vmx; where vmrun cannot, a full one by the REST service, which puts it where
	 * it likes. *ret, as of find(), is known to the REST service.
	 */
	struct pl_error *(*clone)(struct vm_host *h, const struct vm *vm, const struct vm_clone *c,
		const struct pl_wait *w, struct vm *ret);
	/** Deletes a VM that is off, with all its files; waits until Fusion lets go of them. */
	struct pl_error *(*remove)(struct vm_host *h, const struct vm *vm, const struct pl_wait *w);
	struct pl_error *(*nics)(struct vm_host *h, const struct vm *vm, const struct pl_wait *w,
		struct vm_nic ret[8], size_t *count);
	/** Of that virtual network ("vmnet8"); known while the VM is off. PL_ERR_LAB if there is no such one.
	 */
	struct pl_error *(*network)(
		struct vm_host *h, const char *vmnet, const struct pl_wait *w, struct vm_network *ret);
	/**
	 * One try, in the order /ip, /nicips, vmrun: what each claims now, duplicates
	 * dropped. A source that fails is skipped (logged): *count may be 0.
	 */
	struct pl_error *(*addresses)(struct vm_host *h, const struct vm *vm, const struct pl_wait *w,
		struct vm_address ret[16], size_t *count);
	void (*destroy)(struct vm_host *h);
};

struct vm_backend {
	const struct vm_ops *ops;
	struct vm_host *host;
};

/**
 * Opens Fusion as the lab says. vm_password is for encrypted VMs (NULL: none;
 * borrowed until closed). Does not talk to anything yet.
 */
struct pl_error *fusion_open(const struct lab_fusion *cfg, const char *vm_password, const struct pl_log *log,
	struct vm_backend *ret) PL_MUST_USE;

/** Whether the VM has a snapshot of that name. */
struct pl_error *vm_has_snapshot(const struct vm_backend *b, const struct vm *vm, const char *name,
	const struct pl_wait *w, bool *ret) PL_MUST_USE;

/** NULL-safe, repeatable. */
void vm_close(struct vm_backend *b);
void vm_names_free(char **names, size_t count);

#endif
