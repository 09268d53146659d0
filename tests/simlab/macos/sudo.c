/*
 * sudo(8): uid 0 of a user namespace of its own, in which the lab's user is
 * root of all the guest's files. A password is asked for when the lab says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/simlab/macos/macos.h"

#define PASSWORD_FILE MACOS_LAB_DIR "/sudo-password"

struct options {
	bool non_interactive;
	bool from_stdin;
	bool validate;
	const char *prompt;
	int command; /* its index in argv */
};

/* False for what this stand-in does not know. */
static bool parse(int argc, char **argv, struct options *o)
{
	int i = 1;
	for (; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "--") == 0) {
			i++;
			break;
		}
		for (const char *c = argv[i] + 1; *c != '\0'; c++) {
			if (*c == 'n')
				o->non_interactive = true;
			else if (*c == 'S')
				o->from_stdin = true;
			else if (*c == 'v')
				o->validate = true;
			else if ((*c == 'p' || *c == 'u') && c[1] == '\0' && i + 1 < argc) {
				if (*c == 'p')
					o->prompt = argv[i + 1];
				i++;
				break;
			} else if (strchr("EHkK", *c) == NULL)
				return false;
		}
	}
	o->command = i;
	return i < argc || o->validate;
}

/* A byte at a time: what follows the line belongs to the command. */
static bool read_line(char *line, size_t size)
{
	size_t n = 0;
	char c = 0;
	ssize_t got;
	while ((got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
		if (n + 1 < size)
			line[n++] = c;
	line[n] = '\0';
	return got == 1 || n > 0;
}

static bool ask(const struct options *o, const char *wanted)
{
	char line[256];
	for (int tries = 1; tries <= 3; tries++) {
		fputs(o->prompt, stderr);
		if (!read_line(line, sizeof line)) {
			fprintf(stderr, "sudo: no password was provided\n");
			return false;
		}
		if (strcmp(line, wanted) == 0)
			return true;
		if (tries < 3)
			fprintf(stderr, "Sorry, try again.\n");
	}
	fprintf(stderr, "sudo: 3 incorrect password attempts\n");
	return false;
}

static bool authenticated(const struct options *o)
{
	char wanted[256] = "";
	FILE *f = fopen(PASSWORD_FILE, "r");
	if (f == NULL)
		return true;
	bool read = fgets(wanted, sizeof wanted, f) != NULL;
	fclose(f);
	wanted[strcspn(wanted, "\n")] = '\0';
	if (!read)
		return true;
	if (o->non_interactive) {
		fprintf(stderr, "sudo: a password is required\n");
		return false;
	}
	if (!o->from_stdin) {
		fprintf(stderr, "sudo: no tty present and no askpass program specified\n");
		return false;
	}
	return ask(o, wanted);
}

static bool write_map(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
	if (fd >= 0)
		close(fd);
	return ok;
}

static bool become_root(void)
{
	char uid[32];
	char gid[32];
	if (geteuid() == 0)
		return true;
	snprintf(uid, sizeof uid, "0 %u 1", (unsigned)geteuid());
	snprintf(gid, sizeof gid, "0 %u 1", (unsigned)getegid());
	return unshare(CLONE_NEWUSER) == 0 && write_map("/proc/self/uid_map", uid) &&
	       write_map("/proc/self/gid_map", gid);
}

int macos_sudo(int argc, char **argv)
{
	struct options o = {.prompt = "Password:"};
	if (!parse(argc, argv, &o)) {
		fprintf(stderr, "usage: sudo [-HknS] [-p prompt] [-u user] command\n");
		return 1;
	}
	if (!authenticated(&o))
		return 1;
	if (o.command >= argc)
		return 0;
	if (!become_root()) {
		fprintf(stderr, "sudo: simulated root: %s\n", strerror(errno));
		return 1;
	}
	setenv("USER", "root", 1);
	setenv("LOGNAME", "root", 1);
	setenv("SUDO_USER", "lab", 1);
	setenv("SUDO_UID", "501", 1);
	execvp(argv[o.command], argv + o.command);
	fprintf(stderr, "sudo: %s: command not found\n", argv[o.command]);
	return 1;
}
