#include "tests/bench/os.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#ifdef __linux__
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

int os_core(unsigned nth)
{
	cpu_set_t set;
	if (sched_getaffinity(0, sizeof(set), &set) < 0)
		return -1;
	for (int i = CPU_SETSIZE - 1; i >= 0; i--)
		if (CPU_ISSET((size_t)i, &set) && nth-- == 0)
			return i;
	return -1;
}

bool os_pin(int core)
{
	cpu_set_t set;
	if (core < 0)
		return true;
	CPU_ZERO(&set);
	CPU_SET((size_t)core, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

void os_die_with(pid_t parent)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent) /* it was quicker */
		_exit(1);
}

/* The number after `key` at the start of a line of the file. */
static bool read_number(const char *path, const char *key, uint64_t *ret)
{
	char line[512];
	bool found = false;
	FILE *f = fopen(path, "re");
	while (f && !found && fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0) {
			*ret = strtoull(line + strlen(key), NULL, 10);
			found = true;
		}
	if (f)
		(void)fclose(f);
	return found;
}

bool os_memory(pid_t pid, uint64_t *now, uint64_t *most)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	if (!read_number(path, "VmRSS:", now) || !read_number(path, "VmHWM:", most))
		return false;
	*now *= 1024;
	*most *= 1024;
	return true;
}

/* A line of /proc/net/udp: "sl: LOCAL:PORT REMOTE:PORT st tx:rx tr:when retr uid timeout inode ref pointer
 * drops". */
bool os_udp_drops(unsigned port, uint64_t *ret)
{
	char line[512];
	bool found = false;
	FILE *f = fopen("/proc/net/udp", "re");
	while (f && !found && fgets(line, sizeof(line), f)) {
		unsigned local = 0;
		unsigned long long drops = 0;
		int n = sscanf(line, " %*u: %*x:%x %*x:%*x %*x %*x:%*x %*x:%*x %*x %*u %*u %*u %*u %*s %llu",
			&local, &drops);
		found = n == 2 && local == port;
		if (found)
			*ret = drops;
	}
	if (f)
		(void)fclose(f);
	return found;
}

#else

int os_core(unsigned nth)
{
	(void)nth;
	return -1;
}

bool os_pin(int core)
{
	return core < 0;
}

void os_die_with(pid_t parent)
{
	(void)parent;
}

bool os_memory(pid_t pid, uint64_t *now, uint64_t *most)
{
	(void)pid;
	(void)now;
	(void)most;
	return false;
}

bool os_udp_drops(unsigned port, uint64_t *ret)
{
	(void)port;
	(void)ret;
	return false;
}

#endif

void os_raise_files(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}
