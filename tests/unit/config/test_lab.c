#include <unistd.h>

#include "orchestrator/config/lab.h"
#include "orchestrator/config/templates.h"
#include "tests/unit/config/expect.h"

#define GUEST "guests:\n  g:\n    vm: {name: n}\n    ssh: {user: u, known_hosts: k}\n"

static struct lab *parse(const char *text)
{
	struct lab *lab = NULL;

	expect_ok(lab_parse(text, strlen(text), "/etc/x.yaml", &lab));
	assert_non_null(lab);
	return lab;
}

static void fills_in_defaults(void **state)
{
	(void)state;
	struct lab *lab = parse(GUEST);
	const struct lab_guest *g = &lab->guests[0];

	assert_string_equal(lab->path, "/etc/x.yaml");
	assert_string_equal(lab->fusion.url, "http://127.0.0.1:8697");
	assert_string_equal(lab->fusion.user, "");
	assert_false(secret_given(&lab->fusion.password));
	assert_null(lab->fusion.ca_file);
	assert_string_equal(lab->fusion.vmrun, "auto");
	assert_int_equal(lab->fusion.timeout, INT64_C(30000000000));
	assert_int_equal(lab->guests_count, 1);
	assert_string_equal(g->name, "g");
	assert_string_equal(g->vm.name, "n");
	assert_null(g->vm.id);
	assert_null(g->vm.vmx);
	assert_false(secret_given(&g->vm_password));
	assert_string_equal(g->address, "auto");
	assert_string_equal(g->ssh.user, "u");
	assert_int_equal(g->ssh.port, 22);
	assert_null(g->ssh.key);
	assert_null(g->ssh.host_key);
	assert_string_equal(g->ssh.known_hosts, "/etc/k");
	assert_int_equal(g->sudo, LAB_SUDO_NOPASSWD);
	assert_int_equal(g->boot_timeout, INT64_C(300000000000));
	assert_string_equal(lab->server.bind, "auto");
	assert_int_equal(lab->server.port, 1069);
	assert_true(lab->server.port_auto);
	assert_null(lab->server.dir);
	assert_int_equal(lab->server.max_size, INT64_C(68719476736));
	assert_int_equal(lab->host.firewall, LAB_FIREWALL_LEAVE);
	assert_string_equal(lab->host.firewall_tool, "auto");
	assert_int_equal(lab->host.kdumpd, LAB_KDUMPD_KEEP);
	assert_string_equal(lab->host.launchctl, "auto");
	assert_int_equal(lab->host.debugger, LAB_DEBUGGER_AUTO);
	assert_int_equal(lab->host.leases_count, 0);
	assert_int_equal(lab->kdk_folders_count, 0);
	assert_int_equal(lab->kdk_images_count, 0);
	assert_null(lab->signature_rules);
	lab_destroy(lab);
}

static void reads_every_key(void **state)
{
	static const char text[] =
		"fusion: {url: 'https://mac:1/api/', user: u, password: {env: PW}, ca_file: ca.pem,\n"
		"  vmrun: /opt/vmrun, timeout: 250ms}\n"
		"guests:\n"
		"  a: {vm: {id: 00AB}, vm_password: {file: p}, macos: 10.15.7, nvram: leave, address: "
		"10.0.0.1,\n"
		"    boot_timeout: 2h,\n"
		"    sudo: {password: {file: s}},\n"
		"    ssh: {user: 501, port: 65535, key: ./k,\n"
		"      host_key: 'SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO/+'}}\n"
		"  b: {vm: {vmx: x/y.vmx}, ssh: {user: u, known_hosts: /h}}\n"
		"server: {bind: 127.0.0.1, port: 0, dir: '~/cores', max_size: 1536K}\n"
		"host: {firewall: allow, firewall_tool: fw, kdumpd: unload, launchctl: lc, debugger: lldb, "
		"leases: [a, /b]}\n"
		"kdk: {folders: [../k], images: [i, /j.dmg]}\nsignature_rules: own.rules\n";

	(void)state;
	setenv("HOME", "/home/me", 1);
	struct lab *lab = parse(text);
	const struct lab_guest *a = &lab->guests[0];
	assert_string_equal(lab->fusion.url, "https://mac:1");
	assert_string_equal(lab->fusion.password.env, "PW");
	assert_string_equal(lab->fusion.ca_file, "/etc/ca.pem");
	assert_string_equal(lab->fusion.vmrun, "/opt/vmrun");
	assert_int_equal(lab->fusion.timeout, 250000000);
	assert_int_equal(lab->guests_count, 2);
	assert_string_equal(a->vm.id, "00AB");
	assert_string_equal(a->vm_password.file, "/etc/p");
	assert_string_equal(a->macos, "10.15.7");
	assert_int_equal(a->nvram, LAB_NVRAM_LEAVE);
	assert_int_equal(lab->guests[1].nvram, LAB_NVRAM_EDIT);
	assert_string_equal(lab->guests[1].macos, "auto");
	assert_string_equal(a->address, "10.0.0.1");
	assert_int_equal(a->sudo, LAB_SUDO_PASSWORD);
	assert_string_equal(a->sudo_password.file, "/etc/s");
	assert_string_equal(a->ssh.user, "501");
	assert_int_equal(a->ssh.port, 65535);
	assert_string_equal(a->ssh.key, "/etc/k");
	assert_string_equal(a->ssh.host_key, "SHA256:abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNO/+");
	assert_int_equal(a->boot_timeout, INT64_C(7200000000000));
	assert_string_equal(lab->guests[1].vm.vmx, "/etc/x/y.vmx");
	assert_string_equal(lab->server.bind, "127.0.0.1");
	assert_int_equal(lab->server.port, 0);
	assert_false(lab->server.port_auto);
	assert_string_equal(lab->server.dir, "/home/me/cores");
	assert_int_equal(lab->server.max_size, 1572864);
	assert_int_equal(lab->host.firewall, LAB_FIREWALL_ALLOW);
	assert_string_equal(lab->host.firewall_tool, "/etc/fw");
	assert_int_equal(lab->host.kdumpd, LAB_KDUMPD_UNLOAD);
	assert_string_equal(lab->host.launchctl, "/etc/lc");
	assert_int_equal(lab->host.debugger, LAB_DEBUGGER_LLDB);
	assert_int_equal(lab->host.leases_count, 2);
	assert_string_equal(lab->host.leases[0], "/etc/a");
	assert_string_equal(lab->host.leases[1], "/b");
	assert_string_equal(lab->kdk_folders[0], "/etc/../k");
	assert_int_equal(lab->kdk_images_count, 2);
	assert_string_equal(lab->kdk_images[0], "/etc/i");
	assert_string_equal(lab->signature_rules, "/etc/own.rules");
	lab_destroy(lab);
}

/* A guest `g` whose ssh (or whole self) is given. */
#define WITH(keys) "guests:\n  g:\n    vm: {name: n}\n    " keys "\n"
#define SSH(keys) WITH("ssh: {user: u, known_hosts: k, " keys "}")

static const struct refusal wrong_keys[] = {
	{WITH("ssh:\n      user: u\n      prot: 5"),
		"x.yaml:6: unknown key 'prot' in guests.g.ssh: did you mean 'port'?"},
	{WITH("ssh: {qqqqqqqqq: 5}"),
		"x.yaml:4: unknown key 'qqqqqqqqq' in guests.g.ssh: its keys are user, port, key, host_key, "
		"known_hosts"},
	{"gests: {}\n", "x.yaml:1: unknown key 'gests' in the file: did you mean 'guests'?"},
	/* The misspelt key is named, not the one that is missing because of it. */
	{"guests:\n  g:\n    vmm: {name: n}\n",
		"x.yaml:3: unknown key 'vmm' in guests.g: did you mean 'vm'?"},
	{"server: {}\n", "x.yaml:1: the file has no 'guests': give it a map of guests, each under its name"},
	{"guests: {}\n", "x.yaml:1: guests is empty: give it at least one guest"},
	{"guests: [a]\n", "x.yaml:1: guests must be a map of guests, each under its name (found a list)"},
	{"guests:\n  g:\n",
		"x.yaml:2: guests.g has no 'vm': give it a map, {name: NAME}, {id: ID} or {vmx: PATH}"},
	{"guests:\n  a b: {}\n",
		"x.yaml:2: guests.a b is no usable name: use letters, digits, '.', '_' and '-', at most 64"},
	{"guests:\n  g:\n    vm: {name: n,\n      id: i}\n",
		"x.yaml:4: guests.g.vm has both 'name' and 'id': give exactly one of name, id, vmx"},
	{"guests:\n  g:\n    vm: {name: }\n", "x.yaml:3: guests.g.vm needs one of name, id, vmx"},
	{WITH("ssh: {user: u}"), "x.yaml:4: guests.g.ssh needs one of host_key, known_hosts"},
	{WITH("ssh: {known_hosts: k}"),
		"x.yaml:4: guests.g.ssh has no 'user': give it the name of a user of the guest"},
	{GUEST "fusion:\n  password: {env: A}\n",
		"x.yaml:6: fusion has a 'password' but no 'user': give it the "
		"user that 'vmrest -C' was told"},
};

static const struct refusal wrong_values[] = {
	{SSH("port: 0"), "x.yaml:4: guests.g.ssh.port must be a number from 1 to 65535 (found the number 0)"},
	{SSH("port: 65536"),
		"x.yaml:4: guests.g.ssh.port must be a number from 1 to 65535 (found the number 65536)"},
	{SSH("port: '22'"),
		"x.yaml:4: guests.g.ssh.port must be a number from 1 to 65535 (found the text '22')"},
	{SSH("port: [22]"), "x.yaml:4: guests.g.ssh.port must be a number from 1 to 65535 (found a list)"},
	{SSH("key: true"),
		"x.yaml:4: guests.g.ssh.key must be a path (found true): put it in quotes if it is "
		"meant as text"},
	{SSH("key: ''"), "x.yaml:4: guests.g.ssh.key has no usable value (it is empty)"},
	{SSH("key: '~you/k'"),
		"x.yaml:4: guests.g.ssh.key has no usable value (only '~/' of one's own home is "
		"known): write the whole path"},
	{SSH("key: \"a\\nb\""), "x.yaml:4: guests.g.ssh.key has no usable value (it has more than one line)"},
	{SSH("key: \"a\\x7f\""),
		"x.yaml:4: guests.g.ssh.key has no usable value (it holds a control character)"},
	{SSH("key: \"\\e[2J\""),
		"x.yaml:4: guests.g.ssh.key has no usable value (it holds a control character)"},
	{WITH("ssh: {user: u, host_key: 'MD5:00'}"), "x.yaml:4: guests.g.ssh.host_key must be SHA256: and 43 "
						     "characters, as 'ssh-keygen -l' prints it "
						     "(found the text 'MD5:00')"},
	{GUEST "    address: localhost\n",
		"x.yaml:5: guests.g.address must be auto or an IPv4 address (found the text 'localhost')"},
	{GUEST "    macos: Sierra\n", "x.yaml:5: guests.g.macos must be auto or a version of macOS, such as "
				      "10.15.7 or 13.6 (found the text "
				      "'Sierra')"},
	{GUEST "    macos: 10.15.\n", "x.yaml:5: guests.g.macos must be auto or a version of macOS, such as "
				      "10.15.7 or 13.6 (found the text "
				      "'10.15.')"},
	{GUEST "    boot_timeout: soon\n",
		"x.yaml:5: guests.g.boot_timeout must be a time from 1ms to 24h, like "
		"30s or 5m (found the text 'soon')"},
	{GUEST "    boot_timeout: 25h\n",
		"x.yaml:5: guests.g.boot_timeout must be a time from 1ms to 24h, like "
		"30s or 5m (found the text '25h')"},
	{GUEST "server: {bind: '::1'}\n",
		"x.yaml:5: server.bind must be auto or an IPv4 address of this host (found the text '::1')"},
	{GUEST "server: {port: any}\n",
		"x.yaml:5: server.port must be auto or a number from 0 to 65535 (found the text 'any')"},
	{GUEST "server: {max_size: 64X}\n",
		"x.yaml:5: server.max_size must be a size like 512M or 64G (found the text '64X')"},
	{GUEST "server: {max_size: 0}\n",
		"x.yaml:5: server.max_size must be a size like 512M or 64G (found the number 0)"},
	{GUEST "server: 1069\n", "x.yaml:5: server must be a map of keys (found a text)"},
	{GUEST "host: {firewall: alow}\n",
		"x.yaml:5: host.firewall must be one of leave, try, allow (found the text "
		"'alow'): did you mean 'allow'?"},
	{GUEST "host: {leases: /a}\n", "x.yaml:5: host.leases must be a list of paths (found the text '/a'): "
				       "put it in brackets: [ ]"},
	{GUEST "host: {leases: [/a, {}]}\n", "x.yaml:5: host.leases[1] must be a path (found a map)"},
	{"guests:\n  g:\n    vm: {vmx: a.vmwarevm}\n", "x.yaml:3: guests.g.vm.vmx must be the path of a .vmx "
						       "file (it is inside the .vmwarevm folder) "
						       "(found the text 'a.vmwarevm')"},
};

/* What may be a password in the wrong place is not shown. */
static const struct refusal secrets[] = {
	{GUEST "fusion:\n  password: hunter2\n", "x.yaml:6: fusion.password must be a map, {file: PATH} or "
						 "{env: NAME}; secrets never stand in "
						 "this file (found a text)"},
	{GUEST "fusion:\n  password: {env: 'hunter 2'}\n",
		"x.yaml:6: fusion.password.env must be the name of an environment variable (found a text)"},
	{GUEST "fusion:\n  password: {env: A, file: b}\n",
		"x.yaml:6: fusion.password has both 'file' and 'env': give exactly one of file, env"},
	{GUEST "fusion: {url: 'http://u:hunter2@h'}\n",
		"x.yaml:5: fusion.url holds a user or a password: use fusion.user and fusion.password"},
	{GUEST "fusion: {url: 'ftp://hunter2'}\n",
		"x.yaml:5: fusion.url must be a URL like http://127.0.0.1:8697 (found a text)"},
	{GUEST "    sudo: hunter2\n", "x.yaml:5: guests.g.sudo must be nopasswd or a map, {password: {file: "
				      "PATH}} or {password: {env: "
				      "NAME}} (found a text)"},
	{GUEST "    sudo: {password: hunter2}\n", "x.yaml:5: guests.g.sudo.password must be a map, {file: "
						  "PATH} or {env: NAME}; secrets never stand "
						  "in this file (found a text)"},
};

static void expect_refused(const struct refusal *cases, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct lab *lab = NULL;
		expect_line(lab_parse(cases[i].text, strlen(cases[i].text), "x.yaml", &lab), cases[i].line);
		assert_null(lab);
	}
}

static void refuses_wrong_keys(void **state)
{
	(void)state;
	expect_refused(wrong_keys, sizeof wrong_keys / sizeof wrong_keys[0]);
}

static void refuses_wrong_values(void **state)
{
	(void)state;
	expect_refused(wrong_values, sizeof wrong_values / sizeof wrong_values[0]);
}

static void never_shows_a_secret(void **state)
{
	(void)state;
	expect_refused(secrets, sizeof secrets / sizeof secrets[0]);
}

static void takes_paths_from_the_files_folder(void **state)
{
	char cwd[1024];
	char expected[1100];
	struct lab *lab = NULL;

	(void)state;
	assert_non_null(getcwd(cwd, sizeof cwd));
	expect_ok(lab_parse(GUEST, strlen(GUEST), "./sub/x.yaml", &lab));
	snprintf(expected, sizeof expected, "%s/sub/k", cwd);
	assert_string_equal(lab->guests[0].ssh.known_hosts, expected);
	lab_destroy(lab);
	expect_ok(lab_parse(GUEST, strlen(GUEST), "x.yaml", &lab));
	snprintf(expected, sizeof expected, "%s/k", cwd);
	assert_string_equal(lab->guests[0].ssh.known_hosts, expected);
	lab_destroy(lab);
	expect_ok(lab_parse(GUEST, strlen(GUEST), "/x.yaml", &lab));
	assert_string_equal(lab->guests[0].ssh.known_hosts, "/k");
	lab_destroy(lab);
}

static void finds_guests(void **state)
{
	static const char two[] = "guests:\n  sierra: {vm: {name: n}, ssh: {user: u, known_hosts: k}}\n"
				  "  sequoia: {vm: {name: m}, ssh: {user: u, known_hosts: k}}\n";
	const struct lab_guest *g = NULL;

	(void)state;
	struct lab *lab = parse(two);
	expect_ok(lab_guest_find(lab, "sequoia", &g));
	assert_string_equal(g->vm.name, "m");
	expect_line(
		lab_guest_find(lab, "siera", &g), "/etc/x.yaml: no guest 'siera': did you mean 'sierra'?");
	expect_line(
		lab_guest_find(lab, "q", &g), "/etc/x.yaml: no guest 'q': its guests are sierra, sequoia");
	expect_line(lab_guest_find(lab, NULL, &g),
		"/etc/x.yaml: the lab has 2 guests: say which one with 'guest:' in the scenario");
	lab_destroy(lab);
	lab = parse(GUEST);
	expect_ok(lab_guest_find(lab, NULL, &g));
	assert_string_equal(g->name, "g");
	lab_destroy(lab);
}

static void loads_from_a_file(void **state)
{
	struct lab *lab = NULL;

	(void)state;
	expect_line(lab_load("/nonexistent/lab.yaml", &lab),
		"/nonexistent/lab.yaml: cannot open it (No such file or directory): name a lab or scenario "
		"file; "
		"`paniclab init` writes examples");
	assert_null(lab);
}

static void template_fits_the_simulated_lab(void **state)
{
	const struct pl_embedded *t = pl_embedded_find(config_templates, "lab.yaml");
	struct lab *lab = NULL;

	(void)state;
	assert_non_null(t);
	expect_ok(lab_parse(t->data, t->size, "/w/lab.yaml", &lab));
	const struct lab_guest *g = NULL;
	expect_ok(lab_guest_find(lab, "sierra", &g));
	assert_string_equal(lab->fusion.url, "http://127.0.0.1:8697");
	assert_string_equal(lab->fusion.user, "simlab");
	assert_string_equal(lab->fusion.password.file, "/w/simlab/vmrest-password");
	assert_string_equal(lab->fusion.vmrun, "/w/simlab/vmrun");
	assert_string_equal(g->vm.name, "sierra");
	assert_int_equal(g->ssh.port, 10022);
	assert_string_equal(g->ssh.key, "/w/simlab/guest_key");
	assert_string_equal(g->ssh.known_hosts, "/w/simlab/known_hosts");
	assert_int_equal(lab->host.firewall, LAB_FIREWALL_ALLOW);
	assert_string_equal(lab->host.firewall_tool, "/w/simlab/socketfilterfw");
	assert_string_equal(lab->host.leases[0], "/w/simlab/leases");
	lab_destroy(lab);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fills_in_defaults),
		cmocka_unit_test(reads_every_key),
		cmocka_unit_test(refuses_wrong_keys),
		cmocka_unit_test(refuses_wrong_values),
		cmocka_unit_test(never_shows_a_secret),
		cmocka_unit_test(takes_paths_from_the_files_folder),
		cmocka_unit_test(finds_guests),
		cmocka_unit_test(loads_from_a_file),
		cmocka_unit_test(template_fits_the_simulated_lab),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
