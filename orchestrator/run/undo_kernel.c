#include "orchestrator/run/undo_kernel.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/guest/guest.h"
#include "orchestrator/macos/boot_args.h"
#include "orchestrator/run/kernel.h"
#include "orchestrator/run/undo_guest.h"
#include "orchestrator/run/vm_nvram.h"

#define SAY(...) snprintf(out, UNDO_TEXT_MAX, __VA_ARGS__)

static const int64_t VM_TIME = 600 * PL_SECOND;
static const int64_t SCRIPT_TIME = 1800 * PL_SECOND;

static const char *before_str(const struct undo *u, const char *key)
{
	return pl_json_str_or(u->change->before, key, "");
}

static enum kdk_generation generation(const struct undo *u)
{
	enum kdk_generation g = KDK_KMUTIL_CREATE;
	while (g > KDK_NONE && strcmp(kdk_generation_name(g), before_str(u, "generation")) != 0)
		g--;
	return g;
}

/* ---- a guest that boots ---- */

static struct pl_error *without_suffix(struct vm_nvram *v)
{
	char *args = NULL, *less = NULL;
	bool set;
	struct pl_error *e = vm_nvram_boot_args(v, &args, &set);
	if (e == NULL && set)
		e = boot_args_remove(args, "kcsuffix", &less);
	if (e == NULL && set && strcmp(args, less) != 0) {
		e = vm_nvram_set_boot_args(v, less);
		if (e == NULL)
			e = vm_nvram_write(v);
	}
	free(less);
	free(args);
	return e;
}

/*
 * Of a VM that is off. What the boot-args were before is put back later, with
 * SIP, which is still needed out of the way here; this only keeps the new kernel from
 * being taken.
 */
static struct pl_error *drop_suffix(const struct undo *u)
{
	struct vm_nvram v;
	if (!pl_json_bool_or(u->change->before, "offline", false))
		return NULL;
	struct pl_error *e = undo_open_nvram(u, &v);
	if (e == NULL)
		e = without_suffix(&v);
	vm_nvram_close(&v);
	return e;
}

static bool is_on(const struct undo *u)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait w = pl_wait_for(VM_TIME, u->args->cancel);
	enum vm_power power = VM_POWER_CHANGING;
	struct pl_error *e = b->ops->power(b->host, u->args->vm, &w, &power);
	bool on = e == NULL && power == VM_POWER_ON;
	pl_error_free(e);
	return on;
}

/* The guest as it runs, or else, the new kernel may be why it does not answer, as it was before. */
static struct pl_error *open_guest(const struct undo *u, struct guest **ret)
{
	struct vm_backend *b = u->args->backend;
	struct pl_wait w = pl_wait_for(VM_TIME, u->args->cancel);
	if (is_on(u) && !journal_has_note(u->change, "does not boot")) {
		struct pl_error *e = undo_guest_reach(u, ret);
		if (e == NULL)
			return NULL;
		pl_error_free(e);
	}
	struct pl_error *e = b->ops->stop(b->host, u->args->vm, true, &w);
	if (e == NULL)
		e = drop_suffix(u);
	return e != NULL ? e : undo_guest_open(u, ret);
}

/* ---- undoing it there ---- */

static struct pl_error *kit(const struct undo *u, struct guest *g, const char *action, const char *place)
{
	struct pl_wait w = pl_wait_for(SCRIPT_TIME, u->args->cancel);
	struct guest_output o = {0};
	const char *argv[] = {action, place, NULL};
	struct pl_error *e = guest_script_ok(g, "kernel-kit.sh", argv, true, &w, &o);
	guest_output_deinit(&o);
	return e;
}

static bool is_as_before(const struct undo *u, const struct guest_output *o)
{
	json_t *now = kernel_was(o);
	bool same = json_equal(json_object_get(u->change->before, "was"), now);
	json_decref(now);
	return same;
}

static struct pl_error *check(const struct undo *u, const struct guest_output *o)
{
	if (is_as_before(u, o))
		return NULL;
	return pl_error_at(pl_error_new(PL_ERR_RESTORE, "the kernel's files are not what they were"), "%s",
		u->args->vm->name);
}

static struct pl_error *script(
	const struct undo *u, struct guest *g, const char *action, struct guest_output *ret)
{
	struct pl_wait w = pl_wait_for(SCRIPT_TIME, u->args->cancel);
	const char *name = kernel_script(generation(u));
	const char *argv[] = {
		action, before_str(u, "generation"), before_str(u, "variant"), before_str(u, "place"), NULL};
	if (name == NULL)
		return pl_error_new(
			PL_ERR_RESTORE, "how '%s' is undone is not known", before_str(u, "generation"));
	return guest_script_ok(g, name, argv, true, &w, ret);
}

/* Which snapshot of the system's volume boots shows when it does. */
static struct pl_error *boot_sealed(const struct undo *u, struct guest **g, struct guest_output *ret)
{
	guest_close(*g);
	*g = NULL;
	guest_output_deinit(ret);
	*ret = (struct guest_output){0};
	struct pl_error *e = undo_shut_down(u);
	if (e == NULL)
		e = drop_suffix(u);
	if (e == NULL)
		e = undo_guest_open(u, g);
	return e != NULL ? e : script(u, *g, "plan", ret);
}

static struct pl_error *undo_in(const struct undo *u, struct guest **g)
{
	const char *place = before_str(u, "place");
	struct guest_output o = {0};
	struct pl_error *e = kit(u, *g, "wait", place);
	if (e == NULL)
		e = script(u, *g, "undo", &o);
	if (e == NULL && generation(u) >= KDK_KMUTIL_INSTALL && !is_as_before(u, &o))
		e = boot_sealed(u, g, &o);
	if (e == NULL)
		e = check(u, &o);
	guest_output_deinit(&o);
	return e != NULL ? e : kit(u, *g, "undo", place);
}

struct pl_error *undo_kernel(struct undo *u, char *out)
{
	struct guest *g = NULL;
	bool was_on = is_on(u);
	struct pl_error *e = open_guest(u, &g);
	if (e == NULL)
		e = undo_in(u, &g);
	guest_close(g);
	/* Whether it was to be on is another entry's business, which may be undone already. */
	if (!was_on)
		pl_error_keep_first(&e, undo_shut_down(u));
	SAY("removed, and what was there put back");
	return e;
}

void undo_kernel_by_hand(const struct undo *u, char *out)
{
	const char *variant = before_str(u, "variant");
	switch (generation(u)) {
	case KDK_KEXTCACHE:
	case KDK_KEXTCACHE_MOUNT:
		SAY("in the guest, without kcsuffix= in its boot-args and with SIP off, as root: %srm -f "
		    "/System/Library/Kernels/kernel.%s /System/Library/PrelinkedKernels/prelinkedkernel.%s; "
		    "kextcache -invalidate /%s; what was there is in %s/saved",
			generation(u) == KDK_KEXTCACHE ? "" : "mount -uw /; ", variant, variant,
			generation(u) == KDK_KEXTCACHE ? "" : "; kcditto", before_str(u, "place"));
		return;
	case KDK_ROOT_KERNEL:
		SAY("in the guest, or from its Recovery on its volume, as root: ditto %s/saved/mach_kernel "
		    "/mach_kernel; ditto %s/saved/System.kext /System/Library/Extensions/System.kext; touch "
		    "/System/Library/Extensions",
			before_str(u, "place"), before_str(u, "place"));
		return;
	case KDK_KMUTIL_INSTALL:
	case KDK_KMUTIL_CREATE:
		SAY("in the guest, without kcsuffix= in its boot-args and with SIP off, as root: mount the "
		    "system's volume at a folder M (see `mount`: the device of / without its last sN), bless "
		    "--mount M --bootefi --last-sealed-snapshot");
		return;
	case KDK_NONE:
		SAY("see %s in the guest", before_str(u, "place"));
	}
}
