/*
 * A kernel as a file: a small MH_EXECUTE x86_64 Mach-O at the place where
 * kernels are linked, with LC_UUID, its version text in __TEXT,__const and a
 * symbol for each function that a panic's backtrace may name, where
 * kernel_function() puts it, in code of zeroes. What is prelinked (10.10 on) or in a boot
 * collection is the same bytes behind one line of text.
 */
#ifndef SIMLAB_KERNEL_IMAGE_H
#define SIMLAB_KERNEL_IMAGE_H

#include "base/buf.h"
#include "base/err.h"
#include "tests/simlab/kernel_desc.h"

#define KERNEL_IMAGE_MAX (1U << 20)

struct kernel_identification {
	uint8_t uuid[16];
	char version[192];
};

/** Appends the file of d's kernel. Its slide does not matter. */
struct pl_error *kernel_image_write(const struct kernel_desc *d, struct pl_buf *out) PL_MUST_USE;

/** The same as a dSYM's file: MH_DSYM, symbols only. */
struct pl_error *kernel_image_write_dsym(const struct kernel_desc *d, struct pl_buf *out) PL_MUST_USE;

/** Which kernel that file (or what holds it) is; PL_ERR_DATA if there is none in it. */
struct pl_error *kernel_image_read(const char *path, struct kernel_identification *ret) PL_MUST_USE;

#endif
