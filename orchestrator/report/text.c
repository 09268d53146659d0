/* The report for a terminal. Everything but our own words comes through doc.h, which escapes it. */
#include "orchestrator/report/report.h"

#include <string.h>

#include "base/json.h"
#include "orchestrator/report/doc.h"
#include "orchestrator/report/emit.h"

#define FRAMES_SHOWN 10

static const char *color_of(enum doc_tone tone)
{
	static const char *const colors[] = {
		[DOC_GOOD] = "\033[1;32m", [DOC_WARN] = "\033[1;33m", [DOC_BAD] = "\033[1;31m"};
	return colors[tone];
}

static void painted(struct emit *w, bool color, enum doc_tone tone, const char *text)
{
	emit_printf(w, "%s%s%s", color ? color_of(tone) : "", text, color ? "\033[0m" : "");
}

/* "  label     " in front of a line; an empty label indents what continues one. */
static void label(struct emit *w, const char *text)
{
	emit_printf(w, "  %-10s", text);
}

/* A line "label before VALUE" if there is a value; true if so. */
static bool line(struct emit *w, const char *name, const char *before, const json_t *o, const char *key)
{
	struct doc_field f;
	if (doc_field(o, key, &f)[0] == '\0')
		return false;
	label(w, name);
	emit_printf(w, "%s%s\n", before, f.text);
	return true;
}

static void headline(struct emit *w, const json_t *doc, bool color)
{
	const struct doc_outcome *outcome = doc_outcome(doc);
	struct doc_field f;
	painted(w, color, outcome->tone, outcome->headline);
	if (doc_field(doc, "scenario", &f)[0] != '\0')
		emit_printf(w, ": %s", f.text);
	if (doc_field(doc, "guest", &f)[0] != '\0')
		emit_printf(w, " on %s", f.text);
	if (doc_duration(doc, "seconds", &f)[0] != '\0')
		emit_printf(w, ", %s", f.text);
	if (pl_json_bool_or(doc, "simulated", false))
		emit(w, " (simulated lab)");
	emit(w, "\n");
}

static void error(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	const json_t *e = json_object_get(doc, "error");
	if (doc_command(e, "line", &f)[0] == '\0')
		return;
	label(w, "error");
	emit_printf(w, "%s\n", f.text);
}

static void frame(struct emit *w, const json_t *one)
{
	struct doc_field image, symbol, offset, address;
	doc_field(one, "image", &image);
	doc_offset(one, &offset);
	label(w, "");
	if (doc_field(one, "symbol", &symbol)[0] == '\0')
		emit_printf(w, "  %s%s%s%s%s\n", doc_field(one, "address", &address),
			image.text[0] == '\0' ? "" : " ", image.text, offset.text[0] == '\0' ? "" : " + ",
			offset.text);
	else
		emit_printf(w, "  %s%s%s%s%s\n", image.text, image.text[0] == '\0' ? "" : " ", symbol.text,
			offset.text[0] == '\0' ? "" : " + ", offset.text);
}

/* Bare addresses tell nobody anything at a glance: they are left to the pages. */
static void backtrace(struct emit *w, const json_t *frames, bool keepsyms)
{
	size_t count = json_array_size(frames);
	bool named = false;
	for (size_t i = 0; i < count && !named; i++)
		named = doc_has(json_array_get(frames, i), "symbol") ||
			doc_has(json_array_get(frames, i), "image");
	for (size_t i = 0; named && i < count && i < FRAMES_SHOWN; i++)
		frame(w, json_array_get(frames, i));
	if (count == 0 || (named && count <= FRAMES_SHOWN))
		return;
	label(w, "");
	if (named)
		emit_printf(w, "  (%zu more)\n", count - FRAMES_SHOWN);
	else
		emit_printf(w, "%zu frames without symbols%s\n", count,
			keepsyms ? "" : "; keepsyms=1 in boot_args gives them");
}

static void panic(struct emit *w, const json_t *doc)
{
	const json_t *p = doc_panic(doc);
	if (!line(w, "panic", "", p, "string")) {
		label(w, "panic");
		emit(w, doc_panicked(doc) ? "its text could not be read" : "none was seen");
		struct doc_field sign;
		if (doc_field(json_object_get(doc, "panicked"), "sign", &sign)[0] != '\0')
			emit_printf(w, "; %s", sign.text);
		emit(w, "\n");
		return;
	}
	line(w, "", "at ", p, "source");
	line(w, "", "touched ", p, "fault_address");
	line(w, "", "caller ", p, "caller");
	line(w, "", "process ", p, "process");
	line(w, "", "title ", p, "signature_title");
	line(w, "", "signature ", p, "signature");
	const char *boot_args = pl_json_str_or(json_object_get(doc, "boot_args"), "during", "");
	backtrace(w, json_object_get(p, "backtrace"), strstr(boot_args, "keepsyms=1") != NULL);
}

/* "kernel`panic(...) at kern.c:42": as the debugger has it, where it has a name at all. */
static void debugger(struct emit *w, const json_t *doc)
{
	const json_t *d = json_object_get(doc, "debugger"), *frames = json_object_get(d, "backtrace");
	struct doc_field f;
	size_t count = json_array_size(frames), named = 0;
	for (size_t i = 0; i < count; i++)
		named += doc_has(json_array_get(frames, i), "symbol");
	if (strcmp(pl_json_str_or(d, "status", ""), "failed") == 0) {
		line(w, "debugger", "", d, "detail");
		return;
	}
	if (named == 0)
		return;
	label(w, "debugger");
	emit_printf(w, "%s\n", doc_command(d, "program", &f));
	for (size_t i = 0; i < count && i < FRAMES_SHOWN; i++) {
		label(w, "");
		const json_t *one = json_array_get(frames, i);
		emit_printf(w, "  %s\n", doc_command(one, doc_has(one, "text") ? "text" : "address", &f));
	}
	if (count > FRAMES_SHOWN) {
		label(w, "");
		emit_printf(w, "  (%zu more)\n", count - FRAMES_SHOWN);
	}
}

/* "PATH (812.0 MiB) complete": the unpacked core if there is one, else the packed. */
static void core_file(struct emit *w, const json_t *doc, bool color)
{
	struct doc_field f;
	const json_t *core = doc_core_file(doc);
	label(w, "core");
	if (core == NULL) {
		/* keep: report in the scenario deletes the core once it has been read. */
		bool arrived = pl_json_bool_or(json_object_get(doc, "dump"), "complete", false);
		emit(w, arrived ? "arrived complete, not kept\n" : "none\n");
		return;
	}
	if (doc_command(doc, "folder", &f)[0] != '\0' && doc_relative_path(core, "path")[0] != '\0')
		emit_printf(w, "%s/", f.text);
	emit(w, doc_command(core, "path", &f));
	if (doc_size(core, "bytes", &f)[0] != '\0')
		emit_printf(w, " (%s)", f.text);
	if (doc_field(core, "status", &f)[0] != '\0') {
		emit(w, " ");
		painted(w, color, strcmp(f.text, "complete") == 0 ? DOC_GOOD : DOC_BAD, f.text);
	}
	emit(w, "\n");
	line(w, "", "", core, "detail");
}

static void core(struct emit *w, const json_t *doc, bool color)
{
	core_file(w, doc, color);
	const json_t *c = json_object_get(doc, "core");
	line(w, "", "kernel UUID ", c, "kernel_uuid");
	line(w, "", "loaded at ", c, "load_address");
	line(w, "", "slide ", c, "slide");
	const json_t *dump = json_object_get(doc, "dump");
	if (!pl_json_bool_or(dump, "complete", true))
		line(w, "", "the transfer stopped: ", dump, "reason");
}

static void restored(struct emit *w, const json_t *doc, bool color)
{
	label(w, "restored");
	if (doc_restored(doc) == DOC_RESTORED) {
		painted(w, color, DOC_GOOD, "everything");
		emit(w, "\n");
		return;
	}
	if (doc_restored(doc) == DOC_RESTORED_UNKNOWN) {
		emit(w, "not known; see: paniclab runs\n");
		return;
	}
	painted(w, color, DOC_BAD, "not everything; left, and how to do it by hand:");
	emit(w, "\n");
	const json_t *left = json_object_get(json_object_get(doc, "restored"), "left");
	for (size_t i = 0; i < json_array_size(left) && i < DOC_ROWS_MAX; i++) {
		struct doc_field f;
		line(w, "", "- ", json_array_get(left, i), "what");
		if (doc_command(json_array_get(left, i), "by_hand", &f)[0] == '\0')
			continue;
		label(w, "");
		emit_printf(w, "    %s\n", f.text);
	}
}

static void report_path(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	if (doc_command(doc, "folder", &f)[0] == '\0')
		return;
	label(w, "report");
	emit_printf(w, "%s/report.html\n", f.text);
}

struct pl_error *report_text(const json_t *doc, bool color, struct pl_buf *out)
{
	struct emit w = {.out = out};
	struct doc_field f;
	headline(&w, doc, color);
	error(&w, doc);
	panic(&w, doc);
	debugger(&w, doc);
	core(&w, doc, color);
	if (doc_guest_system(doc, &f)[0] != '\0') {
		label(&w, "guest");
		emit_printf(&w, "%s\n", f.text);
	}
	if (doc_kernel(doc, &f)[0] != '\0') {
		label(&w, "kernel");
		emit_printf(&w, "%s\n", f.text);
	}
	if (doc_boots(doc, &f)[0] != '\0') {
		label(&w, "boots");
		emit_printf(&w, "%s\n", f.text);
	}
	restored(&w, doc, color);
	report_path(&w, doc);
	return w.error;
}
