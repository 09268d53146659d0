#include "tests/simlab/simlab/firewall.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"

#define APPS_MAX 64

/* File: "state N", then "allow PATH" or "block PATH" a line. */
struct firewall {
	int state;
	size_t count;
	struct {
		bool allowed;
		char path[PATH_MAX];
	} apps[APPS_MAX];
};

static struct firewall *load(void)
{
	struct firewall *f = calloc(1, sizeof *f);
	FILE *in = fopen(SIM_FIREWALL, "r");
	char line[PATH_MAX + 16];
	while (f != NULL && in != NULL && fgets(line, sizeof line, in) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "state ", 6) == 0)
			f->state = line[6] - '0';
		else if (strlen(line) > 6 && f->count < APPS_MAX) {
			f->apps[f->count].allowed = strncmp(line, "allow ", 6) == 0;
			snprintf(f->apps[f->count++].path, PATH_MAX, "%.*s", PATH_MAX - 1, line + 6);
		}
	}
	if (in != NULL)
		fclose(in);
	if (f == NULL)
		abort();
	return f;
}

static void save(const struct firewall *f)
{
	struct pl_buf b;
	pl_buf_init(&b, 1U << 20);
	struct pl_error *e = pl_buf_printf(&b, "state %d\n", f->state);
	for (size_t i = 0; i < f->count && e == NULL; i++)
		e = pl_buf_printf(&b, "%s %s\n", f->apps[i].allowed ? "allow" : "block", f->apps[i].path);
	if (e == NULL)
		e = pl_fs_write(SIM_FIREWALL, b.data, b.size, 0644);
	pl_buf_deinit(&b);
	sim_complain(e);
}

struct pl_error *firewall_create(void)
{
	static const char INITIAL[] = "state 1\nallow /Applications/Xcode.app\n";
	return pl_fs_write(SIM_FIREWALL, INITIAL, sizeof INITIAL - 1, 0644);
}

/* ---- who holds a port ---- */

static bool port_inode(const char *ip, uint16_t port, unsigned long *ret)
{
	struct in_addr wanted;
	char line[512];
	bool found = false;
	FILE *f = inet_pton(AF_INET, ip, &wanted) == 1 ? fopen("/proc/net/udp", "r") : NULL;
	while (f != NULL && !found && fgets(line, sizeof line, f) != NULL) {
		unsigned address = 0;
		unsigned local_port = 0;
		unsigned long inode = 0;
		if (sscanf(line, " %*u: %x:%x %*x:%*x %*x %*x:%*x %*x:%*x %*x %*u %*u %lu", &address,
			    &local_port, &inode) != 3)
			continue;
		found = local_port == port && (address == 0 || address == wanted.s_addr);
		*ret = inode;
	}
	if (f != NULL)
		fclose(f);
	return found;
}

static bool process_holds(const char *pid, const char *socket_link)
{
	char dir[64];
	bool found = false;
	snprintf(dir, sizeof dir, "/proc/%.16s/fd", pid);
	DIR *d = opendir(dir);
	for (struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;) {
		char path[128];
		char link[64] = "";
		snprintf(path, sizeof path, "%s/%.32s", dir, e->d_name);
		found = readlink(path, link, sizeof link - 1) > 0 && strcmp(link, socket_link) == 0;
	}
	if (d != NULL)
		closedir(d);
	return found;
}

/* The program's path; false if its owner is not to be seen. */
static bool inode_program(unsigned long inode, char out[static PATH_MAX])
{
	char wanted[64];
	bool found = false;
	snprintf(wanted, sizeof wanted, "socket:[%lu]", inode);
	DIR *d = opendir("/proc");
	for (struct dirent *e; d != NULL && !found && (e = readdir(d)) != NULL;) {
		char path[64];
		if (e->d_name[0] < '1' || e->d_name[0] > '9' || !process_holds(e->d_name, wanted))
			continue;
		snprintf(path, sizeof path, "/proc/%.16s/exe", e->d_name);
		ssize_t n = readlink(path, out, PATH_MAX - 1);
		found = n > 0;
		out[n > 0 ? n : 0] = '\0';
	}
	if (d != NULL)
		closedir(d);
	return found;
}

bool firewall_lets_udp_in(const char *ip, uint16_t port)
{
	char program[PATH_MAX];
	char real[PATH_MAX];
	unsigned long inode = 0;
	struct firewall *f = load();
	bool allowed = f->state == 0 || !port_inode(ip, port, &inode);
	if (!allowed && f->state == 1 && inode_program(inode, program))
		for (size_t i = 0; i < f->count && !allowed; i++)
			allowed = f->apps[i].allowed && realpath(f->apps[i].path, real) != NULL &&
				  strcmp(real, program) == 0;
	free(f);
	return allowed;
}

/* ---- socketfilterfw ---- */

static const char *state_text(int state)
{
	static const char *const TEXTS[] = {"Firewall is disabled. (State = 0)",
		"Firewall is enabled. (State = 1)",
		"Firewall is blocking all non-essential incoming connections. (State = 2)"};
	return TEXTS[state >= 0 && state <= 2 ? state : 1];
}

static size_t find(const struct firewall *f, const char *path)
{
	size_t i = 0;
	while (i < f->count && strcmp(f->apps[i].path, path) != 0)
		i++;
	return i;
}

static void list(const struct firewall *f, struct call *c)
{
	call_out(c, "ALF: total number of apps = %zu \n\n", f->count);
	for (size_t i = 0; i < f->count; i++)
		call_out(c, "%zu : %s \n \t (%s incoming connections) \n\n", i + 1, f->apps[i].path,
			f->apps[i].allowed ? "Allow" : "Block");
}

static void add(struct firewall *f, struct call *c, const char *path)
{
	if (access(path, F_OK) != 0) {
		call_out(c, "The file path you specified does not exist \n");
		return;
	}
	if (find(f, path) == f->count && f->count < APPS_MAX) {
		f->apps[f->count].allowed = true;
		snprintf(f->apps[f->count++].path, PATH_MAX, "%s", path);
	}
	call_out(c, "Added application at path ( %s ) to firewall \n", path);
}

static void change(struct firewall *f, struct call *c, const char *what, const char *path)
{
	size_t i = find(f, path);
	if (strcmp(what, "--add") == 0) {
		add(f, c, path);
		return;
	}
	if (i == f->count) {
		call_out(c, "The application is not part of the firewall \n");
		return;
	}
	if (strcmp(what, "--remove") == 0) {
		memmove(&f->apps[i], &f->apps[i + 1], (f->count - i - 1) * sizeof f->apps[0]);
		f->count--;
		call_out(c, "Application at path ( %s ) removed from firewall \n", path);
		return;
	}
	f->apps[i].allowed = strcmp(what, "--unblockapp") == 0;
	call_out(c, "Incoming connection to the application is %s \n",
		f->apps[i].allowed ? "permitted" : "blocked");
}

static void set_state(struct firewall *f, struct call *c, const char *word)
{
	f->state = strcmp(word, "off") == 0 ? 0 : 1;
	call_out(c, "%s \n", state_text(f->state));
}

static bool is_change(const char *what)
{
	return strcmp(what, "--add") == 0 || strcmp(what, "--remove") == 0 ||
	       strcmp(what, "--unblockapp") == 0 || strcmp(what, "--blockapp") == 0;
}

static void run(struct sim *s, struct firewall *f, struct call *c)
{
	const char *what = c->argc > 0 ? c->argv[0] : "";
	const char *argument = c->argc > 1 ? c->argv[1] : NULL;
	if (strcmp(what, "--getglobalstate") == 0)
		call_out(c, "%s \n", state_text(f->state));
	else if (strcmp(what, "--listapps") == 0)
		list(f, c);
	else if (argument == NULL || (!is_change(what) && strcmp(what, "--setglobalstate") != 0)) {
		call_err(c, "simulated socketfilterfw: usage: --getglobalstate | --setglobalstate on|off | "
			    "--listapps | "
			    "--add P | --remove P | --blockapp P | --unblockapp P\n");
		c->status = 1;
	} else if (s->faults.on[FAULT_FIREWALL_MANAGED])
		call_out(c,
			"Firewall settings cannot be modified from command line on managed Mac computers.\n");
	else {
		if (is_change(what))
			change(f, c, what, argument);
		else
			set_state(f, c, argument);
		/* Without root the real one says the same and changes nothing. */
		if (!s->faults.on[FAULT_FIREWALL_SILENT])
			save(f);
	}
}

void firewall_call(struct sim *s, struct call *c)
{
	struct firewall *f = load();
	run(s, f, c);
	free(f);
}
