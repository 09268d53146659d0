#include "orchestrator/report/html.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/report/memory_map.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

/* The count, whether the document has the list of segments or only their number. */
static void segments(struct emit *w, const json_t *core)
{
	const json_t *list = json_object_get(core, "segments");
	struct doc_field f;
	if (json_is_array(list)) {
		snprintf(f.text, sizeof f.text, "%zu", json_array_size(list));
		html_fact_text(w, "Segments", f.text);
	} else {
		html_fact(w, "Segments", core, "segments");
	}
}

static void threads(struct emit *w, const json_t *core)
{
	const json_t *list = json_object_get(core, "threads");
	struct doc_field f;
	if (json_is_array(list)) {
		snprintf(f.text, sizeof f.text, "%zu", json_array_size(list));
		html_fact_text(w, "Threads", f.text);
	} else {
		html_fact(w, "Threads", core, "threads");
	}
}

static void transfer(struct emit *w, const json_t *dump)
{
	struct doc_field f;
	if (!json_is_object(dump))
		return;
	emit(w, "<h3>Transfer</h3>\n");
	html_facts(w);
	html_fact(w, "File", dump, "name");
	html_fact(w, "From", dump, "peer");
	html_fact_text(w, "Size", doc_size(dump, "bytes", &f));
	html_fact_text(w, "Took", doc_duration(dump, "seconds", &f));
	html_fact(w, "Packets", dump, "packets");
	html_fact(w, "Sent again", dump, "resent");
	html_fact(w, "Complete", dump, "complete");
	html_fact(w, "Reason", dump, "reason");
	html_fact(w, "Gzip stream", dump, "gzip");
	html_facts_end(w);
}

void html_core(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	const json_t *core = json_object_get(doc, "core");
	const json_t *dump = json_object_get(doc, "dump");
	if (!json_is_object(core) && !json_is_object(dump))
		return;
	html_section(w, "Core");
	html_facts(w);
	html_fact(w, "Kind", core, "kind");
	html_fact(w, "Kernel UUID", core, "kernel_uuid");
	html_fact(w, "Kernel", core, "kernel_version");
	html_fact(w, "xnu", core, "xnu");
	html_fact(w, "Build", core, "build");
	html_fact(w, "Architecture", core, "arch");
	html_fact(w, "Load address", core, "load_address");
	html_fact(w, "Slide", core, "slide");
	segments(w, core);
	threads(w, core);
	html_fact_text(w, "Size", doc_size(core, "bytes", &f));
	html_facts_end(w);
	memory_map_svg(w, core);
	transfer(w, dump);
	html_section_end(w);
}

static void evidence_link(struct emit *w, const json_t *one)
{
	struct doc_field f;
	bool missing = strcmp(doc_field(one, "status", &f), "missing") == 0;
	const char *path = missing ? "" : doc_relative_path(one, "path");
	emit(w, "<td class=\"mono\">");
	if (path[0] != '\0') {
		emit(w, "<a href=\"");
		emit_url(w, path);
		emit(w, "\">");
	}
	emit_html(w, doc_field(one, "path", &f));
	emit(w, path[0] != '\0' ? "</a></td>" : "</td>");
}

static void evidence_status(struct emit *w, const json_t *one)
{
	struct doc_field f;
	doc_field(one, "status", &f);
	const char *tone = strcmp(f.text, "complete") == 0  ? "good"
			   : strcmp(f.text, "missing") == 0 ? "dim"
							    : "bad";
	html_cell_text(w, tone, f.text);
}

void html_evidence(struct emit *w, const json_t *doc)
{
	static const struct html_column columns[] = {
		{"Kind", ""}, {"File", "mono"}, {"Size", "number"}, {"Status", ""}, {"Remark", ""}};
	const json_t *list = json_object_get(doc, "evidence");
	size_t count = json_array_size(list);
	struct doc_field f;
	if (count == 0)
		return;
	html_section(w, "Evidence");
	html_table(w, columns, COUNT(columns));
	for (size_t i = 0; i < count && i < DOC_ROWS_MAX; i++) {
		const json_t *one = json_array_get(list, i);
		emit(w, "<tr>");
		html_cell(w, "", one, "kind");
		evidence_link(w, one);
		html_cell_text(
			w, "number", pl_json_int_or(one, "bytes", 0) == 0 ? "" : doc_size(one, "bytes", &f));
		evidence_status(w, one);
		html_cell(w, "dim", one, "detail");
		emit(w, "</tr>\n");
	}
	html_table_end(w, count);
	html_section_end(w);
}
