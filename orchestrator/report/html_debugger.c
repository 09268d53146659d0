/* What a debugger made of the core. */
#include "orchestrator/report/html.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void frames_table(struct emit *w, const json_t *frames)
{
	static const struct html_column columns[] = {{"#", "number dim"}, {"Function", "mono"},
		{"Image", "mono"}, {"Source", "mono"}, {"Address", "mono dim"}};
	size_t count = json_array_size(frames);
	if (count == 0)
		return;
	html_table(w, columns, COUNT(columns));
	for (size_t i = 0; i < count && i < DOC_ROWS_MAX; i++) {
		const json_t *one = json_array_get(frames, i);
		emit_printf(w, "<tr><td class=\"number mono dim\">%zu</td>", i);
		html_cell(w, "mono", one, "symbol");
		html_cell(w, "mono", one, "image");
		html_cell(w, "mono", one, "source");
		html_cell(w, "mono dim", one, "address");
		emit(w, "</tr>\n");
	}
	html_table_end(w, count);
}

void html_debugger(struct emit *w, const json_t *doc)
{
	const json_t *d = json_object_get(doc, "debugger");
	if (!doc_has(d, "program"))
		return;
	html_section(w, "Debugger");
	html_facts(w);
	html_fact(w, "Program", d, "program");
	html_fact(w, "Kernel", d, "kernel");
	html_fact(w, "Debug kit", d, "kit");
	html_fact(w, "Kexts", d, "kexts");
	html_fact(w, "Remark", d, "detail");
	html_facts_end(w);
	frames_table(w, json_object_get(d, "backtrace"));
	html_section_end(w);
}
