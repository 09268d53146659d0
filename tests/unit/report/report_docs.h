/* Documents for the report's tests. */
#ifndef TESTS_UNIT_REPORT_REPORT_DOCS_H
#define TESTS_UNIT_REPORT_REPORT_DOCS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "orchestrator/report/report.h"

static inline json_t *doc_from(const char *text)
{
	json_error_t error;
	json_t *doc = json_loads(text, 0, &error);
	if (doc == NULL)
		fail_msg("%s", error.text);
	return doc;
}

/* tests run in the project's folder */
static inline json_t *doc_load(const char *name)
{
	char path[128];
	json_error_t error;
	snprintf(path, sizeof path, "tests/fixtures/report/%s.json", name);
	json_t *doc = json_load_file(path, 0, &error);
	if (doc == NULL)
		fail_msg("%s: %s", path, error.text);
	return doc;
}

typedef struct pl_error *(*report_fn)(const json_t *doc, struct pl_buf *out);

/* The output as a string to free; ends the document. */
static inline char *rendered(report_fn fn, json_t *doc)
{
	struct pl_buf out;
	char *text = NULL;
	pl_buf_init(&out, REPORT_MAX);
	assert_null(fn(doc, &out));
	assert_null(pl_buf_take(&out, &text));
	pl_buf_deinit(&out);
	json_decref(doc);
	return text;
}

static inline void assert_has(const char *text, const char *part)
{
	if (strstr(text, part) == NULL)
		fail_msg("'%s' is not in:\n%s", part, text);
}

static inline void assert_has_not(const char *text, const char *part)
{
	if (strstr(text, part) != NULL)
		fail_msg("'%s' is in:\n%s", part, text);
}

#endif
