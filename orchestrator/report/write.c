#include "orchestrator/report/report.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"

static struct pl_error *write_file(const char *run_dir, const char *name, const char *text, size_t size)
{
	char *path = NULL;
	struct pl_error *e = pl_fs_join(run_dir, name, &path);
	if (e == NULL)
		e = pl_fs_write(path, text, size, 0600);
	free(path);
	return e;
}

static struct pl_error *write_page(const char *run_dir, const char *name, const json_t *doc,
	struct pl_error *(*render)(const json_t *doc, struct pl_buf *out))
{
	struct pl_buf page;
	pl_buf_init(&page, REPORT_MAX);
	struct pl_error *e = render(doc, &page);
	if (e == NULL)
		e = write_file(run_dir, name, pl_buf_text(&page), page.size);
	pl_buf_deinit(&page);
	return pl_error_context(e, "writing %s", name);
}

struct pl_error *report_write_pages(const char *run_dir, const json_t *doc)
{
	struct pl_error *first = write_page(run_dir, "report.html", doc, report_html);
	pl_error_keep_first(&first, write_page(run_dir, "report.md", doc, report_markdown));
	return first;
}

static struct pl_error *write_document(const char *run_dir, const json_t *doc)
{
	char *text = json_dumps(doc, JSON_INDENT(2) | JSON_PRESERVE_ORDER);
	if (text == NULL)
		return pl_error_nomem();
	char *lines = NULL;
	struct pl_error *e = pl_asprintf(&lines, "%s\n", text);
	free(text);
	if (e != NULL)
		return e;
	e = write_file(run_dir, "report.json", lines, strlen(lines));
	free(lines);
	return pl_error_context(e, "writing report.json");
}

struct pl_error *report_write_all(const char *run_dir, const json_t *doc)
{
	struct pl_error *e = write_document(run_dir, doc);
	pl_error_keep_first(&e, report_write_pages(run_dir, doc));
	return e;
}
