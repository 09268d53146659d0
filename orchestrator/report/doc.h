/*
 * Reading the report's document (see report.h): any field may be missing, of
 * the wrong type, or hostile. Nothing here fails; what is not there is empty.
 */
#ifndef REPORT_DOC_H
#define REPORT_DOC_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* More of one list is not shown; the page says how many there were. */
#define DOC_ROWS_MAX 512
/* More of the panic text is not shown. */
#define DOC_TEXT_MAX (256u << 10)

/* A value as one line, control bytes escaped, cut with "...". */
struct doc_field {
	char text[1024];
};

/** Any string, number or truth value under key; "" for everything else. Returns f->text. */
const char *doc_field(const json_t *o, const char *key, struct doc_field *f);
const char *doc_scalar(const json_t *value, struct doc_field *f);

/** A command to be copied: as doc_field(), but backslashes are not doubled. */
const char *doc_command(const json_t *o, const char *key, struct doc_field *f);

/** True if doc_field() would give text. */
bool doc_has(const json_t *o, const char *key);

/** A number, or `otherwise`. */
double doc_number(const json_t *o, const char *key, double otherwise);

/** "12.3s" for a duration in seconds, "" if there is none. */
const char *doc_duration(const json_t *o, const char *key, struct doc_field *f);

/** "0xb12": a frame's offset, which is a number in inspect's JSON; "" if there is none. */
const char *doc_offset(const json_t *frame, struct doc_field *f);

/** "1.5 MiB", "" if there is none. */
const char *doc_size(const json_t *o, const char *key, struct doc_field *f);

/** Seconds since 1970 of "2026-01-31T23:59:59.123Z"; false if it is not such a text. */
bool doc_time(const json_t *o, const char *key, double *ret);

/** What is wrong with boot-args and what to do, of one of `findings`; "" for a mere note. */
const char *doc_finding(const json_t *finding, struct doc_field *f);

/** "macOS 10.12.6 (16G29), xnu 3789.73.8, development kernel", as much as is known. */
const char *doc_guest_system(const json_t *doc, struct doc_field *f);

/** "development from /kits/KDK_10.12.6_16G29.kdk: the same build, 16G29", of a kernel that was installed. */
const char *doc_kernel(const json_t *doc, struct doc_field *f);

/** "2 before the panic: armed; for the boot-args", "" if that is not known. */
const char *doc_boots(const json_t *doc, struct doc_field *f);

/** The decoded panic: the document's, else the core's; NULL if there is none. */
const json_t *doc_panic(const json_t *doc);

/** A panic is proved: by its text, or by something else that the run saw. */
bool doc_panicked(const json_t *doc);

/** The panic text, escaped, lines kept, cut at DOC_TEXT_MAX; false if there is none. */
struct pl_error *doc_panic_text(const json_t *doc, struct pl_buf *out, bool *ret) PL_MUST_USE;

/** The path if it stays below the run's folder, "" otherwise. Not escaped. */
const char *doc_relative_path(const json_t *o, const char *key);

/** The evidence that is the core: unpacked, else packed, NULL if neither is there. */
const json_t *doc_core_file(const json_t *doc);

enum doc_tone { DOC_GOOD, DOC_WARN, DOC_BAD };

/* What the outcome means, in words. */
struct doc_outcome {
	const char *name;
	const char *headline;
	enum doc_tone tone;
};
const struct doc_outcome *doc_outcome(const json_t *doc);

enum doc_restored { DOC_RESTORED, DOC_LEFT, DOC_RESTORED_UNKNOWN };
enum doc_restored doc_restored(const json_t *doc);

#endif
