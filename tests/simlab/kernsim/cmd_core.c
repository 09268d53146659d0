#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/core_build.h"
#include "tests/simlab/kernsim/kernsim.h"

struct core_options {
	struct kernel_desc desc;
	enum panic_trigger trigger;
	const char *message;
	const char *out;
	const char *panic_out;
};

static struct pl_error *set_out(void *o, const char *value)
{
	((struct core_options *)o)->out = value;
	return NULL;
}

static struct pl_error *set_panic_out(void *o, const char *value)
{
	((struct core_options *)o)->panic_out = value;
	return NULL;
}

static struct pl_error *set_size(void *o, const char *value)
{
	return kernel_desc_set(&((struct core_options *)o)->desc, "size", value);
}

static struct pl_error *set_desc(void *o, const char *value)
{
	return desc_set_file(&((struct core_options *)o)->desc, value);
}

static struct pl_error *set_pair(void *o, const char *value)
{
	return desc_set_pair(&((struct core_options *)o)->desc, value);
}

static struct pl_error *set_trigger(void *o, const char *value)
{
	return panic_trigger_parse(value, &((struct core_options *)o)->trigger);
}

static struct pl_error *set_message(void *o, const char *value)
{
	((struct core_options *)o)->message = value;
	return NULL;
}

static const struct option_entry options[] = {
	{"--out", "FILE", set_out, "the core to write (needed)"},
	{"--panic-text", "FILE", set_panic_out, "also write the panic text there"},
	{"--size", "SIZE", set_size, "bytes of it, 4M or more (64M)"},
	{"--desc", "FILE", set_desc, "read 'key = value' lines"},
	{"--set", "KEY=VALUE", set_pair, "one such key"},
	{"--trigger", "NAME", set_trigger, "dtrace, kext, page-fault, sysctl, reboot, nmi"},
	{"--message", "TEXT", set_message, "the panic message"},
	{NULL, NULL, NULL, NULL},
};

/* Pages gathered so that a write is not one system call a page. */
struct file_sink {
	int fd;
	size_t used;
	uint8_t bytes[1 << 18];
};

static struct pl_error *flush(struct file_sink *f)
{
	struct pl_error *e = pl_fs_write_all(f->fd, f->bytes, f->used);
	f->used = 0;
	return e;
}

static struct pl_error *file_write(void *arg, const void *bytes, size_t size)
{
	struct file_sink *f = arg;
	if (size > sizeof(f->bytes) - f->used) {
		struct pl_error *e = flush(f);
		if (e)
			return e;
	}
	memcpy(f->bytes + f->used, bytes, size); /* never more than a page at once */
	f->used += size;
	return NULL;
}

static struct pl_error *write_core(const char *path, const struct kernel_desc *d, const struct panic *p)
{
	static struct file_sink file;
	struct core *core = NULL;
	file.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	if (file.fd < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot write %s", path);
	const struct core_sink sink = {.write = file_write, .arg = &file};
	struct pl_error *e = core_create(d, p, &core);
	if (!e)
		e = core_write(core, &sink);
	if (!e)
		e = flush(&file);
	core_destroy(core);
	close(file.fd);
	return e;
}

static struct pl_error *run(int argc, char **argv)
{
	struct core_options o = {.trigger = PANIC_DTRACE};
	struct panic p = {0};
	kernel_desc_default(&o.desc);
	struct pl_error *e = options_read(options, argc, argv, &o);
	if (!e && !o.out)
		e = pl_error_new(PL_ERR_USAGE, "core: no --out FILE");
	if (!e)
		e = panic_make(&o.desc, o.trigger, o.message, NULL, &p);
	if (!e)
		e = write_core(o.out, &o.desc, &p);
	if (!e && o.panic_out)
		e = pl_fs_write(o.panic_out, p.text, strlen(p.text), 0600);
	panic_deinit(&p);
	return e;
}

const struct command command_core = {
	.name = "core",
	.summary = "write a kernel core",
	.options = options,
	.run = run,
};
