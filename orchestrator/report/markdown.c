/*
 * The report as GitHub's Markdown. Text from the document stands in code spans
 * and code blocks only, where no markup, link or mention can come to life.
 */
#include "orchestrator/report/report.h"

#include "base/json.h"
#include "orchestrator/report/doc.h"
#include "orchestrator/report/emit.h"

#define FRAMES_SHOWN 32

static void item_text(struct emit *w, const char *label, const char *text)
{
	if (text[0] == '\0')
		return;
	emit_printf(w, "- %s: ", label);
	emit_code(w, text, false);
	emit(w, "\n");
}

static void item(struct emit *w, const char *label, const json_t *o, const char *key)
{
	struct doc_field f;
	item_text(w, label, doc_field(o, key, &f));
}

static void headline(struct emit *w, const json_t *doc)
{
	struct doc_field f;
	emit_printf(w, "# %s\n\n", doc_outcome(doc)->headline);
	if (pl_json_bool_or(doc, "simulated", false))
		emit(w, "**Simulated lab: no real macOS, no real VMware Fusion.**\n\n");
	item(w, "Scenario", doc, "scenario");
	item(w, "Guest", doc, "guest");
	item_text(w, "System", doc_guest_system(doc, &f));
	item_text(w, "Kernel installed", doc_kernel(doc, &f));
	item_text(w, "Boots", doc_boots(doc, &f));
	item(w, "Run", doc, "id");
	item(w, "Started", doc, "started");
	item_text(w, "Took", doc_duration(doc, "seconds", &f));
	item(w, "Exit code", doc, "exit_code");
	item_text(w, "Error", doc_command(json_object_get(doc, "error"), "line", &f));
}

static void backtrace(struct emit *w, const json_t *frames)
{
	size_t count = json_array_size(frames);
	if (count == 0)
		return;
	emit(w, "\n| # | symbol | image | address |\n|---:|---|---|---|\n");
	for (size_t i = 0; i < count && i < FRAMES_SHOWN; i++) {
		const json_t *frame = json_array_get(frames, i);
		static const char *const keys[] = {"symbol", "image", "address"};
		struct doc_field f;
		emit_printf(w, "| %zu |", i);
		for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++) {
			emit(w, " ");
			emit_code(w, doc_field(frame, keys[k], &f), true);
			emit(w, " |");
		}
		emit(w, "\n");
	}
	if (count > FRAMES_SHOWN)
		emit_printf(w, "\n%zu frames in all.\n", count);
}

static void panic(struct emit *w, const json_t *doc)
{
	const json_t *p = doc_panic(doc);
	if (p == NULL)
		return;
	emit(w, "\n## Why it panicked\n\n");
	item(w, "Panic", p, "string");
	item(w, "Source", p, "source");
	item(w, "Fault address", p, "fault_address");
	item(w, "Caller", p, "caller");
	item(w, "CPU", p, "cpu");
	item(w, "Process", p, "process");
	item(w, "Title", p, "signature_title");
	item(w, "Signature", p, "signature");
	item(w, "Class", p, "signature_class");
	backtrace(w, json_object_get(p, "backtrace"));
}

static void panic_text(struct emit *w, const json_t *doc)
{
	struct pl_buf text;
	bool there = false;
	pl_buf_init(&text, 4 * DOC_TEXT_MAX + 256);
	struct pl_error *e = doc_panic_text(doc, &text, &there);
	if (e == NULL && there) {
		emit(w, "\n<details><summary>Panic text</summary>\n\n");
		emit_code_block(w, pl_buf_text(&text));
		emit(w, "\n</details>\n");
	}
	pl_error_keep_first(&w->error, e);
	pl_buf_deinit(&text);
}

static void core(struct emit *w, const json_t *doc)
{
	const json_t *c = json_object_get(doc, "core");
	if (!json_is_object(c))
		return;
	emit(w, "\n## Core\n\n");
	item(w, "Kernel UUID", c, "kernel_uuid");
	item(w, "Kernel", c, "kernel_version");
	item(w, "Load address", c, "load_address");
	item(w, "Slide", c, "slide");
}

static void debugger(struct emit *w, const json_t *doc)
{
	const json_t *d = json_object_get(doc, "debugger"), *frames = json_object_get(d, "backtrace");
	size_t count = json_array_size(frames);
	if (!doc_has(d, "program"))
		return;
	emit(w, "\n## Debugger\n\n");
	item(w, "Program", d, "program");
	item(w, "Kernel", d, "kernel");
	item(w, "Remark", d, "detail");
	if (count > 0)
		emit(w, "\n| # | frame | address |\n|---:|---|---|\n");
	for (size_t i = 0; i < count && i < FRAMES_SHOWN; i++) {
		struct doc_field text, address;
		const json_t *one = json_array_get(frames, i);
		emit_printf(w, "| %zu | ", i);
		emit_code(w, doc_field(one, "text", &text), true);
		emit(w, " | ");
		emit_code(w, doc_field(one, "address", &address), true);
		emit(w, " |\n");
	}
	if (count > FRAMES_SHOWN)
		emit_printf(w, "\n%zu frames in all.\n", count);
}

static void evidence(struct emit *w, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "evidence");
	size_t count = json_array_size(list);
	if (count == 0)
		return;
	emit(w, "\n## Evidence\n\n| kind | file | size | status | remark |\n|---|---|---:|---|---|\n");
	for (size_t i = 0; i < count && i < DOC_ROWS_MAX; i++) {
		const json_t *one = json_array_get(list, i);
		struct doc_field kind, path, size, status, detail;
		const char *cells[] = {doc_field(one, "kind", &kind), doc_field(one, "path", &path),
			doc_size(one, "bytes", &size), doc_field(one, "status", &status),
			doc_field(one, "detail", &detail)};
		emit(w, "|");
		for (size_t k = 0; k < sizeof cells / sizeof cells[0]; k++) {
			emit(w, " ");
			emit_code(w, cells[k], true);
			emit(w, " |");
		}
		emit(w, "\n");
	}
}

static void boot_args(struct emit *w, const json_t *doc)
{
	const json_t *args = json_object_get(doc, "boot_args");
	if (!doc_has(args, "before") && !doc_has(args, "during"))
		return;
	emit(w, "\n## Boot-args\n\n");
	item(w, "Before", args, "before");
	item(w, "During the run", args, "during");
	const json_t *findings = json_object_get(args, "findings");
	struct doc_field finding;
	for (size_t i = 0; i < json_array_size(findings) && i < DOC_ROWS_MAX; i++)
		item_text(w, "Warning", doc_finding(json_array_get(findings, i), &finding));
}

static void restored(struct emit *w, const json_t *doc)
{
	const json_t *left = json_object_get(json_object_get(doc, "restored"), "left");
	static const char *const words[] = {
		[DOC_RESTORED] = "Everything that the run changed is back as it was.",
		[DOC_LEFT] = "**Not everything is back as it was.** Left, and how to do it by hand:",
		[DOC_RESTORED_UNKNOWN] = "Not known; `paniclab runs` tells.",
	};
	emit_printf(w, "\n## Restored\n\n%s\n", words[doc_restored(doc)]);
	for (size_t i = 0; i < json_array_size(left) && i < DOC_ROWS_MAX; i++) {
		struct doc_field what, by_hand;
		emit(w, "\n- ");
		emit_code(w, doc_field(json_array_get(left, i), "what", &what), false);
		if (doc_command(json_array_get(left, i), "by_hand", &by_hand)[0] != '\0') {
			emit(w, ": ");
			emit_code(w, by_hand.text, false);
		}
	}
	emit(w, json_array_size(left) > 0 ? "\n" : "");
}

struct pl_error *report_markdown(const json_t *doc, struct pl_buf *out)
{
	struct emit w = {.out = out};
	headline(&w, doc);
	panic(&w, doc);
	panic_text(&w, doc);
	core(&w, doc);
	debugger(&w, doc);
	evidence(&w, doc);
	boot_args(&w, doc);
	restored(&w, doc);
	return w.error;
}
