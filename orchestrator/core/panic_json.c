/* The `panic` object of the command line's contract, from a panic text. */
#include "orchestrator/core/panic_text.h"

#include <string.h>

#include "orchestrator/core/core_json.h"
#include "orchestrator/core/signature.h"

static int set_address(json_t *o, const char *key, const struct panic_address *a)
{
	return a->known ? json_object_set_new(o, key, core_json_address(a->value)) : 0;
}

/* Appends o, which failed != 0 or NULL means could not be made; takes it over. */
static int append(json_t *list, json_t *o, int failed)
{
	if (failed) {
		json_decref(o);
		return -1;
	}
	return json_array_append_new(list, o);
}

static json_t *backtrace(const struct panic_text *p)
{
	json_t *list = json_array();
	int failed = list ? 0 : -1;

	for (size_t i = 0; i < p->frame_count && !failed; i++) {
		const struct panic_frame *f = &p->frames[i];
		json_t *o = json_object();
		int bad = json_object_set_new(o, "frame", core_json_address(f->frame));
		bad |= json_object_set_new(o, "address", core_json_address(f->address));
		bad |= core_json_set_text(o, "symbol", f->symbol);
		if (f->offset.known)
			bad |= core_json_set_count(o, "offset", f->offset.value);
		bad |= core_json_set_text(o, "image", f->image);
		bad |= core_json_set_text(o, "source", f->source);
		failed = append(list, o, bad);
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static int set_kext(json_t *o, const struct panic_kext *k)
{
	int bad = core_json_set_text(o, "id", k->id);
	bad |= core_json_set_text(o, "version", k->version);
	bad |= core_json_set_text(o, "uuid", k->uuid);
	bad |= set_address(o, "start", &k->start);
	bad |= set_address(o, "end", &k->end);
	return bad;
}

/* A kext's dependencies have none themselves: two levels. */
static json_t *dependencies(const struct panic_kext *kext, size_t count)
{
	json_t *list = json_array();
	int failed = list ? 0 : -1;

	for (size_t i = 0; i < count && !failed; i++) {
		json_t *o = json_object();
		failed = append(list, o, set_kext(o, &kext[i]));
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *kexts(const struct panic_text *p)
{
	json_t *list = json_array();
	int failed = list ? 0 : -1;

	for (size_t i = 0; i < p->kext_count && !failed; i++) {
		json_t *o = json_object();
		int bad = set_kext(o, &p->kexts[i]);
		bad |= json_object_set_new(o, "dependencies",
			dependencies(p->kexts[i].dependencies, p->kexts[i].dependency_count));
		failed = append(list, o, bad);
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *loaded(const struct panic_text *p)
{
	json_t *list = json_array();
	int failed = list ? 0 : -1;

	for (size_t i = 0; i < p->loaded_count && !failed; i++) {
		json_t *o = json_object();
		int bad = core_json_set_text(o, "id", p->loaded[i].id);
		bad |= core_json_set_text(o, "version", p->loaded[i].version);
		failed = append(list, o, bad);
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static json_t *not_understood(const struct panic_text *p)
{
	json_t *list = json_array();
	int failed = list ? 0 : -1;

	for (size_t i = 0; i < p->not_understood_count && !failed; i++) {
		const char *line = p->not_understood[i];
		json_t *o = core_json_text(line, strlen(line));
		failed = o ? append(list, o, 0) : -1;
	}
	if (!failed)
		return list;
	json_decref(list);
	return NULL;
}

static int set_message(json_t *o, const struct panic_text *p)
{
	int bad = core_json_set_text(o, "string", p->string);
	if (p->cpu >= 0)
		bad |= core_json_set_count(o, "cpu", (uint64_t)p->cpu);
	bad |= set_address(o, "caller", &p->caller);
	bad |= core_json_set_text(o, "source", p->source);
	bad |= set_address(o, "fault_address", &p->fault_address);
	bad |= core_json_set_text(o, "process", p->process);
	bad |= core_json_set_text(o, "boot_args", p->boot_args);
	bad |= json_object_set_new(o, "complete", json_boolean(p->complete));
	return bad;
}

static int set_machine(json_t *o, const struct panic_text *p)
{
	int bad = core_json_set_text(o, "build", p->build);
	bad |= core_json_set_text(o, "kernel_version", p->kernel_version);
	bad |= core_json_set_text(o, "kernel_uuid", p->kernel_uuid);
	bad |= set_address(o, "kernel_slide", &p->kernel_slide);
	bad |= set_address(o, "kernel_text_base", &p->kernel_text_base);
	bad |= set_address(o, "kernelcache_slide", &p->kernelcache_slide);
	bad |= set_address(o, "kernelcache_base", &p->kernelcache_base);
	bad |= set_address(o, "hib_text_base", &p->hib_text_base);
	bad |= core_json_set_text(o, "model", p->model);
	bad |= core_json_set_text(o, "last_loaded_kext", p->last_loaded_kext);
	if (p->uptime_ns.known)
		bad |= core_json_set_count(o, "uptime_ns", p->uptime_ns.value);
	return bad;
}

static int set_lists(json_t *o, const struct panic_text *p)
{
	int bad = json_object_set_new(o, "backtrace", backtrace(p));
	bad |= json_object_set_new(o, "kexts", kexts(p));
	if (p->dependency_count > 0)
		bad |= json_object_set_new(
			o, "dependencies", dependencies(p->dependencies, p->dependency_count));
	bad |= json_object_set_new(o, "loaded_kexts", loaded(p));
	bad |= json_object_set_new(o, "not_understood", not_understood(p));
	bad |= core_json_set_count(o, "lines_not_understood", p->lines_unknown);
	bad |= core_json_set_count(o, "other_panics", p->other_panics);
	return bad;
}

static struct pl_error *set_signature(json_t *o, const struct panic_text *p, const char *rules)
{
	struct signature s;
	struct pl_error *e = signature_make(p, rules, &s);
	int bad = 0;

	if (!e) {
		bad = core_json_set_text(o, "signature", s.id);
		bad |= core_json_set_text(o, "signature_title", s.title);
		bad |= core_json_set_text(o, "signature_class", s.disposition);
	}
	signature_deinit(&s);
	return bad ? pl_error_nomem() : e;
}

struct pl_error *panic_text_json(const struct panic_text *p, const char *rules, json_t **ret)
{
	json_t *o = json_object();
	int bad = o ? 0 : -1;

	bad |= set_message(o, p);
	bad |= set_lists(o, p);
	bad |= set_machine(o, p);
	struct pl_error *e = bad ? pl_error_nomem() : set_signature(o, p, rules);
	if (e)
		json_decref(o);
	else
		*ret = o;
	return e;
}
