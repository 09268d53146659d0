#include "orchestrator/cmd/input_file.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define STDIN_MAX (UINT64_C(64) << 30)

struct pl_error *input_file_open(const char *arg, const struct pl_wait *w, struct input_file *ret)
{
	*ret = (struct input_file){.path = arg, .name = arg, .spool = {.fd = -1}};
	if (!arg || strcmp(arg, "-") != 0)
		return NULL;
	ret->is_stdin = true;
	ret->name = "standard input";
	struct pl_error *e = image_source_spool(STDIN_FILENO, STDIN_MAX, w, &ret->spool);
	/* On a Mac a /dev/fd file shares the descriptor's offset. */
	if (!e && lseek(ret->spool.fd, 0, SEEK_SET) < 0)
		e = pl_error_new(PL_ERR_LAB, "cannot read a temporary file");
	snprintf(ret->own, sizeof ret->own, "/dev/fd/%d", ret->spool.fd);
	ret->path = ret->own;
	return e;
}

void input_file_close(struct input_file *f)
{
	image_source_close(&f->spool);
}
