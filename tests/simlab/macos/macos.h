/*
 * The simulated guest's commands, one program under many names, as on macOS
 * where its behaviour differs from that of the host's tools.
 *
 * A name is one of: an applet that runs here (sudo, stat, md5, date ...); a
 * host tool behind a filter that refuses what only GNU has; anything else is
 * answered by the lab itself (nvram, csrutil, dtrace, reboot ...).
 */
#ifndef MACOS_MACOS_H
#define MACOS_MACOS_H

#include <stdbool.h>

#define MACOS_LAB_DIR "/.lab"
#define MACOS_TOOLS_DIR "/.tools"

typedef int (*macos_main)(int argc, char **argv);

int macos_sudo(int argc, char **argv);
int macos_stat(int argc, char **argv);
int macos_date(int argc, char **argv);
int macos_md5(int argc, char **argv);
int macos_shasum(int argc, char **argv);
int macos_ps(int argc, char **argv);
int macos_sed(int argc, char **argv);
int macos_sync(int argc, char **argv);
int macos_ditto(int argc, char **argv);

/** -1 if `name` is no host tool; else runs it, or refuses as BSD's would. */
int macos_filter(const char *name, int argc, char **argv);

/** True, and said so, if the command would write to what the guest's root may not write to now. */
bool macos_protected(const char *name, int argc, char **argv);

/** Replaces this process by the host's tool of that name; 127 if it cannot. */
int macos_exec_tool(const char *name, char **argv);

/** "NAME: illegal option -- C" on stderr; 1. */
int macos_illegal(const char *name, char option);

#endif
