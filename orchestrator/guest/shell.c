#include "orchestrator/guest/shell.h"

#include "base/text.h"

struct pl_error *shell_words(struct pl_buf *b, const char *const *words)
{
	struct pl_error *e = NULL;
	for (size_t i = 0; e == NULL && words != NULL && words[i] != NULL; i++) {
		e = pl_buf_puts(b, " ");
		if (e == NULL)
			e = pl_shell_quote(words[i], b);
	}
	return e;
}

struct pl_error *shell_command(struct pl_buf *b, const char *script, const char *const *args)
{
	struct pl_error *e = pl_buf_puts(b, "/bin/sh -c");
	if (e == NULL)
		e = shell_words(b, (const char *const[]){script, "sh", NULL});
	return e != NULL ? e : shell_words(b, args);
}
