#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core_bytes.h"
#include "orchestrator/core/symbol_file.h"
#include "orchestrator/core/symbols.h"
#include "orchestrator/core/symtab.h"

/*
 * A Mach-O image from hand-made bytes: __TEXT and __LINKEDIT of a page each, then
 * LC_SYMTAB and LC_UUID. Symbols go to offset SYMBOLS, names to NAMES (mach-o/nlist.h).
 */
#define SYMBOLS 0x1000
#define NAMES 0x1400
#define IMAGE 0x1800
#define LINK 0xffffff8000200000u

static uint8_t image[8 * PAGE];
static uint32_t symbol_count, names_size;

static void begin(uint8_t *p, uint64_t text)
{
	memset(p, 0, IMAGE);
	put_header(p, 2, 4, 72 + 72 + 24 + 24);
	uint8_t *c = p + 32;
	w32(c, 0x19);
	w32(c + 4, 72);
	put_segment(c + 8, "__TEXT", text, PAGE, 0, PAGE);
	c += 72;
	w32(c, 0x19);
	w32(c + 4, 72);
	put_segment(c + 8, "__LINKEDIT", text + PAGE, PAGE, PAGE, PAGE);
	c += 72;
	w32(c, 2);
	w32(c + 4, 24);
	w32(c + 8, SYMBOLS);
	w32(c + 16, NAMES);
	c += 24;
	w32(c, 0x1b);
	w32(c + 4, 24);
	memcpy(c + 8, uuid_bytes, 16);
	symbol_count = 0;
	names_size = 1;
}

static void symbol(uint8_t *p, const char *name, uint8_t type, uint64_t address)
{
	uint8_t *c = p + 32 + 72 + 72, *s = p + SYMBOLS + 16 * (size_t)symbol_count++;

	w32(s, names_size);
	s[4] = type;
	s[5] = type == 0x01 || type == 0x02 ? 0 : 1; /* undefined and absolute ones are in no section */
	w64(s + 8, address);
	put_text(p + NAMES + names_size, name);
	names_size += (uint32_t)strlen(name) + 1;
	w32(c + 12, symbol_count);
	w32(c + 20, names_size);
}

struct bytes {
	const uint8_t *data;
	size_t size;
	uint64_t base; /* the offset, or address, of its first byte */
};

static size_t read_bytes(void *arg, uint64_t offset, void *data, size_t size)
{
	const struct bytes *b = arg;
	uint64_t into = offset - b->base;

	if (offset < b->base || into >= b->size)
		return 0;
	size_t n = b->size - (size_t)into < size ? b->size - (size_t)into : size;
	memcpy(data, b->data + into, n);
	return n;
}

static struct symtab table;

static void read_file(size_t size)
{
	struct bytes b = {image, size, 0};
	struct symtab_source s = {read_bytes, &b, 0, 0, false};
	assert_null(symtab_read(&s, &table));
}

static void read_memory(uint64_t at)
{
	struct bytes b = {image, IMAGE, at};
	struct symtab_source s = {read_bytes, &b, at, 0, true};
	assert_null(symtab_read(&s, &table));
}

static int done(void **state)
{
	(void)state;
	symtab_deinit(&table);
	return 0;
}

static void assert_found(uint64_t address, const char *name, uint64_t start)
{
	uint64_t at = 0;
	const char *found = symtab_find(&table, address, &at);
	assert_non_null(found);
	assert_string_equal(found, name);
	assert_true(at == start);
}

/* N_SECT is 0x0e, N_EXT 0x01, N_ABS 0x02, N_FUN 0x24, private external 0x10. */
static void finds_the_symbol_before(void **state)
{
	uint64_t at;

	(void)state;
	begin(image, LINK);
	symbol(image, "_third", 0x0f, LINK + 0x300);
	symbol(image, "_first", 0x0e, LINK + 0x100);
	symbol(image, "_debug", 0x24, LINK + 0x180);
	symbol(image, "_undefined", 0x01, 0);
	symbol(image, "_absolute", 0x03, LINK + 0x1c0);
	symbol(image, "_second", 0x1e, LINK + 0x200);
	symbol(image, "_elsewhere", 0x0f, LINK + 0x100000);
	read_file(IMAGE);
	assert_string_equal(table.uuid, UUID);
	assert_true(table.text == LINK && table.has_text);
	assert_int_equal(table.symbol_count, 3);
	assert_null(table.damage);
	assert_found(LINK + 0x100, "_first", LINK + 0x100);
	assert_found(LINK + 0x1ff, "_first", LINK + 0x100);
	assert_found(LINK + 0x200, "_second", LINK + 0x200);
	assert_found(LINK + 0xfff, "_third", LINK + 0x300);
	assert_null(symtab_find(&table, LINK + 0xff, &at));
	assert_null(symtab_find(&table, LINK + 0x1000, &at)); /* another segment */
	assert_null(symtab_find(&table, 0, &at));
	assert_null(symtab_find(&table, UINT64_MAX, &at));
	assert_true(symtab_address(&table, "_second", &at) && at == LINK + 0x200);
	assert_false(symtab_address(&table, "_undefined", &at));
}

static void external_names_come_first(void **state)
{
	(void)state;
	begin(image, LINK);
	symbol(image, "local", 0x0e, LINK + 0x100);
	symbol(image, "_external", 0x0f, LINK + 0x100);
	symbol(image, "_alias", 0x0f, LINK + 0x100);
	symbol(image, "_next", 0x0f, LINK + 0x120);
	read_file(IMAGE);
	assert_found(LINK + 0x100, "_external", LINK + 0x100);
	assert_found(LINK + 0x11f, "_external", LINK + 0x100);
	assert_found(LINK + 0x120, "_next", LINK + 0x120);
}

static void takes_what_is_there(void **state)
{
	(void)state;
	begin(image, LINK);
	symbol(image, "_one", 0x0f, LINK + 0x100);
	symbol(image, "_two", 0x0f, LINK + 0x200);
	read_file(NAMES + 6); /* the second name is gone, and with it its symbol */
	assert_int_equal(table.symbol_count, 1);
	assert_string_equal(table.damage, "the names of its symbols are cut short");
	symtab_deinit(&table);
	read_file(SYMBOLS + 20);
	assert_int_equal(table.symbol_count, 0);
	symtab_deinit(&table);
	w32(image + 32 + 72 + 72 + 12, UINT32_MAX); /* so many symbols */
	w32(image + 32 + 72 + 72 + 20, UINT32_MAX);
	read_file(IMAGE);
	assert_non_null(table.damage);
	assert_found(LINK + 0x1ff, "_one", LINK + 0x100);
}

static void is_a_mach_o(void **state)
{
	struct bytes b = {(const uint8_t *)"MZ, not Mach-O, but something else", 34, 0};
	struct symtab_source s = {read_bytes, &b, 0, 0, false};

	(void)state;
	struct pl_error *e = symtab_read(&s, &table);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	pl_error_free(e);
}

/* The booter adds the slide to the header's and the symbols' addresses, to either, or to none. */
static void finds_its_slide_in_memory(void **state)
{
	const uint64_t load = LINK + SLIDE;

	(void)state;
	for (int kernel = 0; kernel < 2; kernel++) {
		for (int which = 0; which < 4; which++) {
			uint64_t base = which & 1 ? load : LINK, symbols = which & 2 ? load : LINK;
			if (!kernel && base == load && symbols != load)
				continue; /* nothing would tell */
			begin(image, base);
			if (kernel)
				symbol(image, "__mh_execute_header", 0x0f, symbols);
			symbol(image, "_one", 0x0f, symbols + 0x100);
			symbol(image, "_two", 0x0f, symbols + 0x200);
			read_memory(load);
			assert_true(table.text == load);
			assert_found(load + 0x1ff, "_one", load + 0x100);
			symtab_deinit(&table);
		}
	}
}

/* struct nlist: the address has four bytes. */
static void reads_32_bits(void **state)
{
	(void)state;
	memset(image, 0, IMAGE);
	w32(image, 0xfeedface);
	w32(image + 4, 7);
	w32(image + 12, 2);
	w32(image + 16, 2);
	w32(image + 20, 56 + 24);
	uint8_t *c = image + 28;
	w32(c, 1);
	w32(c + 4, 56);
	put_text(c + 8, "__TEXT");
	w32(c + 24, 0x200000);
	w32(c + 28, PAGE);
	c += 56;
	w32(c, 2);
	w32(c + 4, 24);
	w32(c + 8, SYMBOLS);
	w32(c + 12, 2);
	w32(c + 16, NAMES);
	w32(c + 20, 32);
	w32(image + SYMBOLS, 1);
	image[SYMBOLS + 4] = 0x0f;
	image[SYMBOLS + 5] = 1;
	w32(image + SYMBOLS + 8, 0x200100);
	w32(image + SYMBOLS + 12, 7);
	image[SYMBOLS + 16] = 0x0f;
	image[SYMBOLS + 17] = 1;
	w32(image + SYMBOLS + 20, 0x200200);
	put_text(image + NAMES + 1, "_five");
	put_text(image + NAMES + 7, "_six");
	read_file(IMAGE);
	assert_int_equal(table.symbol_count, 2);
	assert_found(0x2001ff, "_five", 0x200100);
	assert_found(0x200200, "_six", 0x200200);
}

/* ---- files ---- */

static void write_file(char name[static 32], size_t size)
{
	snprintf(name, 32, "/tmp/test_symtab.XXXXXX");
	int fd = mkstemp(name);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, image, size), (ssize_t)size);
	close(fd);
}

/* The member was loaded SLIDE further up: a return address in it, and one behind its end. */
static void names_an_address_by(const char *collection)
{
	const uint64_t start = 0xffffff8000a00000u + SLIDE;
	struct symbols set = {0};
	struct symbol_place place;
	char *refusal;

	assert_null(symbols_add(&set, "org.example.driver", UUID, &start, PAGE, NULL));
	symbols_want(&set, start + 0x123);
	assert_null(symbols_offer_file(&set, collection, SYMBOL_FILE_KERNEL, &refusal));
	assert_null(refusal);
	assert_true(symbols_find(&set, start + 0x123, false, &place));
	assert_string_equal(place.image->name, "org.example.driver");
	assert_string_equal(place.symbol, "_in_the_member");
	assert_int_equal(place.offset, 0x23);
	assert_true(place.has_file_address && place.file_address == 0xffffff8000a00122u);
	assert_true(symbols_find(&set, start + PAGE, false, &place)); /* the call before it is its last one */
	assert_false(symbols_find(&set, start + PAGE, true, &place));
	symbols_deinit(&set);
}

/* A collection has its members' headers in it; their tables count from its own start. */
static void reads_members_of_a_collection(void **state)
{
	uint8_t *member = image + 2 * PAGE;
	struct symbol_file f;
	char name[32];

	(void)state;
	memset(image, 0, sizeof image);
	begin(member, 0xffffff8000a00000u);
	symbol(member, "_in_the_member", 0x0f, 0xffffff8000a00100u);
	w32(member + 32 + 72 + 72 + 8, 2 * PAGE + SYMBOLS);
	w32(member + 32 + 72 + 72 + 16, 2 * PAGE + NAMES);
	put_header(image, 0xc, 2, 40 + 40);
	w32(image + 32, 0x80000035); /* LC_FILESET_ENTRY: address, offset, where its name is */
	w32(image + 36, 40);
	w64(image + 40, 0xffffff8000a00000u);
	w64(image + 48, 2 * PAGE);
	w32(image + 56, 32);
	w32(image + 72, 0x80000035); /* one that lies */
	w32(image + 76, 40);
	w64(image + 88, 1 << 30);
	write_file(name, 4 * PAGE);
	assert_null(symbol_file_open(name, &f));
	assert_int_equal(f.count, 2);
	const struct symbol_member *m = symbol_file_member(&f, UUID);
	assert_non_null(m);
	assert_int_equal(m->header, 2 * PAGE);
	assert_null(symbol_file_member(&f, ""));
	assert_null(symbol_file_read(&f, m, &table));
	assert_found(0xffffff8000a00fffu, "_in_the_member", 0xffffff8000a00100u);
	symbol_file_close(&f);
	names_an_address_by(name);
	unlink(name);
}

/* Two architectures: offsets count from the slice. */
static void reads_a_slice(void **state)
{
	uint8_t *slice = image + PAGE;
	struct symbol_file f;
	char name[32];

	(void)state;
	memset(image, 0, sizeof image);
	begin(slice, LINK);
	symbol(slice, "_in_the_slice", 0x0f, LINK + 0x100);
	static const uint8_t fat[] = {0xca, 0xfe, 0xba, 0xbe, 0, 0, 0,
		1, /* one struct fat_arch, big-endian */
		1, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0x10, 0, 0, 0, 0x18, 0, 0, 0, 0, 12};
	memcpy(image, fat, sizeof fat);
	write_file(name, PAGE + IMAGE);
	assert_null(symbol_file_open(name, &f));
	const struct symbol_member *m = symbol_file_member(&f, UUID);
	assert_non_null(m);
	assert_null(symbol_file_read(&f, m, &table));
	assert_found(LINK + 0x123, "_in_the_slice", LINK + 0x100);
	symbol_file_close(&f);
	unlink(name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(finds_the_symbol_before, done),
		cmocka_unit_test_teardown(external_names_come_first, done),
		cmocka_unit_test_teardown(takes_what_is_there, done),
		cmocka_unit_test_teardown(is_a_mach_o, done),
		cmocka_unit_test_teardown(finds_its_slide_in_memory, done),
		cmocka_unit_test_teardown(reads_32_bits, done),
		cmocka_unit_test_teardown(reads_members_of_a_collection, done),
		cmocka_unit_test_teardown(reads_a_slice, done),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
