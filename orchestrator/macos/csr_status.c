#include "orchestrator/macos/csr_status.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/macos/csr.h"

void csr_status_init(struct csr_status *s)
{
	*s = (struct csr_status){.kexts = -1,
		.filesystem = -1,
		.task_for_pid = -1,
		.kernel_debugger = -1,
		.dtrace = -1,
		.nvram = -1,
		.basesystem = -1,
		.boot_args = -1,
		.kernel_integrity = -1,
		.authenticated_root = -1,
		.internal = -1};
}

/* "enabled", "disabled" or something else, in front of whatever follows. */
static int state_of(const char *text)
{
	text += strspn(text, " \t");
	if (pl_starts_with(text, "enabled"))
		return 1;
	return pl_starts_with(text, "disabled") ? 0 : -1;
}

/* The text after "LABEL:" in a line, or NULL. */
static const char *after_label(const char *line, const char *label)
{
	size_t n = strlen(label);
	line += strspn(line, " \t");
	if (strncmp(line, label, n) != 0)
		return NULL;
	line += n + strspn(line + n, " \t");
	return *line == ':' ? line + 1 + strspn(line + 1, " \t") : NULL;
}

static void set_headline(struct csr_status *s, const char *text)
{
	size_t size = strlen(text);
	while (size > 0 && (text[size - 1] == '.' || isspace((unsigned char)text[size - 1])))
		size--;
	pl_escape(text, size, s->headline, sizeof s->headline);
}

void csr_status_line(struct csr_status *s, const char *line)
{
	const struct {
		const char *label;
		int *ret;
	} lines[] = {
		{"Apple Internal", &s->internal},
		{"Kext Signing", &s->kexts},
		{"Filesystem Protections", &s->filesystem},
		{"Debugging Restrictions", &s->task_for_pid},
		{"DTrace Restrictions", &s->dtrace},
		{"NVRAM Protections", &s->nvram},
		{"BaseSystem Verification", &s->basesystem},
		{"Boot-arg Restrictions", &s->boot_args},
		{"Kernel Integrity Protections", &s->kernel_integrity},
		{"Authenticated Root Requirement", &s->authenticated_root},
	};
	const char *value = after_label(line, "System Integrity Protection status");
	if (value != NULL)
		set_headline(s, value);
	s->custom = s->custom || strstr(line, "Configuration") != NULL;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		value = after_label(line, lines[i].label);
		if (value != NULL)
			*lines[i].ret = state_of(value);
	}
}

static void set_unknown(struct csr_status *s, int all)
{
	int *const each[] = {&s->kexts, &s->filesystem, &s->task_for_pid, &s->kernel_debugger, &s->dtrace,
		&s->nvram, &s->basesystem, &s->boot_args, &s->kernel_integrity};
	for (size_t i = 0; i < sizeof each / sizeof *each; i++)
		if (*each[i] < 0)
			*each[i] = all;
}

static int kernel_debugger(const struct csr_status *s)
{
	if (s->kexts == 0 || s->internal == 1)
		return 0;
	return s->kexts == 1 && s->internal == 0 ? 1 : -1;
}

void csr_status_end(struct csr_status *s, const struct macos_version *macos)
{
	s->kernel_debugger = kernel_debugger(s);
	if (s->headline[0] == '\0' && macos_version_known(macos) && !csr_exists(macos)) {
		set_unknown(s, 0);
		s->authenticated_root = 0;
		snprintf(s->headline, sizeof s->headline, "none before 10.11");
	}
	/* The seal is not SIP's: `csrutil disable` leaves it, and the headline says nothing of it. */
	if (!s->custom)
		set_unknown(s, state_of(s->headline));
}

uint32_t csr_status_denies(const struct csr_status *s, uint32_t wanted, uint32_t *unknown)
{
	const struct {
		uint32_t bit;
		int restricted;
	} lines[] = {
		{CSR_UNTRUSTED_KEXTS, s->kexts},
		{CSR_UNRESTRICTED_FS, s->filesystem},
		{CSR_TASK_FOR_PID, s->task_for_pid},
		{CSR_KERNEL_DEBUGGER, s->kernel_debugger},
		{CSR_UNRESTRICTED_DTRACE, s->dtrace},
		{CSR_UNRESTRICTED_NVRAM, s->boot_args == 1 ? 1 : s->nvram},
		{CSR_UNAUTHENTICATED_ROOT, s->authenticated_root},
	};
	uint32_t denied = 0;
	*unknown = wanted;
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
		if ((wanted & lines[i].bit) == 0 || lines[i].restricted < 0)
			continue;
		*unknown &= ~lines[i].bit;
		if (lines[i].restricted == 1)
			denied |= lines[i].bit;
	}
	return denied;
}
