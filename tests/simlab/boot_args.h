/*
 * boot-args as PE_parse_boot_argn() reads them (xnu pexpert/gen/bootargs.c):
 * words apart by blanks, the first of a name counts, numbers decimal, 0x, 0b
 * or octal with an optional k, m or g.
 */
#ifndef SIMLAB_BOOT_ARGS_H
#define SIMLAB_BOOT_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The value of name=..., cut at size; false when it is not there. A bare word gives "1". */
bool boot_args_string(const char *args, const char *name, char *out, size_t size);

/** The same as a number; false when it is not there or not a number. */
bool boot_args_number(const char *args, const char *name, uint32_t *ret);

#endif
