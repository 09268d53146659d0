#include "orchestrator/run/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/fusion/vmx.h"

void serial_deinit(struct serial *s)
{
	free(s->path);
	*s = (struct serial){0};
}

static uint64_t size_of(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
}

struct pl_error *serial_read(const struct serial *s, struct pl_buf *b)
{
	if (s->path == NULL)
		return NULL;
	uint64_t size = size_of(s->path);
	/* A smaller file is a new one: VMware truncates it at power-on unless told to append. */
	uint64_t from = size < s->start ? 0 : s->start;
	if (size - from > b->max)
		from = size - b->max;
	int fd = open(s->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0 && errno == ENOENT)
		return NULL;
	if (fd < 0)
		return pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot read the serial log"), "%s", s->path);
	char chunk[8192];
	ssize_t n;
	while ((n = pread(fd, chunk, sizeof chunk, (off_t)from)) > 0) {
		from += (uint64_t)n;
		if (!pl_buf_append_capped(b, chunk, (size_t)n))
			break;
	}
	close(fd);
	return NULL;
}

struct serial_diagnosis serial_diagnose(const char *text)
{
	static const struct {
		const char *said;
		const char *means;
		const char *advice;
	} endings[] = {
		{"Error: No transport device registered for kernel crashdump", "the guest's NIC cannot send a kernel dump",
			"set ethernet0.virtualDev = \"e1000e\" in the .vmx"},
		{"A dump server was not specified in the boot-args", "the kernel found no _panicd_ip in its boot-args",
			"check `sysctl kern.bootargs` in the guest"},
		{"Cannot contact panic server, timing out", "the kernel could not reach the dump server",
			"check server.bind, the host's firewall and the guest's network"},
		{"Zlib stage is not initialized", "the kernel could not compress its core",
			"add debug bit 0x40000 (DB_DISABLE_GZIP_CORE) to boot_args"},
	};
	struct serial_diagnosis d = {.panicked = strstr(text, "panic(cpu ") != NULL};
	for (size_t i = 0; i < sizeof endings / sizeof *endings && d.ended == NULL; i++) {
		if (strstr(text, endings[i].said) == NULL)
			continue;
		d.ended = endings[i].means;
		d.advice = endings[i].advice;
	}
	return d;
}
