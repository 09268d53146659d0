#include "orchestrator/guest/fingerprint.h"

#include <stdio.h>
#include <string.h>

#include "base/reader.h"

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

/* The fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
static const uint32_t round_constants[64] = {0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b,
	0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74,
	0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3,
	0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354,
	0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819,
	0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3,
	0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa,
	0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t x, int n)
{
	return x >> n | x << (32 - n);
}

static void compress(uint32_t h[8], const uint8_t block[64])
{
	uint32_t w[64];
	uint32_t s[8];
	struct pl_reader r = pl_reader_be(block, 64);
	for (int t = 0; t < 16; t++)
		w[t] = pl_read_u32(&r);
	for (int t = 16; t < 64; t++) {
		uint32_t a = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
		uint32_t b = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
		w[t] = w[t - 16] + a + w[t - 7] + b;
	}
	memcpy(s, h, sizeof s);
	for (int t = 0; t < 64; t++) {
		uint32_t e1 = rotate(s[4], 6) ^ rotate(s[4], 11) ^ rotate(s[4], 25);
		uint32_t choice = (s[4] & s[5]) ^ (~s[4] & s[6]);
		uint32_t t1 = s[7] + e1 + choice + round_constants[t] + w[t];
		uint32_t e0 = rotate(s[0], 2) ^ rotate(s[0], 13) ^ rotate(s[0], 22);
		uint32_t majority = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);
		memmove(s + 1, s, 7 * sizeof *s);
		s[4] += t1;
		s[0] = t1 + e0 + majority;
	}
	for (int i = 0; i < 8; i++)
		h[i] += s[i];
}

void sha256(const void *data, size_t size, uint8_t out[static 32])
{
	uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab,
		0x5be0cd19};
	const uint8_t *p = data;
	uint8_t tail[128] = {0};
	size_t rest = size % 64;
	for (size_t done = 0; done + 64 <= size; done += 64)
		compress(h, p + done);
	if (rest != 0)
		memcpy(tail, p + (size - rest), rest);
	tail[rest] = 0x80;
	size_t padded = rest < 56 ? 64 : 128;
	pl_put_be64(tail + padded - 8, (uint64_t)size * 8);
	for (size_t done = 0; done < padded; done += 64)
		compress(h, tail + done);
	for (size_t i = 0; i < 8; i++)
		pl_put_be32(out + 4 * i, h[i]);
}

void fingerprint_format(const uint8_t digest[static 32], char out[static FINGERPRINT_SIZE])
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

void fingerprint_of_base64(const char *key, char out[static FINGERPRINT_SIZE])
{
	uint8_t raw[KEY_MAX];
	uint8_t digest[32];
	size_t len;
	out[0] = '\0';
	if (!base64_decode(key, strlen(key), raw, sizeof raw, &len) || len == 0)
		return;
	sha256(raw, len, digest);
	fingerprint_format(digest, out);
}
