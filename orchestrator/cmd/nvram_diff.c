/* paniclab nvram FILE diff OTHER: variable by variable, wherever they stand. */
#include <stdlib.h>
#include <string.h>

#include "orchestrator/cmd/nvram_parts.h"
#include "orchestrator/cmd/nvram_show.h"

struct sorted {
	const struct nvram_variable **list;
	size_t count;
};

static int by_name(const struct nvram_variable *a, const struct nvram_variable *b)
{
	int order = memcmp(a->guid, b->guid, sizeof a->guid);

	return order ? order : strcmp(a->name, b->name);
}

static int compare(const void *a, const void *b)
{
	const struct nvram_variable *const *x = a, *const *y = b;
	int order = by_name(*x, *y);

	return order ? order : (*x)->record < (*y)->record ? -1 : (*x)->record > (*y)->record;
}

static struct pl_error *sort(const struct nvram *n, struct sorted *ret)
{
	ret->count = n->count;
	ret->list = calloc(n->count + 1, sizeof(struct nvram_variable *));
	if (!ret->list)
		return pl_error_nomem();
	for (size_t i = 0; i < n->count; i++)
		ret->list[i] = &n->variables[i];
	qsort(ret->list, ret->count, sizeof(struct nvram_variable *), compare);
	return NULL;
}

static bool same_value(const struct nvram_variable *a, const struct nvram_variable *b)
{
	return a->attributes == b->attributes && a->value_size == b->value_size &&
	       memcmp(a->value, b->value, a->value_size) == 0;
}

/* ---- telling ----------------------------------------------------------------------------------- */

struct out {
	FILE *file; /* NULL: into doc */
	json_t *doc;
	bool same;
};

static struct pl_error *print_one(struct out *o, char sign, const struct nvram_variable *v)
{
	char prefix[] = {sign, '\0'};

	return v ? nvram_show_line(o->file, prefix, v) : NULL;
}

static int add(struct out *o, const char *key, json_t *value)
{
	return json_array_append_new(json_object_get(o->doc, key), value);
}

static struct pl_error *tell_json(
	struct out *o, const struct nvram_variable *a, const struct nvram_variable *b)
{
	int bad;

	if (a && b)
		bad = add(o, "changed",
			json_pack("{s:o, s:o}", "before", nvram_show_json(a), "after", nvram_show_json(b)));
	else
		bad = add(o, a ? "removed" : "added", nvram_show_json(a ? a : b));
	return bad ? pl_error_nomem() : NULL;
}

/* From a to b; NULL: not there. */
static struct pl_error *tell(struct out *o, const struct nvram_variable *a, const struct nvram_variable *b)
{
	o->same = false;
	if (o->doc)
		return tell_json(o, a, b);
	struct pl_error *e = print_one(o, '-', a);
	if (!e)
		e = print_one(o, '+', b);
	if (!e && a && b && a->attributes != b->attributes)
		fprintf(o->file, "  attributes 0x%x, then 0x%x\n", a->attributes, b->attributes);
	return e;
}

static struct pl_error *walk(struct out *o, const struct sorted *a, const struct sorted *b)
{
	struct pl_error *e = NULL;
	size_t i = 0, j = 0;

	while (!e && (i < a->count || j < b->count)) {
		const struct nvram_variable *x = i < a->count ? a->list[i] : NULL;
		const struct nvram_variable *y = j < b->count ? b->list[j] : NULL;
		int order = !x ? 1 : !y ? -1 : by_name(x, y);

		i += order <= 0;
		j += order >= 0;
		if (order || !same_value(x, y))
			e = tell(o, order <= 0 ? x : NULL, order >= 0 ? y : NULL);
	}
	return e;
}

static struct pl_error *compare_files(
	struct cmd_env *env, const struct nvram *a, const struct nvram *b, bool *same)
{
	struct sorted x = {0}, y = {0};
	struct out o = {.file = env->out, .same = true};
	struct pl_error *e = sort(a, &x);

	if (!e)
		e = sort(b, &y);
	if (!e && env->json)
		o.doc = json_pack("{s:[], s:[], s:[]}", "removed", "added", "changed");
	if (!e && env->json && !o.doc)
		e = pl_error_nomem();
	if (!e)
		e = walk(&o, &x, &y);
	if (!e && o.doc && json_object_set_new(o.doc, "same", json_boolean(o.same)))
		e = pl_error_nomem();
	if (!e && o.doc)
		e = cmd_print_json(env, o.doc);
	json_decref(o.doc);
	free(x.list);
	free(y.list);
	*same = o.same;
	return e;
}

struct pl_error *nvram_diff(struct cmd_env *env, const char *file, const char *other, int *exit_code)
{
	struct nvram_open a, b = {0};
	bool same = true;
	struct pl_error *e = nvram_open(file, &a);

	if (!e)
		e = nvram_open(other, &b);
	if (!e)
		e = compare_files(env, &a.nvram, &b.nvram, &same);
	nvram_close(&a);
	nvram_close(&b);
	*exit_code = same ? 0 : 1;
	return e;
}
