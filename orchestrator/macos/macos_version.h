/*
 * Versions of macOS and of its kernel: "10.15.4" is xnu-6153.101.6.
 *
 * Facts about a guest hang on one or the other: what its tools do on the
 * release, what its kernel does on the tag of xnu. The table that joins them is
 * of apple-oss-distributions' macOS release manifests (tags macos-10.15.4, ...).
 */
#ifndef MACOS_MACOS_VERSION_H
#define MACOS_MACOS_VERSION_H

#include <stdbool.h>
#include <stddef.h>

enum { MACOS_VERSION_TEXT = 40 };

/* {10, 15, 4}: a release; {6153, 101, 6}: a tag of xnu. All zero: not known. */
struct macos_version {
	unsigned major;
	unsigned minor;
	unsigned patch;
};

/**
 * One to three numbers with dots, the whole text ("11", "10.15", "10.15.4").
 * Parts that are not there are 0. False, and *ret is zero, if it is not one.
 */
bool macos_version_parse(const char *text, struct macos_version *ret);

/** A tag of xnu as kernels print it: "3789.70.16~2", "xnu-7195.141.2"; what follows the third number is left.
 */
bool macos_version_parse_xnu(const char *text, struct macos_version *ret);

bool macos_version_known(const struct macos_version *v);

/** Below, equal, above: -1, 0, 1. */
int macos_version_compare(const struct macos_version *a, const struct macos_version *b);

/** True if v is known and not below major.minor.patch. */
bool macos_version_at_least(const struct macos_version *v, unsigned major, unsigned minor, unsigned patch);

/** "10.15.4", "11", "?" if not known. Returns out. */
const char *macos_version_text(const struct macos_version *v, char out[static MACOS_VERSION_TEXT]);

/**
 * The tag of that release's kernel; for one that the table does not have, that
 * of the nearest older one. All zero before 10.7 or when the release is not known.
 */
struct macos_version macos_version_xnu(const struct macos_version *release);

#endif
