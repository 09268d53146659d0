#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

static const int64_t LOOK_FIRST = 4 * PL_SECOND;
static const int64_t LOOK_MOST = 20 * PL_SECOND;

enum {
	CONSOLE_MAX = 1 << 20,
	/* From 10.11 on DB_REBOOT_POST_CORE reboots after a whole core only. */
	XNU_REBOOTS_AFTER_WHOLE_CORE = 3248,
};

/*
 * Why the kernel will never reboot by itself, NULL if it may. Where no console
 * shows the panic the end of the dump tells: a kernel that could not finish it
 * waits for a debugger.
 */
static const char *why_hung(const struct run *r)
{
	struct pl_buf text;
	pl_buf_init(&text, CONSOLE_MAX);
	struct pl_error *e = serial_read(&r->serial, &text);
	struct serial_diagnosis d = serial_diagnose(pl_buf_text(&text));
	pl_error_free(e);
	pl_buf_deinit(&text);
	if (d.waits)
		return "the console says that the kernel waits for a debugger";
	bool failed = r->dumped.started && !r->dumped.complete;
	if (!d.panicked && failed && strtoul(r->facts.xnu, NULL, 10) >= XNU_REBOOTS_AFTER_WHOLE_CORE)
		return "a kernel whose dump fails waits for a debugger";
	return NULL;
}

/* What restoring would do to it later; now it also gets to write its panic report. */
static struct pl_error *reset(struct run *r)
{
	struct pl_wait w = run_wait(r, r->cfg->boot_timeout);
	enum vm_power power;
	struct pl_error *e = r->host.ops->power(r->host.host, &r->vm, &w, &power);
	/* A machine that is off is somebody else's doing. */
	if (e != NULL || power == VM_POWER_OFF)
		return e;
	e = r->host.ops->stop(r->host.host, &r->vm, true, &w);
	return e != NULL ? e : r->host.ops->start(r->host.host, &r->vm, &w);
}

/* One look. *off: the VM is. */
static struct pl_error *look(struct run *r, const struct pl_wait *w, bool *off)
{
	enum vm_power power;
	struct pl_error *e = r->host.ops->power(r->host.host, &r->vm, w, &power);
	*off = e == NULL && power == VM_POWER_OFF;
	if (*off || (e != NULL && pl_error_kind(e) == PL_ERR_INTERRUPTED))
		return e;
	/* Fusion's REST service may be gone; the guest need not be. */
	pl_error_free(e);
	return run_connect(r, w);
}

/* A guest that cannot be reset may still come back. */
static struct pl_error *reset_hung(struct run *r, const char *why)
{
	char line[STEP_TEXT_MAX];
	pl_log(r->log, PL_LOG_WARN, "%s: %s: resetting it", r->cfg->name, why);
	struct pl_error *e = reset(r);
	if (e == NULL || pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	pl_log(r->log, PL_LOG_WARN, "%s", pl_error_line(e, line, sizeof line));
	pl_error_free(e);
	return NULL;
}

/*
 * Looks until the guest answers or the VM is off. The kernel may take a minute
 * to give up its dump, and a login hangs until then: both are looked at in turn.
 */
static struct pl_error *await_guest(struct run *r, bool *was_reset, bool *off)
{
	struct pl_wait w = run_wait(r, r->cfg->boot_timeout);
	int64_t patience = LOOK_FIRST;
	for (;;) {
		const char *hung = *was_reset ? NULL : why_hung(r);
		if (hung != NULL) {
			struct pl_error *e = reset_hung(r, hung);
			if (e != NULL)
				return e;
			*was_reset = true;
			w = run_wait(r, r->cfg->boot_timeout);
		}
		struct pl_wait once = pl_wait_at_most(&w, patience);
		struct pl_error *e = look(r, &once, off);
		if (e == NULL || pl_error_kind(e) == PL_ERR_INTERRUPTED || pl_now() >= w.until)
			return e;
		guest_abandon(r->guest);
		r->guest = NULL;
		pl_error_free(e);
		e = pl_wait_sleep(&w, 500 * PL_MS);
		if (e != NULL)
			return e;
		patience = patience * 2 < LOOK_MOST ? patience * 2 : LOOK_MOST;
	}
}

struct pl_error *step_return(struct run *r, char *out)
{
	char took[32];
	bool off = false, was_reset = false;
	if (r->guest != NULL) {
		SAY("it never left");
		return NULL;
	}
	struct pl_error *e = await_guest(r, &was_reset, &off);
	if (e == NULL && off)
		SAY("powered off");
	else if (e == NULL)
		SAY("%sback at %s", was_reset ? "reset, and " : "", r->ip);
	if (e == NULL || pl_error_kind(e) == PL_ERR_INTERRUPTED)
		return e;
	/* Not coming back costs the panic report, not the run. */
	SAY("not back after %s; going on without its panic report",
		pl_format_time(r->cfg->boot_timeout, took, sizeof took));
	pl_error_free(e);
	return NULL;
}
