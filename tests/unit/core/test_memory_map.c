/* Cores of a few pages; rows and cells are counted by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/core/memory_map.h"
#include "tests/unit/core/core_bytes.h"

#define KEXTS 0xffffff7f80a00000u
#define HEAP 0xffffff8020000000u
#define MIB (UINT64_C(1) << 20)

static struct core_bytes bytes;
static struct core_file core;
static struct memory_map map;

static int done(void **state)
{
	(void)state;
	core_file_close(&core);
	return 0;
}

/* Writes all but the last `cut` bytes, without the pages of zeroes that `hole` (an offset) begins. */
static void open_core(size_t cut, size_t hole, size_t hole_pages)
{
	char name[] = "/tmp/paniclab-map.XXXXXX";
	size_t size = bytes.end - cut, behind = hole + hole_pages * PAGE;
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	unlink(name);
	if (hole_pages == 0)
		assert_int_equal(write(fd, bytes.b, size), size);
	if (hole_pages > 0)
		assert_int_equal(pwrite(fd, bytes.b, hole, 0), hole);
	if (hole_pages > 0)
		assert_int_equal(pwrite(fd, bytes.b + behind, size - behind, (off_t)behind), size - behind);
	assert_null(core_file_open_fd(fd, &core));
	memory_map_init(&map, &core);
}

static void fill(uint8_t *pages, size_t count)
{
	memset(pages, 0xa5, count * PAGE);
}

static void assert_cells(size_t row, const char *want)
{
	char cells[MEMORY_CELLS_MAX + 1];
	memory_map_cells(&map.rows[row], cells);
	assert_string_equal(cells, want);
}

/* A kext, the kernel, and a heap with a small gap whose last page was cut off. */
static void a_core(size_t hole_pages)
{
	core_begin(&bytes);
	fill(core_pages(&bytes, HEAP, 2), 2);
	size_t kernel = bytes.end;
	fill(core_pages(&bytes, TEXT, 4), 4);
	fill(core_pages(&bytes, KEXTS, 1), 1);
	fill(core_pages(&bytes, HEAP + 10 * PAGE, 2), 2);
	open_core(PAGE, hole_pages ? kernel + PAGE : 0, hole_pages);
}

static void has_a_row_for_each_region(void **state)
{
	(void)state;
	a_core(0);
	assert_int_equal(map.row_count, 3);
	assert_true(map.rows[0].first == KEXTS && map.rows[0].last == KEXTS + PAGE - 1);
	assert_cells(0, "8");
	assert_true(map.rows[1].first == TEXT && map.rows[1].last == TEXT + 4 * PAGE - 1);
	assert_cells(1, "8888");
	assert_int_equal(map.rows[2].segments, 2);
	assert_int_equal(map.rows[2].sum.data, 3 * PAGE);
	assert_int_equal(map.rows[2].sum.missing, PAGE);
	assert_cells(2, "88        8x");
	assert_string_equal(memory_map_region(&map, 0), "kexts");
	assert_string_equal(memory_map_region(&map, 1), ""); /* nobody said that it is the kernel */
}

static void shows_the_holes_of_a_sparse_core(void **state)
{
	(void)state;
	core_begin(&bytes);
	a_core(2);
#ifdef SEEK_DATA
	if (lseek(core.fd, (off_t)core.segments[1].fileoff + PAGE, SEEK_HOLE) ==
		(off_t)core.segments[1].fileoff + PAGE) {
		assert_cells(1, "8zz8");
		assert_int_equal(map.rows[1].sum.zero, 2 * PAGE);
		assert_int_equal(map.rows[1].sum.data, 2 * PAGE);
		return;
	}
#endif
	skip(); /* this file system has no holes */
}

static void marks_what_it_is_told(void **state)
{
	(void)state;
	a_core(0);
	memory_map_mark(&map, &core, MEMORY_KERNEL, "kernel", TEXT);
	memory_map_mark(&map, &core, MEMORY_PANIC_LOG, "panic log", TEXT + 2 * PAGE + 16);
	memory_map_mark(&map, &core, MEMORY_STACK, "in the gap", HEAP + 5 * PAGE);
	memory_map_mark(&map, &core, MEMORY_KEXT, "elsewhere", 0x1000);
	memory_map_mark(&map, &core, MEMORY_STACK, "cut off", HEAP + 12 * PAGE - 1);
	assert_string_equal(memory_map_region(&map, 1), "kernel");
	assert_true(map.marks[0].placed && map.marks[0].present);
	assert_int_equal(map.marks[0].row, 1);
	assert_int_equal(map.marks[0].cell, 0);
	assert_int_equal(map.marks[1].cell, 2);
	assert_true(map.marks[2].placed && !map.marks[2].present);
	assert_int_equal(map.marks[2].cell, 5);
	assert_false(map.marks[3].placed || map.marks[3].present);
	assert_true(map.marks[4].placed && !map.marks[4].present);
	for (int i = 0; i < 100; i++)
		memory_map_mark(&map, &core, MEMORY_STACK, "more", TEXT);
	assert_int_equal(map.mark_count, MEMORY_MARKS_MAX);
}

static void parts_kexts_and_kernel_where_they_touch(void **state)
{
	(void)state;
	core_begin(&bytes);
	fill(core_pages(&bytes, 0xffffff7ffffff000u, 1), 1);
	fill(core_pages(&bytes, 0xffffff8000000000u, 1), 1);
	open_core(0, 0, 0);
	assert_int_equal(map.row_count, 2);
	assert_string_equal(memory_map_region(&map, 0), "kexts");
	assert_string_equal(memory_map_region(&map, 1), "");
}

/* 33 segments, 1 to 32 MiB apart: the 23 widest gaps part 24 rows, so the first one holds ten. */
static void keeps_the_widest_gaps(void **state)
{
	(void)state;
	uint64_t at = HEAP;
	core_begin(&bytes);
	for (uint64_t i = 0; i <= 32; i++) {
		fill(core_pages(&bytes, at, 1), 1);
		at += PAGE + (i + 1) * MIB;
	}
	open_core(0, 0, 0);
	assert_int_equal(map.row_count, MEMORY_ROWS_MAX);
	assert_int_equal(map.rows[0].segments, 10);
	for (size_t i = 1; i < MEMORY_ROWS_MAX; i++)
		assert_int_equal(map.rows[i].segments, 1);
	assert_int_equal(map.rows[0].cell_count, MEMORY_CELLS_MAX);
}

static void bears_any_address(void **state)
{
	(void)state;
	core_begin(&bytes);
	fill(core_pages(&bytes, 0, 1), 1);
	fill(core_pages(&bytes, 0xfffffffffffff000u, 1), 1);
	/* the same memory twice, and a segment of half the address space that is not there */
	fill(core_pages(&bytes, 0, 1), 1);
	put_segment(core_command(&bytes, 0x19, 72), "", UINT64_C(1) << 62, UINT64_C(1) << 62, PAGE * 60,
		UINT64_C(1) << 62);
	open_core(0, 0, 0);
	assert_int_equal(map.row_count, 3);
	assert_cells(0, "8");
	assert_int_equal(map.rows[0].sum.data, 2 * PAGE);
	assert_cells(1, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	assert_true(map.rows[2].last == UINT64_MAX);
	assert_cells(2, "8");
}

static void has_nothing_of_an_empty_core(void **state)
{
	(void)state;
	core_begin(&bytes);
	open_core(0, 0, 0);
	assert_int_equal(map.row_count, 0);
	memory_map_mark(&map, &core, MEMORY_KERNEL, "kernel", TEXT);
	assert_false(map.marks[0].placed);
}

static void makes_its_json(void **state)
{
	(void)state;
	json_t *o;
	a_core(0);
	memory_map_mark(&map, &core, MEMORY_KERNEL, "kern\xffl", TEXT);
	memory_map_mark(&map, &core, MEMORY_KEXT, "elsewhere", 0x1000);
	assert_null(memory_map_json(&map, &o));
	json_t *want = json_loads("{\"rows\":["
				  "{\"start\":\"0xffffff7f80a00000\",\"end\":\"0xffffff7f80a00fff\","
				  "\"region\":\"kexts\",\"segments\":1,\"bytes\":4096,\"zero\":0,"
				  "\"missing\":0,\"cell_bytes\":4096,\"cells\":\"8\"},"
				  "{\"start\":\"0xffffff8017400000\",\"end\":\"0xffffff8017403fff\","
				  "\"region\":\"kernel\",\"segments\":1,\"bytes\":16384,\"zero\":0,"
				  "\"missing\":0,\"cell_bytes\":4096,\"cells\":\"8888\"},"
				  "{\"start\":\"0xffffff8020000000\",\"end\":\"0xffffff802000bfff\","
				  "\"segments\":2,\"bytes\":16384,\"zero\":0,"
				  "\"missing\":4096,\"cell_bytes\":4096,\"cells\":\"88        8x\"}],"
				  "\"marks\":["
				  "{\"kind\":\"kernel\",\"name\":\"kern\xef\xbf\xbdl\","
				  "\"address\":\"0xffffff8017400000\",\"present\":true,\"row\":1,\"cell\":0},"
				  "{\"kind\":\"kext\",\"name\":\"elsewhere\","
				  "\"address\":\"0x0000000000001000\",\"present\":false}]}",
		0, NULL);
	assert_non_null(want);
	assert_true(json_equal(o, want));
	json_decref(o);
	json_decref(want);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, done)
	const struct CMUnitTest tests[] = {
		T(has_a_row_for_each_region),
		T(shows_the_holes_of_a_sparse_core),
		T(marks_what_it_is_told),
		T(parts_kexts_and_kernel_where_they_touch),
		T(keeps_the_widest_gaps),
		T(bears_any_address),
		T(has_nothing_of_an_empty_core),
		T(makes_its_json),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
