#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>

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
	log->write(log->arg, level, message);
	free(message);
}
