/* UTF-8 (RFC 3629), one character at a time. Surrogates and overlong forms are none. */
#ifndef PL_BASE_UTF8_H
#define PL_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#define PL_UTF8_REPLACEMENT UINT32_C(0xfffd) /* for what is no character */

/** The bytes of the character at p, of which `left` (at least 1) are there; 0: no whole one. */
size_t pl_utf8_decode(const void *p, size_t left, uint32_t *ret);

/** The bytes that were written to out; 0 for what is no character. */
size_t pl_utf8_encode(uint32_t c, char out[static 4]);

#endif
