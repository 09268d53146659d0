#include "orchestrator/run/prepared_inputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"
#include "orchestrator/fusion/vmx.h"
#include "orchestrator/guest/guest.h"
#include "orchestrator/run/context.h"
#include "orchestrator/run/file_hash.h"

/* ---- the VM ---- */

/* Keys that make another machine of it. What Fusion itself writes at each start is not among them. */
static bool is_hardware(const char *key)
{
	static const char *const plain[] = {"guestOS", "firmware", "memsize", "numvcpus",
		"cpuid.coresPerSocket", "virtualHW.version", "board-id", "hw.model", "smbios.reflectHost"};
	static const char *const of_nic[] = {
		".virtualDev", ".present", ".connectionType", ".vnet", ".addressType", ".address"};
	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if (strcasecmp(key, plain[i]) == 0)
			return true;
	const char *dot = strchr(key, '.');
	for (size_t i = 0; dot != NULL && i < sizeof of_nic / sizeof *of_nic; i++)
		if (strncasecmp(key, "ethernet", 8) == 0 && strcasecmp(dot, of_nic[i]) == 0)
			return true;
	return false;
}

static json_t *printable(const char *text)
{
	char safe[1024];
	return json_string(pl_escape_str(text == NULL ? "" : text, safe, sizeof safe));
}

static struct pl_error *describe_vm(const struct run *r, json_t **ret)
{
	struct vmx v;
	char key[256];
	json_t *hardware = json_object();
	struct pl_error *e = vmx_load(r->vm.vmx, &v);
	for (size_t i = 0; e == NULL && i < v.count; i++) {
		if (!is_hardware(v.entries[i].key))
			continue;
		pl_escape_str(v.entries[i].key, key, sizeof key);
		if (json_object_set_new(hardware, key, printable(v.entries[i].value)) < 0)
			e = pl_error_nomem();
	}
	*ret = json_pack("{s:o?, s:o?, s:o}", "vmx", printable(r->vm.vmx), "uuid",
		printable(vmx_get(&v, "uuid.bios")), "hardware", hardware);
	vmx_deinit(&v);
	if (e == NULL && *ret == NULL)
		e = pl_error_nomem();
	return e;
}

/* ---- the payload ---- */

static struct pl_error *describe_file(const struct scenario_file *f, json_t *files)
{
	char hex[SHA256_HEX], to[1024];
	bool executable;
	struct pl_error *e = file_hash(f->from, hex, &executable);
	if (e != NULL)
		return e;
	pl_escape_str(f->to, to, sizeof to);
	return json_object_set_new(
		       files, to, json_pack("{s:s, s:b}", "sha256", hex, "executable", executable)) < 0
		       ? pl_error_nomem()
		       : NULL;
}

static struct pl_error *describe_kext(const char *path, json_t **ret)
{
	char hex[SHA256_HEX];
	const char *slash = path == NULL ? NULL : strrchr(path, '/');
	*ret = path == NULL ? json_null() : NULL;
	if (path == NULL)
		return NULL;
	struct pl_error *e = folder_hash(path, hex);
	if (e == NULL) {
		*ret = json_pack(
			"{s:o?, s:s}", "name", printable(slash == NULL ? path : slash + 1), "sha256", hex);
		if (*ret == NULL)
			e = pl_error_nomem();
	}
	return e;
}

struct pl_error *prepared_payload(const struct scenario *s, json_t **ret)
{
	char hex[SHA256_HEX] = "";
	bool executable;
	json_t *files = json_object(), *kext = NULL;
	struct pl_error *e = files == NULL ? pl_error_nomem() : NULL;
	for (size_t i = 0; e == NULL && i < s->payload.files_count; i++)
		e = describe_file(&s->payload.files[i], files);
	if (e == NULL)
		e = describe_kext(s->payload.kext, &kext);
	if (e == NULL && s->payload.setup != NULL)
		e = file_hash(s->payload.setup, hex, &executable);
	*ret = e != NULL ? NULL
			 : json_pack("{s:O, s:O, s:s?}", "files", files, "kext", kext, "setup",
				   hex[0] == '\0' ? NULL : hex);
	if (e == NULL && *ret == NULL)
		e = pl_error_nomem();
	json_decref(files);
	json_decref(kext);
	return e;
}

/* ---- all of it ---- */

struct pl_error *prepared_inputs(const struct run *r, const struct prepared_known *k, json_t **ret)
{
	char scripts[SHA256_HEX];
	json_t *vm = NULL, *payload = NULL;
	*ret = NULL;
	guest_scripts_digest(scripts);
	struct pl_error *e = describe_vm(r, &vm);
	if (e == NULL)
		e = prepared_payload(r->scenario, &payload);
	json_t *server = k->server == NULL ? json_null()
					   : json_pack("{s:s, s:i}", "address", k->server, "port", k->port);
	if (e == NULL) {
		*ret = json_pack("{s:s, s:O, s:O, s:s, s:s?, s:o, s:O, s:s, s:O}", "paniclab", PL_VERSION,
			"vm", vm, "guest", k->guest, "kernel", scenario_kernel_name(r->scenario->kernel),
			"boot_args", k->boot_args, "csr",
			k->csr_set ? json_integer((json_int_t)k->csr) : json_null(), "payload", payload,
			"scripts", scripts, "server", server);
		if (*ret == NULL)
			e = pl_error_nomem();
	}
	json_decref(vm);
	json_decref(payload);
	json_decref(server);
	return e;
}
