#include "orchestrator/run/kernel.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/macos/boot_args.h"
#include "orchestrator/run/context.h"

enum { CONSOLE_MAX = 1 << 20, LINE_TEXT_MAX = 400 };

static const char *variant(const struct run *r)
{
	return scenario_kernel_name(r->scenario->kernel);
}

bool kernel_is_wanted(const struct run *r)
{
	return r->scenario->kernel > KERNEL_RELEASE;
}

/* The user has installed it: those boot-args are there for it. */
static bool asks_for_it(const char *boot_args, const char *wanted)
{
	struct boot_arg a;
	return boot_args != NULL && boot_args_get(boot_args, "kcsuffix", &a) && a.value != NULL &&
	       a.value_size == strlen(wanted) && memcmp(a.value, wanted, a.value_size) == 0;
}

bool kernel_is_needed(const struct run *r)
{
	if (!kernel_is_wanted(r) || r->kernel.installed)
		return kernel_is_wanted(r);
	if (r->facts.variant != NULL)
		return strcmp(r->facts.variant, variant(r)) != 0;
	return !asks_for_it(r->arm.args_before, variant(r));
}

const char *kernel_suffix(const struct run *r)
{
	bool read = kdk_generation_of(&r->arm.macos) != KDK_ROOT_KERNEL;
	return r->kernel.installed && read ? variant(r) : NULL;
}

const char *kernel_script(enum kdk_generation g)
{
	switch (g) {
	case KDK_ROOT_KERNEL:
		return "kernel-root.sh";
	case KDK_KEXTCACHE:
	case KDK_KEXTCACHE_MOUNT:
		return "kernel-kextcache.sh";
	case KDK_KMUTIL_INSTALL:
	case KDK_KMUTIL_CREATE:
		return "kernel-kmutil.sh";
	case KDK_NONE:
		break;
	}
	return NULL;
}

json_t *kernel_was(const struct guest_output *o)
{
	json_t *was = json_array();
	for (size_t i = 0; i < o->count && was != NULL; i++)
		if (pl_starts_with(o->values[i].key, "was."))
			json_array_append_new(was, json_string(o->values[i].value));
	return was;
}

struct pl_error *kernel_check(const struct run *r)
{
	struct pl_error *e;
	if (r->scenario->kernel == KERNEL_AS_IS)
		return NULL;
	if (strcmp(variant(r), r->facts.variant) != 0) {
		e = pl_error_new(PL_ERR_GUEST, "the %s kernel runs, the scenario wants %s", r->facts.variant,
			variant(r));
		return pl_error_hint(pl_error_at(e, "%s", r->cfg->name),
			"see kern.bootargs in the guest: does kcsuffix= reach the booter?");
	}
	if (r->kernel.uuid[0] == '\0' || strcmp(r->kernel.uuid, r->facts.kernel_uuid) == 0)
		return NULL;
	e = pl_error_new(PL_ERR_GUEST, "another %s kernel runs than the one that was installed", variant(r));
	e = pl_error_why(pl_error_at(e, "%s", r->cfg->name), "its UUID is %s, the kit's is %s",
		r->facts.kernel_uuid, r->kernel.uuid);
	return pl_error_hint(e, "is there a kernel of another kit in the guest?");
}

/* The last line with `what` in it. */
static bool find_line(const char *text, const char *what, char out[static LINE_TEXT_MAX])
{
	const char *found = NULL;
	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		found = p;
	if (found == NULL)
		return false;
	pl_escape(found, strcspn(found, "\r\n"), out, LINE_TEXT_MAX);
	return true;
}

/* The panic, else the last thing that it said. */
static bool last_words(const struct run *r, char out[static LINE_TEXT_MAX])
{
	struct pl_buf text;
	pl_buf_init(&text, CONSOLE_MAX);
	struct pl_error *e = serial_read(&r->serial, &text);
	bool any = e == NULL && text.size > 0;
	if (any && !find_line(pl_buf_text(&text), "panic(cpu ", out)) {
		const char *all = pl_buf_text(&text);
		size_t end = strlen(all);
		while (end > 0 && strchr("\r\n \t", all[end - 1]) != NULL)
			end--;
		size_t begin = end;
		while (begin > 0 && all[begin - 1] != '\n')
			begin--;
		any = end > begin;
		pl_escape(all + begin, end - begin, out, LINE_TEXT_MAX);
	}
	pl_error_free(e);
	pl_buf_deinit(&text);
	return any;
}

struct pl_error *kernel_did_not_boot(struct run *r, struct pl_error *e)
{
	char words[LINE_TEXT_MAX];
	if (e == NULL || pl_error_kind(e) == PL_ERR_INTERRUPTED || pl_error_kind(e) == PL_ERR_NOMEM)
		return e;
	struct pl_error *kernel = pl_error_at(
		pl_error_new(PL_ERR_GUEST, "the guest does not come back with the %s kernel", variant(r)),
		"%s", r->cfg->name);
	if (last_words(r, words))
		kernel = pl_error_why(kernel, "its console said: %s", words);
	else
		kernel = pl_error_why(kernel, "%s", pl_error_what(e));
	kernel = pl_error_hint(kernel,
		r->serial.path != NULL ? "see the serial log; memsize in the .vmx should be 4096 or more"
				       : "look at its screen; memsize in the .vmx should be 4096 or more");
	pl_error_free(e);
	/* Undoing it need not wait for a guest that will not answer. */
	struct pl_error *noted = journal_note(r->journal, r->kernel.intent, "does not boot");
	pl_error_free(noted);
	return kernel;
}
