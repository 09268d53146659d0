#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

void pl_log(const struct pl_log *log, enum pl_log_level level, const char *fmt, ...)
{
	if (log == NULL || log->write == NULL || level > log->level)
		return;
	char *message = NULL;
	va_list args;
	va_start(args, fmt);
	int length = vasprintf(&message, fmt, args);
	va_end(args);
	if (length < 0)
		return;
	/* A byte becomes four characters at most. */
	size_t size = 4 * strlen(message) + 1;
	char *safe = malloc(size);
	if (safe != NULL)
		log->write(log->arg, level, pl_safe_line(message, safe, size));
	free(safe);
	free(message);
}

void pl_log_error(const struct pl_log *log, struct pl_error *err)
{
	char line[512];

	if (err)
		pl_log(log, PL_LOG_WARN, "%s", pl_error_line(err, line, sizeof line));
	pl_error_free(err);
}
