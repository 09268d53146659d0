/*
 * The parts of the HTML page. Each part appends itself, or nothing when the
 * document has nothing for it. Text from the document goes through
 * emit_html() or the helpers here, never through emit().
 */
#ifndef REPORT_HTML_H
#define REPORT_HTML_H

#include <jansson.h>

#include "orchestrator/report/doc.h"
#include "orchestrator/report/emit.h"

const char *html_tone(enum doc_tone tone); /* a class name */

void html_section(struct emit *w, const char *title);
void html_section_end(struct emit *w);

/** A table's start: its head cells, each with a class or "". Ends with count pairs. */
struct html_column {
	const char *title;
	const char *css; /* class of the column's cells */
};
void html_table(struct emit *w, const struct html_column *columns, size_t count);
/** `total` rows were there: says so when not all of them are shown. */
void html_table_end(struct emit *w, size_t total);

/** A cell with that field, escaped. */
void html_cell(struct emit *w, const char *css, const json_t *o, const char *key);
void html_cell_text(struct emit *w, const char *css, const char *text);

/* Two columns: what it is, what it says. A row without a value is left out. */
void html_facts(struct emit *w);
void html_fact(struct emit *w, const char *label, const json_t *o, const char *key);
void html_fact_text(struct emit *w, const char *label, const char *text);
void html_facts_end(struct emit *w);

/* html_panic.c */
void html_panic(struct emit *w, const json_t *doc);
void html_panic_text(struct emit *w, const json_t *doc);

/* html_core.c */
void html_core(struct emit *w, const json_t *doc);
void html_evidence(struct emit *w, const json_t *doc);

/* html_debugger.c */
void html_debugger(struct emit *w, const json_t *doc);

/* html_run.c */
void html_boot_args(struct emit *w, const json_t *doc);
void html_steps(struct emit *w, const json_t *doc);
void html_lab(struct emit *w, const json_t *doc);
void html_restored(struct emit *w, const json_t *doc);

#endif
