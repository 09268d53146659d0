/* Another kernel than the release one: out of a Kernel Debug Kit into the guest, and booted. */
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/fusion/vmx.h"
#include "orchestrator/run/kernel.h"
#include "orchestrator/run/kernel_kit.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

/* A kit is a gigabyte, and kextcache and kmutil link every kext of the system. */
static const int64_t INSTALL_TIME = 1800 * PL_SECOND;

enum { MEMORY_MB = 4096 };

struct install {
	struct run *r;
	enum kdk_generation generation;
	const char *variant;
	struct kernel_kit kit;
	struct pl_wait w;
};

/* What there is for that release at all. */
static struct pl_error *check_variant(const struct install *in)
{
	const struct run *r = in->r;
	struct pl_error *e;
	if (kernel_script(in->generation) == NULL) {
		e = pl_error_new(PL_ERR_USAGE, "how another kernel gets into macOS %s is not known",
			r->facts.product_version);
		return pl_error_at(e, "%s", r->cfg->name);
	}
	bool debug = r->scenario->kernel == KERNEL_DEBUG;
	if (in->generation == KDK_ROOT_KERNEL ? debug : !(debug && in->generation >= KDK_KMUTIL_INSTALL))
		return NULL;
	e = pl_error_new(PL_ERR_USAGE, "the Kernel Debug Kits of macOS %s have no %s kernel",
		r->facts.product_version, in->variant);
	return pl_error_hint(pl_error_at(e, "%s", r->cfg->name),
		debug ? "take `kernel: development` or `kernel: kasan`" : "take `kernel: debug`");
}

/* What `bless --last-sealed-snapshot` would not bring back. */
static struct pl_error *check_seal(const struct install *in, const struct guest_output *o)
{
	const struct run *r = in->r;
	const char *sealed = guest_value(o, "sealed");
	if (in->generation < KDK_KMUTIL_INSTALL || r->scenario->isolation != ISOLATION_NONE ||
		(sealed != NULL && strcmp(sealed, "Yes") == 0))
		return NULL;
	struct pl_error *e =
		pl_error_new(PL_ERR_GUEST, "the guest's system volume is not as Apple sealed it");
	e = pl_error_why(pl_error_at(e, "%s", r->cfg->name), "it could not be put back as it is");
	return pl_error_hint(e, "say `isolation: snapshot` in the scenario");
}

static struct pl_error *script(struct install *in, const char *action, struct guest_output *ret)
{
	const char *argv[] = {
		action, kdk_generation_name(in->generation), in->variant, KERNEL_PLACE, in->kit.opened, NULL};
	return guest_script_ok(in->r->guest, kernel_script(in->generation), argv, true, &in->w, ret);
}

/* Kasan's shadow and the checks of the others take their share. */
static void warn_of_memory(const struct run *r)
{
	struct vmx v;
	struct pl_error *e = vmx_load(r->vm.vmx, &v);
	const char *size = e == NULL ? vmx_get(&v, "memsize") : NULL;
	uint64_t mb;
	if (size != NULL && pl_parse_u64(size, UINT32_MAX, &mb) && mb < MEMORY_MB)
		pl_log(r->log, PL_LOG_WARN, "%s: memsize in the .vmx is %s; such a kernel wants %d or more",
			r->cfg->name, size, MEMORY_MB);
	vmx_deinit(&v);
	pl_error_free(e);
}

static void tell_plan(const struct run *r, const struct guest_output *o)
{
	char line[STEP_TEXT_MAX];
	for (size_t i = 0; i < o->count; i++)
		if (pl_starts_with(o->values[i].key, "do."))
			pl_log(r->log, PL_LOG_DEBUG, "%s: %s", r->cfg->name,
				pl_escape_str(o->values[i].value, line, sizeof line));
}

/* All that the undo needs: what is there is asked before anything is sent. */
static struct pl_error *note_before(struct install *in)
{
	struct run *r = in->r;
	struct guest_output o = {0};
	struct pl_error *e = script(in, "plan", &o);
	if (e == NULL)
		e = check_seal(in, &o);
	if (e == NULL) {
		tell_plan(r, &o);
		e = run_intent(r, "kernel",
			json_pack("{s:s, s:s, s:s, s:b, s:o}", "generation",
				kdk_generation_name(in->generation), "variant", in->variant, "place",
				KERNEL_PLACE, "offline", r->arm.offline, "was", kernel_was(&o)),
			&r->kernel.intent);
	}
	guest_output_deinit(&o);
	return e;
}

static struct pl_error *run_script(struct install *in, const char *action)
{
	struct guest_output o = {0};
	struct pl_error *e = script(in, action, &o);
	guest_output_deinit(&o);
	return e;
}

static struct pl_error *install(struct install *in)
{
	struct run *r = in->r;
	struct pl_error *e = kernel_kit_choose(r, &in->w, &in->kit);
	if (e == NULL && in->kit.fit == KDK_FIT_NEAREST)
		pl_log(r->log, PL_LOG_WARN,
			"%s: this kit is of ANOTHER build (%s): its kernel may not boot, and its symbols are "
			"wrong wherever the kernels differ",
			in->kit.path, in->kit.why);
	/* What is on this host is looked at before anything is changed. */
	if (e == NULL && in->kit.source == KIT_FOLDER)
		e = kernel_kit_identify(r, in->generation, &in->w, &in->kit, r->kernel.uuid);
	if (e == NULL)
		e = note_before(in);
	if (e == NULL)
		e = kernel_kit_open(r, in->generation, &in->w, &in->kit);
	if (e == NULL && in->kit.source != KIT_FOLDER)
		e = kernel_kit_identify(r, in->generation, &in->w, &in->kit, r->kernel.uuid);
	if (e == NULL)
		e = run_script(in, "install");
	if (e == NULL)
		e = run_script(in, "verify");
	if (e == NULL)
		e = journal_done(r->journal, r->kernel.intent);
	if (e != NULL)
		return e;
	snprintf(r->kernel.kit, sizeof r->kernel.kit, "%s", in->kit.path);
	r->kernel.installed = true;
	return NULL;
}

static void report(const struct install *in)
{
	run_report(in->r, "kernel",
		json_pack("{s:s, s:s, s:s, s:s, s:s, s:b, s:s}", "variant", in->variant, "way",
			kdk_generation_name(in->generation), "kit", in->kit.path, "fit",
			kdk_fit_name(in->kit.fit), "why", in->kit.why, "in_guest",
			in->kit.source == KIT_IN_GUEST, "uuid", in->r->kernel.uuid));
}

/* With kcsuffix=, which the .nvram gets now. Where that is not edited, a later step sets it in the guest. */
static struct pl_error *boot(struct run *r, const char *variant)
{
	char why[64];
	if (!r->arm.offline)
		return arming_choose_boot_args(r);
	snprintf(why, sizeof why, "for the %s kernel", variant);
	struct pl_error *e = arm_again(r, why);
	if (e != NULL)
		return r->kernel.booting ? kernel_did_not_boot(r, e) : e;
	r->kernel.booted = true;
	json_object_set_new(json_object_get(r->doc, "boot_args"), "during", json_string(r->boot_args));
	return kernel_check(r);
}

struct pl_error *step_kernel(struct run *r, char *out)
{
	struct install in = {.r = r,
		.generation = kdk_generation_of(&r->arm.macos),
		.variant = scenario_kernel_name(r->scenario->kernel),
		.w = run_wait(r, INSTALL_TIME)};
	if (!kernel_is_needed(r)) {
		SAY("the %s kernel runs already", in.variant);
		return NULL;
	}
	warn_of_memory(r);
	struct pl_error *e = check_variant(&in);
	if (e == NULL)
		e = install(&in);
	if (e == NULL) {
		report(&in);
		e = boot(r, in.variant);
	}
	if (e == NULL)
		SAY("%s from %s (%s)%s", in.variant, in.kit.path, in.kit.why,
			r->kernel.booted ? "" : "; it boots with the boot-args");
	kernel_kit_deinit(&in.kit);
	return e;
}
