/*
 * A kernel core (Mach-O, MH_CORE): its memory map, threads and notes.
 *
 * The file may be many GiB: only the load commands are held in memory (at most
 * MACHO_COMMANDS_MAX bytes while opening), memory is read in pieces with
 * pread(2), never mapped, so a file that shrinks under us is a short read and
 * not a SIGBUS. A core that was cut short opens too and says so.
 */
#ifndef CORE_CORE_FILE_H
#define CORE_CORE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "orchestrator/core/macho.h"

#define CORE_THREADS_MAX 4096
#define CORE_NOTES_MAX 256
#define CORE_IDENT_MAX 1024

struct core_segment {
	uint64_t vmaddr;
	uint64_t fileoff;
	uint64_t size;    /* bytes that it should have in the file */
	uint64_t present; /* bytes that are there */
};

struct core_file {
	int fd;
	uint64_t bytes; /* of the file */
	struct macho_header header;
	struct core_segment *segments; /* sorted by vmaddr; none is empty */
	size_t segment_count;
	struct macho_thread *threads;
	size_t thread_count;
	struct macho_note *notes;
	size_t note_count;
	char ident[CORE_IDENT_MAX]; /* the kernel's LC_IDENT text, or "" */
	uint64_t memory;            /* sum of size */
	uint64_t missing;           /* of it, what lies past the end of the file */
	bool truncated;             /* missing > 0, or the load commands are cut */
	const char *damage;         /* what is wrong with the load commands, or NULL */
};

/**
 * Opens a core; PL_ERR_DATA when the file is none (another Mach-O included),
 * PL_ERR_LAB when it cannot be read. The descriptor belongs to *ret from now on,
 * even on an error, after which *ret needs no close.
 */
struct pl_error *core_file_open_fd(int fd, struct core_file *ret) PL_MUST_USE;

void core_file_close(struct core_file *c);

/** pread(2) until size bytes or the end of the file; the count. */
size_t core_file_pread(const struct core_file *c, uint64_t offset, void *data, size_t size);

/** Memory at a kernel address, across adjoining segments; short at the first gap. */
size_t core_file_read(const struct core_file *c, uint64_t address, void *data, size_t size);

/** The note with this owner, or NULL. */
const struct macho_note *core_file_note(const struct core_file *c, const char *owner);

/** The payload of a note, at most size bytes; the count. */
size_t core_file_note_read(const struct core_file *c, const struct macho_note *n, void *data, size_t size);

#endif
