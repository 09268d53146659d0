/* Small commands whose options or output are not those of the host's tools. */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/proc.h"
#include "tests/simlab/macos/macos.h"

int macos_sync(int argc, char **argv)
{
	/* The host's sync would flush all of the host's disks. */
	(void)argc;
	(void)argv;
	return 0;
}

int macos_date(int argc, char **argv)
{
	const char *format = "%a %b %e %H:%M:%S %Z %Y";
	time_t now = time(NULL);
	bool utc = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "-u") == 0)
			utc = true;
		else if (strcmp(argv[i], "-j") == 0)
			continue;
		else if (strcmp(argv[i], "-r") == 0 && i + 1 < argc)
			now = (time_t)strtoll(argv[++i], NULL, 10);
		else if (argv[i][0] == '+')
			format = argv[i] + 1;
		else
			return macos_illegal("date", argv[i][0] == '-' ? argv[i][1] : argv[i][0]);
	}
	char out[512];
	struct tm tm;
	if (utc)
		gmtime_r(&now, &tm);
	else
		localtime_r(&now, &tm);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	out[strftime(out, sizeof out, format, &tm)] = '\0';
#pragma GCC diagnostic pop
	puts(out);
	return 0;
}

/* The digest of one file (NULL: standard input) as the host's tool finds it. */
static bool md5_of(const char *file, char out[static 33])
{
	const char *argv[] = {MACOS_TOOLS_DIR "/md5sum", file != NULL ? file : "/dev/stdin", NULL};
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_wait w = pl_wait_for(PL_TIME_FOREVER, NULL);
	struct pl_proc_result r;
	struct pl_error *e = pl_proc_run(&spec, &w, &r);
	const char *text = pl_buf_text(&r.out);
	if (text[0] == '\\')
		text++;
	bool ok = e == NULL && r.status == 0 && strlen(text) >= 32;
	if (ok)
		snprintf(out, 33, "%.32s", text);
	pl_error_free(e);
	pl_proc_result_deinit(&r);
	return ok;
}

int macos_md5(int argc, char **argv)
{
	char digest[33];
	bool quiet = argc > 1 && strcmp(argv[1], "-q") == 0;
	int status = 0;
	if (argc == 1) {
		char *const tool[] = {"md5sum", NULL};
		return macos_exec_tool("md5sum", (char **)tool);
	}
	for (int i = quiet ? 2 : 1; i < argc; i++) {
		if (!md5_of(argv[i], digest)) {
			fprintf(stderr, "md5: %s: No such file or directory\n", argv[i]);
			status = 1;
		} else if (quiet)
			puts(digest);
		else
			printf("MD5 (%s) = %s\n", argv[i], digest);
	}
	return status;
}

int macos_shasum(int argc, char **argv)
{
	const char *tool = "sha1sum";
	int first = 1;
	if (argc > 2 && strcmp(argv[1], "-a") == 0) {
		tool = strcmp(argv[2], "256") == 0   ? "sha256sum"
		       : strcmp(argv[2], "512") == 0 ? "sha512sum"
						     : tool;
		first = 3;
	}
	argv[first - 1] = (char *)tool;
	return macos_exec_tool(tool, argv + first - 1);
}

/* BSD's -i takes its suffix as the next word ('' for none); -E, no -r. */
int macos_sed(int argc, char **argv)
{
	char suffix[64];
	for (int i = 1; i < argc && argv[i][0] == '-'; i++) {
		if (strcmp(argv[i], "-r") == 0 || strncmp(argv[i], "--", 2) == 0)
			return macos_illegal("sed", argv[i][1]);
		if (strcmp(argv[i], "-e") == 0 || strcmp(argv[i], "-f") == 0) {
			i++;
			continue;
		}
		if (strcmp(argv[i], "-i") != 0 || i + 1 >= argc)
			continue;
		snprintf(suffix, sizeof suffix, "-i%s", argv[i + 1]);
		argv[i] = suffix;
		memmove(&argv[i + 1], &argv[i + 2], sizeof argv[0] * (size_t)(argc - i - 1));
		argc--;
	}
	return macos_exec_tool("sed", argv);
}

int macos_ditto(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "ditto: this simulated one takes a source and a target\n");
		return 1;
	}
	/* ditto merges the content of a folder into the target, made if absent. */
	char source[4096];
	if (access(argv[2], F_OK) == 0)
		snprintf(source, sizeof source, "%s/.", argv[1]);
	else
		snprintf(source, sizeof source, "%s", argv[1]);
	char *const tool[] = {"cp", "-a", source, argv[2], NULL};
	return macos_exec_tool("cp", (char **)tool);
}

/* The guest's own processes are those whose root is the guest's. */
static void print_process(const char *pid)
{
	char path[64];
	char line[256] = "";
	snprintf(path, sizeof path, "/proc/%.16s/cmdline", pid);
	FILE *f = fopen(path, "r");
	if (f == NULL)
		return;
	size_t n = fread(line, 1, sizeof line - 1, f);
	fclose(f);
	for (size_t i = 0; i + 1 < n; i++)
		if (line[i] == '\0')
			line[i] = ' ';
	if (n > 0)
		printf("%5.16s ??         0:00.01 %s\n", pid, line);
}

int macos_ps(int argc, char **argv)
{
	char here[64] = "";
	(void)argc;
	(void)argv;
	puts("  PID TTY           TIME CMD");
	puts("    1 ??         0:01.00 /sbin/launchd");
	ssize_t n = readlink("/proc/self/ns/pid", here, sizeof here - 1);
	DIR *d = n > 0 ? opendir("/proc") : NULL;
	for (struct dirent *e; d != NULL && (e = readdir(d)) != NULL;) {
		char path[64];
		char ns[64] = "";
		snprintf(path, sizeof path, "/proc/%.16s/ns/pid", e->d_name);
		if (readlink(path, ns, sizeof ns - 1) > 0 && strcmp(ns, here) == 0)
			print_process(e->d_name);
	}
	if (d != NULL)
		closedir(d);
	return 0;
}
