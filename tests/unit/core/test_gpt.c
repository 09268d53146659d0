/* Partition tables from hand-made bytes (UEFI 5.3), for what sgdisk does not make. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "image_bytes.h"
#include "orchestrator/core/gpt.h"

#define SECTORS 16

static uint8_t disk[SECTORS * 4096];
static struct gpt_partition p;

/* Two entries, the second is of the type that is looked for. */
static void make(size_t sector, uint64_t first, uint64_t last)
{
	memset(disk, 0, sizeof disk);
	memcpy(disk + sector, "EFI PART", 8);
	image_put(disk + sector + 72, 2, 8, false);
	image_put(disk + sector + 80, 2, 4, false);
	image_put(disk + sector + 84, 128, 4, false);
	uint8_t *e = disk + 2 * sector + 128;
	memcpy(e, "\x4d\x64\x61\x53\x63\x61\xaa\x11\xaa\x11\x00\x30\x65\x43\xec\xac", 16);
	image_put(e + 32, first, 8, false);
	image_put(e + 40, last, 8, false);
}

static void find(size_t size)
{
	char name[] = "/tmp/test_gpt.XXXXXX";
	struct image_source s = {.fd = mkstemp(name), .size = size};

	assert_true(s.fd >= 0);
	unlink(name);
	assert_int_equal(write(s.fd, disk, size), (ssize_t)size);
	assert_null(gpt_find(&s, gpt_kernel_core, &p));
	close(s.fd);
}

static void finds_it_with_both_sizes_of_sectors(void **state)
{
	(void)state;
	static const size_t sectors[] = {512, 4096};

	for (size_t i = 0; i < 2; i++) {
		make(sectors[i], 5, 9);
		find(SECTORS * sectors[i]);
		assert_true(p.table && p.found);
		assert_int_equal(p.offset, 5 * sectors[i]);
		assert_int_equal(p.size, 5 * sectors[i]); /* the last sector counts */
	}
}

static void ends_a_partition_where_the_disk_ends(void **state)
{
	(void)state;
	static const uint64_t lasts[] = {16, UINT32_MAX, UINT64_MAX};

	for (size_t i = 0; i < 3; i++) {
		make(512, 5, lasts[i]);
		find(SECTORS * 512);
		assert_true(p.found);
		assert_int_equal(p.size, 11 * 512);
	}
}

static void believes_no_partition_outside_of_the_disk(void **state)
{
	(void)state;
	make(512, 16, 20);
	find(SECTORS * 512);
	assert_true(p.table && !p.found);
	make(512, UINT64_MAX, UINT64_MAX);
	find(SECTORS * 512);
	assert_false(p.found);
	make(512, 9, 5);
	find(SECTORS * 512);
	assert_false(p.found);
}

static void believes_no_absurd_table(void **state)
{
	(void)state;
	make(512, 5, 9);
	image_put(disk + 512 + 72, UINT64_MAX, 8, false); /* where the entries are */
	find(SECTORS * 512);
	assert_false(p.table);
	make(512, 5, 9);
	image_put(disk + 512 + 84, 16, 4, false); /* how long one is */
	find(SECTORS * 512);
	assert_false(p.table);
	make(512, 5, 9);
	image_put(disk + 512 + 80, UINT32_MAX, 4, false); /* how many there are */
	memset(disk + 1024 + 128, 0, 128);
	find(SECTORS * 512);
	assert_true(p.table && !p.found);
	find(600);
	assert_false(p.table);
	find(0);
	assert_false(p.table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_it_with_both_sizes_of_sectors),
		cmocka_unit_test(ends_a_partition_where_the_disk_ends),
		cmocka_unit_test(believes_no_partition_outside_of_the_disk),
		cmocka_unit_test(believes_no_absurd_table),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
