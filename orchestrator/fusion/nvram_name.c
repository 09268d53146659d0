#include "orchestrator/fusion/nvram_name.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "base/utf8.h"

const uint8_t nvram_apple_guid[16] = {
	0x10, 0x61, 0x43, 0x7c, 0x2a, 0xab, 0xbb, 0x4b, 0xa8, 0x80, 0xfe, 0x41, 0x99, 0x5c, 0x9f, 0x82};

/* Where the byte that is printed at each place stands on disk. */
static const uint8_t disk_order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};

static bool dash_before(size_t i)
{
	return i == 4 || i == 6 || i == 8 || i == 10;
}

const char *nvram_guid_text(const uint8_t guid[16], char out[static NVRAM_GUID_TEXT])
{
	size_t at = 0;

	for (size_t i = 0; i < 16; i++)
		at += (size_t)snprintf(out + at, NVRAM_GUID_TEXT - at, "%s%02X", dash_before(i) ? "-" : "",
			guid[disk_order[i]]);
	return out;
}

/* The GUID that text begins with; what follows it, or NULL if none does. */
static const char *read_guid(const char *text, uint8_t guid[16])
{
	for (size_t i = 0; i < 16; i++) {
		if (dash_before(i) && *text++ != '-')
			return NULL;
		int high = pl_hex_digit(text[0]);
		int low = high < 0 ? -1 : pl_hex_digit(text[1]);
		if (low < 0)
			return NULL;
		guid[disk_order[i]] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	return text;
}

/* What pl_escape() leaves alone is printable, and valid UTF-8. */
static bool is_printable(const char *name)
{
	char out[NVRAM_NAME_MAX + 1];

	for (const char *c = name; *c; c++)
		if (*c == '\\')
			return false;
	return strcmp(pl_escape_str(name, out, sizeof out), name) == 0;
}

struct pl_error *nvram_id_parse(const char *text, struct nvram_id *ret)
{
	const char *rest = read_guid(text, ret->guid);
	char safe[128];

	ret->name = text;
	if (rest && *rest == ':')
		ret->name = rest + 1;
	else
		memcpy(ret->guid, nvram_apple_guid, sizeof ret->guid);
	if (ret->name[0] && strlen(ret->name) <= NVRAM_NAME_MAX && is_printable(ret->name))
		return NULL;
	return pl_error_hint(
		pl_error_new(PL_ERR_USAGE, "'%s' names no variable", pl_escape_str(text, safe, sizeof safe)),
		"give NAME for one of Apple's, or GUID:NAME");
}

struct pl_error *nvram_id_text(const uint8_t guid[16], const char *name, struct pl_buf *out)
{
	char text[NVRAM_GUID_TEXT];

	if (memcmp(guid, nvram_apple_guid, 16) == 0)
		return pl_buf_puts(out, name);
	return pl_buf_printf(out, "%s:%s", nvram_guid_text(guid, text), name);
}

/* ---- UTF-16LE and UTF-8 ------------------------------------------------------------ */

static uint32_t unit(const uint8_t *bytes, size_t i)
{
	return (uint32_t)bytes[2 * i] | (uint32_t)bytes[2 * i + 1] << 8;
}

static bool is_high(uint32_t c)
{
	return c >= 0xd800 && c < 0xdc00;
}

static bool is_low(uint32_t c)
{
	return c >= 0xdc00 && c < 0xe000;
}

struct pl_error *nvram_name_decode(const uint8_t *bytes, size_t size, char **ret, bool *plain, bool *nul)
{
	size_t count = size / 2;
	char *out = malloc(3 * count + 1);

	*ret = out;
	if (!out)
		return pl_error_nomem();
	*nul = count > 0 && unit(bytes, count - 1) == 0;
	count -= *nul;
	*plain = count > 0 && size % 2 == 0;
	for (size_t i = 0; i < count; i++) {
		uint32_t c = unit(bytes, i);
		if (c == 0) {
			*plain = false;
			break;
		}
		if (is_high(c) && i + 1 < count && is_low(unit(bytes, i + 1))) {
			c = 0x10000 + ((c - 0xd800) << 10) + (unit(bytes, ++i) - 0xdc00);
		} else if (is_high(c) || is_low(c)) {
			*plain = false;
			c = PL_UTF8_REPLACEMENT;
		}
		char utf8[4];
		size_t n = pl_utf8_encode(c, utf8);
		memcpy(out, utf8, n);
		out += n;
	}
	*out = '\0';
	return NULL;
}

static struct pl_error *put_unit(uint32_t c, struct pl_buf *out)
{
	uint8_t two[2] = {(uint8_t)c, (uint8_t)(c >> 8)};

	return pl_buf_append(out, two, sizeof two);
}

struct pl_error *nvram_name_encode(const char *name, bool nul, struct pl_buf *out)
{
	size_t left = strlen(name);
	struct pl_error *e = NULL;

	while (!e && left > 0) {
		uint32_t c;
		size_t n = pl_utf8_decode(name, left, &c);
		if (n == 0) {
			n = 1;
			c = PL_UTF8_REPLACEMENT;
		}
		name += n;
		left -= n;
		if (c >= 0x10000)
			e = put_unit(0xd800 + ((c - 0x10000) >> 10), out);
		if (!e)
			e = put_unit(c >= 0x10000 ? 0xdc00 + ((c - 0x10000) & 0x3ff) : c, out);
	}
	return !e && nul ? put_unit(0, out) : e;
}
