/* Descriptions of virtual disks in the words of VMware's Virtual Disk Format 1.1 and of its products. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "orchestrator/core/vmdk_descriptor.h"

static struct vmdk_descriptor d;

static const char *parse(const char *text)
{
	static char what[128];
	struct pl_error *e = vmdk_descriptor_parse(text, strlen(text), &d);

	what[0] = '\0';
	if (e)
		strncpy(what, pl_error_what(e), sizeof what - 1);
	pl_error_free(e);
	return what;
}

static void reads_a_split_snapshot(void **state)
{
	(void)state;
	assert_string_equal(parse("# Disk DescriptorFile\r\n"
				  "version=1\r\n"
				  "encoding=\"UTF-8\"\r\n"
				  "CID=fffffffe\r\n"
				  "parentCID = 1234ABCD\r\n"
				  "createType=\"twoGbMaxExtentSparse\"\r\n"
				  "parentFileNameHint=\"Virtual Disk = 1.vmdk\"\r\n"
				  "# Extent description\r\n"
				  "RW 8323072 SPARSE \"Virtual Disk-000001-s001.vmdk\"\r\n"
				  "RW 2162688 SPARSE \"Virtual Disk-000001-s002.vmdk\"\r\n"
				  "\r\n"
				  "#DDB\r\n"
				  "ddb.adapterType = \"lsilogic\"\r\n"),
		"");
	assert_int_equal(d.cid, 0xfffffffe);
	assert_int_equal(d.parent_cid, 0x1234abcd);
	assert_string_equal(d.parent, "Virtual Disk = 1.vmdk");
	assert_int_equal(d.extent_count, 2);
	assert_int_equal(d.extents[1].type, VMDK_SPARSE);
	assert_string_equal(d.extents[1].file, "Virtual Disk-000001-s002.vmdk");
	assert_int_equal(d.extents[1].begin, UINT64_C(4261412864));
	assert_int_equal(d.size, UINT64_C(5368709120)); /* 5 GiB */
	vmdk_descriptor_deinit(&d);
}

static void reads_flat_extents_and_zeroes(void **state)
{
	(void)state;
	assert_string_equal(parse("# Disk DescriptorFile\nCID=1\nparentCID=ffffffff\n"
				  "RW 63 FLAT \"pt.vmdk\" 0\n"
				  "RDONLY 10\tzero\n"
				  "  RW 409600 FLAT \"a b\" 40\n"),
		"");
	assert_int_equal(d.parent_cid, VMDK_NO_PARENT);
	assert_null(d.parent);
	assert_int_equal(d.extent_count, 3);
	assert_int_equal(d.extents[1].type, VMDK_ZERO);
	assert_int_equal(d.extents[1].begin, 63 * 512);
	assert_null(d.extents[1].file);
	assert_int_equal(d.extents[2].offset, 40 * 512);
	assert_int_equal(d.size, (63 + 10 + 409600) * 512);
	vmdk_descriptor_deinit(&d);
}

static void refuses_what_makes_no_sense(void **state)
{
	(void)state;
	static const char *const texts[] = {
		"",
		"CID=1\n",
		"CID=123456789\nRW 1 ZERO\n",
		"parentCID=none\nRW 1 ZERO\n",
		"RW lots ZERO\n",
		"RW 1\n",
		"RW 1 FLAT\n",
		"RW 1 FLAT \"unfinished\n",
		"RW 1 FLAT \"x\" -1\n",
		"RW 1 MAGIC \"x\"\n",
		"RW 18014398509481983 ZERO\nRW 1 ZERO\n", /* 2^63 bytes and some */
		"RW 1 ZERO\nencryption.data=\"x\"\n",
	};

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		assert_string_not_equal(parse(texts[i]), "");
	assert_string_equal(parse("RW 18014398509481983 ZERO\n"), ""); /* the most that there can be */
	vmdk_descriptor_deinit(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_split_snapshot),
		cmocka_unit_test(reads_flat_extents_and_zeroes),
		cmocka_unit_test(refuses_what_makes_no_sense),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
