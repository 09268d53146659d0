/* The bits of csr-active-config in one line, for people. */
#ifndef MACOS_CSR_NAMES_H
#define MACOS_CSR_NAMES_H

#include <stddef.h>
#include <stdint.h>

enum { CSR_TEXT = 320 }; /* room for all of them */

/** "kexts, apple-internal, 0x8000", by csr_bit_name(); "nothing" for 0. Returns out. */
const char *csr_text(uint32_t value, char out[static CSR_TEXT]);

#endif
