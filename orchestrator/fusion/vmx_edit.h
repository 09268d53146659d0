/*
 * Edits of a .vmx's text. One line changes; order, comments, unknown keys, line
 * ends and each byte of every other line stay.
 *
 * A key that is there more than once is not edited (PL_ERR_DATA): Fusion does not
 * open such a VM, also when only the letter case differs (hashicorp/vagrant 2597,
 * cloudfoundry bosh-lite 61), so a person has to choose. Nor is the file of an
 * encrypted VM (PL_ERR_LAB): its keys are inside encryption.data.
 *
 * VMware writes the file anew when the VM goes off, from what it read at the
 * start: an edit while it runs is lost. bundle.h refuses it. What VMware writes
 * has its own order and quoting, so undo by vmx_restore_line(), not by bytes.
 */
#ifndef FUSION_VMX_EDIT_H
#define FUSION_VMX_EDIT_H

#include "base/buf.h"
#include "base/err.h"

/**
 * Sets the value where the key is, else adds a line at the end. The value is
 * UTF-8; PL_ERR_USAGE if it is not ASCII and the file's .encoding is another.
 */
struct pl_error *vmx_set(struct pl_buf *text, const char *key, const char *value) PL_MUST_USE;

/** Absent is ok. */
struct pl_error *vmx_remove(struct pl_buf *text, const char *key) PL_MUST_USE;

/** The key's whole line, for vmx_restore_line(); nothing where there is none. Appends. */
struct pl_error *vmx_save_line(const struct pl_buf *text, const char *key, struct pl_buf *line) PL_MUST_USE;

/**
 * Puts the line back in the place of the present one, else at the end; no bytes:
 * removes it. Straight after vmx_set() the text is what it was, to the byte.
 */
struct pl_error *vmx_restore_line(
	struct pl_buf *text, const char *key, const char *line, size_t size) PL_MUST_USE;

#endif
