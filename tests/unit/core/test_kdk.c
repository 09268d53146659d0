/* Debug kits in both layouts, damaged ones and hostile ones. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kdk_bytes.h"
#include "orchestrator/core/kdk.h"

#define KIT "KDK_11.5.1_20G80.kdk"
#define KERNELS KIT "/System/Library/Kernels/"
#define EXTENSIONS KIT "/System/Library/Extensions/"
#define DWARF ".dSYM/Contents/Resources/DWARF/"
#define DEVELOPMENT                                                                                          \
	"Darwin Kernel Version 20.6.0: Wed Jun 23 00:26:35 PDT 2021; "                                       \
	"root:xnu_development-7195.141.2~5/DEVELOPMENT_X86_64"

static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
static struct kdk k;

static void open_kit(const char *name)
{
	assert_null(kdk_open(kit_path(name), &k));
}

static const struct kdk_kernel *kernel(const char *name)
{
	for (size_t i = 0; i < k.kernel_count; i++)
		if (strcmp(k.kernels[i].name, name) == 0)
			return &k.kernels[i];
	return NULL;
}

static void make_kit(void)
{
	kit_system_version(KIT, "11.5.1", "20G80");
	kit_macho(KERNELS "kernel", 2, 0x01, KERNEL);
	kit_macho(KERNELS "kernel" DWARF "kernel", 0xa, 0x01, NULL);
	kit_macho(KERNELS "kernel.development", 2, 0x02, DEVELOPMENT);
	kit_macho(KERNELS "kernel.kasan", 2, 0x03, NULL);
	kit_macho(KERNELS "kernel.release.t8101", 2, 0x04, NULL);
	kit_text(KERNELS "README", "not a kernel");
}

static void lists_the_kernels_of_a_kit(void **state)
{
	(void)state;
	make_kit();
	open_kit(KIT "///");
	assert_int_equal(k.layout, KDK_KIT);
	assert_string_equal(k.path, kit_path(KIT));
	assert_string_equal(k.version, "11.5.1");
	assert_string_equal(k.build, "20G80");
	assert_string_equal(k.damage, "");
	assert_int_equal(k.kernel_count, 4);
	assert_string_equal(kernel("kernel")->variant, "release");
	assert_string_equal(kernel("kernel.development")->variant, "development");
	assert_string_equal(kernel("kernel.kasan")->variant, "kasan");
	assert_string_equal(kernel("kernel.release.t8101")->variant, "release");
	assert_string_equal(kernel("kernel")->binary.dsym, kit_path(KERNELS "kernel" DWARF "kernel"));
	assert_null(kernel("kernel.development")->binary.dsym);
	assert_string_equal(kernel("kernel")->binary.file.parts[0].uuid, KIT_UUID("01"));
	assert_ptr_equal(kdk_kernel_by_uuid(&k, KIT_UUID("02")), kernel("kernel.development"));
	assert_null(kdk_kernel_by_uuid(&k, KIT_UUID("99")));
	assert_null(kdk_kernel_by_uuid(&k, ""));
	kdk_close(&k);
}

static void reads_version_texts_on_demand(void **state)
{
	(void)state;
	make_kit();
	open_kit(KIT);
	assert_string_equal(kernel("kernel")->version.text, "");
	assert_null(kdk_read_versions(&k, &forever));
	assert_string_equal(kernel("kernel")->version.text, KERNEL);
	assert_string_equal(kernel("kernel.development")->version.xnu, "7195.141.2~5");
	assert_string_equal(kernel("kernel.development")->version.variant, "DEVELOPMENT_X86_64");
	assert_string_equal(kernel("kernel.kasan")->version.text, "");
	kdk_close(&k);
}

static void reads_the_volume_of_older_kits(void **state)
{
	(void)state;
	kit_macho("vol/mach_kernel", 2, 0x11, NULL);
	kit_macho("vol/mach_kernel" DWARF "mach_kernel", 0xa, 0x11, NULL);
	kit_text("vol/kgmacros", "define paniclog\nend\n");
	kit_macho("vol/DEBUG_Kernel/mach_kernel", 2, 0x12, NULL);
	kit_info("vol/IOUSBFamily.kext/Contents", "com.apple.iokit.IOUSBFamily", "IOUSBFamily");
	kit_macho("vol/IOUSBFamily.kext/Contents/MacOS/IOUSBFamily", 0xb, 0x13, NULL);
	open_kit("vol");
	assert_int_equal(k.layout, KDK_VOLUME);
	assert_int_equal(k.kernel_count, 2);
	assert_string_equal(k.build, "");
	assert_string_equal(k.macros, kit_path("vol/kgmacros"));
	assert_string_equal(kernel("mach_kernel")->variant, "release");
	assert_string_equal(kernel("mach_kernel")->binary.path, kit_path("vol/mach_kernel"));
	assert_string_equal(kernel("DEBUG_Kernel/mach_kernel")->variant, "debug");
	assert_null(kdk_read_kexts(&k, &forever));
	assert_int_equal(k.kext_count, 1);
	kdk_close(&k);
}

static void finds_kexts_and_the_variant_with_the_uuid(void **state)
{
	(void)state;
	struct kdk_binary b;
	bool found;

	make_kit();
	kit_info(EXTENSIONS "A.kext/Contents", "com.example.a", "A");
	kit_macho(EXTENSIONS "A.kext/Contents/MacOS/A", 0xb, 0x21, NULL);
	kit_macho(EXTENSIONS "A.kext/Contents/MacOS/A_development", 0xb, 0x22, NULL);
	kit_macho(EXTENSIONS "A.kext" DWARF "A", 0xa, 0x21, NULL);
	kit_info(EXTENSIONS "A.kext/Contents/PlugIns/B.kext/Contents", "com.example.b", "B");
	kit_macho(EXTENSIONS "A.kext/Contents/PlugIns/B.kext/Contents/MacOS/B", 0xb, 0x23, NULL);
	kit_info(EXTENSIONS "System.kext", "com.apple.kernel", "kernel");
	kit_info(EXTENSIONS "Evil.kext/Contents", "com.example.evil", "../../../../../../../etc/passwd");
	open_kit(KIT);
	assert_null(kdk_read_kexts(&k, &forever));
	assert_int_equal(k.kext_count, 4);

	assert_null(kdk_find_kext(&k, "com.example.a", "", &found, &b));
	assert_true(found);
	assert_string_equal(b.path, kit_path(EXTENSIONS "A.kext/Contents/MacOS/A"));
	assert_string_equal(b.dsym, kit_path(EXTENSIONS "A.kext" DWARF "A"));
	kdk_binary_deinit(&b);
	assert_null(kdk_find_kext(&k, "com.example.a", KIT_UUID("22"), &found, &b));
	assert_true(found);
	assert_string_equal(b.path, kit_path(EXTENSIONS "A.kext/Contents/MacOS/A_development"));
	kdk_binary_deinit(&b);
	assert_null(kdk_find_kext(&k, "com.example.b", KIT_UUID("23"), &found, &b));
	assert_true(found);
	kdk_binary_deinit(&b);
	static const char *const none[][2] = {{"com.example.b", KIT_UUID("24")}, {"com.example.evil", ""},
		{"com.apple.kernel", ""}, {"com.example.none", ""}};
	for (size_t i = 0; i < 4; i++) {
		assert_null(kdk_find_kext(&k, none[i][0], none[i][1], &found, &b));
		assert_false(found);
	}
	kdk_close(&k);
}

static void follows_no_link_out_of_the_kit(void **state)
{
	(void)state;
	make_kit();
	kit_macho("elsewhere/kernel", 2, 0x31, NULL);
	kit_info("elsewhere/X.kext/Contents", "com.example.x", "X");
	assert_int_equal(symlink("../../../../elsewhere/kernel", kit_path(KERNELS "kernel.out")), 0);
	assert_int_equal(symlink("kernel.kasan", kit_path(KERNELS "kernel.in")), 0);
	assert_int_equal(symlink("gone", kit_path(KERNELS "kernel.gone")), 0);
	kit_text(EXTENSIONS "README", "");
	assert_int_equal(symlink("../../../../elsewhere/X.kext", kit_path(EXTENSIONS "X.kext")), 0);
	assert_int_equal(symlink(".", kit_path(EXTENSIONS "Loop.kext")), 0);
	assert_int_equal(symlink(KIT, kit_path("link.kdk")), 0);
	open_kit("link.kdk");
	assert_string_equal(kernel("kernel.out")->binary.damage, "a link that leaves the kit");
	assert_string_equal(kernel("kernel.gone")->binary.damage, "not there");
	assert_string_equal(kernel("kernel.in")->binary.file.parts[0].uuid, KIT_UUID("03"));
	assert_null(kdk_kernel_by_uuid(&k, KIT_UUID("31")));
	assert_null(kdk_read_kexts(&k, &forever));
	assert_int_equal(k.kext_count, 0);
	kdk_close(&k);
}

static void says_what_is_damaged(void **state)
{
	(void)state;
	make_kit();
	kit_text(KERNELS "kernel.debug", "no Mach-O");
	kit_text(KIT "/System/Library/CoreServices/SystemVersion.plist", "bplist00");
	kit_info(EXTENSIONS "A.kext/Contents", "", "A");
	kit_text(EXTENSIONS "B.kext/Contents/Info.plist", "<dict>");
	open_kit(KIT);
	assert_string_equal(kernel("kernel.debug")->binary.damage, "not a Mach-O file");
	assert_string_equal(k.build, "");
	assert_string_equal(k.damage, "SystemVersion.plist: a binary property list");
	assert_null(kdk_read_kexts(&k, &forever));
	assert_int_equal(k.kext_count, 2);
	assert_string_equal(k.kexts[0].damage, "Info.plist names no CFBundleIdentifier");
	assert_string_equal(k.kexts[1].damage, "the property list is damaged");
	kdk_close(&k);
}

static void knows_what_is_no_kit(void **state)
{
	(void)state;
	kit_text("file", "");
	static const char *const none[] = {"", "file", "missing"};
	for (size_t i = 0; i < 3; i++) {
		struct pl_error *e = kdk_open(kit_path(none[i]), &k);
		assert_non_null(e);
		assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
		pl_error_free(e);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, kit_begin, kit_end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(lists_the_kernels_of_a_kit),
		TEST(reads_version_texts_on_demand),
		TEST(reads_the_volume_of_older_kits),
		TEST(finds_kexts_and_the_variant_with_the_uuid),
		TEST(follows_no_link_out_of_the_kit),
		TEST(says_what_is_damaged),
		TEST(knows_what_is_no_kit),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
