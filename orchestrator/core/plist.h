/*
 * Property lists, as far as Info.plist and SystemVersion.plist need it: the
 * string values of the outermost dictionary of an XML plist.
 *
 * Facts: Apple's PropertyList-1.0.dtd. A scanner and no XML parser: comments, the
 * DOCTYPE and processing instructions are passed over, nested values are skipped
 * whole, entities are the five of XML and character references. Entities that
 * a document declares itself are not expanded, so it cannot make us grow.
 */
#ifndef CORE_PLIST_H
#define CORE_PLIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define PLIST_FILE_MAX ((size_t)1 << 20) /* bytes of a file that is read */
#define PLIST_DEPTH_MAX 64

struct plist_wanted {
	const char *key;
	char *value; /* size bytes; "" when the key is not there or its value is no string */
	size_t size; /* a longer value is taken for none */
};

/**
 * Fills the values of all wanted keys. PL_ERR_DATA when it is no XML plist with a dictionary
 * (a binary one is named as such) or breaks off; values found before that stay.
 */
struct pl_error *plist_read(
	const char *text, size_t size, const struct plist_wanted *wanted, size_t count) PL_MUST_USE;

/** The same of a regular file; PL_ERR_LAB when it cannot be read. Errors name the path. */
struct pl_error *plist_read_file(
	const char *path, const struct plist_wanted *wanted, size_t count) PL_MUST_USE;

#endif
