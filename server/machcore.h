/* Whether a bare Mach-O core is as long as it says (xnu EXTERNAL_HEADERS/mach-o/loader.h). */
#ifndef SERVER_MACHCORE_H
#define SERVER_MACHCORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * True if fd, size bytes long, is a Mach-O core (MH_CORE, 32 or 64 bits, either
 * byte order) whose load commands or segments pass its end. False for every
 * other file.
 */
bool machcore_is_cut(int fd, uint64_t size);

/** The same over a header and its load commands in memory: `size` bytes of a file of `file_size`. */
bool machcore_commands_are_cut(const void *bytes, size_t size, uint64_t file_size);

#endif
