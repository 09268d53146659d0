/* paniclab nvram FILE set, delete: what was there, what is, and how to undo it. */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/cmd/nvram_parts.h"
#include "orchestrator/cmd/nvram_show.h"
#include "orchestrator/run/store.h"

#define SHOWN_MAX (4 * NVRAM_FILE_MAX) /* every byte of a value as '\'' */

struct change {
	struct nvram_id id;
	struct nvram_open open;
	struct nvram before;               /* a copy */
	const struct nvram_variable *was;  /* in before; NULL: none */
	const struct nvram_variable *will; /* in open.nvram */
	bool changed;
	struct pl_buf undo; /* a command for a shell; empty if there is none */
};

/* ---- the edit -------------------------------------------------------------------------------- */

static struct pl_error *read_attributes(const struct cmd_input *in, uint32_t *ret)
{
	const char *text = cmd_value(in, "attributes");
	uint64_t value = 0;

	*ret = 0;
	if (!text)
		return NULL;
	if (!pl_parse_u64(text, 0xff, &value) || !value)
		return pl_error_new(PL_ERR_USAGE, "--attributes cannot be '%s'", text);
	*ret = (uint32_t)value;
	return NULL;
}

static struct pl_error *set(const struct cmd_input *in, struct change *c)
{
	struct pl_buf value;
	uint32_t attributes;
	struct pl_error *e = read_attributes(in, &attributes);

	pl_buf_init(&value, NVRAM_FILE_MAX);
	if (!e)
		e = nvram_value_parse(in, &c->open.nvram, &c->id, cmd_arg(in, 3), &value);
	if (!e && value.size)
		e = nvram_set(&c->open.nvram, &c->id, attributes, value.data, value.size);
	pl_buf_deinit(&value);
	return e;
}

static struct pl_error *edit(const struct cmd_input *in, struct change *c)
{
	struct nvram *n = &c->open.nvram;
	struct pl_error *e = nvram_id_parse(cmd_arg(in, 2), &c->id);

	if (!e)
		e = nvram_parse(n->bytes, n->size, &c->before);
	if (!e)
		e = cmd_args(in) == 4 ? set(in, c) : nvram_delete(n, &c->id);
	if (!e)
		e = nvram_find(&c->before, &c->id, &c->was);
	if (!e)
		e = nvram_find(n, &c->id, &c->will);
	if (!e)
		c->changed = memcmp(n->bytes, c->before.bytes, n->size) != 0;
	return e;
}

/* ---- the way back ------------------------------------------------------------------------------ */

/* "set [--attributes N] -- NAME VALUE": what a set leaves alone need not be said. */
static struct pl_error *undo_by_set(const struct change *c, struct pl_buf *value, struct pl_buf *out)
{
	uint32_t left = c->will ? c->will->attributes : NVRAM_USUAL;
	struct pl_error *e = nvram_show_exact(c->was, value);

	if (!e)
		e = pl_buf_puts(out, " set");
	if (!e && c->was->attributes != left)
		e = pl_buf_printf(out, " --attributes %u", (unsigned)c->was->attributes);
	return e ? e : pl_buf_puts(out, " --");
}

/* What no firmware should have written cannot be set again: no value, attributes that make no sense. */
static bool can_be_undone(const struct change *c)
{
	const struct nvram_variable *v = c->was;

	return !v || (v->value_size && v->attributes & NVRAM_NON_VOLATILE && !(v->attributes & ~NVRAM_USUAL));
}

static struct pl_error *make_undo(struct change *c)
{
	struct pl_buf id, value, *out = &c->undo;
	struct pl_error *e = pl_buf_puts(out, "paniclab nvram ");

	pl_buf_init(&id, SHOWN_MAX);
	pl_buf_init(&value, SHOWN_MAX);
	if (!e)
		e = pl_shell_quote(c->open.bundle.nvram, out); /* wherever it is typed */
	if (!e)
		e = nvram_id_text(c->id.guid, c->id.name, &id);
	if (!e)
		e = c->was ? undo_by_set(c, &value, out) : pl_buf_puts(out, " delete --");
	if (!e)
		e = pl_buf_puts(out, " ");
	if (!e)
		e = pl_shell_quote(pl_buf_text(&id), out);
	if (!e && c->was)
		e = pl_buf_puts(out, " ");
	if (!e && c->was)
		e = pl_shell_quote(pl_buf_text(&value), out);
	pl_buf_deinit(&id);
	pl_buf_deinit(&value);
	return e;
}

/* ---- telling --------------------------------------------------------------------------------- */

static struct pl_error *print_side(FILE *out, const char *label, const struct nvram_variable *v)
{
	if (v)
		return nvram_show_line(out, label, v);
	fprintf(out, "%s(no such variable)\n", label);
	return NULL;
}

static struct pl_error *print_text(struct cmd_env *env, const struct change *c)
{
	char file[1024], name[NVRAM_NAME_MAX + 1];
	struct pl_error *e;

	pl_escape_str(c->open.bundle.nvram, file, sizeof file);
	if (!c->changed) {
		fprintf(env->out,
			c->was ? "%s: nothing to change, %s is so already\n"
			       : "%s: nothing to delete, there is no %s\n",
			file, pl_escape_str(c->id.name, name, sizeof name));
		return NULL;
	}
	fprintf(env->out, "%s:%s\n", file, env->dry_run ? " would be changed" : "");
	e = print_side(env->out, "  before  ", c->was);
	if (!e)
		e = print_side(env->out, "  after   ", c->will);
	if (!e && !env->dry_run)
		fprintf(env->out, "  undo    %s\n",
			c->undo.size ? pl_buf_text(&c->undo) : "(what was there cannot be set again)");
	return e;
}

static json_t *side(const struct nvram_variable *v)
{
	return v ? nvram_show_json(v) : json_null();
}

static struct pl_error *print_json(struct cmd_env *env, const struct change *c)
{
	json_t *doc = json_pack("{s:s, s:b, s:b, s:o, s:o}", "file", c->open.bundle.nvram, "changed",
		c->changed, "written", c->changed && !env->dry_run, "before", side(c->was), "after",
		side(c->will));
	struct pl_error *e = NULL;

	if (!doc || (c->undo.size && json_object_set_new(doc, "undo", json_string(pl_buf_text(&c->undo)))))
		e = pl_error_nomem();
	if (!e)
		e = cmd_print_json(env, doc);
	json_decref(doc);
	return e;
}

/* ---- all of it ---------------------------------------------------------------------------------- */

static struct pl_error *check_off(struct cmd_env *env, const struct cmd_input *in, const struct bundle *b)
{
	struct pl_wait wait = {PL_TIME_FOREVER, env->cancel};
	const char *path = cmd_value(in, "vmrun");
	struct vmrun v;
	struct pl_error *e = vmrun_init(&v, path ? path : "auto", NULL, &env->log);

	if (!e)
		e = bundle_check_off(b, &v, &wait, &env->log);
	vmrun_deinit(&v);
	return e;
}

static struct pl_error *apply(struct cmd_env *env, const struct cmd_input *in, struct change *c)
{
	struct nvram *n = &c->open.nvram;
	struct pl_error *e = pl_error_at(edit(in, c), "%s", c->open.bundle.nvram);

	if (!e && c->changed && can_be_undone(c))
		e = make_undo(c);
	if (!e && c->changed && !env->dry_run)
		bundle_sweep(c->open.bundle.nvram);
	if (!e && c->changed && !env->dry_run)
		e = bundle_write(c->open.bundle.nvram, &c->open.seen, n->bytes, n->size);
	if (!e)
		e = env->json ? print_json(env, c) : print_text(env, c);
	return e;
}

struct pl_error *nvram_change(struct cmd_env *env, const struct cmd_input *in)
{
	struct change c = {0};
	struct store_lock lock = STORE_UNLOCKED;

	pl_buf_init(&c.undo, 2 * SHOWN_MAX);
	struct pl_error *e = nvram_open(cmd_arg(in, 0), &c.open);
	if (!e && c.open.bundle.vmx)
		e = store_lock_folder(c.open.bundle.vmx, &lock);
	if (!e)
		e = check_off(env, in, &c.open.bundle);
	if (!e)
		e = apply(env, in, &c);
	store_unlock(&lock);
	nvram_deinit(&c.before);
	nvram_close(&c.open);
	pl_buf_deinit(&c.undo);
	return e;
}
