/*
 * An .nvram file written down by hand from docs/nvram.md: a section that is not
 * ours, then one of 256 bytes with two variables, 89 bytes of records, so used
 * is 105 and 151 are free.
 */
#ifndef TEST_NVRAM_BYTES_H
#define TEST_NVRAM_BYTES_H

#include <stdlib.h>
#include <string.h>

#define APPLE "\x10\x61\x43\x7c\x2a\xab\xbb\x4b\xa8\x80\xfe\x41\x99\x5c\x9f\x82"
#define GLOBAL "\x61\xdf\xe4\x8b\xca\x93\xd2\x11\xaa\x0d\x00\xe0\x98\x03\x2b\x8c"
#define BOOT_ARGS_NAME "b\0o\0o\0t\0-\0a\0r\0g\0s\0\0\0"
#define CSR_NAME "c\0s\0r\0-\0a\0c\0t\0i\0v\0e\0-\0c\0o\0n\0f\0i\0g\0\0\0"

/* 28 + 20 + 3 bytes: boot-args is "-v" and a NUL. */
#define BOOT_ARGS_V                                                                                          \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x17\0\0\0"                                                                                   \
	      "\x14\0\0\0" BOOT_ARGS_NAME "-v\0"
/* 28 + 6 + 4 bytes: the signed variable PK. */
#define PK                                                                                                   \
	GLOBAL "\x27\0\0\0"                                                                                  \
	       "\x0a\0\0\0"                                                                                  \
	       "\x06\0\0\0"                                                                                  \
	       "P\0K\0\0\0"                                                                                  \
	       "\x01\x02\x03\x04"
/* 28 + 36 + 4 bytes: csr-active-config is 0x77. */
#define CSR_77                                                                                               \
	APPLE "\x07\0\0\0"                                                                                   \
	      "\x28\0\0\0"                                                                                   \
	      "\x24\0\0\0" CSR_NAME "\x77\0\0\0"

#define HEAD                                                                                                 \
	"MRVN\x01\0\0\0"                                                                                     \
	"CMOS"                                                                                               \
	"timA"                                                                                               \
	"\x04\0\0\0"                                                                                         \
	"\xaa\xbb\xcc\xdd"
#define EFI_SECTION                                                                                          \
	"EFI_NV\0\0"                                                                                         \
	"\0\x01\0\0"
#define STORE_SIZE 256
#define STORE_AT (8 + 12 + 4 + 12)
#define FILE_SIZE (STORE_AT + STORE_SIZE)

/* The file whose store holds these records. */
static inline void nvram_file_of(const char *records, size_t size, unsigned char out[FILE_SIZE])
{
	memset(out, 0xff, FILE_SIZE);
	memcpy(out, HEAD EFI_SECTION "VMWNVRAM\0\0\0\0", STORE_AT + 12);
	memcpy(out + STORE_AT + 12, (unsigned char[]){(unsigned char)(16 + size), 0, 0, 0}, 4);
	memcpy(out + STORE_AT + 16, records, size);
}

/* A literal and its length, without the NUL that C adds. */
#define BYTES(literal) (literal), sizeof(literal) - 1

#endif
