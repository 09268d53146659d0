/*
 * The threads of a core and their backtraces.
 *
 *   thread_list  [{"registers":{...},"panicked":true,"backtrace":[{"frame","address","symbol","offset",
 *                "image","source"}],"backtrace_end":"root"|"below"|"absent"|"full"}]
 *
 * A frame's keys are those of the panic's backtrace: `frame` is where the return address was
 * found, of the first one the frame pointer; `offset` counts from the symbol, or without one from
 * the start of a kext.
 */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/core_json.h"
#include "orchestrator/core/inspect.h"
#include "orchestrator/core/inspect_symbols.h"

/* Functions that only a panic goes through, or a trap that becomes one. */
static const char *const panic_code[] = {"panic", "panic_trap_to_debugger", "panic_with_options", "Debugger",
	"DebuggerTrapWithState", "handle_debugger_trap", "panic_trap", "kernel_trap", "panic_i386",
	"panic_64"};

struct pl_error *inspect_threads_walk(struct inspect_symbols *s)
{
	size_t count = s->core->thread_count, sum = 0;
	struct core_backtrace *b = malloc(sizeof *b);

	s->threads = calloc(count + 1, sizeof *s->threads);
	if (!b || !s->threads) {
		free(b);
		return pl_error_nomem();
	}
	for (size_t i = 0; i < count && sum < INSPECT_FRAMES_MAX; i++) {
		struct inspect_thread *t = &s->threads[i];
		core_backtrace(s->core, &s->core->threads[i], b);
		t->frames = calloc(b->count + 1, sizeof *t->frames);
		if (!t->frames) {
			free(b);
			return pl_error_nomem();
		}
		for (size_t n = 0; n < b->count; n++)
			t->frames[n].at = b->frames[n];
		t->count = b->count;
		t->end = b->end;
		sum += b->count;
	}
	free(b);
	return NULL;
}

void inspect_threads_deinit(struct inspect_symbols *s)
{
	for (size_t i = 0; s->threads && i < s->core->thread_count; i++) {
		for (size_t n = 0; n < s->threads[i].count; n++) {
			free(s->threads[i].frames[n].source);
			free(s->threads[i].frames[n].said.symbol);
			free(s->threads[i].frames[n].said.image);
		}
		free(s->threads[i].frames);
	}
	free(s->threads);
	s->threads = NULL;
}

void inspect_threads_name(struct inspect_symbols *s)
{
	for (size_t i = 0; i < s->core->thread_count; i++) {
		struct inspect_thread *t = &s->threads[i];
		for (size_t n = 0; n < t->count; n++) {
			const char *before = n > 0 ? t->frames[n - 1].place.symbol : NULL;
			bool exact = n == 0 || (before && symbols_is_trap_handler(before));
			struct inspect_frame *f = &t->frames[n];
			f->known = symbols_find(&s->set, f->at.address, exact, &f->place);
		}
	}
}

static const struct panic_frame *said_of(const struct panic_text *p, uint64_t address)
{
	for (size_t i = 0; i < p->frame_count; i++)
		if (p->frames[i].address == address && p->frames[i].symbol)
			return &p->frames[i];
	return NULL;
}

static struct pl_error *name_by_text(struct inspect_frame *f, const struct panic_text *p)
{
	const struct panic_frame *said = f->known && f->place.symbol ? NULL : said_of(p, f->at.address);

	if (!said)
		return NULL;
	f->said.offset = said->offset;
	f->said.symbol = strdup(said->symbol);
	f->said.image = said->image ? strdup(said->image) : NULL;
	return f->said.symbol && (f->said.image || !said->image) ? NULL : pl_error_nomem();
}

struct pl_error *inspect_threads_name_by_text(struct inspect_symbols *s, const struct panic_text *p)
{
	struct pl_error *e = NULL;

	for (size_t i = 0; i < s->core->thread_count; i++)
		for (size_t n = 0; !e && n < s->threads[i].count; n++)
			e = name_by_text(&s->threads[i].frames[n], p);
	return e;
}

/* ---- which one it was ---- */

static size_t common_frames(const struct inspect_thread *t, const struct panic_text *p)
{
	size_t common = 0;

	for (size_t i = 0; i < p->frame_count; i++)
		for (size_t n = 0; n < t->count; n++)
			if (t->frames[n].at.frame == p->frames[i].frame &&
				t->frames[n].at.address == p->frames[i].address) {
				common++;
				break;
			}
	return common;
}

static bool is_panic_code(const struct inspect_frame *f)
{
	const char *symbol = f->place.symbol;

	if (!f->known || !f->place.image->kernel || !symbol)
		return false;
	symbol += *symbol == '_';
	for (size_t i = 0; i < sizeof panic_code / sizeof *panic_code; i++)
		if (strcmp(symbol, panic_code[i]) == 0)
			return true;
	return false;
}

static bool goes_through_panic(const struct inspect_thread *t)
{
	for (size_t n = 0; n < t->count; n++)
		if (is_panic_code(&t->frames[n]))
			return true;
	return false;
}

/* The one whose stack the panic text shows; else the one that is in xnu's panic code, if there is one only.
 */
void inspect_threads_panicked(struct inspect_symbols *s, const struct panic_text *p)
{
	size_t best = 0, through = 0;

	for (size_t i = 0; p && i < s->core->thread_count; i++) {
		size_t common = common_frames(&s->threads[i], p);
		if (common > best) {
			best = common;
			s->panicked = i;
		}
	}
	for (size_t i = 0; best == 0 && i < s->core->thread_count; i++) {
		if (goes_through_panic(&s->threads[i])) {
			through++;
			s->panicked = i;
		}
	}
	if (through > 1)
		s->panicked = INSPECT_NO_THREAD;
}

/* ---- JSON ---- */

static int set_frame(json_t *list, const struct inspect_frame *f)
{
	json_t *o = json_object();
	int bad = json_object_set_new(o, "frame", core_json_address(f->at.frame));

	bad |= json_object_set_new(o, "address", core_json_address(f->at.address));
	const struct symbol_image *i = f->known ? f->place.image : NULL;
	if (f->known && f->place.symbol) {
		size_t len = strnlen(f->place.symbol, SYMTAB_NAME_MAX);
		bad |= json_object_set_new(o, "symbol", core_json_text(f->place.symbol, len));
		bad |= core_json_set_count(o, "offset", f->place.offset);
	} else if (f->said.symbol) {
		bad |= core_json_set_text(o, "symbol", f->said.symbol);
		bad |= core_json_set_count(o, "offset", f->said.offset.value);
	} else if (i && !i->kernel) {
		bad |= core_json_set_count(o, "offset", f->at.address - i->start);
	}
	bad |= core_json_set_text(o, "image", i ? i->name : f->said.image);
	bad |= core_json_set_text(o, "source", f->source);
	return json_array_append_new(list, o) | bad;
}

json_t *inspect_registers(const struct macho_thread *t)
{
	json_t *o = json_object();
	int bad = o ? 0 : -1;

	for (size_t i = 0; !bad && i < t->count; i++)
		bad = json_object_set_new(o, t->names[i], core_json_address(t->registers[i]));
	if (!bad)
		return o;
	json_decref(o);
	return NULL;
}

static int set_thread(json_t *list, const struct inspect_symbols *s, size_t i)
{
	static const char *const ends[] = {"root", "below", "absent", "full"};
	const struct inspect_thread *t = &s->threads[i];
	json_t *o = json_object(), *frames = json_array();
	int bad = json_object_set_new(o, "registers", inspect_registers(&s->core->threads[i]));

	if (i == s->panicked)
		bad |= json_object_set_new(o, "panicked", json_true());
	for (size_t n = 0; n < t->count && !bad; n++)
		bad |= set_frame(frames, &t->frames[n]);
	bad |= json_object_set_new(o, "backtrace", frames);
	if (t->count > 0)
		bad |= json_object_set_new(o, "backtrace_end", json_string(ends[t->end]));
	return json_array_append_new(list, o) | bad;
}

int inspect_threads_set(json_t *doc, const struct inspect_symbols *s)
{
	json_t *list = json_array();
	int bad = 0;

	for (size_t i = 0; i < s->core->thread_count && !bad; i++)
		bad = set_thread(list, s, i);
	return json_object_set_new(doc, "thread_list", list) | bad;
}

/* ---- a core without a panic text ---- */

static struct pl_error *copy_frame(const struct inspect_frame *f, struct panic_frame *to)
{
	*to = (struct panic_frame){.frame = f->at.frame, .address = f->at.address};
	if (!f->known)
		return NULL;
	to->image = strdup(f->place.image->name);
	if (f->place.symbol)
		to->symbol = strndup(f->place.symbol, SYMTAB_NAME_MAX);
	if (f->source)
		to->source = strdup(f->source);
	to->offset = (struct panic_address){f->place.symbol != NULL, f->place.offset};
	if (!f->place.symbol && !f->place.image->kernel)
		to->offset = (struct panic_address){true, f->at.address - f->place.image->start};
	return to->image && (to->symbol || !f->place.symbol) && (to->source || !f->source) ? NULL
											   : pl_error_nomem();
}

struct pl_error *inspect_threads_panic(struct inspect *in, const struct inspect_symbols *s)
{
	const struct inspect_thread *t =
		s->panicked < s->core->thread_count ? &s->threads[s->panicked] : NULL;
	struct panic_text p = {.found = true, .cpu = -1};
	struct pl_error *e = NULL;
	json_t *o;

	if (!t || !goes_through_panic(t))
		return NULL;
	p.frames = calloc(t->count, sizeof *p.frames);
	if (!p.frames)
		return pl_error_nomem();
	for (size_t n = 0; n < t->count && !e; n++) {
		e = copy_frame(&t->frames[n], &p.frames[n]);
		p.frame_count++;
	}
	if (!e)
		e = panic_text_json(&p, in->options->rules, &o);
	if (!e)
		e = inspect_check(json_object_set_new(o, "from_thread", json_true()) |
				  json_object_set_new(in->doc, "panic", o));
	panic_text_deinit(&p);
	return e;
}
