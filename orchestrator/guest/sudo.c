#include "orchestrator/guest/sudo.h"

#include <string.h>

#include "base/text.h"

/* env, so that a csh understands it; sudo speaks the guest's language otherwise. */
#define ENGLISH "/usr/bin/env LC_ALL=C "

struct pl_error *sudo_prefix(const struct lab_guest *cfg, struct pl_buf *command, char **input)
{
	char *password = NULL;
	if (cfg->sudo == LAB_SUDO_NOPASSWD)
		return pl_buf_puts(command, ENGLISH "sudo -n ");
	struct pl_error *e = secret_read(&cfg->sudo_password, "the sudo password", &password);
	if (e == NULL)
		e = pl_asprintf(input, "%s\n", password);
	secret_free(password);
	/* -k: ask even if sudo remembers, so that the password is always read by sudo and by nobody else. */
	return e != NULL ? e : pl_buf_puts(command, ENGLISH "sudo -k -S -p '' ");
}

/* What sudo says, most telling first; versions 1.7 (macOS 10.7) to 1.9. */
static const struct saying {
	const char *words;
	const char *what;
	const char *hint;
} sayings[] = {
	{"not in the sudoers", "this user may not use sudo", "make it an administrator of the guest"},
	{"not allowed to", "this user may not use sudo for this", "make it an administrator of the guest"},
	{"may not run sudo", "this user may not use sudo", "make it an administrator of the guest"},
	{"incorrect password", "sudo refuses the password", "check the file or variable of sudo: password:"},
	{"ry again", "sudo refuses the password", "check the file or variable of sudo: password:"},
	{"have a tty", "sudo wants a terminal",
		"put 'Defaults !requiretty' into the guest's sudoers (visudo)"},
	{"password", "sudo wants a password", NULL},
	{"no tty present", "sudo wants a password", NULL},
	{"a terminal is required", "sudo wants a password", NULL},
	{"No such file", "the guest has no sudo", "log in as root, or install it"},
};

struct pl_error *sudo_failure(const struct lab_guest *cfg, const char *words)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; i < sizeof sayings / sizeof *sayings && e == NULL; i++) {
		if (strstr(words, sayings[i].words) == NULL)
			continue;
		e = pl_error_new(PL_ERR_GUEST, "%s", sayings[i].what);
		if (sayings[i].hint != NULL)
			e = pl_error_hint(e, "%s", sayings[i].hint);
	}
	if (e == NULL)
		e = pl_error_new(PL_ERR_GUEST, "sudo did not run the command");
	size_t size = strcspn(words, "\n");
	e = pl_error_why(e, "%.*s", (int)size, words);
	return pl_error_hint(e,
		"put '%s ALL=(ALL) NOPASSWD: ALL' into the guest's sudoers (sudo visudo), or give the lab "
		"file "
		"sudo: {password: {file: PATH}} for this guest",
		cfg->ssh.user);
}
