#include "orchestrator/core/debugger_session.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/grow.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/core/folder.h"
#include "orchestrator/core/kdk_facts.h"
#include "orchestrator/core/kdk_search.h"
#include "orchestrator/core/symbol_file.h"

struct make {
	const struct debugger_sources *from;
	const struct pl_wait *wait;
	struct kdk_facts facts; /* of the core */
	struct kdk_search *search;
	struct debugger_session *out;
	const struct kdk *kit; /* the kernel's; search owns it */
};

static struct pl_error *absolute(const char *path, char **ret)
{
	char here[4096];

	if (path[0] == '/')
		return pl_strdup(path, ret);
	if (!getcwd(here, sizeof here))
		return pl_error_new(PL_ERR_LAB, "the current folder is gone");
	return pl_asprintf(ret, "%s/%s", here, path);
}

/* ---- the kernel ---- */

static struct pl_error *other_kernel(const struct make *m, const char *path, const char *what)
{
	return pl_error_hint(
		pl_error_why(pl_error_at(pl_error_new(PL_ERR_DATA, "%s", what), "%s", path),
			"the core's kernel has the UUID %s", m->facts.uuid[0] ? m->facts.uuid : "(unknown)"),
		"paniclab kdk find --for says which kit has it");
}

/* A named file: a kernel, or its dSYM. */
static struct pl_error *offer_kernel(struct make *m, const char *path)
{
	struct symbol_file f;
	struct pl_error *e = symbol_file_open(path, &f);

	if (e)
		return e;
	const struct symbol_member *member = symbol_file_member(&f, m->facts.uuid);
	char **to = member && member->dwarf ? &m->out->kernel_dsym : &m->out->kernel;
	if (!member)
		e = other_kernel(m, path, "another kernel");
	else if (!*to)
		e = absolute(f.path, to);
	symbol_file_close(&f);
	return e;
}

static struct pl_error *offer_kernels(struct make *m)
{
	const char *const *path = m->from->kernels;
	struct pl_error *e = NULL;

	if (!path || !*path)
		return NULL;
	for (; !e && *path; path++)
		e = offer_kernel(m, *path);
	if (!e && !m->out->kernel)
		return pl_error_hint(pl_error_at(pl_error_new(PL_ERR_USAGE, "debugging information alone"),
					     "%s", *m->from->kernels),
			"name the kernel; the dSYM beside it is found");
	if (!e && !m->out->kernel_dsym)
		e = symbol_file_dsym(m->out->kernel, m->facts.uuid, &m->out->kernel_dsym);
	return e;
}

static struct pl_error *take_kit_kernel(struct make *m, const struct kdk *kit)
{
	const struct kdk_kernel *k = kdk_kernel_by_uuid(kit, m->facts.uuid);

	if (!k || m->out->kernel)
		return NULL;
	m->kit = kit;
	struct pl_error *e = absolute(k->binary.path, &m->out->kernel);
	if (!e && k->binary.dsym)
		e = absolute(k->binary.dsym, &m->out->kernel_dsym);
	if (!e && kit->macros)
		e = absolute(kit->macros, &m->out->macros);
	return e;
}

static struct pl_error *find_kernel(struct make *m)
{
	struct pl_error *e = offer_kernels(m);

	for (const char *const *path = m->from->kits; !e && path && *path; path++)
		e = kdk_search_folder(m->search, *path, m->wait);
	for (size_t i = 0; !e && i < m->search->kit_count; i++)
		e = take_kit_kernel(m, &m->search->kits[i]);
	if (!e && !m->out->kernel && m->from->kits && *m->from->kits)
		return other_kernel(m, *m->from->kits, "no kit here has this core's kernel");
	size_t named = m->search->kit_count;
	for (const char *const *path = m->from->folders; !e && !m->out->kernel && path && *path; path++)
		e = kdk_search_try(m->search, *path, m->wait);
	if (!e && !m->out->kernel && m->from->places)
		e = kdk_search_places(m->search, m->from->places, m->wait);
	for (size_t i = named; !e && i < m->search->kit_count; i++)
		e = take_kit_kernel(m, &m->search->kits[i]);
	return e;
}

/* kernel.dSYM/Contents/Resources/DWARF/kernel has Resources/Python beside DWARF, when it has macros. */
static struct pl_error *find_macros(struct make *m)
{
	const char *dsym = m->out->kernel_dsym,
		   *dwarf = dsym ? strstr(dsym, "/Contents/Resources/DWARF/") : NULL;
	char *python = NULL;

	if (!dwarf)
		return NULL;
	struct pl_error *e =
		pl_asprintf(&python, "%.*s/Contents/Resources/Python", (int)(dwarf - dsym), dsym);
	m->out->has_macros = !e && folder_is(python);
	free(python);
	return e;
}

/* ---- kexts ---- */

static bool address_of(const json_t *kext, uint64_t *ret)
{
	return pl_parse_u64(pl_json_str_or(kext, "start", ""), UINT64_MAX, ret);
}

static void place(struct debugger_kext *x, const struct macho_part *p, uint64_t start)
{
	x->slide = start - p->text;
	x->code = x->slide + p->code;
}

/* Takes path and dsym, on errors too. */
static struct pl_error *add_kext(
	struct make *m, char *path, char *dsym, const struct macho_part *part, uint64_t start)
{
	struct debugger_session *s = m->out;
	struct debugger_kext *more = pl_grow(s->kexts, s->kext_count, sizeof *more);

	if (!more) {
		free(path);
		free(dsym);
		return pl_error_nomem();
	}
	s->kexts = more;
	struct debugger_kext *x = &s->kexts[s->kext_count++];
	*x = (struct debugger_kext){.path = path, .dsym = dsym};
	place(x, part, start);
	return NULL;
}

/* What is no use is said and passed over: inspect has judged it by name already, and a run goes on. */
static struct pl_error *only_log(const struct make *m, struct pl_error *e)
{
	if (!e || pl_error_kind(e) == PL_ERR_NOMEM)
		return e;
	pl_log_error(m->from->log, e);
	return NULL;
}

/* A kext that was named; *found when it is this one. */
static struct pl_error *offer_kext(
	struct make *m, const char *given, const char *uuid, uint64_t start, bool *found)
{
	struct symbol_file f;
	struct macho_file file;
	char *path = NULL, *dsym = NULL;
	struct pl_error *e = symbol_file_open(given, &f);

	if (e)
		return only_log(m, e);
	e = macho_file_read(f.path, &file);
	const struct macho_part *part = e ? NULL : macho_file_uuid(&file, uuid);
	*found = part && !part->dwarf;
	if (!e && *found)
		e = absolute(f.path, &path);
	if (!e && *found)
		e = symbol_file_dsym(path, uuid, &dsym);
	symbol_file_close(&f);
	if (e || !*found) {
		free(path);
		return e;
	}
	return add_kext(m, path, dsym, part, start);
}

static struct pl_error *kit_kext(
	struct make *m, struct kdk *kit, const char *id, const char *uuid, uint64_t start, bool *found)
{
	struct kdk_binary b;
	char *path = NULL, *dsym = NULL;
	struct pl_error *e = kdk_read_kexts(kit, m->wait);

	if (!e)
		e = kdk_find_kext(kit, id, uuid, found, &b);
	if (e || !*found)
		return e;
	const struct macho_part *part = macho_file_uuid(&b.file, uuid);
	e = absolute(b.path, &path);
	if (!e && b.dsym)
		e = absolute(b.dsym, &dsym);
	if (!e)
		e = add_kext(m, path, dsym, part, start);
	else
		free(path);
	kdk_binary_deinit(&b);
	return e;
}

/* Without a UUID nothing says that a file is what was loaded. */
static struct pl_error *find_kext(struct make *m, const json_t *kext)
{
	const char *id = pl_json_str_or(kext, "id", ""), *uuid = pl_json_str_or(kext, "uuid", "");
	struct pl_error *e = NULL;
	bool found = false;
	uint64_t start;

	if (!uuid[0] || !address_of(kext, &start))
		return NULL;
	for (const char *const *path = m->from->kexts; !e && !found && path && *path; path++)
		e = offer_kext(m, *path, uuid, start, &found);
	for (size_t i = 0; !e && !found && i < m->search->kit_count; i++)
		e = kit_kext(m, &m->search->kits[i], id, uuid, start, &found);
	return e;
}

/* The core's own list is of all that were loaded; the panic text's of those in the backtrace. */
static struct pl_error *find_kexts(struct make *m, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "kexts_loaded"), *kext;
	struct pl_error *e = NULL;
	size_t i;

	if (json_array_size(list) == 0)
		list = json_object_get(json_object_get(doc, "panic"), "kexts");
	json_array_foreach(list, i, kext)
	{
		if (!e)
			e = find_kext(m, kext);
		if (!e)
			e = pl_wait_check(m->wait);
	}
	if (!e && json_array_size(list) > m->out->kext_count)
		pl_log(m->from->log, PL_LOG_INFO, "%zu of %zu loaded kexts have a file here",
			m->out->kext_count, json_array_size(list));
	return e;
}

static void find_thread(struct make *m, const json_t *doc)
{
	const json_t *thread;
	size_t i;

	json_array_foreach(json_object_get(doc, "thread_list"), i, thread)
	{
		if (pl_json_bool_or(thread, "panicked", false))
			m->out->thread = i + 1;
	}
}

static struct pl_error *check_core(const char *core, const json_t *doc)
{
	const char *kind = pl_json_str_or(doc, "kind", "unknown");
	struct pl_error *e = NULL;

	if (strcmp(kind, "core") == 0)
		return NULL;
	if (strcmp(kind, "gzip-core") == 0)
		e = pl_error_hint(pl_error_new(PL_ERR_DATA, "a debugger cannot open a compressed core"),
			"paniclab extract unpacks it");
	else if (strcmp(kind, "kdumpimg") == 0)
		e = pl_error_hint(pl_error_new(PL_ERR_DATA, "a debugger cannot open an on-disk core"),
			"paniclab extract takes it apart");
	else
		e = pl_error_why(pl_error_new(PL_ERR_DATA, "a debugger needs a core"), "this is: %s", kind);
	return pl_error_at(e, "%s", core);
}

static struct pl_error *gather(struct make *m, const char *core, const json_t *doc)
{
	struct pl_error *e = absolute(core, &m->out->core);

	if (!e)
		e = find_kernel(m);
	if (!e && !m->out->kernel)
		pl_log(m->from->log, PL_LOG_WARN,
			"no kernel with the UUID %s is here: the debugger will show addresses without names",
			m->facts.uuid[0] ? m->facts.uuid : "(unknown)");
	if (!e)
		e = find_macros(m);
	find_thread(m, doc);
	return e ? e : find_kexts(m, doc);
}

struct pl_error *debugger_session_make(enum debugger_kind kind, const char *core, const json_t *doc,
	const struct debugger_sources *sources, const struct pl_wait *w, struct debugger_session *ret,
	char **kit)
{
	struct make m = {.from = sources, .wait = w, .out = ret};

	*kit = NULL;
	*ret = (struct debugger_session){.kind = kind};
	struct pl_error *e = check_core(core, doc);
	if (e)
		return e;
	kdk_facts_take(doc, &m.facts);
	struct kdk_wanted wanted = {.build = m.facts.build, .kernel_uuid = m.facts.uuid};
	m.search = kdk_search_new(&wanted);
	e = m.search ? gather(&m, core, doc) : pl_error_nomem();
	if (!e && m.kit)
		e = pl_strdup(m.kit->path, kit);
	kdk_search_free(m.search);
	if (e)
		debugger_session_deinit(ret);
	return e;
}
