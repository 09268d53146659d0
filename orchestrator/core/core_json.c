#include "orchestrator/core/core_json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

json_t *core_json_text(const char *text, size_t len)
{
	static const char replacement[] = "\xef\xbf\xbd";
	char *out = malloc(len * 3 + 1);
	size_t made = 0;

	if (!out)
		return NULL;
	for (size_t i = 0; i < len;) {
		uint32_t c;
		size_t n = pl_utf8_decode(text + i, len - i, &c);
		n = c == 0 ? 0 : n; /* many readers of JSON, jansson among them, refuse \u0000 */
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
