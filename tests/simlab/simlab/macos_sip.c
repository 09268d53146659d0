/* csrutil, spctl, and dtrace, whose panic() SIP keeps back. */
#include <stdio.h>
#include <string.h>

#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/panic.h"

/* Kept when SIP is switched; they say nothing of it. */
#define CSR_NOT_SAID (0x400 | CSR_UNAPPROVED_KEXTS | CSR_APPLE_INTERNAL)

bool macos_csr(const struct sim *s, uint32_t bits)
{
	return (sip_bits(s->release, s->boot.csr) & bits) == bits;
}

/* ---- csrutil ---- */

static void csr_status(const struct sim *s, struct call *c)
{
	const struct sip_words *w = sip_words_of(s->release);
	uint32_t csr = s->boot.csr;
	bool on = (csr & ~(uint32_t)CSR_NOT_SAID) == 0;
	bool off = (csr & w->judged) == w->off;
	call_out(c, "System Integrity Protection status: %s.\n",
		on    ? "enabled"
		: off ? "disabled"
		      : w->custom);
	if (on || off)
		return;
	call_out(c, "\nConfiguration:\n");
	for (size_t i = 0; i < w->lines; i++) {
		bool set = (csr & SIP_LINES[i].bit) != 0;
		call_out(c, "\t%s: %s\n", SIP_LINES[i].label,
			set == (SIP_LINES[i].enabled_when_set != 0) ? "enabled" : "disabled");
	}
	call_out(c, "\nThis is an unsupported configuration, likely to break in the future and leave your "
		    "machine in an unknown state.\n");
}

static void authenticated_root(const struct sim *s, struct call *c)
{
	const char *verb = c->argc > 1 ? c->argv[1] : "";
	if (strcmp(verb, "status") == 0) {
		call_out(c, "Authenticated Root status: %s\n",
			macos_csr(s, CSR_UNAUTHENTICATED_ROOT) ? "disabled" : "enabled");
		return;
	}
	call_err(c, "%s\n", sip_words_of(s->release)->recovery);
	c->status = 1;
}

void macos_csrutil(struct sim *s, struct call *c)
{
	const char *verb = c->argc > 0 ? c->argv[0] : "";
	if (strcmp(verb, "status") == 0) {
		csr_status(s, c);
		return;
	}
	if (strcmp(verb, "authenticated-root") == 0 && s->release->number >= 1100) {
		authenticated_root(s, c);
		return;
	}
	c->status = 1;
	if (strcmp(verb, "enable") == 0 || strcmp(verb, "disable") == 0 || strcmp(verb, "clear") == 0)
		call_err(c, "%s\n", sip_words_of(s->release)->recovery);
	else
		call_err(c,
			"usage: csrutil <command>\nModify the System Integrity Protection configuration. All "
			"configuration changes apply to the entire machine.\n");
}

/* ---- spctl ---- */

void macos_spctl(struct sim *s, struct call *c)
{
	const char *verb = c->argc > 0 ? c->argv[0] : "";
	if (strcmp(verb, "--status") == 0)
		call_out(c, "assessments enabled\n");
	else if (strcmp(verb, "kext-consent") == 0 && s->release->number >= 1013 && c->argc > 1 &&
		 strcmp(c->argv[1], "status") == 0)
		call_out(c, "Kernel Extension User Consent: %s\n",
			macos_csr(s, CSR_UNAPPROVED_KEXTS) ? "DISABLED" : "ENABLED");
	else {
		call_err(c, "spctl: must be executed from the Recovery OS.\n");
		c->status = 1;
	}
}

/* ---- dtrace ---- */

void macos_dtrace(struct sim *s, struct call *c)
{
	bool destructive = false;
	const char *script = NULL;
	for (int i = 0; i < c->argc; i++) {
		destructive |= strcmp(c->argv[i], "-w") == 0 || strcmp(c->argv[i], "-wn") == 0;
		if ((strcmp(c->argv[i], "-n") == 0 || strcmp(c->argv[i], "-wn") == 0) && i + 1 < c->argc)
			script = c->argv[++i];
	}
	c->status = 1;
	if (macos_needs_root(c, "dtrace: failed to initialize dtrace: DTrace requires additional privileges"))
		return;
	if (script == NULL) {
		call_err(c, "dtrace: no probes specified\n");
		return;
	}
	bool panics = strstr(script, "panic()") != NULL;
	sim_event("dtrace runs");
	if (panics && !destructive) {
		call_err(c, "dtrace: could not enable tracing: Destructive actions not allowed\n");
		return;
	}
	c->status = 0;
	/* From here on it traces until somebody kills it; with SIP on the action does nothing. */
	c->ready = call_hangs;
	if (panics && macos_csr(s, CSR_DTRACE) && !s->faults.on[FAULT_TRIGGER_SILENT])
		panic_begin(s, PANIC_DTRACE, NULL, NULL);
}

void macos_panic_from_host(struct sim *s, struct call *c)
{
	enum panic_trigger trigger = PANIC_NMI;
	struct pl_error *e = c->argc > 0 ? panic_trigger_parse(c->argv[0], &trigger) : NULL;
	if (e != NULL || !s->guest_running) {
		call_err(c, "simlab (simulated): %s\n",
			e != NULL ? pl_error_what(e) : "the guest is not running");
		c->status = 2;
		pl_error_free(e);
		return;
	}
	panic_begin(s, trigger, NULL, NULL);
}
