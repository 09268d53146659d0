#include "tests/simlab/boot_args.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLANKS " \t\n"

static bool find(const char *args, const char *name, const char **value, size_t *len)
{
	size_t name_len = strlen(name);
	while (*args) {
		args += strspn(args, BLANKS);
		size_t word = strcspn(args, BLANKS);
		if (word >= name_len && strncmp(args, name, name_len) == 0) {
			if (word == name_len) {
				*value = "1";
				*len = 1;
				return true;
			}
			if (args[name_len] == '=') {
				*value = args + name_len + 1;
				*len = word - name_len - 1;
				return true;
			}
		}
		args += word;
	}
	return false;
}

bool boot_args_string(const char *args, const char *name, char *out, size_t size)
{
	const char *value;
	size_t len;
	if (!find(args, name, &value, &len) || size == 0)
		return false;
	if (len >= size)
		len = size - 1;
	memcpy(out, value, len);
	out[len] = '\0';
	return true;
}

static bool unit(const char *end, unsigned *shift)
{
	if (*end == '\0') {
		*shift = 0;
		return true;
	}
	if (end[1] != '\0')
		return false;
	switch (*end | 0x20) {
	case 'k':
		*shift = 10;
		return true;
	case 'm':
		*shift = 20;
		return true;
	case 'g':
		*shift = 30;
		return true;
	default:
		return false;
	}
}

bool boot_args_number(const char *args, const char *name, uint32_t *ret)
{
	char text[32];
	if (!boot_args_string(args, name, text, sizeof(text)))
		return false;
	const char *digits = text + (text[0] == '-');
	bool binary = digits[0] == '0' && (digits[1] | 0x20) == 'b';
	char *end;
	unsigned long long value = strtoull(binary ? digits + 2 : digits, &end, binary ? 2 : 0);
	unsigned shift;
	if (end == digits || !unit(end, &shift))
		return false;
	value <<= shift;
	/* xnu keeps the low bits of a long value, and -1 is a usual one (wdt=-1). */
	*ret = (uint32_t)(text[0] == '-' ? 0 - value : value);
	return true;
}
