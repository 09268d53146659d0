#include "orchestrator/fusion/find_vm.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/text.h"
#include "orchestrator/fusion/vmx.h"

#define LISTED_MAX 20

bool find_vm_same_path(const char *a, const char *b)
{
	char *ra, *rb;
	bool same;

	if (!strcmp(a, b))
		return true;
	ra = realpath(a, NULL);
	rb = realpath(b, NULL);
	same = ra && rb && !strcmp(ra, rb);
	free(ra);
	free(rb);
	return same;
}

/* The last component of the first n bytes of path, without suffix; NULL if it has another one. */
static char *base_name(const char *path, size_t n, const char *suffix)
{
	size_t start = n, drop = strlen(suffix);

	while (start && path[start - 1] != '/')
		start--;
	if (n - start <= drop || strncasecmp(path + n - drop, suffix, drop))
		return NULL;
	return strndup(path + start, n - start - drop);
}

static char *vmx_base(const char *path)
{
	return base_name(path, strlen(path), ".vmx");
}

static char *bundle_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? base_name(path, (size_t)(slash - path), ".vmwarevm") : NULL;
}

/* malloc'd, or NULL when the file cannot be read here or has none. */
static char *display_name(const char *path)
{
	struct vmx v;
	struct pl_error *e = vmx_load(path, &v);
	const char *name = e ? NULL : vmx_get(&v, "displayName");
	char *copy = name && *name ? strdup(name) : NULL;

	pl_error_free(e);
	vmx_deinit(&v);
	return copy;
}

/* What people call it: never NULL unless memory is out. */
static char *name_of(const char *path)
{
	char *name = display_name(path);

	if (!name)
		name = bundle_base(path);
	if (!name)
		name = vmx_base(path);
	return name ? name : strdup(path);
}

static bool is_called(char *name, const char *wanted)
{
	bool same = name && !strcmp(name, wanted);

	free(name);
	return same;
}

/* 0: another one; 2: by what is certain, or its display name; 1: by a file's name. */
static int rank(const struct vmrest_vm *vm, const struct lab_vm *sel)
{
	if (sel->id)
		return strcasecmp(vm->id, sel->id) ? 0 : 2;
	if (sel->vmx)
		return find_vm_same_path(vm->path, sel->vmx) ? 2 : 0;
	if (is_called(display_name(vm->path), sel->name))
		return 2;
	if (is_called(bundle_base(vm->path), sel->name) || is_called(vmx_base(vm->path), sel->name))
		return 1;
	return 0;
}

/* "'a' (/path/a.vmx, id X), ..." of those whose rank is wanted, or of all (-1). */
static struct pl_error *list(
	const struct vmrest_vm *vms, const int *ranks, size_t count, int wanted, struct pl_buf *out)
{
	size_t shown = 0, left = 0;
	struct pl_error *e = NULL;

	for (size_t i = 0; !e && i < count; i++) {
		char path[300], safe[100];
		char *name;

		if (wanted >= 0 && ranks[i] != wanted)
			continue;
		if (shown == LISTED_MAX) {
			left++;
			continue;
		}
		name = name_of(vms[i].path);
		e = pl_buf_printf(out, "%s'%s' (%s, id %s)", shown ? ", " : "",
			pl_escape_str(name ? name : "", safe, sizeof(safe)),
			pl_escape_str(vms[i].path, path, sizeof(path)), vms[i].id);
		free(name);
		shown++;
	}
	if (!e && left)
		e = pl_buf_printf(out, " and %zu more", left);
	return e;
}

static struct pl_error *not_one(
	const struct vmrest_vm *vms, const int *ranks, size_t count, const struct lab_vm *sel, int best)
{
	const char *what = sel->id ? "id" : sel->vmx ? "vmx" : "name";
	const char *wanted = sel->id ? sel->id : sel->vmx ? sel->vmx : sel->name;
	struct pl_buf b;
	struct pl_error *e, *made;
	char safe[200];

	pl_buf_init(&b, 16384);
	e = list(vms, ranks, count, best ? best : -1, &b);
	pl_escape_str(wanted, safe, sizeof(safe));
	if (e) {
		made = e;
	} else if (best) {
		made = pl_error_new(PL_ERR_LAB, "several VMs have the %s '%s'", what, safe);
		made = pl_error_why(made, "%s", pl_buf_text(&b));
		made = pl_error_hint(made, "choose one by vm.vmx or vm.id");
	} else {
		made = pl_error_new(PL_ERR_LAB, "no VM has the %s '%s'", what, safe);
		made = count ? pl_error_why(made, "there are: %s", pl_buf_text(&b))
			     : pl_error_why(made, "Fusion lists no VM at all");
		made = pl_error_hint(made, "open the VM in Fusion once, or correct guests.NAME.vm");
	}
	pl_buf_deinit(&b);
	return made;
}

static struct pl_error *copy_vm(const struct vmrest_vm *from, struct vm *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->id = strdup(from->id);
	ret->vmx = strdup(from->path);
	ret->name = name_of(from->path);
	if (ret->id && ret->vmx && ret->name)
		return NULL;
	vm_deinit(ret);
	return pl_error_nomem();
}

struct pl_error *find_vm(const struct vmrest_vm *vms, size_t count, const struct lab_vm *sel, struct vm *ret)
{
	int *ranks = calloc(count + 1, sizeof(*ranks));
	const struct vmrest_vm *found = NULL;
	size_t hits = 0;
	int best = 0;
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	if (!ranks)
		return pl_error_nomem();
	for (size_t i = 0; i < count; i++) {
		ranks[i] = rank(&vms[i], sel);
		best = ranks[i] > best ? ranks[i] : best;
	}
	for (size_t i = 0; best && i < count; i++)
		if (ranks[i] == best) {
			found = &vms[i];
			hits++;
		}
	e = hits == 1 ? copy_vm(found, ret) : not_one(vms, ranks, count, sel, best);
	free(ranks);
	return e;
}
