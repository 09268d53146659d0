#include "orchestrator/core/core_json.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Length of the valid UTF-8 sequence at p (RFC 3629), or 0. A NUL counts as
 * invalid: many readers of JSON, jansson among them, refuse \u0000.
 */
static size_t sequence(const unsigned char *p, size_t left)
{
	if (p[0] < 0x80)
		return p[0] != 0;
	size_t n = p[0] >= 0xc2 && p[0] <= 0xdf   ? 2
		   : (p[0] & 0xf0) == 0xe0        ? 3
		   : p[0] >= 0xf0 && p[0] <= 0xf4 ? 4
						  : 0;
	if (n == 0 || n > left)
		return 0;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool surrogate = p[0] == 0xed && p[1] > 0x9f;
	bool too_high = p[0] == 0xf4 && p[1] > 0x8f;
	return overlong || surrogate || too_high ? 0 : n;
}

json_t *core_json_text(const char *text, size_t len)
{
	static const char replacement[] = "\xef\xbf\xbd";
	const unsigned char *p = (const unsigned char *)text;
	char *out = malloc(len * 3 + 1);
	size_t made = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len;) {
		size_t n = sequence(p + i, len - i);
		memcpy(out + made, n ? text + i : replacement, n ? n : 3);
		made += n ? n : 3;
		i += n ? n : 1;
	}
	json_t *j = json_stringn_nocheck(out, made);
	free(out);
	return j;
}

json_t *core_json_address(uint64_t address)
{
	char text[24];
	snprintf(text, sizeof text, "0x%016" PRIx64, address);
	return json_string(text);
}

int core_json_set_text(json_t *o, const char *key, const char *text)
{
	if (!text || !*text)
		return 0;
	return json_object_set_new(o, key, core_json_text(text, strlen(text)));
}

int core_json_set_count(json_t *o, const char *key, uint64_t n)
{
	return json_object_set_new(o, key, json_integer((json_int_t)(n > INT64_MAX ? INT64_MAX : n)));
}
