/*
 * The variables in the guest's .nvram that decide about its next boot:
 * boot-args and csr-active-config. Read and changed while the VM is off, which
 * is the caller's to see to (vm_ops.settle); each variable can be put back as
 * its whole record, or as absent.
 *
 * Errors: PL_ERR_LAB when the file cannot be found, read or written here,
 * PL_ERR_DATA when it is no .nvram, or cannot be edited.
 */
#ifndef RUN_VM_NVRAM_H
#define RUN_VM_NVRAM_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "base/err.h"
#include "orchestrator/fusion/nvram.h"

struct vm_nvram {
	char *path; /* of the .nvram */
	struct nvram nvram;
	struct stat seen; /* the file, as it was read */
};

/** Of the VM with that .vmx. *ret needs vm_nvram_close() in any case. */
struct pl_error *vm_nvram_open(const char *vmx, struct vm_nvram *ret) PL_MUST_USE;
void vm_nvram_close(struct vm_nvram *v);

/** The next boot's boot-args, malloc'd; *ret is "" and *set (NULL allowed) false when there are none. */
struct pl_error *vm_nvram_boot_args(const struct vm_nvram *v, char **ret, bool *set) PL_MUST_USE;

/** csr-active-config: what of SIP is off. 0 when there is no variable. */
struct pl_error *vm_nvram_csr(const struct vm_nvram *v, uint32_t *ret) PL_MUST_USE;

/** In memory; vm_nvram_write() is what changes the file. */
struct pl_error *vm_nvram_set_boot_args(struct vm_nvram *v, const char *text) PL_MUST_USE;
struct pl_error *vm_nvram_set_csr(struct vm_nvram *v, uint32_t value) PL_MUST_USE;

/** Replaces the file, reads it again, and fails if it does not hold what was written. */
struct pl_error *vm_nvram_write(struct vm_nvram *v) PL_MUST_USE;

/**
 * What putting them back needs, for the journal: {"path": …, "variables": {NAME:
 * null for none, or {"record", "value"}, both in hexadecimal}}. A new reference;
 * NULL without memory, or when one of them cannot be saved.
 */
json_t *vm_nvram_before(const struct vm_nvram *v);

/** Puts back what vm_nvram_before() said, in memory; *changed: something was different. */
struct pl_error *vm_nvram_put_back(struct vm_nvram *v, const json_t *before, bool *changed) PL_MUST_USE;

/** The commands that put them back by hand, for people; out is cut at size. */
void vm_nvram_by_hand(const json_t *before, char *out, size_t size);

#endif
