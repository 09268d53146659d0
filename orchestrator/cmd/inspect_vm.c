#include "orchestrator/cmd/inspect_vm.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "orchestrator/cmd/nvram_show.h"
#include "orchestrator/core/core_json.h"
#include "orchestrator/fusion/vmx.h"

#define DEVICES 10 /* ethernet0 to 9, serial0 to 3 */

static int warn(json_t *doc, const char *fmt, ...) PL_PRINTF(2, 3);

static int warn(json_t *doc, const char *fmt, ...)
{
	char text[300];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return json_array_append_new(json_object_get(doc, "warnings"), core_json_text(text, strlen(text)));
}

/* ---- .nvram --------------------------------------------------------------------------- */

static int set_nvram(json_t *doc, const struct nvram *n)
{
	int bad = json_object_set_new(doc, "nvram", nvram_show_all(n));

	if (!n->clean_tail)
		bad |= warn(doc, "something is behind the last variable that should be empty");
	for (size_t i = 0; i < n->count; i++)
		if (n->variables[i].duplicate)
			return bad | warn(doc, "a variable is there more than once");
	return bad;
}

/* A file that is not as it should be is a result: a warning says why. */
static struct pl_error *as_warning(struct pl_error *e, json_t *doc)
{
	char line[200];

	if (!e || pl_error_kind(e) != PL_ERR_DATA)
		return e;
	int bad = warn(doc, "%s", pl_error_brief(e, line, sizeof line));
	pl_error_free(e);
	return bad ? pl_error_nomem() : NULL;
}

static struct pl_error *add_nvram(const char *path, json_t *doc)
{
	struct pl_buf bytes;
	struct nvram n = {0};
	struct pl_error *e;

	pl_buf_init(&bytes, NVRAM_FILE_MAX);
	e = pl_fs_read(path, &bytes);
	if (!e)
		e = nvram_parse(bytes.data, bytes.size, &n);
	if (!e && set_nvram(doc, &n))
		e = pl_error_nomem();
	pl_buf_deinit(&bytes);
	nvram_deinit(&n);
	return as_warning(e, doc);
}

/* ---- .vmx ------------------------------------------------------------------------------ */

static bool is_true(const struct vmx *v, const char *key)
{
	const char *value = vmx_get(v, key);

	return value && (!strcasecmp(value, "TRUE") || !strcasecmp(value, "yes") || !strcmp(value, "1"));
}

static int set_text(json_t *o, const char *key, const char *value)
{
	return value && *value ? json_object_set_new(o, key, core_json_text(value, strlen(value))) : 0;
}

static int set_number(json_t *o, const char *key, const char *value)
{
	uint64_t n;

	return value && pl_parse_u64(value, INT32_MAX, &n) ? core_json_set_count(o, key, n) : 0;
}

/* The value of NAME.KEY. */
static const char *device_key(const struct vmx *v, const char *name, const char *key)
{
	char full[64];

	snprintf(full, sizeof full, "%s.%s", name, key);
	return vmx_get(v, full);
}

static bool is_present(const struct vmx *v, const char *name)
{
	char full[64];

	snprintf(full, sizeof full, "%s.present", name);
	return is_true(v, full);
}

static int add_nic(json_t *doc, json_t *list, const struct vmx *v, const char *name)
{
	const char *device = device_key(v, name, "virtualDev");
	const char *mac = device_key(v, name, "address");
	json_t *o = json_object();
	int bad = set_text(o, "name", name);

	bad |= set_text(o, "device", device);
	bad |= set_text(o, "connection", device_key(v, name, "connectionType"));
	bad |= set_text(o, "mac", mac ? mac : device_key(v, name, "generatedAddress"));
	bad |= json_array_append_new(list, o);
	if (device && !strcasecmp(device, "vmxnet3"))
		bad |= warn(doc,
			"%s is a vmxnet3: no kernel is known to dump over one; e1000e is an Intel 82574L",
			name);
	return bad;
}

static int add_serial(json_t *list, const struct vmx *v, const char *name)
{
	json_t *o = json_object();
	int bad = set_text(o, "name", name);

	bad |= set_text(o, "type", device_key(v, name, "fileType"));
	bad |= set_text(o, "file", device_key(v, name, "fileName"));
	return bad | json_array_append_new(list, o);
}

static int add_devices(json_t *doc, json_t *o, const struct vmx *v)
{
	json_t *nics = json_array(), *serial = json_array();
	int bad = json_object_set_new(o, "nics", nics) | json_object_set_new(o, "serial", serial);

	for (int i = 0; !bad && i < DEVICES; i++) {
		char name[16];

		snprintf(name, sizeof name, "ethernet%d", i);
		if (is_present(v, name))
			bad |= add_nic(doc, nics, v, name);
		snprintf(name, sizeof name, "serial%d", i);
		if (is_present(v, name))
			bad |= add_serial(serial, v, name);
	}
	return bad;
}

/* Remembers the key; true if another one is the same but for the case of letters. */
static bool is_twice(json_t *seen, const char *key, int *bad)
{
	char *lower = strdup(key);
	bool twice;

	for (char *c = lower; c && *c; c++)
		*c = (char)tolower((unsigned char)*c);
	json_t *name = lower ? core_json_text(lower, strlen(lower)) : NULL;
	twice = name && json_object_get(seen, json_string_value(name));
	*bad |= json_object_set_new(seen, name ? json_string_value(name) : NULL, json_true());
	json_decref(name);
	free(lower);
	return twice;
}

static int add_keys(json_t *doc, json_t *o, const struct vmx *v)
{
	json_t *keys = json_object(), *seen = json_object();
	const char *twice = NULL;
	char safe[100];
	int bad = json_object_set_new(o, "keys", keys);

	for (size_t i = 0; !bad && i < v->count; i++) {
		const struct vmx_entry *entry = &v->entries[i];
		json_t *name = core_json_text(entry->key, strlen(entry->key));

		if (is_twice(seen, entry->key, &bad) && !twice)
			twice = entry->key;
		bad |= json_object_set_new(
			keys, json_string_value(name), core_json_text(entry->value, strlen(entry->value)));
		json_decref(name);
	}
	json_decref(seen);
	if (twice)
		bad |= warn(doc, "%s is there twice: Fusion does not open such a VM",
			pl_escape_str(twice, safe, sizeof safe));
	return bad;
}

static int set_vmx(json_t *doc, const struct vmx *v)
{
	const char *state = vmx_get(v, "checkpoint.vmState");
	json_t *o = json_object();
	int bad = json_object_set_new(doc, "vmx", o);

	bad |= set_text(o, "display_name", vmx_get(v, "displayName"));
	bad |= set_text(o, "guest_os", vmx_get(v, "guestOS"));
	bad |= set_text(o, "firmware", vmx_get(v, "firmware"));
	bad |= set_text(o, "nvram", vmx_get(v, "nvram"));
	bad |= set_number(o, "memory_mb", vmx_get(v, "memsize"));
	bad |= set_number(o, "cpus", vmx_get(v, "numvcpus"));
	bad |= json_object_set_new(o, "suspended", json_boolean(state && *state));
	bad |= json_object_set_new(o, "encrypted", json_boolean(vmx_get(v, "encryption.data")));
	bad |= json_object_set_new(o, "gdb_stub",
		json_boolean(
			is_true(v, "debugStub.listen.guest64") || is_true(v, "debugStub.listen.guest32")));
	if (!bad)
		bad = add_devices(doc, o, v);
	return bad ? bad : add_keys(doc, o, v);
}

static struct pl_error *add_vmx(const char *path, json_t *doc)
{
	struct vmx v;
	struct pl_error *e = vmx_load(path, &v);

	if (!e && set_vmx(doc, &v))
		e = pl_error_nomem();
	vmx_deinit(&v);
	return as_warning(e, doc);
}

struct pl_error *inspect_vm_add(const char *path, json_t *doc)
{
	const char *kind = pl_json_str_or(doc, "kind", "");

	if (strcmp(kind, "nvram") == 0)
		return add_nvram(path, doc);
	return strcmp(kind, "vmx") == 0 ? add_vmx(path, doc) : NULL;
}

/* ---- for people -------------------------------------------------------------------------- */

static const char *field(const json_t *o, const char *key, char *out, size_t size)
{
	return pl_escape_str(pl_json_str_or(o, key, "?"), out, size);
}

static void print_row(FILE *out, const json_t *o, const char *label, const char *key)
{
	const json_t *value = json_object_get(o, key);
	char text[300];

	if (json_is_string(value))
		fprintf(out, "  %-14s %s\n", label, field(o, key, text, sizeof text));
	else if (json_is_integer(value))
		fprintf(out, "  %-14s %" JSON_INTEGER_FORMAT "\n", label, json_integer_value(value));
	else if (json_is_true(value))
		fprintf(out, "  %-14s yes\n", label);
}

static void print_list(FILE *out, const json_t *list, const char *second, const char *third)
{
	char name[32], a[100], b[300];
	const json_t *o;
	size_t i;

	json_array_foreach(list, i, o) fprintf(out, "  %-14s %s, %s\n", field(o, "name", name, sizeof name),
		field(o, second, a, sizeof a), field(o, third, b, sizeof b));
}

static void print_vmx(FILE *out, const json_t *o)
{
	static const char *const rows[][2] = {{"Name", "display_name"}, {"Guest", "guest_os"},
		{"Firmware", "firmware"}, {"Memory, MB", "memory_mb"}, {"CPUs", "cpus"}, {"NVRAM", "nvram"},
		{"Suspended", "suspended"}, {"Encrypted", "encrypted"}, {"GDB stub", "gdb_stub"}};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		print_row(out, o, rows[i][0], rows[i][1]);
	print_list(out, json_object_get(o, "nics"), "device", "mac");
	print_list(out, json_object_get(o, "serial"), "type", "file");
}

static void print_variable(FILE *out, const json_t *v)
{
	char apple[NVRAM_GUID_TEXT], name[200], value[200], bit[64];
	const char *guid = pl_json_str_or(v, "guid", "");
	bool is_text = json_object_get(v, "text") != NULL;
	const json_t *allows = json_object_get(v, "allows"), *b;
	size_t i;

	if (strcmp(guid, nvram_guid_text(nvram_apple_guid, apple)) != 0)
		fprintf(out, "  %s:", guid);
	else
		fputs("  ", out);
	fprintf(out, "%s\t%s%s", field(v, "name", name, sizeof name),
		is_text ? "" : "hex:", field(v, is_text ? "text" : "hex", value, sizeof value));
	json_array_foreach(allows, i, b) fprintf(out, "%s%s",
		i ? ", " : "  (SIP allows: ", pl_escape_str(json_string_value(b), bit, sizeof bit));
	fprintf(out, "%s\n", json_array_size(allows) ? ")" : "");
}

void inspect_vm_print(FILE *out, const json_t *doc)
{
	const json_t *list = json_object_get(doc, "nvram"), *vmx = json_object_get(doc, "vmx"), *v;
	size_t i;

	if (vmx)
		print_vmx(out, vmx);
	if (!list)
		return;
	fprintf(out, "\nVariables (%zu)\n", json_array_size(list));
	json_array_foreach(list, i, v) print_variable(out, v);
}
