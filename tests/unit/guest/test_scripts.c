/*
 * The guest scripts against stand-ins for macOS's commands. A script is run as
 * it is, but for its PATH (the stand-ins come first) and the folder of the
 * panic reports.
 */
#include "orchestrator/guest/facts.h"
#include "orchestrator/guest/output.h"
#include "tests/unit/guest/sshd.h"

static char dir[64];

static void stand_in(const char *name, const char *text)
{
	char path[256];
	snprintf(path, sizeof path, "bin/%s", name);
	write_text(sshd_file(dir, path), text);
	chmod(sshd_file(dir, path), 0755);
}

/*
 * nvram keeps its variable in a file; "refuses" and "ignores" are what SIP
 * makes of it. The words are macOS's.
 */
static const char nvram[] =
	"#!/bin/sh\n"
	"cd \"$(dirname \"$0\")/..\" || exit 9\n"
	"none() { echo \"nvram: Error getting variable - 'boot-args': (iokit/common) data was not found\" "
	">&2; "
	"exit 1; }\n"
	"change() { test -e ignores && exit 0\n"
	"	if [ -e refuses ]; then\n"
	"		echo \"nvram: Error setting variable - 'boot-args': (iokit/common) not permitted\" "
	">&2; exit 1\n"
	"	fi; }\n"
	"case $1 in\n"
	"boot-args) test -e variable || none; printf 'boot-args\\t%s\\n' \"$(cat variable)\" ;;\n"
	"boot-args=*) change; printf '%s' \"${1#boot-args=}\" > variable ;;\n"
	"-d) test -e variable || none; change; rm -f variable ;;\n"
	"*) exit 64 ;;\n"
	"esac\n";

static const char sysctl[] =
	"#!/bin/sh\n"
	"case $2 in\n"
	"kern.osversion) echo 16G29 ;;\n"
	"kern.uuid) echo 0C1B8B1C-2A0E-3D5E-8B1C-2A0E1F2B3C4D ;;\n"
	"kern.bootargs) echo '-v debug=0x144' ;;\n"
	"kern.boottime) echo '{ sec = 1700000000, usec = 1 } Tue Nov 14 22:13:20 2023' ;;\n"
	"kern.bootsessionuuid) echo 5B6C7D8E-1B6D-4D5E-8B1C-2A0E1F2B3C4D ;;\n"
	"hw.model) echo VMware7,1 ;;\n"
	"*) exit 1 ;;\n"
	"esac\n";

static const char ioreg[] =
	"#!/bin/sh\n"
	"cat <<'END'\n"
	"+-o Root  <class IORegistryEntry, id 0x100000100, retain 22>\n"
	"  +-o PCI0@0  <class IOACPIPlatformDevice, id 0x100000120, registered, matched, active>\n"
	"    +-o ethernet@1  <class IOPCIDevice, id 0x100000197, registered, matched, active>\n"
	"      +-o AppleIntel8254XEthernet  <class AppleIntel8254XEthernet, id 0x1000002b7, registered>\n"
	"        +-o en0  <class IOEthernetInterface, id 0x1000002d0, registered, matched, active>\n"
	"            {\n"
	"              \"BSD Name\" = \"en0\"\n"
	"            }\n"
	"END\n";

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/paniclab-test.XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_ok(pl_fs_mkdirs(sshd_file(dir, "bin")));
	assert_ok(pl_fs_mkdirs(sshd_file(dir, "reports/Retired")));
	stand_in("nvram", nvram);
	stand_in("sysctl", sysctl);
	stand_in("ioreg", ioreg);
	stand_in("uname", "#!/bin/sh\n"
			  "test \"$1\" = -m && echo x86_64 && exit\n"
			  "echo 'Darwin Kernel Version 16.7.0: Thu; root:xnu-3789.70.16~2/RELEASE_X86_64'\n");
	stand_in("sw_vers", "#!/bin/sh\ntest \"$1\" = -productVersion && echo 10.12.6\n");
	stand_in("route",
		"#!/bin/sh\ntest \"$3\" = 192.0.2.7 && printf '   route to: x\\n  interface: en0\\n'\n");
	stand_in("csrutil", "#!/bin/sh\necho 'System Integrity Protection status: disabled.'\n");
	stand_in("sync", "#!/bin/sh\necho synced >&2\n");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	assert_ok(pl_fs_remove_tree(dir));
	return 0;
}

static struct guest_output script_run(const char *name, const char *const *args, int status)
{
	char original[128];
	char edit[512];
	struct pl_wait w = pl_wait_for(60 * PL_SECOND, NULL);
	struct pl_proc_result r;
	struct guest_output o = {0};
	const char *argv[8] = {"sh", sshd_file(dir, name)};
	snprintf(original, sizeof original, "guest-scripts/%s", name);
	snprintf(edit, sizeof edit, "s|^PATH=|PATH=%s/bin:|; s|^reports=.*|reports=%s/reports|", dir, dir);
	char *text = RUN("sed", edit, original);
	write_text(argv[1], text);
	free(text);
	for (size_t i = 0; args != NULL && args[i] != NULL; i++)
		argv[2 + i] = args[i];
	const char *env[] = {"SSH_CONNECTION=192.0.2.7 50000 192.0.2.8 22", NULL};
	assert_ok(pl_proc_run(&(struct pl_proc_spec){.argv = argv, .env = env}, &w, &r));
	if (r.status != status)
		print_error("%s: %s\n", name, pl_buf_text(&r.err));
	assert_int_equal(r.status, status);
	assert_ok(output_parse(pl_buf_text(&r.out), r.out.size, &o));
	assert_ok(output_set_error(pl_buf_text(&r.err), r.err.size, &o));
	pl_proc_result_deinit(&r);
	return o;
}
#define SCRIPT(name, status, ...) script_run(name, (const char *const[]){__VA_ARGS__, NULL}, status)

static void variable(const char *value)
{
	if (value == NULL)
		unlink(sshd_file(dir, "variable"));
	else
		write_text(sshd_file(dir, "variable"), value);
}

static void assert_variable(const char *value)
{
	if (value == NULL) {
		assert_false(pl_fs_exists(sshd_file(dir, "variable")));
		return;
	}
	char *now = read_text(sshd_file(dir, "variable"));
	assert_string_equal(now, value);
	free(now);
}

/* With this, every change to nvram fails: loudly or not. */
static void sip(const char *how)
{
	unlink(sshd_file(dir, "refuses"));
	unlink(sshd_file(dir, "ignores"));
	if (how != NULL)
		write_text(sshd_file(dir, how), "");
}

static void test_facts(void **state)
{
	(void)state;
	struct guest_facts f;
	variable("keepsyms=1 -x");
	struct guest_output o = script_run("facts.sh", NULL, 0);
	assert_ok(facts_parse(&o, &f));
	guest_output_deinit(&o);
	assert_string_equal(f.product_version, "10.12.6");
	assert_string_equal(f.build, "16G29");
	assert_string_equal(f.xnu, "3789.70.16");
	assert_string_equal(f.variant, "release");
	assert_string_equal(f.kernel_uuid, "0C1B8B1C-2A0E-3D5E-8B1C-2A0E1F2B3C4D");
	assert_string_equal(f.boot_args, "-v debug=0x144");
	assert_string_equal(f.boot_time, "1700000000");
	assert_string_equal(f.boot_session, "5B6C7D8E-1B6D-4D5E-8B1C-2A0E1F2B3C4D");
	assert_string_equal(f.nvram_boot_args, "keepsyms=1 -x");
	assert_true(f.nvram_boot_args_set);
	assert_string_equal(f.sip, "disabled");
	assert_int_equal(f.sip_dtrace, 0);
	assert_string_equal(f.arch, "x86_64");
	assert_string_equal(f.model, "VMware7,1");
	assert_string_equal(f.interface, "en0");
	assert_string_equal(f.nic_driver, "AppleIntel8254XEthernet");
	guest_facts_deinit(&f);

	variable(NULL);
	o = script_run("facts.sh", NULL, 0);
	assert_ok(facts_parse(&o, &f));
	assert_false(f.nvram_boot_args_set);
	guest_output_deinit(&o);
	guest_facts_deinit(&f);
}

static void test_boot_args_set(void **state)
{
	(void)state;
	sip(NULL);
	variable(NULL);
	struct guest_output o = SCRIPT("boot-args-set.sh", 0, "debug=0xc44 kdp_match_name=en0");
	assert_string_equal(guest_value(&o, "before_set"), "0");
	assert_string_equal(guest_value(&o, "before"), "");
	assert_string_equal(guest_value(&o, "after"), "debug=0xc44 kdp_match_name=en0");
	guest_output_deinit(&o);
	assert_variable("debug=0xc44 kdp_match_name=en0");

	o = SCRIPT("boot-args-set.sh", 0, "a\\tb $HOME");
	assert_string_equal(guest_value(&o, "before_set"), "1");
	assert_string_equal(guest_value(&o, "before"), "debug=0xc44 kdp_match_name=en0");
	guest_output_deinit(&o);
	assert_variable("a\\tb $HOME");

	sip("refuses");
	o = SCRIPT("boot-args-set.sh", 1, "-v");
	assert_non_null(strstr(o.error, "(iokit/common) not permitted (is SIP on?)"));
	guest_output_deinit(&o);
	sip("ignores");
	o = SCRIPT("boot-args-set.sh", 1, "-v");
	assert_non_null(strstr(o.error, "without a word, and they are still 'a\\tb $HOME'"));
	guest_output_deinit(&o);
	sip(NULL);
}

static void test_boot_args_restore(void **state)
{
	(void)state;
	sip(NULL);
	variable("ours");
	for (int i = 0; i < 2; i++) {
		struct guest_output o = SCRIPT("boot-args-restore.sh", 0, "1", "keepsyms=1");
		assert_string_equal(guest_value(&o, "after"), "keepsyms=1");
		guest_output_deinit(&o);
		assert_variable("keepsyms=1");
	}
	for (int i = 0; i < 2; i++) {
		struct guest_output o = SCRIPT("boot-args-restore.sh", 0, "0", "");
		assert_string_equal(guest_value(&o, "after_set"), "0");
		guest_output_deinit(&o);
		assert_variable(NULL);
	}
	/* Set to nothing is not the same as not set. */
	struct guest_output o = SCRIPT("boot-args-restore.sh", 0, "1", "");
	guest_output_deinit(&o);
	assert_variable("");

	variable("ours");
	static const char *const hows[] = {"refuses", "ignores"};
	for (int i = 0; i < 2; i++) {
		sip(hows[i]);
		o = SCRIPT("boot-args-restore.sh", 1, "0", "");
		assert_non_null(strstr(o.error, "still 'ours'"));
		guest_output_deinit(&o);
		o = SCRIPT("boot-args-restore.sh", 1, "1", "theirs");
		guest_output_deinit(&o);
		assert_variable("ours");
		/* Nothing to change is no failure, whatever SIP says. */
		o = SCRIPT("boot-args-restore.sh", 0, "1", "ours");
		guest_output_deinit(&o);
	}
	sip(NULL);
}

static void test_triggers(void **state)
{
	(void)state;
	stand_in("dtrace", "#!/bin/sh\necho \"dtrace $1 $2 $3\" >&2\nexit 5\n");
	struct guest_output o = SCRIPT("trigger-dtrace.sh", 5, "BEGIN{ panic(); }");
	assert_string_equal(o.error, "synced\ndtrace -w -n BEGIN{ panic(); }");
	guest_output_deinit(&o);
	o = SCRIPT("trigger-command.sh", 4, "echo 'a b'; exit 4");
	assert_string_equal(o.error, "synced\na b");
	guest_output_deinit(&o);

	stand_in("kextload", "#!/bin/sh\necho \"kextload $*\" >&2\n");
	o = SCRIPT("trigger-kext.sh", 0, dir);
	assert_non_null(strstr(o.error, "kextload /tmp"));
	guest_output_deinit(&o);
	stand_in("kmutil", "#!/bin/sh\necho \"kmutil $*\" >&2\n");
	o = SCRIPT("trigger-kext.sh", 0, dir);
	assert_non_null(strstr(o.error, "kmutil load -p /tmp"));
	guest_output_deinit(&o);
	o = SCRIPT("trigger-kext.sh", 1, "/no/Such.kext");
	assert_non_null(strstr(o.error, "/no/Such.kext is not there"));
	guest_output_deinit(&o);
	stand_in("reboot", "#!/bin/sh\necho 'reboot: no' >&2\nexit 6\n");
	o = script_run("reboot.sh", NULL, 6);
	assert_string_equal(o.error, "synced\nreboot: no");
	guest_output_deinit(&o);
}

static void report(const char *name, const char *text, const char *when)
{
	char path[256];
	snprintf(path, sizeof path, "reports/%s", name);
	write_text(sshd_file(dir, path), text);
	free(RUN("touch", "-d", when, sshd_file(dir, path)));
}

static void test_panic_report(void **state)
{
	(void)state;
	struct guest_output o = SCRIPT("panic-report.sh", 0, "latest-after", "0");
	assert_int_equal(o.count, 0);
	guest_output_deinit(&o);
	report("Kernel_2026-01-01-000000_mac.panic", "old", "@1000");
	report("Retired/panic-full-2026-01-02.ips", "newest one", "@3000");
	report("Kernel 2.panic", "new", "@2000");
	report("Safari_2026.crash", "not ours", "@4000");
	o = SCRIPT("panic-report.sh", 0, "list");
	assert_int_equal(o.count, 9);
	guest_output_deinit(&o);

	o = SCRIPT("panic-report.sh", 0, "latest-after", "1500");
	assert_string_equal(guest_value(&o, "mtime"), "3000");
	assert_string_equal(guest_value(&o, "bytes"), "10");
	assert_string_equal(
		guest_value(&o, "source"), sshd_file(dir, "reports/Retired/panic-full-2026-01-02.ips"));
	char *copy = read_text(guest_value(&o, "path"));
	assert_string_equal(copy, "newest one");
	free(copy);
	guest_output_deinit(&o);
	o = SCRIPT("panic-report.sh", 0, "latest-after", "3001");
	assert_int_equal(o.count, 0);
	guest_output_deinit(&o);
	o = SCRIPT("panic-report.sh", 2, "nonsense");
	guest_output_deinit(&o);
}

static void test_syslog_tail(void **state)
{
	(void)state;
	stand_in("log", "#!/bin/sh\ntest \"$1 $2\" = 'show --last' && echo 'kernel: hello'\n");
	struct guest_output o = script_run("syslog-tail.sh", NULL, 0);
	assert_string_equal(guest_value(&o, "path"), sshd_file(dir, "system.log"));
	assert_string_equal(guest_value(&o, "bytes"), "14");
	guest_output_deinit(&o);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_facts),
		cmocka_unit_test(test_boot_args_set),
		cmocka_unit_test(test_boot_args_restore),
		cmocka_unit_test(test_triggers),
		cmocka_unit_test(test_panic_report),
		cmocka_unit_test(test_syslog_tail),
	};
	return cmocka_run_group_tests(tests, setup, teardown);
}
