#include "orchestrator/report/html.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof(a)[0])

void html_boot_args(struct emit *w, const json_t *doc)
{
	const json_t *args = json_object_get(doc, "boot_args");
	if (!doc_has(args, "before") && !doc_has(args, "during"))
		return;
	struct doc_field field;
	html_section(w, "Boot-args");
	html_facts(w);
	html_fact_text(w, "Before", doc_field(args, "before", &field)[0] == '\0' ? "(none)" : field.text);
	html_fact(w, "During the run", args, "during");
	const json_t *findings = json_object_get(args, "findings");
	for (size_t i = 0; i < json_array_size(findings) && i < DOC_ROWS_MAX; i++)
		if (doc_finding(json_array_get(findings, i), &field)[0] != '\0')
			html_fact_text(w, "Warning", field.text);
	html_facts_end(w);
	html_section_end(w);
}

/* The time axis: every moment as seconds since the first, in per cent of `length`. */
struct axis {
	double start;
	double length; /* 0: no times are known */
};

static struct axis axis_of(const json_t *steps)
{
	struct axis axis = {0};
	double end = 0;
	for (size_t i = 0; i < json_array_size(steps); i++) {
		const json_t *step = json_array_get(steps, i);
		double started = 0;
		if (!doc_time(step, "started", &started))
			continue;
		double stopped = started + doc_number(step, "seconds", 0);
		if (axis.start <= 0 || started < axis.start)
			axis.start = started;
		end = stopped > end ? stopped : end;
	}
	axis.length = end > axis.start && axis.start > 0 ? end - axis.start : 0;
	return axis;
}

static double within(double v, double max)
{
	return v < 0 ? 0 : v > max ? max : v;
}

static void bar(struct emit *w, const struct axis *axis, const json_t *step, bool failed)
{
	double started = 0;
	emit(w, "<td class=\"track\">");
	if (axis->length > 0 && doc_time(step, "started", &started)) {
		/* A bar is never narrower than the eye needs, so it starts a little before the end at the
		 * latest. */
		double left = within(100 * (started - axis->start) / axis->length, 99);
		double width = within(100 * doc_number(step, "seconds", 0) / axis->length, 100 - left);
		emit_printf(w, "<div class=\"bar%s\" style=\"margin-left:%.1f%%;width:%.1f%%\"></div>",
			failed ? " failed" : "", left, width);
	}
	emit(w, "</td>");
}

static const char *status_tone(const char *status)
{
	if (strcmp(status, "done") == 0)
		return "good";
	return strcmp(status, "failed") == 0 ? "bad" : "dim";
}

static void undo(struct emit *w, const json_t *step)
{
	struct doc_field state, time;
	doc_field(step, "undo", &state);
	if (strcmp(state.text, "none") == 0)
		state.text[0] = '\0';
	const char *tone =
		strcmp(state.text, "failed") == 0 || strcmp(state.text, "pending") == 0 ? "bad" : "good";
	emit_printf(w, "<td class=\"%s\">", tone);
	emit_html(w, state.text);
	if (state.text[0] != '\0' && doc_duration(step, "undo_seconds", &time)[0] != '\0')
		emit_printf(w, " <span class=\"dim\">%s</span>", time.text);
	emit(w, "</td>");
}

static void step_row(struct emit *w, const struct axis *axis, const json_t *step)
{
	struct doc_field status, f;
	doc_field(step, "status", &status);
	emit(w, "<tr><td>");
	emit_html(w, doc_field(step, "name", &f));
	static const char *const remarks[] = {"reason", "detail"};
	for (size_t i = 0; i < COUNT(remarks); i++) {
		if (doc_field(step, remarks[i], &f)[0] == '\0')
			continue;
		emit(w, "<br><span class=\"dim\">");
		emit_html(w, f.text);
		emit(w, "</span>");
	}
	emit(w, "</td>");
	html_cell_text(w, status_tone(status.text), status.text);
	html_cell_text(w, "number", doc_duration(step, "seconds", &f));
	bar(w, axis, step, strcmp(status.text, "failed") == 0);
	undo(w, step);
	emit(w, "</tr>\n");
}

void html_steps(struct emit *w, const json_t *doc)
{
	static const struct html_column columns[] = {
		{"Step", ""}, {"Status", ""}, {"Took", "number"}, {"When", "track"}, {"Undone", ""}};
	const json_t *steps = json_object_get(doc, "steps");
	size_t count = json_array_size(steps);
	if (count == 0)
		return;
	struct axis axis = axis_of(steps);
	html_section(w, "Steps");
	html_table(w, columns, COUNT(columns));
	for (size_t i = 0; i < count && i < DOC_ROWS_MAX; i++)
		step_row(w, &axis, json_array_get(steps, i));
	html_table_end(w, count);
	html_section_end(w);
}

static void vm(struct emit *w, const json_t *doc)
{
	const json_t *one = json_object_get(doc, "vm");
	html_fact(w, "VM", one, "name");
	html_fact(w, "VM id", one, "id");
	html_fact(w, ".vmx", one, "vmx");
}

static void network(struct emit *w, const json_t *doc)
{
	const json_t *address = json_object_get(doc, "address");
	const json_t *server = json_object_get(doc, "server");
	html_fact(w, "Guest's address", address, "ip");
	html_fact(w, "Known from", address, "source");
	html_fact(w, "Dump server", server, "address");
	html_fact(w, "Port", server, "port");
}

void html_lab(struct emit *w, const json_t *doc)
{
	const json_t *facts = json_object_get(doc, "facts");
	if (!json_is_object(facts) && !json_is_object(json_object_get(doc, "vm")))
		return;
	html_section(w, "Guest and lab");
	html_facts(w);
	html_fact(w, "macOS", facts, "product_version");
	html_fact(w, "Build", facts, "build");
	html_fact(w, "Kernel", facts, "kernel_version");
	html_fact(w, "xnu", facts, "xnu");
	html_fact(w, "Variant", facts, "variant");
	html_fact(w, "Kernel UUID", facts, "kernel_uuid");
	const json_t *kernel = json_object_get(doc, "kernel");
	html_fact(w, "Installed from", kernel, "kit");
	html_fact(w, "Which fits", kernel, "why");
	html_fact(w, "Model", facts, "model");
	html_fact(w, "SIP", facts, "sip");
	html_fact(w, "Interface", facts, "interface");
	html_fact(w, "Its driver", facts, "nic_driver");
	vm(w, doc);
	network(w, doc);
	html_facts_end(w);
	html_section_end(w);
}

void html_restored(struct emit *w, const json_t *doc)
{
	const json_t *left = json_object_get(json_object_get(doc, "restored"), "left");
	size_t count = json_array_size(left);
	struct doc_field f;
	html_section(w, "Restored");
	if (doc_restored(doc) == DOC_RESTORED)
		emit(w, "<p class=\"good\">Everything that the run changed is back as it was.</p>\n");
	else if (doc_restored(doc) == DOC_RESTORED_UNKNOWN)
		emit(w, "<p class=\"warn\">Not known; <code>paniclab runs</code> tells.</p>\n");
	else
		emit(w, "<p class=\"bad\">Not everything is back as it was. <code>paniclab teardown</code> "
			"tries again; "
			"by hand:</p>\n");
	for (size_t i = 0; i < count && i < DOC_ROWS_MAX; i++) {
		const json_t *one = json_array_get(left, i);
		emit(w, "<p>");
		emit_html(w, doc_field(one, "what", &f));
		emit(w, "</p>\n");
		if (doc_command(one, "by_hand", &f)[0] == '\0')
			continue;
		emit(w, "<pre>");
		emit_html(w, f.text);
		emit(w, "</pre>\n");
	}
	html_section_end(w);
}
