#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/simlab/call.h"
#include "tests/simlab/macos/macos.h"

static const struct {
	const char *name;
	macos_main run;
} APPLETS[] = {
	{"sudo", macos_sudo},
	{"stat", macos_stat},
	{"date", macos_date},
	{"md5", macos_md5},
	{"shasum", macos_shasum},
	{"ps", macos_ps},
	{"sed", macos_sed},
	{"sync", macos_sync},
	{"ditto", macos_ditto},
};

int macos_exec_tool(const char *name, char **argv)
{
	char path[256];
	snprintf(path, sizeof path, MACOS_TOOLS_DIR "/%s", name);
	execv(path, argv);
	fprintf(stderr, "%s: not in this simulated guest\n", name);
	return 127;
}

int macos_illegal(const char *name, char option)
{
	fprintf(stderr, "%s: illegal option -- %c\n", name, option);
	return 1;
}

/* LeakSanitizer cannot look at a process through another PID namespace's /proc. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "detect_leaks=0";
}

int main(int argc, char **argv)
{
	const char *slash = argc > 0 ? strrchr(argv[0], '/') : NULL;
	const char *name = slash != NULL ? slash + 1 : argc > 0 ? argv[0] : "";
	if (macos_protected(name, argc, argv))
		return 1;
	for (size_t i = 0; i < sizeof APPLETS / sizeof APPLETS[0]; i++)
		if (strcmp(APPLETS[i].name, name) == 0)
			return APPLETS[i].run(argc, argv);
	int status = macos_filter(name, argc, argv);
	if (status >= 0)
		return status;
	status = call_forward(MACOS_LAB_DIR, CALL_GUEST_SOCKET, name, argc, argv);
	if (status < 0) {
		fprintf(stderr, "%s: the simulated lab does not answer\n", name);
		return 127;
	}
	return status;
}
