#include "orchestrator/report/html.h"

#include <stdio.h>
#include <string.h>

#include "base/embed.h"
#include "base/json.h"
#include "orchestrator/report/report.h"

extern const struct pl_embedded report_templates[]; /* made by tools/embed.sh from templates/report.* */

const char *html_tone(enum doc_tone tone)
{
	static const char *const names[] = {[DOC_GOOD] = "good", [DOC_WARN] = "warn", [DOC_BAD] = "bad"};
	return names[tone];
}

void html_section(struct emit *w, const char *title)
{
	emit_printf(w, "<section>\n<h2>%s</h2>\n", title);
}

void html_section_end(struct emit *w)
{
	emit(w, "</section>\n");
}

void html_table(struct emit *w, const struct html_column *columns, size_t count)
{
	emit(w, "<div class=\"scroll\"><table>\n<thead><tr>");
	for (size_t i = 0; i < count; i++)
		emit_printf(w, "<th class=\"%s\">%s</th>", columns[i].css, columns[i].title);
	emit(w, "</tr></thead>\n<tbody>\n");
}

void html_table_end(struct emit *w, size_t total)
{
	emit(w, "</tbody>\n</table></div>\n");
	if (total > DOC_ROWS_MAX)
		emit_printf(w, "<p class=\"dim\">%d of %zu are shown; report.json has all.</p>\n",
			DOC_ROWS_MAX, total);
}

void html_cell_text(struct emit *w, const char *css, const char *text)
{
	emit_printf(w, "<td class=\"%s\">", css);
	emit_html(w, text);
	emit(w, "</td>");
}

void html_cell(struct emit *w, const char *css, const json_t *o, const char *key)
{
	struct doc_field f;
	html_cell_text(w, css, doc_field(o, key, &f));
}

void html_facts(struct emit *w)
{
	emit(w, "<table>\n<tbody>\n");
}

void html_fact_text(struct emit *w, const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	emit_printf(w, "<tr><th scope=\"row\">%s</th><td class=\"mono\">", label);
	emit_html(w, text);
	emit(w, "</td></tr>\n");
}

void html_fact(struct emit *w, const char *label, const json_t *o, const char *key)
{
	struct doc_field f;
	html_fact_text(w, label, doc_field(o, key, &f));
}

void html_facts_end(struct emit *w)
{
	emit(w, "</tbody>\n</table>\n");
}

static void title(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	emit(w, doc_outcome(doc)->headline);
	if (doc_field(doc, "scenario", &f)[0] != '\0') {
		emit(w, ": ");
		emit_html(w, f.text);
	}
	if (doc_field(doc, "guest", &f)[0] != '\0') {
		emit(w, " on ");
		emit_html(w, f.text);
	}
}

static void headline(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	const struct doc_outcome *outcome = doc_outcome(doc);
	emit_printf(w, "<span class=\"%s\">%s</span>", html_tone(outcome->tone), outcome->headline);
	if (doc_field(doc, "scenario", &f)[0] != '\0') {
		emit(w, "<br>");
		emit_html(w, f.text);
	}
}

static void badge(struct emit *w, const json_t *doc)
{
	if (pl_json_bool_or(doc, "simulated", false))
		emit(w, "<span class=\"badge\">simulated lab: no real macOS, no real VMware Fusion</span>\n");
}

/* The parts of a line with dots between them; an empty one is left out. */
static void dotted(struct emit *w, bool *first, const char *before, const char *text)
{
	if (text[0] == '\0')
		return;
	emit(w, *first ? "" : " · ");
	emit(w, before);
	emit_html(w, text);
	*first = false;
}

static void subtitle(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	bool first = true;
	dotted(w, &first, "guest ", doc_field(doc, "guest", &f));
	dotted(w, &first, "", doc_guest_system(doc, &f));
	dotted(w, &first, "boots: ", doc_boots(doc, &f));
	dotted(w, &first, "", doc_field(doc, "started", &f));
}

static void problem(struct emit *w, const json_t *doc)
{
	struct doc_field text, chain;
	const json_t *error = json_object_get(doc, "error");
	if (doc_command(error, "line", &text)[0] == '\0')
		return;
	emit(w, "<div class=\"problem\"><p class=\"mono\">");
	emit_html(w, text.text);
	emit(w, "</p>");
	if (doc_command(error, "chain", &chain)[0] != '\0' && strcmp(chain.text, text.text) != 0) {
		emit(w, "<p class=\"dim mono\">");
		emit_html(w, chain.text);
		emit(w, "</p>");
	}
	emit(w, "</div>\n");
}

static void tile(struct emit *w, const char *label, const char *tone, const char *value)
{
	emit_printf(w, "<div><span>%s</span><b class=\"%s\">", label, tone);
	emit_html(w, value);
	emit(w, "</b></div>\n");
}

static void core_tile(struct emit *w, const json_t *doc)
{
	struct doc_field size, status;
	const json_t *core = doc_core_file(doc);
	if (doc_size(core, "bytes", &size)[0] == '\0')
		snprintf(size.text, sizeof size.text, "size not known");
	doc_field(core, "status", &status);
	if (core == NULL && pl_json_bool_or(json_object_get(doc, "dump"), "complete", false))
		tile(w, "Core", "good", "complete, not kept");
	else if (core == NULL)
		tile(w, "Core", "", "none");
	else if (strcmp(status.text, "complete") == 0)
		tile(w, "Core, complete", "good", size.text);
	else
		tile(w, "Core, incomplete", "bad", size.text);
}

static void glance(struct emit *w, const json_t *doc)
{
	static const char *const words[] = {[DOC_RESTORED] = "everything",
		[DOC_LEFT] = "not everything",
		[DOC_RESTORED_UNKNOWN] = "not known"};
	static const char *const tones[] = {
		[DOC_RESTORED] = "good", [DOC_LEFT] = "bad", [DOC_RESTORED_UNKNOWN] = "warn"};
	struct doc_field f;
	emit(w, "<div class=\"glance\">\n");
	tile(w, "Panic", "", doc_panicked(doc) ? "yes" : "none seen");
	core_tile(w, doc);
	tile(w, "Restored", tones[doc_restored(doc)], words[doc_restored(doc)]);
	if (doc_duration(doc, "seconds", &f)[0] != '\0')
		tile(w, "Took", "", f.text);
	emit(w, "</div>\n");
}

static void footer(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	bool first = true;
	dotted(w, &first, "paniclab ", doc_field(doc, "paniclab", &f));
	dotted(w, &first, "run ", doc_field(doc, "id", &f));
	dotted(w, &first, "finished ", doc_field(doc, "finished", &f));
	dotted(w, &first, "exit code ", doc_field(doc, "exit_code", &f));
}

static const struct part {
	const char *name; /* {{name}} in the template */
	void (*write)(struct emit *w, const json_t *doc);
} parts[] = {
	{"title", title},
	{"badge", badge},
	{"headline", headline},
	{"subtitle", subtitle},
	{"problem", problem},
	{"glance", glance},
	{"panic", html_panic},
	{"panic_text", html_panic_text},
	{"core", html_core},
	{"debugger", html_debugger},
	{"evidence", html_evidence},
	{"boot_args", html_boot_args},
	{"steps", html_steps},
	{"lab", html_lab},
	{"restored", html_restored},
	{"footer", footer},
};

static const struct part *find_part(const char *name, size_t length)
{
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		if (strlen(parts[i].name) == length && memcmp(parts[i].name, name, length) == 0)
			return &parts[i];
	return NULL;
}

struct pl_error *report_html(const json_t *doc, struct pl_buf *out)
{
	const struct pl_embedded *page = pl_embedded_find(report_templates, "report.html");
	if (page == NULL)
		return pl_error_new(PL_ERR_DATA, "the program was built without templates/report.html");
	struct emit w = {.out = out};
	const char *text = page->data;
	for (const char *open; (open = strstr(text, "{{")) != NULL;) {
		const char *end = strstr(open, "}}");
		const struct part *part = end == NULL ? NULL : find_part(open + 2, (size_t)(end - open) - 2);
		if (part == NULL)
			return pl_error_new(PL_ERR_DATA, "templates/report.html asks for an unknown part");
		emit_bytes(&w, text, (size_t)(open - text));
		part->write(&w, doc);
		text = end + 2;
	}
	emit(&w, text);
	return w.error;
}
