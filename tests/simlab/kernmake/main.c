#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "tests/simlab/kernmake/kernmake.h"

static const char usage[] = "usage: kernmake kernel|kext LINKED OUT    (LINKED: by ld64.lld)\n"
			    "       kernmake core DESCRIPTION OUT        (what it may say: core.c)\n";

static struct pl_error *make(const char *what, const char *from, const char *to)
{
	struct pl_buf in, core;

	pl_buf_init(&in, KERNMAKE_FILE_MAX);
	pl_buf_init(&core, KERNMAKE_FILE_MAX);
	struct pl_error *e = pl_fs_read(from, &in);
	struct pl_buf *out = strcmp(what, "core") == 0 ? &core : &in;
	if (!e)
		e = out == &core ? core_from_text(pl_buf_text(&in), &core)
				 : fixup(&in, strcmp(what, "kext") == 0);
	if (!e)
		e = pl_fs_write(to, out->data, out->size, 0644);
	pl_buf_deinit(&in);
	pl_buf_deinit(&core);
	return e;
}

int main(int argc, char **argv)
{
	char line[1024];

	if (argc != 4 || (strcmp(argv[1], "kernel") != 0 && strcmp(argv[1], "kext") != 0 &&
				 strcmp(argv[1], "core") != 0)) {
		fputs(usage, stderr);
		return 2;
	}
	struct pl_error *e = make(argv[1], argv[2], argv[3]);
	if (!e)
		return 0;
	fprintf(stderr, "kernmake: %s\n", pl_error_line(e, line, sizeof line));
	pl_error_free(e);
	return 1;
}
