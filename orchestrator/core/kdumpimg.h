/*
 * The header of an on-disk core file ("kdumpimg", osfmk/mach_debug/mach_debug_types.h),
 * decoded from memory. Version 1 in either byte order, version 2 little-endian.
 *
 * Nothing of it is believed: offsets and lengths are what the header says, which may
 * be past the end of the file, overlap, or pass 2^64; names are any bytes but NUL.
 */
#ifndef CORE_KDUMPIMG_H
#define CORE_KDUMPIMG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KDUMPIMG_NAME 16
#define KDUMPIMG_FILES_V1 16
#define KDUMPIMG_FILES_MAX 256 /* of version 2, which sets no limit; xnu itself keeps to 16 */
#define KDUMPIMG_SIZE_V1 544
#define KDUMPIMG_FIXED_V2 64
#define KDUMPIMG_FILE_V2 40
/* As many bytes of the image as any header can have. */
#define KDUMPIMG_HEAD (KDUMPIMG_FIXED_V2 + KDUMPIMG_FILES_MAX * KDUMPIMG_FILE_V2)

#define KDUMPIMG_LOG_ENCRYPTED UINT64_C(1)
#define KDUMPIMG_FILE_ENCRYPTED UINT64_C(1)
#define KDUMPIMG_FILE_GZIP (UINT64_C(1) << 8)
#define KDUMPIMG_FILE_LZ4 (UINT64_C(1) << 9)

struct kdumpimg_file {
	uint64_t offset;
	uint64_t length;
	uint64_t flags;               /* version 2 */
	char name[KDUMPIMG_NAME + 1]; /* to its first NUL, which not every name has */
};

struct kdumpimg {
	unsigned version;          /* 1 or 2, by the signature */
	uint32_t declared_version; /* version 2: what its version field says; else 1 */
	bool big_endian;
	bool complete; /* the head held the whole header, with every file that it claims */
	uint64_t flags;
	uint64_t key_offset; /* version 2: the public key of what is encrypted */
	uint64_t key_length;
	uint64_t log_offset;
	uint64_t log_length;
	uint64_t claimed;  /* how many files it says there are */
	size_t file_count; /* how many of them are in `files` */
	size_t size;       /* of the header, with those */
	struct kdumpimg_file files[KDUMPIMG_FILES_MAX];
};

/**
 * Decodes the beginning of an image; size may be more than the header's. False if
 * it is not one, or too short for the fields before the files.
 */
bool kdumpimg_decode(const void *head, size_t size, struct kdumpimg *ret);

#endif
