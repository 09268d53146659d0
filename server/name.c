#include "server/name.h"

#include <string.h>

#include "base/text.h"

bool name_is_safe(const char *name)
{
	/* Spelled out: isalnum() depends on the locale. */
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
	size_t length = strnlen(name, NAME_LENGTH_MAX + 1);

	if (length == 0 || length > NAME_LENGTH_MAX || name[0] == '.' || name[0] == '-')
		return false;
	return strspn(name, allowed) == length;
}

size_t name_junk(const char *name)
{
	if (!pl_starts_with(name, "paniclog") && !pl_starts_with(name, "systemlog"))
		return 0;
	return strlen(name) + 1;
}
