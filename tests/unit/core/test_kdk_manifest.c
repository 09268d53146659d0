/* The public list of kits: as it is, and as it must not be believed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "orchestrator/core/kdk_manifest.h"

static struct kdk_manifest m;

static void parse(const char *text)
{
	assert_null(kdk_manifest_parse(text, strlen(text), "list", &m));
}

static void refuse(const char *text)
{
	struct pl_error *e = kdk_manifest_parse(text, strlen(text), "list", &m);
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
	assert_string_equal(pl_error_place(e), "list");
	pl_error_free(e);
}

static void reads_an_entry(void **state)
{
	(void)state;
	parse("[{\"build\":\"24B82\",\"date\":\"2024-10-19T03:36:00\",\"fileSize\":800681641,"
	      "\"kernel_versions\":{\"kernel\":\"Darwin Kernel Version 24.1.0: A\",\"kernel.kasan\":\"B\"},"
	      "\"md5sum\":\"c\",\"name\":\"Kernel Debug Kit\",\"seen\":\"s\",\"sha256sum\":\"d\","
	      "\"url\":\"https://example.net/k.dmg\",\"version\":\"15.1\"}]");
	assert_int_equal(m.count, 1);
	assert_int_equal(m.skipped, 0);
	const struct kdk_manifest_entry *n = &m.entries[0];
	assert_string_equal(n->build, "24B82");
	assert_string_equal(n->version, "15.1");
	assert_string_equal(n->name, "Kernel Debug Kit");
	assert_string_equal(n->date, "2024-10-19T03:36:00");
	assert_string_equal(n->url, "https://example.net/k.dmg");
	assert_string_equal(n->sha256, "d");
	assert_string_equal(n->md5, "c");
	assert_int_equal(n->bytes, 800681641);
	assert_int_equal(n->kernel_count, 2);
	assert_string_equal(n->kernels[0].name, "kernel");
	assert_string_equal(n->kernels[0].version, "Darwin Kernel Version 24.1.0: A");
	assert_int_equal(n->kernels[0].uuid_count, 0);
	kdk_manifest_deinit(&m);
}

static void passes_over_what_is_no_entry(void **state)
{
	(void)state;
	parse("[null,[],{},{\"build\":7},{\"build\":\"\"},{\"build\":\"1A1\",\"url\":\"javascript:x\","
	      "\"name\":[],"
	      "\"fileSize\":-5,\"kernel_versions\":{\"a\":1,\"b\":\"t\"}},{\"build\":\"1A2\",\"kernel_"
	      "versions\":3}]");
	assert_int_equal(m.count, 2);
	assert_int_equal(m.skipped, 5);
	assert_string_equal(m.entries[0].url, "");
	assert_string_equal(m.entries[0].name, "");
	assert_int_equal(m.entries[0].bytes, 0);
	assert_int_equal(m.entries[0].kernel_count, 1);
	assert_string_equal(m.entries[0].kernels[0].name, "b");
	assert_int_equal(m.entries[1].kernel_count, 0);
	kdk_manifest_deinit(&m);
	parse("[]");
	assert_int_equal(m.count, 0);
	kdk_manifest_deinit(&m);
}

static void takes_so_many_kernels_and_entries(void **state)
{
	(void)state;
	char *text = malloc(2 << 20), *p = text;
	p += sprintf(p, "[{\"build\":\"1A1\",\"kernel_versions\":{\"k\":\"v\"");
	for (int i = 0; i < 200; i++)
		p += sprintf(p, ",\"k%d\":\"v\"", i);
	p += sprintf(p, "}}");
	for (int i = 0; i < KDK_MANIFEST_ENTRIES_MAX + 5; i++)
		p += sprintf(p, ",{\"build\":\"1A1\"}");
	sprintf(p, "]");
	parse(text);
	free(text);
	assert_int_equal(m.count, KDK_MANIFEST_ENTRIES_MAX);
	assert_int_equal(m.skipped, 6);
	assert_int_equal(m.entries[0].kernel_count, KDK_MANIFEST_KERNELS_MAX);
	kdk_manifest_deinit(&m);
}

static void refuses_what_is_no_list(void **state)
{
	(void)state;
	refuse("");
	refuse("{}");
	refuse("[{\"build\":\"1A1\"}");
	refuse("panic(cpu 0");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_an_entry),
		cmocka_unit_test(passes_over_what_is_no_entry),
		cmocka_unit_test(takes_so_many_kernels_and_entries),
		cmocka_unit_test(refuses_what_is_no_list),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
