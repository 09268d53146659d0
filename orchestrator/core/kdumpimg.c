#include "orchestrator/core/kdumpimg.h"

#include <string.h>

#include "base/reader.h"

#define SIGNATURE_V1 UINT64_C(0x0063614d20646152) /* "Rad Mac" */
#define SIGNATURE_V2 UINT64_C(0x63614d2073736f42) /* "Boss Mac" */

/* Version and byte order; the reader is left behind the signature. */
static struct pl_reader read_signature(const void *head, size_t size, struct kdumpimg *ret)
{
	struct pl_reader r = pl_reader_le(head, size);
	uint64_t signature = pl_read_u64(&r);

	if (signature == __builtin_bswap64(SIGNATURE_V1)) {
		ret->big_endian = true;
		r.big_endian = true;
		signature = SIGNATURE_V1;
	}
	if (signature == SIGNATURE_V1)
		ret->version = 1;
	else if (signature == SIGNATURE_V2)
		ret->version = 2;
	return r;
}

/* What only version 2 has, between the signature and the log (natural alignment). */
static void read_fields_v2(struct pl_reader *r, struct kdumpimg *ret)
{
	ret->declared_version = pl_read_u32(r);
	pl_read_skip(r, 4);
	ret->flags = pl_read_u64(r);
	ret->key_offset = pl_read_u64(r);
	ret->key_length = pl_read_u16(r);
	pl_read_skip(r, 6);
}

/* False when the head ends before the file does. */
static bool read_file(struct pl_reader *r, unsigned version, struct kdumpimg_file *ret)
{
	ret->flags = version == 2 ? pl_read_u64(r) : 0;
	ret->offset = pl_read_u64(r);
	ret->length = pl_read_u64(r);
	const char *name = (const char *)pl_read_bytes(r, KDUMPIMG_NAME);
	if (!name)
		return false;
	memcpy(ret->name, name, strnlen(name, KDUMPIMG_NAME));
	return true;
}

bool kdumpimg_decode(const void *head, size_t size, struct kdumpimg *ret)
{
	memset(ret, 0, sizeof *ret);
	struct pl_reader r = read_signature(head, size, ret);
	if (ret->version == 0)
		return false;
	ret->declared_version = ret->version;
	if (ret->version == 2)
		read_fields_v2(&r, ret);
	ret->log_offset = pl_read_u64(&r);
	ret->log_length = pl_read_u64(&r);
	ret->claimed = pl_read_u64(&r);
	if (!pl_reader_ok(&r))
		return false;
	size_t max = ret->version == 1 ? KDUMPIMG_FILES_V1 : KDUMPIMG_FILES_MAX;
	while (ret->file_count < ret->claimed && ret->file_count < max &&
		read_file(&r, ret->version, &ret->files[ret->file_count]))
		ret->file_count++;
	if (ret->version == 1)
		ret->size = KDUMPIMG_SIZE_V1;
	else
		ret->size = KDUMPIMG_FIXED_V2 + ret->file_count * KDUMPIMG_FILE_V2;
	ret->complete = ret->file_count == ret->claimed && ret->size <= size;
	return true;
}
