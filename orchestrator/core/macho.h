/*
 * Mach-O, as far as kernels, kexts and kernel cores need it.
 *
 * Facts: mach-o/loader.h and mach/i386/thread_status.h of xnu's public sources.
 * Decodes from bytes that the caller holds; no field is believed before it is
 * checked against the bytes that are there. 32 and 64 bits, both byte orders.
 */
#ifndef CORE_MACHO_H
#define CORE_MACHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reader.h"

#define MACHO_CPU_I386 UINT32_C(7)
#define MACHO_CPU_X86_64 UINT32_C(0x01000007)
#define MACHO_CPU_ARM64 UINT32_C(0x0100000c)

enum macho_filetype {
	MACHO_OBJECT = 1,
	MACHO_EXECUTE = 2,
	MACHO_CORE = 4,
	MACHO_KEXT = 0xb,
	MACHO_FILESET = 0xc, /* a kernel collection, macOS 11 and later */
};

enum macho_command {
	MACHO_LC_SEGMENT = 0x1,
	MACHO_LC_THREAD = 0x4,
	MACHO_LC_UNIXTHREAD = 0x5,
	MACHO_LC_IDENT = 0x8,
	MACHO_LC_SEGMENT_64 = 0x19,
	MACHO_LC_UUID = 0x1b,
	MACHO_LC_NOTE = 0x31,
};

/*
 * Load commands of real cores: one segment a run of pages, so some thousands.
 * More than this much is not a core but an attempt to make us allocate.
 */
#define MACHO_COMMANDS_MAX (UINT32_C(32) << 20)

#define MACHO_HEADER_MAX 32 /* bytes that macho_header_decode() needs at most */

struct macho_header {
	bool is_64;
	bool big_endian;
	uint32_t cpu_type;
	uint32_t file_type;
	uint32_t command_count;
	uint32_t commands_size; /* bytes, they start at header_size */
	uint32_t flags;
	uint32_t header_size; /* 28 or 32 */
};

/** PL_ERR_DATA when it is not a Mach-O header or claims too much. */
struct pl_error *macho_header_decode(const void *data, size_t size, struct macho_header *ret) PL_MUST_USE;

/** "x86_64", "i386", "arm64", or "unknown". */
const char *macho_arch(uint32_t cpu_type);

/* One load command; body points behind its cmd and cmdsize. */
struct macho_cmd {
	uint32_t cmd;
	struct pl_reader body;
};

struct macho_iter {
	struct pl_reader r; /* over the load commands that are present */
	uint32_t left;      /* commands still to come */
	const char *broken; /* why the walk ended early, or NULL */
};

/** Over the load commands; size may be less than header->commands_size. */
void macho_iter_init(struct macho_iter *it, const struct macho_header *h, const void *commands, size_t size);

/** The next command; false at the end or at damage (it->broken says which). */
bool macho_next(struct macho_iter *it, struct macho_cmd *ret);

struct macho_segment {
	char name[17];
	uint64_t vmaddr;
	uint64_t vmsize;
	uint64_t fileoff;
	uint64_t filesize;
};

/* Each takes a copy of the command; false when it is too short for its fields. */
bool macho_segment_decode(struct macho_cmd c, struct macho_segment *ret);
/** The address of that section of a segment's command; false when it has none such. */
bool macho_section_find(struct macho_cmd c, const char *name, uint64_t *address);

bool macho_uuid_decode(struct macho_cmd c, uint8_t ret[16]);

struct macho_note {
	char owner[17];
	uint64_t offset;
	uint64_t size;
};
bool macho_note_decode(struct macho_cmd c, struct macho_note *ret);

/** The text of LC_IDENT, in place: up to its NUL or the end of the command. */
bool macho_ident_decode(struct macho_cmd c, const char **text, size_t *len);

#define MACHO_REGISTERS_MAX 33

/* A thread's integer registers. */
struct macho_thread {
	bool is_64;
	size_t count;             /* 0: no integer state that we know */
	const char *const *names; /* of registers[0..count), e.g. "rax" */
	uint64_t registers[MACHO_REGISTERS_MAX];
	/* The same by what they are for; 0 when count is 0. */
	uint64_t pc;
	uint64_t sp;
	uint64_t fp;
};

/**
 * x86_THREAD_STATE64 (4), x86_THREAD_STATE32 (1), and the wrapped form (7); on
 * arm64 ARM_THREAD_STATE64 (6) without its flags.
 */
bool macho_thread_decode(struct macho_cmd c, uint32_t cpu_type, struct macho_thread *ret);

/** 16 bytes as "A5A5C0DE-1111-3222-8333-0123456789AB"; out holds 37 bytes. */
void macho_uuid_text(const uint8_t uuid[16], char out[static 37]);

#define MACHO_SLICES_MAX 32 /* more slices than that is a Java class file */

/* One architecture of a fat file. */
struct macho_slice {
	uint32_t cpu_type;
	uint64_t offset;
	uint64_t length;
};

/**
 * All of a fat file (0xcafebabe, big-endian); the count, 0 when it is not a fat
 * file or the table does not fit. Not compared with the file's length.
 */
size_t macho_fat_slices(const void *data, size_t size, struct macho_slice ret[static MACHO_SLICES_MAX]);

/** Where a fat file's x86_64 slice is, or its first one; false as above. */
bool macho_fat_slice(const void *data, size_t size, uint64_t *offset, uint64_t *length);

#endif
