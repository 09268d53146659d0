/* What VALUE means on the command line of `paniclab nvram FILE set`. */
#include <ctype.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/cmd/nvram_parts.h"
#include "orchestrator/cmd/nvram_show.h"
#include "orchestrator/macos/csr.h"

/* The kernel's copy of the boot-args, with its NUL: BOOT_LINE_LENGTH of xnu's pexpert/i386/boot.h. */
#define BOOT_ARGS_MAX 1024

static struct pl_error *parse_hex(const char *text, struct pl_buf *out)
{
	struct pl_error *e = NULL;
	size_t size = strlen(text);

	for (size_t i = 0; !e && size % 2 == 0 && i < size; i += 2) {
		char pair[] = {'0', 'x', text[i], text[i + 1], '\0'};
		uint64_t byte;
		if (!isxdigit((unsigned char)text[i]) || !pl_parse_u64(pair, 0xff, &byte))
			break;
		e = pl_buf_append(out, &(uint8_t){(uint8_t)byte}, 1);
	}
	if (!e && 2 * out->size != size)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "the value is not hexadecimal"),
			"two digits for each byte: hex:7f080000");
	return e;
}

/* ---- csr-active-config ----------------------------------------------------------------- */

static bool is_csr(const struct nvram_id *id)
{
	return memcmp(id->guid, nvram_apple_guid, 16) == 0 && strcmp(id->name, "csr-active-config") == 0;
}

static struct pl_error *present_csr(
	const struct nvram *n, const struct nvram_id *id, uint32_t *ret, bool *there)
{
	const struct nvram_variable *v;
	struct pl_error *e = nvram_find(n, id, &v);

	*ret = 0;
	*there = !e && v;
	if (*there && !nvram_show_csr(v, ret))
		return pl_error_hint(
			pl_error_new(PL_ERR_DATA, "csr-active-config has %zu bytes, not 4", v->value_size),
			"give its value as hex:, or delete it");
	return e;
}

static struct pl_error *read_macos(const struct cmd_input *in, struct macos_version *ret)
{
	const char *text = cmd_value(in, "macos");

	if (!text)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "what it is depends on the guest's version"),
			"give --macos VERSION, as sw_vers says it in the guest");
	if (macos_version_parse(text, ret))
		return NULL;
	return pl_error_hint(
		pl_error_new(PL_ERR_USAGE, "--macos cannot be '%s'", text), "such as 10.15.7 or 11");
}

static struct pl_error *disable(const struct cmd_input *in, const struct macos_version *macos, uint32_t *csr)
{
	struct pl_error *e = csr_disable(macos, *csr, csr);

	if (e || !cmd_flag(in, "unsealed"))
		return e;
	if (!macos_version_at_least(macos, 11, 0, 0))
		return pl_error_new(
			PL_ERR_USAGE, "--unsealed is for macOS 11 and later: before, no volume has a seal");
	*csr |= CSR_UNAUTHENTICATED_ROOT;
	return NULL;
}

/* disable, enable; nothing where no variable already means enabled. */
static struct pl_error *switch_csr(const struct cmd_input *in, const struct nvram *n,
	const struct nvram_id *id, bool on, struct pl_buf *out)
{
	struct macos_version macos;
	uint32_t csr;
	bool there;
	struct pl_error *e = read_macos(in, &macos);

	if (!e)
		e = present_csr(n, id, &csr, &there);
	if (!e)
		e = on ? csr_enable(&macos, csr, &csr) : disable(in, &macos, &csr);
	if (e || (on && !there))
		return e;
	uint8_t bytes[4] = {(uint8_t)csr, (uint8_t)(csr >> 8), (uint8_t)(csr >> 16), (uint8_t)(csr >> 24)};
	return pl_buf_append(out, bytes, sizeof bytes);
}

static struct pl_error *not_empty(struct pl_error *e, const struct pl_buf *value)
{
	if (e || value->size)
		return e;
	return pl_error_hint(
		pl_error_new(PL_ERR_USAGE, "a variable without a value is none"), "delete it instead");
}

static struct pl_error *parse_boot_args(const char *value, struct pl_buf *out)
{
	if (strlen(value) >= BOOT_ARGS_MAX)
		return pl_error_new(PL_ERR_USAGE,
			"boot-args have %zu bytes, and a kernel takes %d at the most", strlen(value),
			BOOT_ARGS_MAX - 1);
	return pl_buf_append(out, value, strlen(value) + 1);
}

struct pl_error *nvram_value_parse(const struct cmd_input *in, const struct nvram *n,
	const struct nvram_id *id, const char *value, struct pl_buf *out)
{
	bool enable = strcmp(value, "enable") == 0;
	bool hex = pl_starts_with(value, "hex:");
	struct pl_error *e = hex ? parse_hex(value + 4, out) : NULL;

	if (is_csr(id) && (enable || strcmp(value, "disable") == 0))
		return switch_csr(in, n, id, enable, out);
	if (!e && is_csr(id) && out->size != 4)
		return pl_error_hint(
			pl_error_new(PL_ERR_USAGE, "csr-active-config is a number of four bytes"),
			"disable, enable, or hex:77000000");
	if (hex)
		return not_empty(e, out);
	if (nvram_show_is_boot_args(id->guid, id->name))
		return parse_boot_args(value, out);
	return not_empty(pl_buf_puts(out, value), out);
}
