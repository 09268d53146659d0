/*
 * Where a sparse file has data and where it has holes, which read as zeroes:
 * lseek(2)'s SEEK_DATA and SEEK_HOLE, where the system and the file system know
 * them; elsewhere all is data.
 */
#ifndef CORE_CORE_HOLES_H
#define CORE_CORE_HOLES_H

#include <stdint.h>

/** The first offset with data from there on; end when there is none before end. */
uint64_t core_next_data(int fd, uint64_t offset, uint64_t end);

/** The first offset in a hole from there on; end when there is none before end. */
uint64_t core_next_hole(int fd, uint64_t offset, uint64_t end);

#endif
