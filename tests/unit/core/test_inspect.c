#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#include "core_bytes.h"
#include "gzip_bytes.h"
#include "orchestrator/core/inspect.h"

#define PANIC                                                                                                \
	"panic(cpu 1 caller 0xffffff8017a00000): \"esc \x1b[31m\"@/a/b.c:5\n"                                \
	"Backtrace (CPU 1), Frame : Return Address\n0xffffff80aa000010 : 0xffffff8017411111\n\n"             \
	"Mac OS version:\n20G80\n\nKernel version:\n" KERNEL "\nKernel UUID: " UUID                          \
	"\nSystem uptime in nanoseconds: 12\n"

static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
static struct core_bytes bytes;
static json_t *doc;

static int done(void **state)
{
	(void)state;
	json_decref(doc);
	doc = NULL;
	return 0;
}

static void look(const void *data, size_t size)
{
	char name[] = "/tmp/test_inspect.XXXXXX";
	int fd = mkstemp(name);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, size), (ssize_t)size);
	close(fd);
	done(NULL);
	struct pl_error *e = inspect_file(name, &forever, &doc);
	unlink(name);
	assert_null(e);
	assert_int_equal(json_integer_value(json_object_get(doc, "bytes")), size);
}

static void look_at_text(const char *text)
{
	look(text, strlen(text));
}

static const char *text(const char *key)
{
	const char *s = json_string_value(json_object_get(doc, key));
	return s ? s : "(none)";
}

static json_int_t number(const char *key)
{
	const json_t *n = json_object_get(doc, key);
	return json_is_integer(n) ? json_integer_value(n) : -1;
}

static bool warns(const char *part)
{
	const json_t *w;
	size_t i;

	json_array_foreach(
		json_object_get(doc, "warnings"), i, w) if (strstr(json_string_value(w), part)) return true;
	return false;
}

static void make_core(void)
{
	core_begin(&bytes);
	core_ident(&bytes, KERNEL "; UUID=" UUID "; stext=0xffffff8017400000");
	uint8_t *p = core_pages(&bytes, TEXT, 2);
	put_kernel_header(p, TEXT);
	put_text(p + PAGE + 64, PANIC);
	core_thread(&bytes, 0x100);
	core_thread(&bytes, 0x200);
}

static void assert_core(const char *kind)
{
	assert_string_equal(text("kind"), kind);
	assert_string_equal(text("arch"), "x86_64");
	assert_string_equal(text("kernel_uuid"), UUID);
	assert_string_equal(text("kernel_version"), KERNEL);
	assert_string_equal(text("xnu"), "7195.141.2~5");
	assert_string_equal(text("build"), "20G80");
	assert_string_equal(text("load_address"), "0xffffff8017400000");
	assert_string_equal(text("slide"), "0x0000000017200000");
	assert_string_equal(text("panic_text"), PANIC);
	assert_int_equal(number("segments"), 1);
	assert_int_equal(number("threads"), 2);
	json_t *panic = json_object_get(doc, "panic");
	assert_string_equal(json_string_value(json_object_get(panic, "source")), "/a/b.c:5");
	assert_int_equal(json_array_size(json_object_get(panic, "backtrace")), 1);
}

static void describes_a_core(void **state)
{
	(void)state;
	make_core();
	look(bytes.b, bytes.end);
	assert_core("core");
	assert_true(json_is_false(json_object_get(doc, "truncated")));
	assert_int_equal(json_array_size(json_object_get(doc, "warnings")), 0);
	json_t *thread = json_array_get(json_object_get(doc, "registers"), 1);
	assert_string_equal(json_string_value(json_object_get(thread, "rip")), "0x0000000000000210");

	look(bytes.b, bytes.end - 100);
	assert_core("core");
	assert_true(json_is_true(json_object_get(doc, "truncated")));
	assert_true(warns("cut short"));
}

static void describes_a_gzipped_core(void **state)
{
	(void)state;
	static uint8_t gz[FLAT];

	make_core();
	size_t size = gzip_bytes(bytes.b, bytes.end, gz, sizeof gz);
	look(gz, size);
	assert_core("gzip-core");
	assert_string_equal(text("gzip"), "ok");
	assert_int_equal(number("decompressed_bytes"), bytes.end);
	assert_true(json_is_false(json_object_get(doc, "truncated")));

	look(gz, size - 4);
	assert_core("gzip-core");
	assert_string_equal(text("gzip"), "truncated");
	assert_true(json_is_true(json_object_get(doc, "truncated")));

	look(gz, 15); /* nothing to be seen yet */
	assert_string_equal(text("kind"), "gzip-core");
	assert_string_equal(text("gzip"), "truncated");

	look(gz, gzip_bytes("just a text that was compressed, not a core", 43, gz, sizeof gz));
	assert_string_equal(text("kind"), "unknown");
	assert_string_equal(text("gzip"), "ok");
	assert_true(warns("neither a core nor a panic text"));
}

static void tells_logs_from_reports(void **state)
{
	(void)state;
	look_at_text("noise\n" PANIC);
	assert_string_equal(text("kind"), "panic-log");
	assert_string_equal(text("kernel_uuid"), UUID);
	assert_string_equal(text("arch"), "x86_64");
	assert_string_equal(text("panic_text"), "noise\n" PANIC);
	look_at_text("*** Panic Report ***\n" PANIC);
	assert_string_equal(text("kind"), "panic-report");
	look_at_text("{\"bug_type\":\"210\"}\n{\"macOSPanicString\":\"panic(cpu 1 caller 0x1): x\\n0x1 : "
		     "0x2\\n\"}");
	assert_string_equal(text("kind"), "panic-report");
	look("panic(cpu 1 caller 0x1): x\n0x1 : 0x2\n\0\377\n", 40);
	assert_string_equal(
		text("panic_text"), "panic(cpu 1 caller 0x1): x\n0x1 : 0x2\n\xef\xbf\xbd\xef\xbf\xbd\n");
	look_at_text("nothing of interest\n");
	assert_string_equal(text("kind"), "unknown");
	look_at_text("");
	assert_string_equal(text("kind"), "unknown");
	assert_true(warns("empty"));
}

static void warns_of_another_kernel_s_panic(void **state)
{
	(void)state;
	make_core();
	char *p = memmem(bytes.b + PAGE, bytes.end - PAGE, "Kernel UUID: A5", 15);
	p[13] = 'B';
	look(bytes.b, bytes.end);
	assert_string_equal(text("kernel_uuid"), UUID);
	assert_true(warns("another kernel"));
}

/* A kernel file; file type 0xb makes it a kext; both big enough for their commands. */
static void knows_kernels_and_kexts(void **state)
{
	(void)state;
	static uint8_t b[3 * PAGE];
	memset(b, 0, sizeof b);
	put_kernel_header(b, 0xffffff8000200000);
	put_text(b + PAGE + 7, KERNEL);
	look(b, sizeof b);
	assert_string_equal(text("kind"), "kernel");
	assert_string_equal(text("kernel_uuid"), UUID);
	assert_string_equal(text("xnu"), "7195.141.2~5");
	assert_string_equal(text("load_address"), "0xffffff8000200000");
	w32(b + 12, 0xb);
	look(b, sizeof b);
	assert_string_equal(text("kind"), "kext");
	assert_string_equal(text("uuid"), UUID);
	w32(b + 12, 6);
	look(b, sizeof b);
	assert_string_equal(text("kind"), "unknown");

	static uint8_t fat[4 * PAGE];
	memset(fat, 0, sizeof fat);
	static const uint8_t head[] = {0xca, 0xfe, 0xba, 0xbe, 0, 0, 0, 2, 0, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0x99,
		0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 7, 0, 0, 0, 3, 0, 0, 0x10, 0, 0, 0, 0x30, 0, 0, 0, 0, 12};
	memcpy(fat, head, sizeof head);
	w32(b + 12, 2);
	memcpy(fat + PAGE, b, sizeof b);
	look(fat, sizeof fat);
	assert_string_equal(text("kind"), "kernel");
	assert_string_equal(text("arch"), "x86_64");
}

/* v1: signature, log offset, log length, count, 16 x { offset, length, name[16] } */
static void reads_the_header_of_an_on_disk_core(void **state)
{
	(void)state;
	static uint8_t b[2 * PAGE];
	memset(b, 0, sizeof b);
	memcpy(b, "\x52\x61\x64\x20\x4d\x61\x63", 8);
	w64(b + 8, PAGE);
	w64(b + 16, strlen(PANIC));
	w64(b + 24, 2);
	w64(b + 32, 0x3000);
	w64(b + 40, 0x1234);
	memcpy(b + 48, "kernel", 6);
	memcpy(b + 80, "panic_stackshot.", 16); /* not terminated */
	put_text(b + PAGE, PANIC);
	look(b, sizeof b);
	assert_string_equal(text("kind"), "kdumpimg");
	json_t *files = json_object_get(doc, "files");
	assert_int_equal(json_array_size(files), 2);
	assert_string_equal(json_string_value(json_object_get(json_array_get(files, 0), "name")), "kernel");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(files, 0), "length")), 0x1234);
	assert_string_equal(
		json_string_value(json_object_get(json_array_get(files, 1), "name")), "panic_stackshot.");
	assert_string_equal(text("build"), "20G80");

	/* v2: flags at 16, log at 40, count at 56, then { flags, offset, length, name } */
	memset(b, 0, PAGE);
	memcpy(b, "Boss Mac", 8);
	w32(b + 8, 2);
	w64(b + 40, PAGE);
	w64(b + 48, strlen(PANIC));
	w64(b + 56, 1);
	w64(b + 64, 0x100);
	w64(b + 72, 0x4000);
	w64(b + 80, 0x5000);
	memcpy(b + 88, "kernel", 6);
	look(b, sizeof b);
	json_t *f = json_array_get(json_object_get(doc, "files"), 0);
	assert_int_equal(json_integer_value(json_object_get(f, "flags")), 0x100);
	assert_int_equal(json_integer_value(json_object_get(f, "offset")), 0x4000);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(doc, "format"), "version")), 2);
	w64(b + 40, UINT64_MAX); /* hostile: the log and the count */
	w64(b + 56, UINT64_MAX);
	look(b, sizeof b);
	assert_string_equal(text("kind"), "kdumpimg");
	assert_true(warns("behind the end"));
}

static void knows_a_guest_s_files(void **state)
{
	(void)state;
	look("MRVN\1\0\0\0CMOS", 12);
	assert_string_equal(text("kind"), "nvram");
	look_at_text("#!/usr/bin/vmware\n.encoding = \"UTF-8\"\nconfig.version = \"8\"\nvirtualHW.version = "
		     "\"19\"\n");
	assert_string_equal(text("kind"), "vmx");
}

static void refuses_what_is_no_file(void **state)
{
	(void)state;
	struct pl_error *e = inspect_file("/dev/null", &forever, &doc);
	assert_int_equal(pl_error_exit_code(e), 2);
	assert_string_equal(pl_error_place(e), "/dev/null");
	pl_error_free(e);
	e = inspect_file("/nonexistent/file", &forever, &doc);
	assert_non_null(e);
	pl_error_free(e);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, done)
	const struct CMUnitTest tests[] = {
		T(describes_a_core),
		T(describes_a_gzipped_core),
		T(tells_logs_from_reports),
		T(warns_of_another_kernel_s_panic),
		T(knows_kernels_and_kexts),
		T(reads_the_header_of_an_on_disk_core),
		T(knows_a_guest_s_files),
		T(refuses_what_is_no_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
