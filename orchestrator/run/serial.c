#include "orchestrator/run/serial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/text.h"
#include "orchestrator/fusion/vmx.h"

static bool is_true(const char *value)
{
	return value != NULL && strcasecmp(value, "TRUE") == 0;
}

/* The file of a serial port that goes into one; relative to the .vmx's folder. */
static struct pl_error *console_file(const struct vmx *v, const char *vmx, char **ret)
{
	const char *type = vmx_get(v, "serial0.fileType");
	const char *name = vmx_get(v, "serial0.fileName");
	if (!is_true(vmx_get(v, "serial0.present")) || type == NULL || strcasecmp(type, "file") != 0 ||
		name == NULL)
		return NULL;
	const char *slash = strrchr(vmx, '/');
	if (name[0] == '/' || slash == NULL)
		return pl_strdup(name, ret);
	return pl_asprintf(ret, "%.*s/%s", (int)(slash - vmx), vmx, name);
}

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

struct pl_error *serial_open(struct serial *s, const char *vmx)
{
	struct vmx v;
	*s = (struct serial){0};
	struct pl_error *e = vmx_load(vmx, &v);
	if (e == NULL)
		e = console_file(&v, vmx, &s->path);
	vmx_deinit(&v);
	if (e != NULL && pl_error_kind(e) != PL_ERR_NOMEM) {
		/* Fusion may be on another machine: the console is an extra. */
		pl_error_free(e);
		e = NULL;
	}
	if (s->path != NULL)
		s->start = size_of(s->path);
	return e;
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
		return pl_error_at(
			pl_error_errno(PL_ERR_LAB, errno, "cannot read the serial log"), "%s", s->path);
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

static const char *last_of(const char *text, const char *what)
{
	const char *found = NULL;
	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		found = p;
	return found;
}

/* kdp_connection_wait(), after the panic: a boot may have waited there before. */
static bool waits_for_debugger(const char *text)
{
	const char *panic = last_of(text, "panic(cpu ");
	const char *waits = strstr(panic == NULL ? text : panic, "Waiting for remote debugger connection");
	return waits != NULL && strstr(waits, "MACH Reboot") == NULL;
}

struct serial_diagnosis serial_diagnose(const char *text)
{
	static const struct {
		const char *said;
		const char *means;
		const char *advice;
	} endings[] = {
		{"Error: No transport device registered for kernel crashdump",
			"the guest's NIC cannot send a kernel dump",
			"set ethernet0.virtualDev = \"e1000e\" in the .vmx"},
		{"A dump server was not specified in the boot-args",
			"the kernel found no _panicd_ip in its boot-args",
			"check `sysctl kern.bootargs` in the guest"},
		{"Cannot contact panic server, timing out", "the kernel could not reach the dump server",
			"check server.bind, the host's firewall and the guest's network"},
		{"Zlib stage is not initialized", "the kernel could not compress its core",
			"add debug bit 0x40000 (DB_DISABLE_GZIP_CORE) to boot_args"},
	};
	struct serial_diagnosis d = {
		.panicked = strstr(text, "panic(cpu ") != NULL, .waits = waits_for_debugger(text)};
	for (size_t i = 0; i < sizeof endings / sizeof *endings && d.ended == NULL; i++) {
		if (strstr(text, endings[i].said) == NULL)
			continue;
		d.ended = endings[i].means;
		d.advice = endings[i].advice;
	}
	return d;
}
