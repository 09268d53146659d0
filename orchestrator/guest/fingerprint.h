/*
 * SSH fingerprints: base64 (RFC 4648) of a SHA-256, for keys that libssh2 has not
 * hashed for us (those of a known_hosts file).
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

/** "SHA256:..." of a public key as it is on the wire, as ssh-keygen -l prints it. */
void fingerprint_of_key(const void *key, size_t size, char out[static FINGERPRINT_SIZE]);

/** The same from a public key in base64, as known_hosts holds it; "" if it is not base64. */
void fingerprint_of_base64(const char *key, char out[static FINGERPRINT_SIZE]);

#endif
