/* Which VM a lab means. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "orchestrator/fusion/find_vm.h"
#include "tests/unit/temp_dir.h"

struct fixture {
	struct temp_dir dir;
	char paths[4][256];
	struct vmrest_vm vms[4];
};

static void set_up(struct fixture *x)
{
	static char ids[4][4] = {"AA", "BB", "CC", "DD"};

	temp_make(&x->dir);
	temp_file(&x->dir, "ten.vmwarevm/boot.vmx", "displayName = \"Lion\"\n", x->paths[0]);
	temp_file(&x->dir, "Lion.vmwarevm/tiger.vmx", "displayName = \"Tiger\"\n", x->paths[1]);
	temp_file(&x->dir, "twin.vmwarevm/a.vmx", "displayName = \"Twin |22x|22\"\n", x->paths[2]);
	snprintf(x->paths[3], sizeof(x->paths[3]), "/far/away/remote.vmwarevm/inner.vmx");
	for (int i = 0; i < 4; i++)
		x->vms[i] = (struct vmrest_vm){ids[i], x->paths[i]};
}

/* The id of what sel finds, or the error's line. */
static const char *found(struct fixture *x, struct lab_vm sel, char *out, size_t size)
{
	struct vm vm;
	struct pl_error *e = find_vm(x->vms, 4, &sel, &vm);

	snprintf(out, size, "%s", e ? "" : vm.id);
	if (e) {
		assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
		pl_error_line(e, out, size);
	}
	pl_error_free(e);
	vm_deinit(&vm);
	return out;
}

static struct lab_vm by_name(const char *name)
{
	return (struct lab_vm){.name = (char *)(uintptr_t)name};
}

static void names(void **state)
{
	struct fixture x;
	char out[2048];

	(void)state;
	set_up(&x);
	/* the display name before a bundle's */
	assert_string_equal(found(&x, by_name("Lion"), out, sizeof(out)), "AA");
	assert_string_equal(found(&x, by_name("Tiger"), out, sizeof(out)), "BB");
	assert_string_equal(found(&x, by_name("tiger"), out, sizeof(out)), "BB");
	assert_string_equal(found(&x, by_name("ten"), out, sizeof(out)), "AA");
	assert_string_equal(found(&x, by_name("boot"), out, sizeof(out)), "AA");
	assert_string_equal(found(&x, by_name("Twin \"x\""), out, sizeof(out)), "CC");
	assert_string_equal(found(&x, by_name("remote"), out, sizeof(out)), "DD");
	assert_string_equal(found(&x, by_name("inner"), out, sizeof(out)), "DD");
	assert_non_null(strstr(found(&x, by_name("lion"), out, sizeof(out)), "no VM has the name 'lion'"));
	temp_remove(&x.dir);
}

static void ids_and_paths(void **state)
{
	struct fixture x;
	char out[2048], path[300], link_path[300];

	(void)state;
	set_up(&x);
	assert_string_equal(found(&x, (struct lab_vm){.id = (char *)"BB"}, out, sizeof(out)), "BB");
	assert_non_null(strstr(
		found(&x, (struct lab_vm){.id = (char *)"B"}, out, sizeof(out)), "no VM has the id 'B'"));
	assert_string_equal(found(&x, (struct lab_vm){.vmx = x.paths[3]}, out, sizeof(out)), "DD");
	snprintf(path, sizeof(path), "%s/ten.vmwarevm/../ten.vmwarevm/boot.vmx", x.dir.path);
	assert_string_equal(found(&x, (struct lab_vm){.vmx = path}, out, sizeof(out)), "AA");
	snprintf(link_path, sizeof(link_path), "%s/link.vmx", x.dir.path);
	assert_int_equal(symlink(x.paths[1], link_path), 0);
	assert_string_equal(found(&x, (struct lab_vm){.vmx = link_path}, out, sizeof(out)), "BB");
	snprintf(path, sizeof(path), "%s/ten.vmwarevm", x.dir.path);
	assert_non_null(
		strstr(found(&x, (struct lab_vm){.vmx = path}, out, sizeof(out)), "no VM has the vmx '"));
	temp_remove(&x.dir);
}

static void several(void **state)
{
	struct fixture x;
	char out[4096];

	(void)state;
	set_up(&x);
	temp_file(&x.dir, "Lion.vmwarevm/tiger.vmx", "displayName = \"Lion\"\n", x.paths[1]);
	found(&x, by_name("Lion"), out, sizeof(out));
	assert_non_null(strstr(out, "several VMs have the name 'Lion' ('Lion' ("));
	assert_non_null(strstr(out, "id AA)"));
	assert_non_null(strstr(out, "id BB)"));
	assert_null(strstr(out, "id CC)"));
	assert_non_null(strstr(out, "choose one by vm.vmx or vm.id"));
	temp_remove(&x.dir);
}

static void long_lists_are_cut(void **state)
{
	static struct vmrest_vm vms[30];
	static char paths[30][32];
	struct lab_vm sel = by_name("x");
	struct vm vm;
	struct pl_error *e;

	(void)state;
	for (int i = 0; i < 30; i++) {
		snprintf(paths[i], sizeof(paths[i]), "/far/\033vm%d.vmx", i);
		vms[i] = (struct vmrest_vm){(char *)"ID", paths[i]};
	}
	e = find_vm(vms, 30, &sel, &vm);
	assert_non_null(strstr(pl_error_reason(e), "'\\x1bvm19' (/far/\\x1bvm19.vmx, id ID) and 10 more"));
	assert_null(strchr(pl_error_reason(e), '\033'));
	pl_error_free(e);
	e = find_vm(vms, 0, &sel, &vm);
	assert_string_equal(pl_error_reason(e), "Fusion lists no VM at all");
	pl_error_free(e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names),
		cmocka_unit_test(ids_and_paths),
		cmocka_unit_test(several),
		cmocka_unit_test(long_lists_are_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
