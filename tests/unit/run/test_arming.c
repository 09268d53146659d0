/*
 * What a guest is armed with while it is off, by release, trigger and network: an
 * .nvram written down by hand, a Fusion made of variables. Expected values are
 * those of docs/boot-args.md and of csr.h's table, worked out by hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "orchestrator/host/address.h"
#include "orchestrator/run/context.h"
#include "orchestrator/run/vm_nvram.h"
#include "tests/unit/folder.h"
#include "tests/unit/fusion/nvram_bytes.h"

struct vm_host {
	struct vm_nic nics[2];
	size_t count;
	bool known; /* the network is one of Fusion's */
};

static struct pl_error *fake_nics(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, struct vm_nic ret[8], size_t *count)
{
	(void)vm, (void)w;
	memcpy(ret, h->nics, h->count * sizeof *ret);
	*count = h->count;
	return NULL;
}

static struct pl_error *fake_network(
	struct vm_host *h, const char *vmnet, const struct pl_wait *w, struct vm_network *ret)
{
	(void)w;
	if (!h->known || strcmp(vmnet, "vmnet8") != 0)
		return pl_error_new(PL_ERR_LAB, "there is no such network");
	*ret = (struct vm_network){0x7f2c0800, 0xffffff00}; /* 127.44.8.0/24: this host is 127.0.0.1 there */
	return NULL;
}

static struct pl_error *fake_settle(struct vm_host *h, const struct vm *vm, const struct pl_wait *w)
{
	(void)h, (void)vm, (void)w;
	return NULL;
}

static void fake_destroy(struct vm_host *h)
{
	(void)h;
}

static const struct vm_ops fake_ops = {
	.nics = fake_nics, .network = fake_network, .settle = fake_settle, .destroy = fake_destroy};

struct fixture {
	struct vm_host h;
	struct lab lab;
	struct lab_guest cfg;
	struct scenario s;
	struct run_options o;
	struct pl_log log;
	struct pl_wait w;
	struct run r;
};

/* A guest off, its adapter on NAT, nothing in its .nvram; SIP as needed, dtrace, a core wanted. */
static void set_up(struct fixture *x, const char *guest_os)
{
	unsigned char bytes[FILE_SIZE];
	char text[128];
	*x = (struct fixture){
		.h = {.nics = {{.type = "nat", .vmnet = "vmnet8"}, {.type = "nat", .vmnet = "vmnet8"}},
			.count = 1,
			.known = true},
		.lab = {.server = {.bind = (char *)"auto", .port = 0}, .host = {.launchctl = (char *)"auto"}},
		.cfg = {.name = (char *)"g", .macos = (char *)"auto", .address = (char *)"auto"},
		.s = {.boot_args = (char *)"",
			.trigger = {.kind = TRIGGER_DTRACE},
			.expect = {.core = CORE_REQUIRED, .panic = true}},
		.w = pl_wait_for(10 * PL_SECOND, NULL),
	};
	snprintf(text, sizeof text, "guestOS = \"%s\"\n", guest_os);
	nvram_file_of(BYTES(""), bytes);
	assert_null(pl_fs_write(in_folder("v.vmx"), text, strlen(text), 0600));
	assert_null(pl_fs_write(in_folder("v.nvram"), bytes, sizeof bytes, 0600));
	assert_null(pl_fs_remove_tree(in_folder("journal")));
	x->r = (struct run){.o = &x->o,
		.lab = &x->lab,
		.scenario = &x->s,
		.cfg = &x->cfg,
		.log = &x->log,
		.host = {&fake_ops, &x->h},
		.doc = json_object()};
	x->r.vm.vmx = strdup(in_folder("v.vmx"));
	arming_init(&x->r.arm);
	assert_null(journal_open(in_folder("journal"), &x->r.journal));
}

static void tear_down(struct fixture *x)
{
	arming_deinit(&x->r.arm);
	journal_close(x->r.journal);
	json_decref(x->r.doc);
	free(x->r.boot_args);
	vm_deinit(&x->r.vm);
}

/* Edits, and reads back what the next boot gets. The free port that was taken is left out. */
static void edit(struct fixture *x, char args[256], uint32_t *csr)
{
	struct vm_nvram v;
	char *text = NULL, port[32];
	bool set;
	assert_null(arming_edit(&x->r, &x->w));
	assert_null(vm_nvram_open(x->r.vm.vmx, &v));
	assert_null(vm_nvram_boot_args(&v, &text, &set));
	assert_null(vm_nvram_csr(&v, csr));
	vm_nvram_close(&v);
	snprintf(port, sizeof port, " panicd_port=%u", (unsigned)x->r.arm.port);
	char *at = strstr(text, port);
	assert_true(at != NULL || x->s.expect.core == CORE_NONE);
	if (at != NULL)
		memmove(at, at + strlen(port), strlen(at + strlen(port)) + 1);
	snprintf(args, 256, "%s", text);
	free(text);
}

static void arm(struct fixture *x, char args[256], uint32_t *csr)
{
	assert_null(arming_prepare(&x->r, &x->w));
	assert_string_equal(x->r.arm.why_not, "");
	assert_true(x->r.arm.offline);
	edit(x, args, csr);
}

static void what_is_in_the_way_by_release(void **state)
{
	static const struct {
		const char *guest_os;
		enum scenario_trigger_kind trigger;
		uint32_t csr;
		const char *args;
	} cases[] = {
		/* No SIP before 10.11, and no local core to keep from coming first. */
		{"darwin13-64", TRIGGER_DTRACE, 0,
			"debug=0x4c44 _panicd_ip=127.0.0.1 kdp_match_name=en0 wdt=-1"},
		/* The debugger (8), dtrace (0x20), nvram (0x40). */
		{"darwin16-64", TRIGGER_DTRACE, 0x68,
			"debug=0x24c44 _panicd_ip=127.0.0.1 kdp_match_name=en0 wdt=-1"},
		/* Kexts (1) let the debugger in. */
		{"darwin16-64", TRIGGER_KEXT, 0x41,
			"debug=0x24c44 _panicd_ip=127.0.0.1 kdp_match_name=en0 wdt=-1"},
		/* ... and want approval (0x200) since 10.13. */
		{"darwin17-64", TRIGGER_KEXT, 0x241,
			"debug=0x24c44 _panicd_ip=127.0.0.1 kdp_match_name=en0 wdt=-1"},
		{"darwin22-64", TRIGGER_COMMAND, 0x48,
			"debug=0x24c44 _panicd_ip=127.0.0.1 kdp_match_name=en0 wdt=-1"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fixture x;
		char args[256];
		uint32_t csr;
		set_up(&x, cases[i].guest_os);
		x.s.trigger.kind = cases[i].trigger;
		arm(&x, args, &csr);
		assert_int_equal(csr, cases[i].csr);
		assert_string_equal(args, cases[i].args);
		tear_down(&x);
	}
}

static void the_lab_file_knows_the_release_better(void **state)
{
	struct fixture x;
	char args[256];
	uint32_t csr;
	(void)state;
	set_up(&x, "darwin13-64");
	x.cfg.macos = (char *)"10.12.6";
	arm(&x, args, &csr);
	assert_int_equal(csr, 0x68);
	tear_down(&x);
}

static void the_adapter_on_fusions_network_is_the_way(void **state)
{
	struct fixture x;
	char args[256];
	uint32_t csr;
	(void)state;
	set_up(&x, "darwin16-64");
	x.h.count = 2;
	snprintf(x.h.nics[0].type, sizeof x.h.nics[0].type, "bridged");
	snprintf(x.h.nics[0].vmnet, sizeof x.h.nics[0].vmnet, "vmnet0");
	arm(&x, args, &csr);
	assert_non_null(strstr(args, "kdp_match_name=en1"));
	tear_down(&x);
}

/* On its own network this host has whatever address its routes say; without any, there is none to tell. */
static void a_bridged_guest_is_on_this_hosts_network(void **state)
{
	struct fixture x;
	char way[16] = "";
	(void)state;
	set_up(&x, "darwin16-64");
	snprintf(x.h.nics[0].type, sizeof x.h.nics[0].type, "bridged");
	x.h.known = false;
	assert_null(arming_prepare(&x.r, &x.w));
	pl_error_free(host_address_towards("192.0.2.1", way));
	assert_string_equal(x.r.arm.host, way);
	assert_int_equal(x.r.arm.offline, way[0] != '\0');
	tear_down(&x);
}

static void no_core_wanted_takes_no_boot_args(void **state)
{
	struct fixture x;
	char args[256];
	uint32_t csr;
	(void)state;
	set_up(&x, "darwin16-64");
	x.s.expect.core = CORE_NONE;
	arm(&x, args, &csr);
	assert_string_equal(args, "");
	assert_int_equal(csr, 0x20);
	tear_down(&x);
}

static void sip_off_needs_the_release(void **state)
{
	struct fixture x;
	char args[256];
	uint32_t csr;
	(void)state;
	set_up(&x, "darwin20-64");
	x.s.sip = SIP_OFF;
	arm(&x, args, &csr);
	assert_int_equal(csr, 0x7f);
	tear_down(&x);
	set_up(&x, "other-64");
	x.s.sip = SIP_OFF;
	assert_null(arming_prepare(&x.r, &x.w));
	struct pl_error *e = arming_edit(&x.r, &x.w);
	assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
	pl_error_free(e);
	tear_down(&x);
}

static void what_is_not_to_be_touched_is_not(void **state)
{
	struct fixture x;
	(void)state;
	set_up(&x, "darwin16-64");
	x.cfg.nvram = LAB_NVRAM_LEAVE;
	assert_null(arming_prepare(&x.r, &x.w));
	assert_false(x.r.arm.offline);
	assert_non_null(strstr(x.r.arm.why_not, "nvram: leave"));
	tear_down(&x);
	set_up(&x, "darwin16-64");
	x.s.sip = SIP_AS_IS;
	assert_null(arming_prepare(&x.r, &x.w));
	struct pl_error *e = arming_edit(&x.r, &x.w);
	assert_int_equal(pl_error_kind(e), PL_ERR_GUEST);
	assert_non_null(strstr(pl_error_what(e), "SIP is in the way"));
	pl_error_free(e);
	tear_down(&x);
}

/* The guest turns out to be newer than its .vmx says. */
static void facts_make_it_stale(void **state)
{
	struct fixture x;
	char args[256], why[256];
	uint32_t csr;
	(void)state;
	set_up(&x, "darwin13-64");
	arm(&x, args, &csr);
	assert_false(arming_is_stale(&x.r, why, sizeof why));
	x.r.facts = (struct guest_facts){.product_version = (char *)"10.12.6",
		.xnu = (char *)"3789.70.16",
		.interface = (char *)"en0"};
	arming_believe_facts(&x.r);
	assert_true(arming_is_stale(&x.r, why, sizeof why));
	edit(&x, args, &csr);
	assert_int_equal(csr, 0x68);
	assert_non_null(strstr(args, "debug=0x24c44"));
	tear_down(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_in_the_way_by_release),
		cmocka_unit_test(the_lab_file_knows_the_release_better),
		cmocka_unit_test(the_adapter_on_fusions_network_is_the_way),
		cmocka_unit_test(a_bridged_guest_is_on_this_hosts_network),
		cmocka_unit_test(no_core_wanted_takes_no_boot_args),
		cmocka_unit_test(sip_off_needs_the_release),
		cmocka_unit_test(what_is_not_to_be_touched_is_not),
		cmocka_unit_test(facts_make_it_stale),
	};
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
