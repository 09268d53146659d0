#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/run/payload.h"
#include "orchestrator/run/plan.h"
#include "orchestrator/run/steps.h"

#define SAY(...) snprintf(out, STEP_TEXT_MAX, __VA_ARGS__)

enum { SERIAL_MAX = 1 << 20 };

/*
 * How long a kernel may take from its panic to the first packet, or to giving
 * up: 10.5 s for the first answer, then 15 tries of 3 s (xnu kdp_core.c).
 */
static const int64_t DUMP_PATIENCE = 60 * PL_SECOND;
static const int64_t GLANCE = 250 * PL_MS;

/* A transfer in which nothing has come for so long has stalled, whether or not it is over. */
static const int64_t STALLED = 5 * PL_SECOND;

static const char BOOTED_ANEW[] = "the guest has booted anew";

static void saw(struct run *r, enum run_panic panic, const char *sign)
{
	if (r->panic >= panic)
		return;
	r->panic = panic;
	snprintf(r->sign, sizeof r->sign, "%s", sign);
}

/* Looks at the serial console; *ended says why no dump will come, NULL if nothing does. */
static void look_at_serial(struct run *r, struct serial_diagnosis *d)
{
	struct pl_buf text;
	*d = (struct serial_diagnosis){0};
	pl_buf_init(&text, SERIAL_MAX);
	struct pl_error *e = serial_read(&r->serial, &text);
	if (e == NULL)
		*d = serial_diagnose(pl_buf_text(&text));
	pl_error_free(e);
	pl_buf_deinit(&text);
	if (d->panicked)
		saw(r, PANIC_SEEN, "the serial console shows the panic");
}

static bool look_at_dump(struct run *r)
{
	if (r->dump == NULL)
		return false;
	dump_look(r->dump, &r->dumped);
	if (r->dumped.started)
		saw(r, PANIC_SEEN, "a core began to arrive");
	return r->dumped.started;
}

/* *same: the guest runs on as if nothing had happened, the boot that we armed. */
static struct pl_error *guest_alive(struct run *r, bool *same)
{
	struct pl_wait w = run_wait(r, 15 * PL_SECOND);
	struct guest_facts now = {0};
	struct pl_error *e = NULL;
	*same = false;
	guest_abandon(r->guest);
	r->guest = NULL;
	e = run_connect(r, &w);
	if (e == NULL)
		e = guest_facts_read(r->guest, &w, &now);
	if (e == NULL) {
		*same = guest_same_boot(&now, &r->facts);
		if (!*same)
			saw(r, PANIC_SUSPECTED, BOOTED_ANEW);
	} else if (pl_error_kind(e) != PL_ERR_INTERRUPTED) {
		saw(r, PANIC_SUSPECTED, "the guest does not answer any more");
		pl_error_free(e);
		e = NULL;
	}
	guest_facts_deinit(&now);
	return e;
}

/* Runs the trigger; ok when it ended in any way that can be a panic. */
static struct pl_error *pull(struct run *r, struct guest_output *output)
{
	static const char *const scripts[] = {
		[TRIGGER_DTRACE] = "trigger-dtrace.sh",
		[TRIGGER_COMMAND] = "trigger-command.sh",
		[TRIGGER_KEXT] = "trigger-kext.sh",
	};
	const struct scenario_trigger *t = &r->scenario->trigger;
	char *kext = NULL;
	struct pl_error *e = payload_kext_path(r->scenario, &kext);
	if (e != NULL)
		return e;
	const char *argv[] = {t->kind == TRIGGER_KEXT ? kext : t->text, NULL};
	struct pl_wait w = {.until = r->triggered + t->timeout};
	w.cancel = r->dump != NULL ? dump_began(r->dump) : r->o->cancel;
	e = guest_script(r->guest, scripts[t->kind], argv, true, &w, output);
	free(kext);
	if (e == NULL || pl_cancelled(r->o->cancel))
		return e;
	/* The deadline, and the interruption by the dump's beginning, are told apart by the evidence. */
	enum pl_error_kind kind = pl_error_kind(e);
	if (kind != PL_ERR_TIMEOUT && kind != PL_ERR_INTERRUPTED)
		return e;
	pl_error_free(e);
	return NULL;
}

/* Waits for a sign of the panic until `until`. */
static struct pl_error *watch(struct run *r, int64_t until)
{
	struct pl_wait w = {.until = until, .cancel = r->o->cancel};
	struct pl_error *e = NULL;
	while (e == NULL) {
		struct serial_diagnosis d;
		if (look_at_dump(r))
			return NULL;
		look_at_serial(r, &d);
		if (r->panic == PANIC_SEEN)
			return NULL;
		e = pl_wait_sleep(&w, GLANCE);
	}
	if (pl_error_kind(e) != PL_ERR_TIMEOUT)
		return e;
	pl_error_free(e);
	return NULL;
}

/* Where no dump is to come, only the guest itself can tell why the session ended; it may run on. */
static struct pl_error *ask_early(struct run *r, int64_t until)
{
	bool alive;
	int64_t soon = pl_now() + 2 * PL_SECOND;
	struct pl_error *e = watch(r, soon < until ? soon : until);
	if (e == NULL && r->panic == PANIC_NO && soon < until)
		e = guest_alive(r, &alive);
	return e;
}

static struct pl_error *no_effect(const struct run *r, const struct guest_output *output)
{
	char line[300], took[32];
	struct pl_error *e = NULL;
	if (!output->lost && output->status > 0)
		e = pl_error_new(PL_ERR_UNEXPECTED,
			"the trigger failed with status %d, and the guest runs on", output->status);
	else
		e = pl_error_new(PL_ERR_UNEXPECTED, "the trigger had no effect within %s",
			pl_format_time(r->scenario->trigger.timeout, took, sizeof took));
	e = pl_error_at(e, "trigger");
	if (output->error != NULL && output->error[0] != '\0')
		e = pl_error_why(e, "it said: %s", pl_safe_line(output->error, line, sizeof line));
	else
		e = pl_error_why(e, "the guest still answers from the same boot");
	if (r->scenario->trigger.kind == TRIGGER_DTRACE)
		return pl_error_hint(e, "check `csrutil status` in the guest: with SIP's dtrace restrictions "
					"panic() does nothing");
	return pl_error_hint(e, "run it by hand in the guest and see what it does");
}

struct pl_error *step_trigger(struct run *r, char *out)
{
	struct guest_output output = {0};
	r->triggered = pl_now();
	struct pl_error *e = pull(r, &output);
	int64_t until = r->triggered + r->scenario->trigger.timeout;
	if (e == NULL && !output.lost && output.status > 0) {
		/* It failed: a panic is unlikely now, but wait a little for one that is under way. */
		int64_t soon = pl_now() + 5 * PL_SECOND;
		until = soon < until ? soon : until;
	}
	if (e == NULL && !r->scenario->expect.panic && !output.lost && output.status >= 0)
		until = pl_now() + 2 * PL_SECOND;
	if (e == NULL && output.lost && r->dump == NULL)
		e = ask_early(r, until);
	if (e == NULL && r->panic == PANIC_NO)
		e = watch(r, until);
	bool alive = false;
	if (e == NULL && r->panic == PANIC_NO)
		e = guest_alive(r, &alive);
	if (e == NULL && alive) {
		if (r->scenario->expect.panic)
			e = no_effect(r, &output);
		SAY("no panic");
	} else if (e == NULL) {
		if (!r->scenario->expect.panic)
			e = pl_error_at(pl_error_why(pl_error_new(PL_ERR_UNEXPECTED,
							     "the guest panicked, and should not have"),
						"%s", r->sign),
				"trigger");
		SAY("%s", r->sign);
		guest_abandon(r->guest);
		r->guest = NULL;
	}
	guest_output_deinit(&output);
	return e;
}

static void show_progress(struct run *r)
{
	const struct dump_state *s = &r->dumped;
	if (!s->started)
		return;
	if (r->o->ui.dump != NULL)
		r->o->ui.dump(r->o->ui.arg, s->name, s->bytes, s->bytes_per_second);
	run_event(r, "dump",
		json_pack("{s:s, s:I, s:I}", "name", s->name, "bytes", (json_int_t)s->bytes,
			"bytes_per_second", (json_int_t)s->bytes_per_second));
}

static struct pl_error *no_dump(const struct run *r, const struct serial_diagnosis *d)
{
	struct pl_error *e =
		pl_error_at(pl_error_new(PL_ERR_CAPTURE, "%s, but no core came",
				    r->panic == PANIC_SEEN ? "it panicked" : "the guest is gone"),
			"dump");
	if (d->ended != NULL)
		return pl_error_hint(pl_error_why(e, "the console says: %s", d->ended), "%s", d->advice);
	if (r->dumped.refused > 0)
		return pl_error_hint(pl_error_why(e, "%u request%s refused, the last: %s", r->dumped.refused,
					     r->dumped.refused == 1 ? " was" : "s were", r->dumped.refusal),
			"`paniclab serve` in its place shows each as it comes");
	e = pl_error_why(
		e, "%s, and nothing arrived at %s:%u", r->sign, dump_address(r->dump), dump_port(r->dump));
	return pl_error_hint(e, "%s, check that the NIC is an e1000e, and %s",
		r->lab->host.firewall == LAB_FIREWALL_LEAVE
			? "let it through the host's firewall (`firewall: allow` in the lab file does)"
			: "check what else filters UDP on this host",
		r->serial.path != NULL
			? "read the serial console's log"
			: "send serial0 into a file in the .vmx: the kernel says there why it does not dump");
}

/* Waits until the first block has come. */
static struct pl_error *await_start(struct run *r, int64_t until, struct serial_diagnosis *d)
{
	struct pl_wait w = {.until = until, .cancel = r->o->cancel};
	struct pl_error *e = NULL;
	*d = (struct serial_diagnosis){0};
	while (e == NULL && !look_at_dump(r)) {
		look_at_serial(r, d);
		if (d->ended != NULL)
			return no_dump(r, d);
		e = pl_wait_sleep(&w, GLANCE);
	}
	if (e == NULL || pl_error_kind(e) != PL_ERR_TIMEOUT)
		return e;
	pl_error_free(e);
	return no_dump(r, d);
}

/*
 * Waits for the end of the transfer, until `until` or until the kernel must
 * have given up. *quiet: for how long nothing has come.
 */
static struct pl_error *await_end(struct run *r, int64_t until, int64_t *quiet)
{
	struct pl_error *e = NULL;
	uint64_t bytes = 0;
	int64_t last = pl_now();
	for (;;) {
		dump_look(r->dump, &r->dumped);
		show_progress(r);
		if (r->dumped.bytes != bytes) {
			bytes = r->dumped.bytes;
			last = pl_now();
		}
		*quiet = pl_now() - last;
		if (r->dumped.finished)
			return NULL;
		if (e != NULL)
			return e;
		struct pl_wait w = {.until = until, .cancel = r->o->cancel};
		if (last + DUMP_PATIENCE < until)
			w.until = last + DUMP_PATIENCE;
		e = dump_wait(r->dump, r->dumped.version, &w);
	}
}

/* The transfer was ended from here: why, and what is left of it. */
static struct pl_error *cut_off(struct run *r, int64_t quiet)
{
	char size[32], took[32];
	struct pl_error *e = NULL;
	pl_format_size(r->dumped.bytes, size, sizeof size);
	if (quiet >= STALLED) {
		pl_format_time(quiet, took, sizeof took);
		snprintf(r->dumped.reason, sizeof r->dumped.reason, "nothing came for %s", took);
		e = pl_error_new(PL_ERR_CAPTURE, "the core stopped arriving after %s", size);
		e = pl_error_why(e, "%s", r->dumped.reason);
	} else {
		pl_format_time(r->scenario->expect.within, took, sizeof took);
		snprintf(r->dumped.reason, sizeof r->dumped.reason, "still arriving after %s", took);
		e = pl_error_new(PL_ERR_CAPTURE, "the core was still arriving after %s", took);
		e = pl_error_hint(pl_error_why(e, "%s so far", size), "raise expect.within in the scenario");
	}
	return pl_error_hint(pl_error_at(e, "dump"), "what arrived is kept as %s", r->dumped.path);
}

struct pl_error *step_dump(struct run *r, char *out)
{
	struct serial_diagnosis d;
	char size[32], took[32];
	int64_t quiet = 0;
	if (r->panic == PANIC_NO) {
		SAY("there was no panic");
		return NULL;
	}
	int64_t last = r->triggered + r->scenario->expect.within;
	/* A kernel that has booted since the panic has nothing left to send. */
	int64_t start = pl_now() + (strcmp(r->sign, BOOTED_ANEW) == 0 ? 0 : DUMP_PATIENCE);
	struct pl_error *e = await_start(r, start < last ? start : last, &d);
	if (e == NULL)
		e = await_end(r, last, &quiet);
	/*
	 * Ends a transfer that is still under way, so that its file is named for what
	 * it is. After one that ended the server goes on answering: where the ACK of
	 * the EOF was lost the kernel asks again, and reboots only once it has it.
	 */
	if (!r->dumped.finished) {
		dump_stop(r->dump, &r->dumped);
		r->dump = NULL;
	}
	if (e != NULL && pl_error_kind(e) == PL_ERR_TIMEOUT) {
		pl_error_free(e);
		e = cut_off(r, quiet);
	}
	if (r->dumped.started)
		report_transfer(r);
	if (e == NULL && !r->dumped.complete)
		e = pl_error_hint(
			pl_error_at(
				pl_error_why(pl_error_new(PL_ERR_CAPTURE, "the core is incomplete after %s",
						     pl_format_size(r->dumped.bytes, size, sizeof size)),
					"%s", r->dumped.reason),
				"dump"),
			"what arrived is kept as %s", r->dumped.path);
	if (e == NULL)
		SAY("%s, %s in %s", r->dumped.name, pl_format_size(r->dumped.bytes, size, sizeof size),
			pl_format_time(r->dumped.duration, took, sizeof took));
	if (e != NULL && r->scenario->expect.core == CORE_OPTIONAL && pl_error_kind(e) == PL_ERR_CAPTURE) {
		char line[STEP_TEXT_MAX];
		SAY("%s", pl_error_line(e, line, sizeof line));
		pl_error_free(e);
		e = NULL;
	}
	return e;
}
