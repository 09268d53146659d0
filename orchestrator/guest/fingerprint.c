#include "orchestrator/guest/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "base/sha256.h"

#define KEY_MAX 8192 /* an RSA key of 16384 bits has some 2 KiB */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_value(char c)
{
	const char *p = c == '\0' ? NULL : strchr(alphabet, c);
	return p == NULL ? -1 : (int)(p - alphabet);
}

bool base64_decode(const char *text, size_t text_len, uint8_t *out, size_t size, size_t *len)
{
	uint32_t bits = 0;
	int have = 0;
	*len = 0;
	for (size_t i = 0; i < text_len && text[i] != '=' && *len < size; i++) {
		if (strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
			continue;
		int v = base64_value(text[i]);
		if (v < 0)
			return false;
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[(*len)++] = (uint8_t)(bits >> have);
		}
	}
	return true;
}

static void format(const uint8_t digest[static 32], char out[static FINGERPRINT_SIZE])
{
	size_t n = (size_t)snprintf(out, FINGERPRINT_SIZE, "SHA256:");
	for (size_t i = 0; i < 32; i += 3) {
		uint32_t bits = (uint32_t)digest[i] << 16;
		bits |= i + 1 < 32 ? (uint32_t)digest[i + 1] << 8 : 0;
		bits |= i + 2 < 32 ? digest[i + 2] : 0;
		for (size_t k = 0; k < 4 && (i + 2 < 32 || k < 3); k++)
			out[n++] = alphabet[bits >> (18 - 6 * k) & 63];
	}
	out[n] = '\0';
}

void fingerprint_of_key(const void *key, size_t size, char out[static FINGERPRINT_SIZE])
{
	struct sha256 sum;
	uint8_t digest[32];
	sha256_init(&sum);
	sha256_add(&sum, key, size);
	sha256_digest(&sum, digest);
	format(digest, out);
}

void fingerprint_of_base64(const char *key, char out[static FINGERPRINT_SIZE])
{
	uint8_t raw[KEY_MAX];
	size_t len;
	out[0] = '\0';
	if (base64_decode(key, strlen(key), raw, sizeof raw, &len) && len > 0)
		fingerprint_of_key(raw, len, out);
}
