/* The bits of csr-active-config by name, for people and for JSON. */
#ifndef MACOS_CSR_NAMES_H
#define MACOS_CSR_NAMES_H

#include <stddef.h>
#include <stdint.h>

struct csr_name {
	uint32_t bit;     /* 0 ends the table */
	const char *name; /* of what is allowed: "untrusted-kexts" */
};
extern const struct csr_name csr_names[];

enum { CSR_TEXT = 320 }; /* room for all of them */

/** "untrusted-kexts, apple-internal, 0x8000"; "nothing" for 0. Returns out. */
const char *csr_text(uint32_t value, char out[static CSR_TEXT]);

#endif
