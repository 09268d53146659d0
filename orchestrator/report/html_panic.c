#include "orchestrator/report/html.h"

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

static void backtrace(struct emit *w, const json_t *frames)
{
	static const struct html_column columns[] = {{"#", "number dim"}, {"Symbol", "mono"},
		{"Image", "mono"}, {"Address", "mono"}, {"Frame", "mono dim"}};
	size_t count = json_array_size(frames);
	if (count == 0)
		return;
	emit(w, "<h3>Backtrace</h3>\n");
	html_table(w, columns, COUNT(columns));
	for (size_t i = 0; i < count && i < DOC_ROWS_MAX; i++) {
		const json_t *frame = json_array_get(frames, i);
		struct doc_field f;
		emit_printf(w, "<tr><td class=\"number mono dim\">%zu</td><td class=\"mono\">", i);
		emit_html(w, doc_field(frame, "symbol", &f));
		if (doc_offset(frame, &f)[0] != '\0') {
			emit(w, " <span class=\"dim\">+ ");
			emit_html(w, f.text);
			emit(w, "</span>");
		}
		emit(w, "</td>");
		html_cell(w, "mono", frame, "image");
		html_cell(w, "mono", frame, "address");
		html_cell(w, "mono dim", frame, "frame");
		emit(w, "</tr>\n");
	}
	html_table_end(w, count);
}

static void kext_range(struct emit *w, const json_t *kext)
{
	struct doc_field f;
	emit(w, "<td class=\"mono\">");
	emit_html(w, doc_field(kext, "start", &f));
	if (doc_field(kext, "end", &f)[0] != '\0') {
		emit(w, "<br>");
		emit_html(w, f.text);
	}
	emit(w, "</td>");
}

/* Dependencies are names, or kexts themselves. */
static void kext_dependencies(struct emit *w, const json_t *list)
{
	struct doc_field f;
	emit(w, "<td class=\"mono dim\">");
	for (size_t i = 0; i < json_array_size(list) && i < DOC_ROWS_MAX; i++) {
		const json_t *one = json_array_get(list, i);
		emit(w, i == 0 ? "" : "<br>");
		emit_html(w, json_is_object(one) ? doc_field(one, "id", &f) : doc_scalar(one, &f));
	}
	emit(w, "</td>");
}

static void kexts(struct emit *w, const json_t *list)
{
	static const struct html_column columns[] = {{"Kext", "mono"}, {"Version", "mono"}, {"UUID", "mono"},
		{"Loaded at", "mono"}, {"Depends on", "mono"}};
	size_t count = json_array_size(list);
	if (count == 0)
		return;
	emit(w, "<h3>Kernel extensions in the backtrace</h3>\n");
	html_table(w, columns, COUNT(columns));
	for (size_t i = 0; i < count && i < DOC_ROWS_MAX; i++) {
		const json_t *kext = json_array_get(list, i);
		emit(w, "<tr>");
		html_cell(w, "mono", kext, "id");
		html_cell(w, "mono", kext, "version");
		html_cell(w, "mono", kext, "uuid");
		kext_range(w, kext);
		kext_dependencies(w, json_object_get(kext, "dependencies"));
		emit(w, "</tr>\n");
	}
	html_table_end(w, count);
}

static void loaded_kexts(struct emit *w, const json_t *list)
{
	static const struct html_column columns[] = {{"Kext", "mono"}, {"Version", "mono"}};
	size_t count = json_array_size(list);
	if (count == 0)
		return;
	emit(w, "<h3>Kernel extensions loaded</h3>\n");
	html_table(w, columns, COUNT(columns));
	for (size_t i = 0; i < count && i < DOC_ROWS_MAX; i++) {
		emit(w, "<tr>");
		html_cell(w, "mono", json_array_get(list, i), "id");
		html_cell(w, "mono", json_array_get(list, i), "version");
		emit(w, "</tr>\n");
	}
	html_table_end(w, count);
}

void html_panic(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	const json_t *panic = doc_panic(doc);
	if (panic == NULL)
		return;
	html_section(w, "Why it panicked");
	if (doc_field(panic, "string", &f)[0] != '\0') {
		emit(w, "<p class=\"quote mono\">");
		emit_html(w, f.text);
		emit(w, "</p>\n");
	}
	html_facts(w);
	html_fact(w, "Source", panic, "source");
	html_fact(w, "Fault address", panic, "fault_address");
	html_fact(w, "Caller", panic, "caller");
	html_fact(w, "CPU", panic, "cpu");
	html_fact(w, "Process", panic, "process");
	html_fact(w, "Boot-args", panic, "boot_args");
	html_fact(w, "Last loaded kext", panic, "last_loaded_kext");
	html_fact(w, "Title", panic, "signature_title");
	html_fact(w, "Signature", panic, "signature");
	html_fact(w, "Class", panic, "signature_class");
	html_facts_end(w);
	backtrace(w, json_object_get(panic, "backtrace"));
	kexts(w, json_object_get(panic, "kexts"));
	loaded_kexts(w, json_object_get(panic, "loaded_kexts"));
	html_section_end(w);
}

void html_panic_text(struct emit *w, const json_t *doc)
{
	struct pl_buf text;
	bool there = false;
	/* Each byte becomes four at most; the rest is for the remark that it was cut. */
	pl_buf_init(&text, 4 * DOC_TEXT_MAX + 256);
	struct pl_error *e = doc_panic_text(doc, &text, &there);
	if (e == NULL && there) {
		html_section(w, "Panic text");
		emit(w, "<pre>");
		emit_html(w, pl_buf_text(&text));
		emit(w, "</pre>\n");
		html_section_end(w);
	}
	pl_error_keep_first(&w->error, e);
	pl_buf_deinit(&text);
}
