#include "orchestrator/core/core_boot_args.h"

#include <string.h>

#include "base/reader.h"

#define BOOT_ARGS_64 160 /* in PE_state */
#define BOOT_ARGS_32 112

/* Where the command line begins; 0: not a boot_args. */
static size_t command_line(const uint8_t *raw, size_t size)
{
	struct pl_reader r = pl_reader_le(raw, size);
	uint16_t revision = pl_read_u16(&r);
	uint16_t version = pl_read_u16(&r);
	uint8_t efi = pl_read_u8(&r);

	if (!pl_reader_ok(&r) || revision > 16)
		return 0;
	if (version == 1)
		return 4;
	return version == 2 && (efi == 32 || efi == 64) ? 8 : 0;
}

static bool printable(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((text[i] < 0x20 && text[i] != '\t') || text[i] == 0x7f)
			return false;
	return true;
}

bool core_boot_args(const struct core_file *c, uint64_t pe_state, char out[static CORE_BOOT_ARGS_MAX])
{
	uint8_t raw[8 + CORE_BOOT_ARGS_MAX];
	bool is_64 = c->header.is_64;
	size_t word = is_64 ? 8 : 4;

	if (c->header.cpu_type == MACHO_CPU_ARM64)
		return false;
	struct pl_reader r = pl_reader_le(
		raw, core_file_read(c, pe_state + (is_64 ? BOOT_ARGS_64 : BOOT_ARGS_32), raw, word));
	uint64_t at = is_64 ? pl_read_u64(&r) : pl_read_u32(&r);
	if (!pl_reader_ok(&r) || at == 0)
		return false;
	size_t size = core_file_read(c, at, raw, sizeof raw), line = command_line(raw, size);
	if (line == 0 || size <= line)
		return false;
	size_t room = size - line < CORE_BOOT_ARGS_MAX ? size - line : CORE_BOOT_ARGS_MAX;
	const char *text = (const char *)raw + line;
	size_t len = strnlen(text, room);
	if (len == room || !printable(text, len))
		return false;
	memcpy(out, text, len + 1);
	return true;
}
