#include "orchestrator/host/port_holder.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/lines.h"
#include "base/proc.h"
#include "base/text.h"
#include "orchestrator/host/kdumpd.h"

bool port_taken(const char *address, uint16_t port)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool taken;

	if (fd < 0 || port == 0 || inet_pton(AF_INET, address, &at.sin_addr) != 1) {
		if (fd >= 0)
			close(fd);
		return false;
	}
	taken = bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 && errno == EADDRINUSE;
	close(fd);
	return taken;
}

/* "n127.0.0.1:1069", "n*:1069": of that address, or of all. */
static bool is_of(const struct pl_line *l, const char *address)
{
	size_t n = strlen(address);

	if (!pl_line_starts(l, "n"))
		return false;
	return (l->size > n + 1 && !memcmp(l->text + 1, address, n) && l->text[n + 1] == ':') ||
	       pl_line_starts(l, "n*:");
}

bool port_read_lsof(const char *text, size_t size, const char *address, uint64_t *pid, char name[64])
{
	char number[24];
	bool has_pid = false;
	struct pl_line l;

	name[0] = '\0';
	while (pl_line_next(&text, &size, &l)) {
		if (pl_line_starts(&l, "p") && l.size < sizeof(number)) {
			snprintf(number, sizeof(number), "%.*s", (int)l.size - 1, l.text + 1);
			has_pid = pl_parse_u64(number, INT32_MAX, pid);
			name[0] = '\0';
		} else if (pl_line_starts(&l, "c") && l.size > 1) {
			pl_escape(l.text + 1, l.size - 1, name, 64);
		} else if (has_pid && name[0] && is_of(&l, address)) {
			return true;
		}
	}
	return false;
}

static bool ask_lsof(const char *address, uint16_t port, const struct pl_wait *w, char *out, size_t size)
{
	char udp[24], name[64];
	const char *argv[] = {"lsof", "-nP", "-F", "pcn", udp, NULL};
	struct pl_proc_spec spec = {.argv = argv};
	struct pl_wait own = pl_wait_at_most(w, 10 * PL_SECOND);
	struct pl_proc_result r;
	struct pl_error *e;
	uint64_t pid = 0;
	bool found;

	snprintf(udp, sizeof(udp), "-iUDP:%u", (unsigned)port);
	e = pl_proc_run(&spec, &own, &r);
	found = !e && port_read_lsof(pl_buf_text(&r.out), r.out.size, address, &pid, name);
	if (found)
		snprintf(out, size, "%s (process %" PRIu64 ")", name, pid);
	pl_proc_result_deinit(&r);
	pl_error_free(e);
	return found;
}

static bool is_kdumpd(const char *launchctl, const struct pl_wait *w)
{
	struct kdumpd k;
	bool loaded = false;
	struct pl_error *e = kdumpd_open(launchctl, NULL, &k);

	if (!e)
		e = kdumpd_loaded(&k, w, &loaded);
	kdumpd_close(&k);
	pl_error_free(e);
	return loaded;
}

void port_holder(const char *address, uint16_t port, const char *launchctl, const struct pl_wait *w,
	char *out, size_t size)
{
	if (port == KDUMPD_PORT && is_kdumpd(launchctl, w))
		snprintf(out, size, "Apple's kdumpd");
	else if (!ask_lsof(address, port, w, out, size))
		snprintf(out, size, "another program");
}
