/*
 * Any JSON object makes three reports: the page is the HTML that we write and
 * no other, the terminal gets no control bytes, and nothing exceeds the limit.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "orchestrator/report/memory_map.h"
#include "orchestrator/report/report.h"
#include "tests/unit/report/html_check.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok, const char *what, const char *where)
{
	if (ok)
		return;
	fprintf(stderr, "%s, at: %.100s\n", what, where);
	abort();
}

static void page(const json_t *doc)
{
	struct pl_buf out;
	pl_buf_init(&out, REPORT_MAX);
	must(report_html(doc, &out) == NULL, "an error", "report_html");
	const char *where = "";
	const char *problem = html_check(pl_buf_text(&out), &where);
	must(problem == NULL, problem, where);
	must(strlen(pl_buf_text(&out)) == out.size, "a NUL", "report_html");
	pl_buf_deinit(&out);
}

static void clean(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		must(((unsigned char)*p >= 0x20 && *p != 0x7f) || *p == '\n' || *p == '\t', "a control byte",
			p);
}

static struct pl_error *map(const json_t *doc, struct pl_buf *out)
{
	return memory_map_text(json_object_get(doc, "core"), (struct map_look){.width = 80}, out);
}

static struct pl_error *plain(const json_t *doc, struct pl_buf *out)
{
	return report_text(doc, false, out);
}

static void text(const json_t *doc, struct pl_error *(*report)(const json_t *doc, struct pl_buf *out))
{
	struct pl_buf out;
	pl_buf_init(&out, REPORT_MAX);
	must(report(doc, &out) == NULL, "an error", "report");
	clean(pl_buf_text(&out));
	must(strlen(pl_buf_text(&out)) == out.size, "a NUL", "report");
	pl_buf_deinit(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* NUL within a string is allowed: what a decoder could let through, we must bear. */
	json_t *doc = json_loadb((const char *)data, size, JSON_ALLOW_NUL, NULL);
	if (doc == NULL)
		return -1;
	page(doc);
	text(doc, plain);
	text(doc, report_markdown);
	text(doc, map);
	json_decref(doc);
	return 0;
}
