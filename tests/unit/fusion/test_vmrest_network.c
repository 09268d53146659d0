/* GET /vmnet: which subnet a virtual network has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "orchestrator/fusion/vmrest.h"

static struct pl_error *decode(const char *text, const char *vmnet, bool *found, struct vm_network *ret)
{
	struct vmrest_text t = {text, strlen(text), "GET /api/vmnet"};
	return vmrest_decode_network(&t, vmnet, found, ret);
}

static const char two[] =
	"{\"num\":2,\"vmnets\":["
	"{\"name\":\"vmnet1\",\"type\":\"hostOnly\",\"dhcp\":\"true\",\"subnet\":\"172.16.5.0\","
	"\"mask\":\"255.255.255.0\"},"
	"{\"name\":\"vmnet8\",\"type\":\"nat\",\"dhcp\":\"true\",\"subnet\":\"192.168.136.77\","
	"\"mask\":\"255.255.254.0\"}]}";

static void subnet_and_mask_of_the_named_one(void **state)
{
	struct vm_network n;
	bool found;
	(void)state;

	assert_null(decode(two, "vmnet1", &found, &n));
	assert_true(found);
	assert_int_equal(n.subnet, 0xac100500);
	assert_int_equal(n.mask, 0xffffff00);
	/* bits below the mask are no part of a subnet */
	assert_null(decode(two, "vmnet8", &found, &n));
	assert_int_equal(n.subnet, 0xc0a88800);
	assert_int_equal(n.mask, 0xfffffe00);
}

static void a_name_that_is_not_listed_is_no_error(void **state)
{
	struct vm_network n;
	bool found = true;
	(void)state;

	assert_null(decode(two, "vmnet0", &found, &n));
	assert_false(found);
	assert_null(decode("{\"num\":0,\"vmnets\":[]}", "vmnet8", &found, &n));
	assert_false(found);
}

static void what_is_no_network_is_refused(void **state)
{
	static const char *const bad[] = {
		"{\"vmnets\":[{\"name\":\"vmnet8\"}]}",
		"{\"vmnets\":[{\"name\":\"vmnet8\",\"subnet\":\"1.2.3\",\"mask\":\"255.0.0.0\"}]}",
		"{\"vmnets\":[{\"name\":\"vmnet8\",\"subnet\":\"10.0.0.0\",\"mask\":\"0.0.0.0\"}]}",
		"{\"vmnets\":[{\"name\":\"vmnet8\",\"subnet\":10,\"mask\":\"255.0.0.0\"}]}",
		"{\"vmnets\":{}}",
		"{}",
		"404 page not found",
	};
	struct vm_network n;
	bool found;
	(void)state;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct pl_error *e = decode(bad[i], "vmnet8", &found, &n);
		assert_non_null(e);
		assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
		pl_error_free(e);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(subnet_and_mask_of_the_named_one),
		cmocka_unit_test(a_name_that_is_not_listed_is_no_error),
		cmocka_unit_test(what_is_no_network_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
