/* Titles are written out by hand; sameness and difference are tested over variants of a panic. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/core/panic_text.h"
#include "orchestrator/core/signature.h"
#include "orchestrator/core/signature_rules.h"

#define FIXTURES "tests/fixtures/panics"

static struct signature made[64];
static size_t made_count;

static int done(void **state)
{
	(void)state;
	while (made_count > 0)
		signature_deinit(&made[--made_count]);
	return 0;
}

static const struct signature *sign_with(const char *rules, const char *text, size_t size)
{
	struct panic_text p;

	assert_true(made_count < sizeof made / sizeof *made);
	assert_null(panic_text_parse(text, size, &p));
	assert_null(signature_make(&p, rules, &made[made_count]));
	panic_text_deinit(&p);
	return &made[made_count++];
}

static const struct signature *sign(const char *text)
{
	return sign_with(NULL, text, strlen(text));
}

static void assert_title(const char *text, const char *title)
{
	const struct signature *s = sign(text);
	if (!title)
		assert_null(s->title);
	else
		assert_string_equal(s->title, title);
	assert_int_equal(s->id[0] != '\0', title != NULL);
}

/* One bug of a kext, as a kernel with this slide, on this CPU, of this version prints it. */
static char *kext_panic(uint64_t slide, int cpu, int line, const char *version, unsigned kernel_shift)
{
	static char text[4096];
	unsigned long long k = 0xffffff7f80000000 + slide, s = 0xffffff8000200000 + slide + kernel_shift;

	snprintf(text, sizeof text,
		"panic(cpu %d caller 0x%llx): \"ring 0x%llx: %d of 64 slots lost\"@/src/ring.c:%d\n"
		"Backtrace (CPU %d), Frame : Return Address\n"
		"0xffffff80aa%02d0010 : 0x%llx \n0xffffff80aa%02d0020 : 0x%llx \n0xffffff80aa%02d0030 : "
		"0x%llx \n"
		"0xffffff80aa%02d0040 : 0x%llx \n"
		"      Kernel Extensions in backtrace:\n"
		"         "
		"org.example.ring(1.0)[11111111-2222-3333-8444-555555555555]@0x%llx->0x%llx\n"
		"\nMac OS version:\n%s\n\nKernel version:\nDarwin Kernel Version 17.%d.0: root:xnu-%d/"
		"RELEASE_X86_64\nKernel slide:     0x%llx\n",
		cpu, k + 0x1234, k + 0x99990, line, line, cpu, cpu, s + 0x2222, cpu, k + 0x1234, cpu,
		k + 0x2468, cpu, s + 0x3333, k, k + 0xffff, version, line, line, (unsigned long long)slide);
	return text;
}

static void is_the_same_under_another_slide_cpu_and_kernel(void **state)
{
	(void)state;
	const struct signature *a = sign(kext_panic(0, 0, 10, "17A365", 0));
	const struct signature *b = sign(kext_panic(0x1a600000, 0, 10, "17A365", 0));
	const struct signature *c = sign(kext_panic(0x1a600000, 13, 10, "17A365", 0));
	const struct signature *d = sign(kext_panic(0x0c000000, 7, 25, "17G66", 0x4560));
	assert_string_equal(a->title, "panic: ring # of # slots lost in org.example.ring+0x1234 < "
				      "org.example.ring+0x2468");
	assert_string_equal(a->id, b->id);
	assert_string_equal(a->id, c->id);
	assert_string_equal(a->id, d->id);
}

/* Both ways of writing a panic down, before and since macOS 12, and both of a trap's type. */
static void is_the_same_in_the_words_of_another_release(void **state)
{
	(void)state;
	static const char frames[] = "Backtrace (CPU 1), Frame : Return Address\n"
				     "0x1 : 0xffffff8000000001 mach_kernel : _panic + 0x5c\n"
				     "0x2 : 0xffffff8000000002 mach_kernel : _vnode_iterate + %s\n"
				     "0x3 : 0xffffff8000000003 mach_kernel : _sync.cold.1 + 0x1\n";
	char a[1024], b[1024], tail[512];
	snprintf(tail, sizeof tail, frames, "0x424");
	snprintf(a, sizeof a, "panic(cpu 1 caller 0xffffff8000000002): \"bad elm 0x1\"@/a/b/vfs.c:1\n%s",
		tail);
	snprintf(tail, sizeof tail, frames, "0x99");
	snprintf(b, sizeof b, "panic(cpu 1 caller 0xffffff8000000002): bad elm 0x77 @vfs.c:99\n%s", tail);
	assert_string_equal(sign(a)->title, "panic: bad elm # in vnode_iterate < sync");
	assert_string_equal(sign(a)->id, sign(b)->id);
	assert_title("panic(cpu 1 caller 0x9): Kernel trap at 0x10, type 14=page fault, registers:\n"
		     "CR0: 0x1\nBacktrace (CPU 1)\n0x1 : 0x10 mach_kernel : _f + 0x1\n",
		"trap: page fault in f");
	assert_title("panic(cpu 1 caller 0x9): Kernel trap at 0x11, type = 14=page fault, registers:\n"
		     "CR0: 0x1\nBacktrace (CPU 1)\n0x1 : 0x11 mach_kernel : _f + 0x2\n",
		"trap: page fault in f");
	assert_title("panic(cpu 1 caller 0x9): Kernel data abort. at pc 0x10, lr 0x20 (saved state: 0x1)\n"
		     "lr: 0x9  fp: 0x1\nlr: 0x10  fp: 0x2\n"
		     " a.b(1)[11111111-2222-3333-8444-555555555555]@0x10->0x20\n",
		"trap: Kernel data abort in a.b+0x0");
	assert_string_equal(sign("panic(cpu 0 caller 0x1): \"launchd died\\nState\"@/a/exit.c:1\n")->id,
		sign("panic(cpu 2 caller 0x7): initproc exited -- exit reason namespace 2 @exit.c:4\n"
		     "Backtrace (CPU 2)\n0x1 : 0x7 mach_kernel : _proc_exit + 0x1\n")
			->id);
}

static void differs_where_the_bug_does(void **state)
{
	(void)state;
	static const char one[] = "panic(cpu 0 caller 0x2): \"over\"@/a.c:1\nBacktrace (CPU 0)\n"
				  "0x1 : 0x2 mach_kernel : _%s + 0x1\n";
	char text[256];
	const char *ids[4];
	snprintf(text, sizeof text, one, "alpha");
	ids[0] = sign(text)->id;
	snprintf(text, sizeof text, one, "beta");
	ids[1] = sign(text)->id;
	ids[2] = sign("panic(cpu 0 caller 0x2): \"over\"@/a.c:1\n")->id;
	ids[3] = sign("panic(cpu 0 caller 0x2): \"over\"@/b.c:1\n")->id;
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(ids[i], ids[k]);
}

#define UNNAMED                                                                                              \
	"panic(cpu 0 caller 0xffffff8000200100): Kernel trap at 0xffffff80002%s, type 14=page fault, "       \
	"registers:\nBacktrace (CPU 0)\n0x1 : 0xffffff8000200100\n0x2 : 0xffffff80002%s\n0x3 : "             \
	"0xffffff8000200777\n"

/* No symbols, no kext: a trap says nothing but where; and not even that when the slide is unknown. */
static void names_a_trap_in_the_kernel_by_offset_as_a_last_resort(void **state)
{
	(void)state;
	char text[1024];
	static const char version[] = "\nKernel version:\nDarwin Kernel Version 11.4.2: root:xnu-1/"
				      "RELEASE_X86_64\n";
	snprintf(text, sizeof text, UNNAMED "%s", "05550", "05550", version);
	assert_title(text, "trap: page fault in kernel+0x5550 < kernel+0x777");
	snprintf(text, sizeof text, UNNAMED "%s", "06660", "06660", version);
	assert_title(text, "trap: page fault in kernel+0x6660 < kernel+0x777");
	snprintf(text, sizeof text, UNNAMED, "05550", "05550");
	assert_title(text, NULL);
	assert_title("\nMac OS version:\n20G80\n\nKernel version:\nDarwin Kernel Version 20.6.0\n", NULL);
}

static void takes_numbers_out_of_the_text(void **state)
{
	(void)state;
	assert_title("panic(cpu 0 caller 0x1): disk3s1: 0xFFFF, 12 34/56 ffffff96e9f88920 deadbeef a1b2 "
		     "01234567-89AB-4CDE-8F01-23456789ABCD v1.2.3\tx\n",
		"panic: disk#s# a#b# v#?x");
	assert_title("panic(cpu 0 caller 0x1): \"a\xff\"@/x/b\x01z.c:1\n", "panic: a? (b?z.c)");
	assert_title("Debugger called: <by hand>\nBacktrace (CPU 1)\n0x1 : 0x2 mach_kernel : _f + 0x1\n0x2 : "
		     "0x3 mach_kernel : _f + 0x1\n0x3 : 0x4 com.x.y : _f\n",
		"debugger: by hand in f < com.x.y:f");
}

static void goes_by_its_rules(void **state)
{
	(void)state;
	static const char text[] = "panic(cpu 0 caller 0x9): one\nBacktrace (CPU 0)\n"
				   "0x1 : 0x2 mach_kernel : _help_me + 0x1\n0x2 : 0x3 mach_kernel : _own\n";
	const struct signature *s = sign_with("", text, strlen(text));
	assert_string_equal(s->title, "panic: one in help_me < own");
	assert_null(s->disposition);
	s = sign_with("# skip own\nskip help*\ninterest *own", text, strlen(text));
	assert_string_equal(s->title, "panic: one in own");
	assert_string_equal(s->disposition, "interest");
	s = sign_with("name o*e = the first\nignore *first\ninterest *\n", text, strlen(text));
	assert_string_equal(s->title, "panic: the first");
	assert_string_equal(s->disposition, "ignore");
}

static void hashes_as_published(void **state)
{
	(void)state;
	/* FNV-1a's reference: 64 bits of "foobar" are 85944171f73967e8 */
	static const char text[] = "panic(cpu 0 caller 0x9): x\n";
	const struct signature *s = sign_with("name x = foobar", text, strlen(text));
	assert_string_equal(s->title, "panic: foobar");
	/* the same by hand over "panic: foobar": python, h = (h ^ b) * 0x100000001b3 % 2**64 */
	assert_string_equal(s->id, "v1-4ecfa5c5685e2bc7");
}

static void has_rules_without_slips(void **state)
{
	(void)state;
	assert_null(signature_rules_check("signature.txt", signature_rules()));
	assert_non_null(strstr(signature_rules(), "\nskip panic\n"));
	assert_non_null(strstr(signature_rules(), "\nother com.apple.*\n"));
}

static void refuses(const char *rules, const char *message)
{
	struct pl_error *e = signature_rules_check("my.txt", rules);
	char line[512];
	assert_non_null(e);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_line(e, line, sizeof line);
	assert_string_equal(line, message);
	pl_error_free(e);
}

static void says_which_line_is_no_rule(void **state)
{
	(void)state;
	refuses("# fine\n\nskp panic\n", "my.txt:3: unknown rule 'skp': did you mean 'skip'?");
	refuses("skip a\r\nskip\r\n", "my.txt:2: a rule without a pattern: * is any text");
	refuses("name a\n", "my.txt:1: a name without its text: write: name PATTERN = TEXT");
	refuses("name a = \n", "my.txt:1: a name without its text: write: name PATTERN = TEXT");
	refuses("\x1b[2Jqqqqqqqq x\n", "my.txt:1: unknown rule '\\x1b[2Jqqqqqqqq': rules are skip, keep, "
				       "own, other, name, ignore, interest");
	assert_null(signature_rules_check("my.txt", "own org.example.*\r\nkeep a = b"));
}

static void puts_a_user_s_rules_first(void **state)
{
	(void)state;
	char path[] = "/tmp/paniclab-rules.XXXXXX", *rules;
	static const char mine[] = "own com.apple.mine\ninterest *dtrace*\nkeep memcpy";
	static const char text[] = "panic(cpu 0 caller 0x9): dtrace: panic action at probe x\n";
	static const char kexts[] =
		"panic(cpu 0 caller 0x9): x\nBacktrace (CPU 0)\n0x1 : 0x2 mach_kernel : _memcpy\n"
		"0x2 : 0x3 mach_kernel : _f\n0x3 : 0x4 com.apple.mine : _g\n0x4 : 0x5 mach_kernel : _h\n";
	int fd = mkstemp(path);
	assert_true(fd >= 0 && write(fd, mine, strlen(mine)) == (ssize_t)strlen(mine));
	close(fd);
	assert_null(signature_rules_load(path, &rules));
	assert_string_equal(sign_with(rules, text, strlen(text))->disposition, "interest");
	assert_string_equal(sign(text)->disposition, "ignore");
	assert_string_equal(
		sign_with(rules, kexts, strlen(kexts))->title, "panic: x in memcpy < com.apple.mine:g");
	assert_string_equal(sign(kexts)->title, "panic: x in f < com.apple.mine:g < h");
	free(rules);
	unlink(path);
	struct pl_error *e = signature_rules_load(path, &rules);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_free(e);
}

/* The raw text of a fixture, NUL-terminated; NULL for a file that is none. */
static const char *fixture(const char *name)
{
	static char data[65536];
	char path[512];

	if (!strstr(name, ".txt"))
		return NULL;
	snprintf(path, sizeof path, FIXTURES "/%s", name);
	FILE *f = fopen(path, "rb");
	assert_non_null(f);
	data[fread(data, 1, sizeof data - 1, f)] = '\0';
	fclose(f);
	assert_non_null(strstr(data, "\n\n"));
	return strstr(data, "\n\n") + 2;
}

/* The fixtures are of different bugs, but for the three ways of posting one report. */
static void tells_the_fixtures_apart(void **state)
{
	(void)state;
	size_t json = 0, same = 0;
	DIR *d = opendir(FIXTURES);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		const char *raw = fixture(e->d_name);
		if (!raw)
			continue;
		const struct signature *s = sign(raw);
		json += strncmp(e->d_name, "10.15-json", 10) == 0;
		if (strcmp(e->d_name, "15-tail.txt") == 0)
			assert_null(s->title);
		else
			assert_non_null(s->title);
	}
	closedir(d);
	for (size_t i = 0; i < made_count; i++)
		for (size_t k = 0; k < i; k++)
			same += strcmp(made[i].id, made[k].id) == 0;
	assert_int_equal(json, 3);
	assert_int_equal(same, 3); /* pairs among three */
}

/* Each line with something before it and another end. */
static char *dress(const char *raw, const char *before, const char *end)
{
	static char text[128 * 1024];
	size_t at = 0;

	for (const char *line = raw; *line;) {
		size_t len = strcspn(line, "\n");
		assert_true(at + len + 64 < sizeof text);
		at += (size_t)snprintf(text + at, sizeof text - at, "%s%.*s%s", before, (int)len, line, end);
		line += len + (line[len] == '\n');
	}
	text[at] = '\0';
	return text;
}

static void is_the_same_in_a_mail_and_in_a_report_file(void **state)
{
	(void)state;
	DIR *d = opendir(FIXTURES);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		const char *raw = fixture(e->d_name);
		if (!raw || strstr(raw, "anicString") || strstr(raw, "\\nBacktrace"))
			continue; /* these are in JSON as they are */
		json_t *report = json_pack("{s:s, s:i}", "macOSPanicString", raw, "x", 1);
		char *file = json_dumps(report, 0);
		const struct signature *plain = sign(raw);
		assert_string_equal(plain->id, sign(dress(raw, "> ", "\r\n"))->id);
		assert_string_equal(plain->id, sign(dress(raw, "[  12.500000] ", "\n"))->id);
		assert_string_equal(plain->id, sign(file)->id);
		json_decref(report);
		free(file);
		done(NULL);
	}
	closedir(d);
}

int main(void)
{
#define T(f) cmocka_unit_test_teardown(f, done)
	const struct CMUnitTest tests[] = {
		T(is_the_same_under_another_slide_cpu_and_kernel),
		T(is_the_same_in_the_words_of_another_release),
		T(differs_where_the_bug_does),
		T(names_a_trap_in_the_kernel_by_offset_as_a_last_resort),
		T(takes_numbers_out_of_the_text),
		T(goes_by_its_rules),
		T(hashes_as_published),
		T(has_rules_without_slips),
		T(says_which_line_is_no_rule),
		T(puts_a_user_s_rules_first),
		T(tells_the_fixtures_apart),
		T(is_the_same_in_a_mail_and_in_a_report_file),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
