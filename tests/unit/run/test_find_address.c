/* Which claims are believed: a back end that claims, a probe that knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/run/find_address.h"

struct vm_host {
	struct vm_address claims[4];
	size_t count;
	struct vm_address later[4]; /* from the second question on */
	size_t later_count;
	int asked;
	const char *mac;
};

static struct pl_error *fake_addresses(struct vm_host *h, const struct vm *vm, const struct pl_wait *w,
	struct vm_address ret[16], size_t *count)
{
	bool later = h->asked++ > 0 && h->later_count;

	(void)vm;
	(void)w;
	*count = later ? h->later_count : h->count;
	memcpy(ret, later ? h->later : h->claims, *count * sizeof(*ret));
	return NULL;
}

static struct pl_error *fake_nics(
	struct vm_host *h, const struct vm *vm, const struct pl_wait *w, struct vm_nic ret[8], size_t *count)
{
	(void)vm;
	(void)w;
	if (!h->mac)
		return pl_error_new(PL_ERR_LAB, "no adapters today");
	memset(ret, 0, sizeof(*ret));
	snprintf(ret->mac, sizeof(ret->mac), "%s", h->mac);
	*count = 1;
	return NULL;
}

static const struct vm_ops fake_ops = {.addresses = fake_addresses, .nics = fake_nics};

struct probe {
	const char *guest; /* where it answers; NULL: nowhere */
	char tried[512];
	struct pl_cancel *cancel; /* set at the first probe */
};

static struct pl_error *probe(void *arg, const char *ip, const struct pl_wait *w)
{
	struct probe *p = arg;
	size_t n = strlen(p->tried);

	if (n < 400)
		snprintf(p->tried + n, sizeof(p->tried) - n, "%s ", ip);
	if (p->cancel) {
		pl_cancel_set(p->cancel);
		return pl_wait_check(w);
	}
	if (p->guest && !strcmp(p->guest, ip))
		return NULL;
	return pl_error_why(pl_error_new(PL_ERR_GUEST, "no login"), "connection refused");
}

static struct vm vm = {.id = (char *)"1", .vmx = (char *)"/a.vmx", .name = (char *)"guest"};

struct fixture {
	struct vm_host host;
	struct vm_backend backend;
	struct probe probe;
	struct find_address f;
	char leases[64];
	const char *files[1];
};

static void set_up(struct fixture *x)
{
	memset(x, 0, sizeof(*x));
	x->backend = (struct vm_backend){&fake_ops, &x->host};
	x->f = (struct find_address){
		.backend = &x->backend, .vm = &vm, .probe = probe, .probe_arg = &x->probe};
}

static void claim(struct fixture *x, const char *source, const char *ip)
{
	struct vm_address *a = &x->host.claims[x->host.count++];

	snprintf(a->ip, sizeof(a->ip), "%s", ip);
	snprintf(a->source, sizeof(a->source), "%s", source);
}

static void lease(struct fixture *x, const char *text)
{
	int fd;

	snprintf(x->leases, sizeof(x->leases), "/tmp/test_find_address.XXXXXX");
	fd = mkstemp(x->leases);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	x->files[0] = x->leases;
	x->f.lease_files = x->files;
	x->f.lease_files_count = 1;
	x->host.mac = "00:0c:29:01:02:03";
}

static void everybody_is_asked_in_order(void **state)
{
	struct pl_wait w = pl_wait_for(30 * PL_SECOND, NULL);
	struct found_address found;
	struct fixture x;

	(void)state;
	set_up(&x);
	claim(&x, "ip", "10.0.0.1");
	claim(&x, "nicips", "10.0.0.2");
	claim(&x, "vmrun", "10.0.0.4");
	lease(&x,
		"lease 10.0.0.5 {\n\tends 4 2001/02/01 00:00:00;\n\thardware ethernet 00:0c:29:01:02:03;\n}\n"
		"lease 10.0.0.3 {\n\tends never;\n\thardware ethernet 00:0c:29:01:02:03;\n}\n");
	x.probe.guest = "10.0.0.5";
	assert_null(find_address(&x.f, &w, &found));
	assert_string_equal(found.ip, "10.0.0.5");
	assert_string_equal(found.source, "leases");
	assert_string_equal(x.probe.tried, "10.0.0.1 10.0.0.2 10.0.0.3 10.0.0.4 10.0.0.5 ");
	unlink(x.leases);
}

static void first_that_answers_is_taken(void **state)
{
	struct pl_wait w = pl_wait_for(30 * PL_SECOND, NULL);
	struct found_address found;
	struct fixture x;

	(void)state;
	set_up(&x);
	claim(&x, "ip", "10.0.0.1");
	claim(&x, "nicips", "10.0.0.2");
	x.probe.guest = "10.0.0.1";
	assert_null(find_address(&x.f, &w, &found));
	assert_string_equal(found.source, "ip");
	assert_string_equal(x.probe.tried, "10.0.0.1 ");
}

static void asks_again_until_the_guest_is_up(void **state)
{
	struct pl_wait w = pl_wait_for(30 * PL_SECOND, NULL);
	struct found_address found;
	struct fixture x;

	(void)state;
	set_up(&x);
	claim(&x, "ip", "10.0.0.9"); /* the address of the boot before */
	snprintf(x.host.later[0].ip, sizeof(x.host.later[0].ip), "10.0.0.4");
	snprintf(x.host.later[0].source, sizeof(x.host.later[0].source), "vmrun");
	x.host.later_count = 1;
	x.probe.guest = "10.0.0.4";
	assert_null(find_address(&x.f, &w, &found));
	assert_string_equal(found.ip, "10.0.0.4");
	assert_string_equal(found.source, "vmrun");
	assert_int_equal(x.host.asked, 2);
}

static void gives_up_with_what_each_said(void **state)
{
	struct pl_wait w = pl_wait_for(50 * PL_MS, NULL);
	struct found_address found;
	struct pl_error *e;
	struct fixture x;
	char line[1024];

	(void)state;
	set_up(&x);
	claim(&x, "nicips", "10.0.0.2");
	e = find_address(&x.f, &w, &found);
	assert_int_equal(pl_error_kind(e), PL_ERR_TIMEOUT);
	pl_error_line(e, line, sizeof(line));
	assert_non_null(strstr(line, "VM 'guest'"));
	assert_non_null(strstr(line, "ip: nothing; nicips: 10.0.0.2: no login: connection refused; "
				     "leases: no adapters today; vmrun: nothing"));
	pl_error_free(e);
}

static void configured_address_is_tried_alone(void **state)
{
	struct pl_wait w = pl_wait_for(30 * PL_SECOND, NULL), brief = pl_wait_for(50 * PL_MS, NULL);
	struct found_address found;
	struct pl_error *e;
	struct fixture x;
	char line[1024];

	(void)state;
	set_up(&x);
	claim(&x, "ip", "10.0.0.1");
	x.f.configured = "10.0.0.7";
	x.probe.guest = "10.0.0.7";
	assert_null(find_address(&x.f, &w, &found));
	assert_string_equal(found.ip, "10.0.0.7");
	assert_string_equal(found.source, "configured");
	assert_int_equal(x.host.asked, 0);
	x.probe.guest = "10.0.0.1";
	e = find_address(&x.f, &brief, &found);
	assert_int_equal(pl_error_kind(e), PL_ERR_TIMEOUT);
	assert_non_null(
		strstr(pl_error_line(e, line, sizeof(line)), "10.0.0.7: no login: connection refused"));
	assert_int_equal(x.host.asked, 0);
	pl_error_free(e);
}

static void auto_is_no_address(void **state)
{
	struct pl_wait w = pl_wait_for(30 * PL_SECOND, NULL);
	struct found_address found;
	struct fixture x;

	(void)state;
	set_up(&x);
	claim(&x, "vmrun", "10.0.0.1");
	x.f.configured = "auto";
	x.probe.guest = "10.0.0.1";
	assert_null(find_address(&x.f, &w, &found));
	assert_string_equal(found.source, "vmrun");
}

static void interruption_ends_the_search(void **state)
{
	struct pl_cancel cancel;
	struct pl_wait w;
	struct found_address found;
	struct pl_error *e;
	struct fixture x;

	(void)state;
	set_up(&x);
	assert_null(pl_cancel_init(&cancel));
	w = (struct pl_wait){PL_TIME_FOREVER, &cancel};
	claim(&x, "ip", "10.0.0.1");
	claim(&x, "vmrun", "10.0.0.2");
	x.probe.cancel = &cancel;
	e = find_address(&x.f, &w, &found);
	assert_int_equal(pl_error_kind(e), PL_ERR_INTERRUPTED);
	assert_string_equal(x.probe.tried, "10.0.0.1 ");
	pl_error_free(e);
	pl_cancel_deinit(&cancel);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everybody_is_asked_in_order),
		cmocka_unit_test(first_that_answers_is_taken),
		cmocka_unit_test(asks_again_until_the_guest_is_up),
		cmocka_unit_test(gives_up_with_what_each_said),
		cmocka_unit_test(configured_address_is_tried_alone),
		cmocka_unit_test(auto_is_no_address),
		cmocka_unit_test(interruption_ends_the_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
