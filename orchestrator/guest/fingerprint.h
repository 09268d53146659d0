/*
 * SSH fingerprints: base64 (RFC 4648) and SHA-256 (FIPS 180-4), for keys that
 * libssh2 has not hashed for us (those of a known_hosts file).
 */
#ifndef GUEST_FINGERPRINT_H
#define GUEST_FINGERPRINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FINGERPRINT_SIZE 64 /* "SHA256:", 43 characters, NUL, and room */

/**
 * Decodes the base64 in text, white space skipped, up to its end, its padding
 * or `size` bytes of result. *len is what was written; false if another
 * character came.
 */
bool base64_decode(const char *text, size_t text_len, uint8_t *out, size_t size, size_t *len);

void sha256(const void *data, size_t size, uint8_t out[static 32]);

/** "SHA256:..." as ssh-keygen -l prints it, from a SHA-256 digest. */
void fingerprint_format(const uint8_t digest[static 32], char out[static FINGERPRINT_SIZE]);

/** The same from a public key in base64, as known_hosts holds it; "" if it is not base64. */
void fingerprint_of_base64(const char *key, char out[static FINGERPRINT_SIZE]);

#endif
