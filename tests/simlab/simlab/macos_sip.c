#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/panic.h"

/* ---- nvram ---- */

static void print_variable(struct call *c, const struct nvram_variable *v)
{
	/* boot-args and other texts carry a NUL that is not part of them. */
	size_t size = v->size;
	bool text = size > 1 && v->value[size - 1] == '\0' && memchr(v->value, '\0', size - 1) == NULL;
	call_out(c, "%s\t", v->name);
	for (size_t i = 0; i < size - (text ? 1 : 0); i++) {
		if (isprint(v->value[i]) && v->value[i] != '%')
			call_out(c, "%c", v->value[i]);
		else
			call_out(c, "%%%02x", v->value[i]);
	}
	call_out(c, "\n");
}

static void print_all(struct sim *s, struct call *c)
{
	for (size_t i = 0; i < s->nvram.count; i++)
		if (memcmp(s->nvram.variables[i].guid, NVRAM_APPLE, 16) == 0)
			print_variable(c, &s->nvram.variables[i]);
}

static void fail(struct call *c, const char *doing, const char *name, const char *why)
{
	call_err(c, "nvram: Error %s variable - '%s': (iokit/common) %s\n", doing, name, why);
	c->status = 1;
}

/* True, and said so, if SIP or a missing root forbids the change. */
static bool forbidden(const struct sim *s, struct call *c, const char *doing, const char *name)
{
	bool guarded = strcmp(name, "boot-args") == 0 || strcmp(name, "csr-active-config") == 0;
	if (!c->root)
		fail(c, doing, name, "not privileged");
	else if (guarded && (s->boot.csr & CSR_NVRAM) == 0)
		/* Newer systems say "not permitted". */
		fail(c, doing, name, "general error");
	else
		return false;
	return true;
}

/* %xx in place; the length. */
static size_t unescape(char *value)
{
	char *to = value;
	for (const char *p = value; *p != '\0'; p++) {
		char hex[3] = {0};
		if (p[0] == '%' && isxdigit((unsigned char)p[1]) && isxdigit((unsigned char)p[2])) {
			memcpy(hex, p + 1, 2);
			*to++ = (char)strtol(hex, NULL, 16);
			p += 2;
		} else
			*to++ = *p;
	}
	*to = '\0';
	return (size_t)(to - value);
}

static void set(struct sim *s, struct call *c, char *name, char *value)
{
	if (s->faults.on[FAULT_SSH_CUT]) {
		c->ready = call_hangs;
		return;
	}
	if (forbidden(s, c, "setting", name) || s->faults.on[FAULT_NVRAM_SILENT])
		return;
	size_t size = unescape(value);
	/* boot-args go to the firmware as a C string. */
	bool text = strcmp(name, "boot-args") == 0;
	sim_complain(nvram_set(&s->nvram, NVRAM_APPLE, name, value, text ? size + 1 : size));
}

static void delete (struct sim *s, struct call *c, const char *name)
{
	if (forbidden(s, c, "deleting", name) || s->faults.on[FAULT_NVRAM_SILENT])
		return;
	nvram_delete(&s->nvram, NVRAM_APPLE, name);
}

static void get(struct sim *s, struct call *c, const char *name)
{
	const struct nvram_variable *v = nvram_get(&s->nvram, NVRAM_APPLE, name);
	if (v != NULL)
		print_variable(c, v);
	else
		fail(c, "getting", name, "data was not found");
}

void macos_nvram(struct sim *s, struct call *c)
{
	if (c->argc == 0) {
		call_err(c, "nvram: usage: nvram [-x] [-p] [-f filename] [-d name] [-c] name[=value] ...\n");
		c->status = 1;
	}
	for (int i = 0; i < c->argc; i++) {
		char *word = c->argv[i];
		char *equals = strchr(word, '=');
		if (strcmp(word, "-p") == 0)
			print_all(s, c);
		else if (strcmp(word, "-d") == 0 && i + 1 < c->argc)
			delete (s, c, c->argv[++i]);
		else if (word[0] == '-') {
			call_err(c, "nvram: (usage: unknown option %s)\n", word);
			c->status = 1;
		} else if (equals != NULL) {
			*equals = '\0';
			set(s, c, word, equals + 1);
		} else
			get(s, c, word);
	}
}

/* ---- csrutil ---- */

static void csr_line(struct call *c, const char *label, bool enabled)
{
	call_out(c, "\t%s: %s\n", label, enabled ? "enabled" : "disabled");
}

static void csr_status(const struct sim *s, struct call *c)
{
	uint32_t csr = s->boot.csr;
	const char *headline = "enabled (Custom Configuration).\n";
	if ((csr & ~(uint32_t)CSR_APPLE_INTERNAL) == 0)
		headline = "enabled.";
	else if (csr == 0x77)
		headline = "disabled.";
	call_out(c, "System Integrity Protection status: %s\n", headline);
	if (csr == 0x77 || (csr & ~(uint32_t)CSR_APPLE_INTERNAL) == 0)
		return;
	call_out(c, "Configuration:\n");
	csr_line(c, "Apple Internal", (csr & CSR_APPLE_INTERNAL) != 0);
	csr_line(c, "Kext Signing", (csr & CSR_KEXTS) == 0);
	csr_line(c, "Filesystem Protections", (csr & CSR_FS) == 0);
	csr_line(c, "Debugging Restrictions", (csr & CSR_TASK_FOR_PID) == 0);
	csr_line(c, "DTrace Restrictions", (csr & CSR_DTRACE) == 0);
	csr_line(c, "NVRAM Protections", (csr & CSR_NVRAM) == 0);
	csr_line(c, "BaseSystem Verification", (csr & CSR_ANY_RECOVERY) == 0);
	call_out(c, "\nThis is an unsupported configuration, likely to break in the future and leave your "
		    "machine in "
		    "an unknown state.\n");
}

void macos_csrutil(struct sim *s, struct call *c)
{
	const char *verb = c->argc > 0 ? c->argv[0] : "";
	if (strcmp(verb, "status") == 0) {
		csr_status(s, c);
		return;
	}
	c->status = 1;
	if (strcmp(verb, "enable") == 0 || strcmp(verb, "disable") == 0 || strcmp(verb, "clear") == 0)
		call_err(c, "csrutil: failed to modify system integrity configuration. This tool needs to be "
			    "executed "
			    "from the Recovery OS.\n");
	else
		call_err(c,
			"usage: csrutil <command>\nModify the System Integrity Protection configuration. All "
			"configuration changes apply to the entire machine.\n");
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
	if (panics && (s->boot.csr & CSR_DTRACE) != 0 && !s->faults.on[FAULT_TRIGGER_SILENT])
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
