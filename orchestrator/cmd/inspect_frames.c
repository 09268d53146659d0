#include "orchestrator/cmd/inspect_frames.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"

#define THREADS_SHOWN 16   /* besides the one that panicked */
#define IMAGE_WIDTH_MAX 40 /* of a column: what is longer takes its line out of the rank */
#define SYMBOL_WIDTH_MAX 48
#define CELL 512

struct widths {
	int image;
	int symbol;
};

static const char *cell(const json_t *o, const char *key, char out[static CELL])
{
	return pl_escape_str(pl_json_str_or(o, key, ""), out, CELL);
}

/* "_panic + 0x15", "+ 0x6b0" in an image without symbols, "" */
static const char *symbol_of(const json_t *frame, char out[static CELL])
{
	char symbol[CELL];
	const char *name = cell(frame, "symbol", symbol);
	uint64_t offset = (uint64_t)pl_json_int_or(frame, "offset", 0);

	if (json_object_get(frame, "offset") && (offset > 0 || !*name))
		snprintf(out, CELL, "%.480s%s+ 0x%" PRIx64, name, *name ? " " : "", offset);
	else
		snprintf(out, CELL, "%s", name);
	return out;
}

static int wider(int width, const char *text, int most)
{
	size_t len = strlen(text);
	return len <= (size_t)most && (int)len > width ? (int)len : width;
}

static struct widths widths_of(const json_t *frames)
{
	struct widths w = {0, 0};
	char text[CELL];
	const json_t *f;
	size_t i;

	json_array_foreach(frames, i, f)
	{
		w.image = wider(w.image, cell(f, "image", text), IMAGE_WIDTH_MAX);
		w.symbol = wider(w.symbol, symbol_of(f, text), SYMBOL_WIDTH_MAX);
	}
	return w;
}

/* Without blanks at the end of the line. */
static void print_frame(FILE *out, size_t number, const json_t *f, struct widths w)
{
	char image[CELL], symbol[CELL], source[CELL];
	const char *cells[] = {cell(f, "image", image), symbol_of(f, symbol), cell(f, "source", source)};
	const int width[] = {w.image, w.symbol, 0};
	size_t last = 3;

	while (last > 0 && !*cells[last - 1])
		last--;
	fprintf(out, "  %3zu  %s", number, pl_json_str_or(f, "address", "?"));
	for (size_t i = 0; i < last; i++)
		if (width[i] > 0 || *cells[i])
			fprintf(out, "  %-*s", i + 1 < last ? width[i] : 0, cells[i]);
	fputc('\n', out);
}

static void print_frames(FILE *out, const json_t *frames)
{
	struct widths w = widths_of(frames);
	const json_t *f;
	size_t i;

	json_array_foreach(frames, i, f) print_frame(out, i, f, w);
}

static const json_t *panicked(const json_t *doc)
{
	const json_t *threads = json_object_get(doc, "thread_list"), *t;
	size_t i;

	json_array_foreach(threads, i, t) if (pl_json_bool_or(t, "panicked", false)) return t;
	return NULL;
}

void inspect_print_backtrace(FILE *out, const json_t *doc)
{
	const json_t *thread = panicked(doc);
	const json_t *frames = json_object_get(thread ? thread : json_object_get(doc, "panic"), "backtrace");

	if (json_array_size(frames) == 0)
		return;
	fputs("\nBacktrace\n", out);
	print_frames(out, frames);
}

static void print_symbol_files(FILE *out, const json_t *files)
{
	char image[CELL], path[CELL];
	const json_t *f;
	size_t i;

	if (json_array_size(files) == 0)
		return;
	fputs("\nSymbols\n", out);
	json_array_foreach(files, i, f) fprintf(out, "  %s: %s\n", cell(f, "image", image),
		json_object_get(f, "path") ? cell(f, "path", path)
					   : "left in the core's memory by the kernel");
}

void inspect_print_threads(FILE *out, const json_t *doc)
{
	const json_t *threads = json_object_get(doc, "thread_list"), *own = panicked(doc), *t;
	size_t i, shown = 0;

	json_array_foreach(threads, i, t)
	{
		const json_t *frames = json_object_get(t, "backtrace");
		if (t == own || json_array_size(frames) == 0)
			continue;
		if (shown++ >= THREADS_SHOWN)
			continue;
		fprintf(out, "\nThread %zu\n", i + 1);
		print_frames(out, frames);
	}
	if (shown > THREADS_SHOWN)
		fprintf(out, "\n%zu more threads (--json has them)\n", shown - THREADS_SHOWN);
	print_symbol_files(out, json_object_get(doc, "symbol_files"));
}

void inspect_print_loaded(FILE *out, const json_t *doc)
{
	const json_t *kexts = json_object_get(doc, "kexts_loaded"), *k;
	char id[CELL], version[CELL], uuid[CELL];
	size_t i, apple = 0;

	if (json_array_size(kexts) == 0)
		return;
	fprintf(out, "\nKernel extensions loaded (%zu)\n", json_array_size(kexts));
	json_array_foreach(kexts, i, k)
	{
		if (pl_starts_with(pl_json_str_or(k, "id", ""), "com.apple.")) {
			apple++;
			continue;
		}
		fprintf(out, "  %s - %s  %s %s  %s\n", pl_json_str_or(k, "start", "?"),
			pl_json_str_or(k, "end", "?"), cell(k, "id", id), cell(k, "version", version),
			cell(k, "uuid", uuid));
	}
	if (apple > 0)
		fprintf(out, "  %zu%s of Apple's (--json has them)\n", apple,
			apple < json_array_size(kexts) ? " more" : "");
}
