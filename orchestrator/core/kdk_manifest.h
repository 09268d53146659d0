/*
 * The public list of debug kits, KdkSupportPkg's manifest.json: an array of
 *
 *   {"build":"24B82","version":"15.1","name":"Kernel Debug Kit 15.1 build 24B82",
 *    "date":..,"seen":..,"url":..,"fileSize":800681641,"sha256sum":..,"md5sum":..,
 *    "kernel_versions":{"kernel":"Darwin Kernel Version ...","kernel.development":...}}
 *
 * It says where a kit can be had. Nothing here downloads it. The file is outside data:
 * texts stay raw and are escaped by whoever shows them.
 */
#ifndef CORE_KDK_MANIFEST_H
#define CORE_KDK_MANIFEST_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/kdk_match.h"

#define KDK_MANIFEST_FILE_MAX ((size_t)16 << 20)
#define KDK_MANIFEST_ENTRIES_MAX 10000
#define KDK_MANIFEST_KERNELS_MAX 128 /* of one kit */

/* Texts are "" when they are not there or not strings. */
struct kdk_manifest_entry {
	const char *build;
	const char *version;
	const char *name;
	const char *date;
	const char *url; /* "" also when it is neither http: nor https: */
	const char *sha256;
	const char *md5;
	uint64_t bytes; /* 0 unknown */
	struct kdk_candidate_kernel *kernels;
	size_t kernel_count;
};

struct kdk_manifest {
	json_t *doc; /* owns the texts */
	struct kdk_manifest_entry *entries;
	size_t count;
	size_t skipped; /* entries that are no objects, have no build, or are too many */
};

/** PL_ERR_DATA: not JSON, or not an array. *ret needs kdk_manifest_deinit() after success only. */
struct pl_error *kdk_manifest_parse(
	const char *text, size_t size, const char *where, struct kdk_manifest *ret) PL_MUST_USE;

/** The same of a file; PL_ERR_LAB when it cannot be read. */
struct pl_error *kdk_manifest_read(const char *path, struct kdk_manifest *ret) PL_MUST_USE;

void kdk_manifest_deinit(struct kdk_manifest *m);

#endif
