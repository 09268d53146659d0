#include "orchestrator/config/lab.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/config/check.h"
#include "orchestrator/config/file.h"
#include "orchestrator/config/schema.h"
#include "orchestrator/config/yaml.h"

static_assert(sizeof(enum lab_sudo) == sizeof(int), "FIELD_WORD stores an int");
static_assert(sizeof(enum lab_firewall) == sizeof(int), "FIELD_WORD stores an int");
static_assert(sizeof(enum lab_kdumpd) == sizeof(int), "FIELD_WORD stores an int");

#define SECRET "a map, {file: PATH} or {env: NAME}; secrets never stand in this file"

static const struct field secret_fields[] = {
	{.name = "file",
		.type = FIELD_PATH,
		.flags = FIELD_ONE_OF,
		.offset = offsetof(struct secret_source, file)},
	{.name = "env",
		.type = FIELD_TEXT,
		.flags = FIELD_ONE_OF | FIELD_QUIET,
		.offset = offsetof(struct secret_source, env),
		.check = check_variable,
		.accepts = "the name of an environment variable"},
	{0},
};

static const struct field fusion_fields[] = {
	{.name = "url",
		.type = FIELD_TEXT,
		.flags = FIELD_QUIET,
		.offset = offsetof(struct lab_fusion, url),
		.otherwise = "http://127.0.0.1:8697",
		.check = check_url,
		.accepts = "a URL like http://127.0.0.1:8697"},
	{.name = "user",
		.type = FIELD_TEXT,
		.flags = FIELD_EMPTY,
		.offset = offsetof(struct lab_fusion, user),
		.otherwise = ""},
	{.name = "password",
		.type = FIELD_MAP,
		.flags = FIELD_OPTIONAL,
		.offset = offsetof(struct lab_fusion, password),
		.sub = secret_fields,
		.accepts = SECRET},
	{.name = "ca_file", .type = FIELD_PATH, .offset = offsetof(struct lab_fusion, ca_file)},
	{.name = "vmrun",
		.type = FIELD_PATH,
		.flags = FIELD_AUTO,
		.offset = offsetof(struct lab_fusion, vmrun),
		.otherwise = "auto"},
	{.name = "timeout",
		.type = FIELD_TIME,
		.offset = offsetof(struct lab_fusion, timeout),
		.otherwise = "30s"},
	{0},
};

static const struct field vm_fields[] = {
	{.name = "name", .type = FIELD_TEXT, .flags = FIELD_ONE_OF, .offset = offsetof(struct lab_vm, name)},
	{.name = "id",
		.type = FIELD_TEXT,
		.flags = FIELD_ONE_OF,
		.offset = offsetof(struct lab_vm, id),
		.check = check_vm_id,
		.accepts = "an id as vmrest gives it: letters and digits"},
	{.name = "vmx",
		.type = FIELD_PATH,
		.flags = FIELD_ONE_OF,
		.offset = offsetof(struct lab_vm, vmx),
		.check = check_vmx,
		.accepts = "the path of a .vmx file (it is inside the .vmwarevm folder)"},
	{0},
};

static const struct field ssh_fields[] = {
	{.name = "user",
		.type = FIELD_TEXT,
		.flags = FIELD_REQUIRED,
		.offset = offsetof(struct lab_guest, ssh.user),
		.accepts = "the name of a user of the guest"},
	{.name = "port",
		.type = FIELD_PORT,
		.offset = offsetof(struct lab_guest, ssh.port),
		.otherwise = "22",
		.min = 1},
	{.name = "key", .type = FIELD_PATH, .offset = offsetof(struct lab_guest, ssh.key)},
	{.name = "host_key",
		.type = FIELD_TEXT,
		.flags = FIELD_ONE_OF,
		.offset = offsetof(struct lab_guest, ssh.host_key),
		.check = check_host_key,
		.accepts = "SHA256: and 43 characters, as 'ssh-keygen -l' prints it"},
	{.name = "known_hosts",
		.type = FIELD_PATH,
		.flags = FIELD_ONE_OF,
		.offset = offsetof(struct lab_guest, ssh.known_hosts)},
	{0},
};

static const struct field sudo_fields[] = {
	{.name = "password",
		.type = FIELD_MAP,
		.flags = FIELD_REQUIRED,
		.offset = offsetof(struct lab_guest, sudo_password),
		.sub = secret_fields,
		.accepts = SECRET},
	{0},
};

static const struct word nvram_words[] = {{"edit", LAB_NVRAM_EDIT}, {"leave", LAB_NVRAM_LEAVE}, {NULL, 0}};
static const struct word sudo_words[] = {{"nopasswd", LAB_SUDO_NOPASSWD}, {NULL, 0}};

static const struct field guest_fields[] = {
	{.name = "vm",
		.type = FIELD_MAP,
		.flags = FIELD_REQUIRED,
		.offset = offsetof(struct lab_guest, vm),
		.sub = vm_fields,
		.accepts = "a map, {name: NAME}, {id: ID} or {vmx: PATH}"},
	{.name = "vm_password",
		.type = FIELD_MAP,
		.flags = FIELD_OPTIONAL,
		.offset = offsetof(struct lab_guest, vm_password),
		.sub = secret_fields,
		.accepts = SECRET},
	{.name = "macos",
		.type = FIELD_TEXT,
		.flags = FIELD_AUTO,
		.offset = offsetof(struct lab_guest, macos),
		.otherwise = "auto",
		.check = check_version,
		.accepts = "a version of macOS, such as 10.15.7 or 13.6"},
	{.name = "nvram",
		.type = FIELD_WORD,
		.offset = offsetof(struct lab_guest, nvram),
		.otherwise = "edit",
		.words = nvram_words},
	{.name = "address",
		.type = FIELD_TEXT,
		.flags = FIELD_AUTO,
		.offset = offsetof(struct lab_guest, address),
		.otherwise = "auto",
		.check = check_ipv4,
		.accepts = "an IPv4 address"},
	{.name = "ssh",
		.type = FIELD_MAP,
		.flags = FIELD_REQUIRED,
		.sub = ssh_fields,
		.accepts = "a map with user, key, and host_key or known_hosts"},
	{.name = "sudo",
		.type = FIELD_WORD,
		.flags = FIELD_QUIET,
		.offset = offsetof(struct lab_guest, sudo),
		.otherwise = "nopasswd",
		.words = sudo_words,
		.sub = sudo_fields,
		.value = LAB_SUDO_PASSWORD,
		.accepts = "a map, {password: {file: PATH}} or {password: {env: NAME}}"},
	{.name = "boot_timeout",
		.type = FIELD_TIME,
		.offset = offsetof(struct lab_guest, boot_timeout),
		.otherwise = "5m"},
	{0},
};

static const struct field server_fields[] = {
	{.name = "bind",
		.type = FIELD_TEXT,
		.flags = FIELD_AUTO,
		.offset = offsetof(struct lab_server, bind),
		.otherwise = "auto",
		.check = check_ipv4,
		.accepts = "an IPv4 address of this host"},
	{.name = "port",
		.type = FIELD_PORT,
		.flags = FIELD_AUTO,
		.offset = offsetof(struct lab_server, port),
		.tag = offsetof(struct lab_server, port_auto),
		.value = 1069,
		.otherwise = "auto"},
	{.name = "dir", .type = FIELD_PATH, .offset = offsetof(struct lab_server, dir)},
	{.name = "max_size",
		.type = FIELD_SIZE,
		.offset = offsetof(struct lab_server, max_size),
		.otherwise = "64G",
		.min = 1},
	{0},
};

static const struct word firewall_words[] = {
	{"leave", LAB_FIREWALL_LEAVE}, {"try", LAB_FIREWALL_TRY}, {"allow", LAB_FIREWALL_ALLOW}, {NULL, 0}};
static const struct word kdumpd_words[] = {
	{"keep", LAB_KDUMPD_KEEP}, {"unload", LAB_KDUMPD_UNLOAD}, {NULL, 0}};

static const struct word debugger_words[] = {
	{"auto", LAB_DEBUGGER_AUTO}, {"lldb", LAB_DEBUGGER_LLDB}, {"none", LAB_DEBUGGER_NONE}, {NULL, 0}};

static const struct field host_fields[] = {
	{.name = "firewall",
		.type = FIELD_WORD,
		.offset = offsetof(struct lab_host, firewall),
		.otherwise = "leave",
		.words = firewall_words},
	{.name = "firewall_tool",
		.type = FIELD_PATH,
		.flags = FIELD_AUTO,
		.offset = offsetof(struct lab_host, firewall_tool),
		.otherwise = "auto"},
	{.name = "kdumpd",
		.type = FIELD_WORD,
		.offset = offsetof(struct lab_host, kdumpd),
		.otherwise = "keep",
		.words = kdumpd_words},
	{.name = "launchctl",
		.type = FIELD_PATH,
		.flags = FIELD_AUTO,
		.offset = offsetof(struct lab_host, launchctl),
		.otherwise = "auto"},
	{.name = "debugger",
		.type = FIELD_WORD,
		.offset = offsetof(struct lab_host, debugger),
		.otherwise = "auto",
		.words = debugger_words},
	{.name = "leases",
		.type = FIELD_PATHS,
		.offset = offsetof(struct lab_host, leases),
		.count = offsetof(struct lab_host, leases_count)},
	{0},
};

static const struct field kdk_fields[] = {
	{.name = "folders",
		.type = FIELD_PATHS,
		.offset = offsetof(struct lab, kdk_folders),
		.count = offsetof(struct lab, kdk_folders_count)},
	{.name = "images",
		.type = FIELD_PATHS,
		.offset = offsetof(struct lab, kdk_images),
		.count = offsetof(struct lab, kdk_images_count)},
	{0},
};

static const struct field lab_fields[] = {
	{.name = "fusion", .type = FIELD_MAP, .offset = offsetof(struct lab, fusion), .sub = fusion_fields},
	{.name = "guests",
		.type = FIELD_NAMED,
		.flags = FIELD_REQUIRED,
		.offset = offsetof(struct lab, guests),
		.sub = guest_fields,
		.size = sizeof(struct lab_guest),
		.count = offsetof(struct lab, guests_count),
		.name_offset = offsetof(struct lab_guest, name),
		.accepts = "a map of guests, each under its name"},
	{.name = "server", .type = FIELD_MAP, .offset = offsetof(struct lab, server), .sub = server_fields},
	{.name = "host", .type = FIELD_MAP, .offset = offsetof(struct lab, host), .sub = host_fields},
	{.name = "kdk", .type = FIELD_MAP, .sub = kdk_fields},
	{.name = "signature_rules", .type = FIELD_PATH, .offset = offsetof(struct lab, signature_rules)},
	{0},
};

/* "http://host:8697/api/" → "http://host:8697" */
static void trim_url(char *url)
{
	size_t length = strlen(url);

	while (length > 0 && url[length - 1] == '/')
		url[--length] = '\0';
	if (pl_ends_with(url, "/api"))
		url[length - strlen("/api")] = '\0';
}

/* What concerns more than one key. */
static struct pl_error *check_relations(
	const struct schema_source *src, const struct yml_node *root, struct lab *lab)
{
	const char *const url[] = {"fusion", "url", NULL};
	const char *const password[] = {"fusion", "password", NULL};
	const char *const guests[] = {"guests", NULL};

	if (strchr(lab->fusion.url, '@') != NULL)
		return pl_error_hint(schema_error(src, root, url, "fusion.url holds a user or a password"),
			"use fusion.user and fusion.password");
	trim_url(lab->fusion.url);
	if (secret_given(&lab->fusion.password) && lab->fusion.user[0] == '\0')
		return pl_error_hint(
			schema_error(src, root, password, "fusion has a 'password' but no 'user'"),
			"give it the user that 'vmrest -C' was told");
	if (lab->guests_count == 0)
		return pl_error_hint(
			schema_error(src, root, guests, "guests is empty"), "give it at least one guest");
	return NULL;
}

static struct pl_error *read_lab(const struct yml_node *root, struct lab *lab)
{
	struct schema_source src;

	struct pl_error *e = schema_source_init(&src, lab->path);
	if (e == NULL)
		e = schema_read(lab_fields, &src, root, lab);
	if (e == NULL)
		e = check_relations(&src, root, lab);
	schema_source_deinit(&src);
	return e;
}

struct pl_error *lab_parse(const char *text, size_t size, const char *path, struct lab **ret)
{
	struct yml_node *root = NULL;

	*ret = NULL;
	struct lab *lab = calloc(1, sizeof *lab);
	if (lab == NULL)
		return pl_error_nomem();
	struct pl_error *e = pl_strdup(path, &lab->path);
	if (e == NULL)
		e = yml_parse(text, size, path, &root);
	if (e == NULL)
		e = read_lab(root, lab);
	yml_free(root);
	if (e != NULL) {
		lab_destroy(lab);
		return e;
	}
	*ret = lab;
	return NULL;
}

struct pl_error *lab_load(const char *path, struct lab **ret)
{
	struct pl_buf text;

	*ret = NULL;
	struct pl_error *e = config_read_as(path, CONFIG_LAB, &text);
	if (e == NULL)
		e = lab_parse(pl_buf_text(&text), text.size, path, ret);
	pl_buf_deinit(&text);
	return e;
}

struct pl_error *lab_print(const struct lab *lab, struct pl_buf *out)
{
	return schema_write(lab_fields, lab, SCHEMA_YAML, out);
}

struct pl_error *lab_print_json(const struct lab *lab, struct pl_buf *out)
{
	return schema_write(lab_fields, lab, SCHEMA_JSON, out);
}

/* "a, b, c", cut with "..." where a lab has more than a line can hold. */
static void list_names(const char *const *names, size_t count, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t i = 0; i < count; i++) {
		if (used + strlen(names[i]) + sizeof ", ..." > size) {
			snprintf(out + used, size - used, "...");
			return;
		}
		used += (size_t)snprintf(
			out + used, size - used, "%s%s", names[i], i + 1 < count ? ", " : "");
	}
}

static struct pl_error *no_guest(const struct lab *lab, const char *name)
{
	char shown[72];
	char all[320];
	const char **names = calloc(lab->guests_count, sizeof *names);

	if (names == NULL)
		return pl_error_nomem();
	for (size_t i = 0; i < lab->guests_count; i++)
		names[i] = lab->guests[i].name;
	struct pl_error *e =
		pl_error_new(PL_ERR_USAGE, "no guest '%s'", pl_escape_str(name, shown, sizeof shown));
	const char *near = pl_nearest(name, names, lab->guests_count);
	list_names(names, lab->guests_count, all, sizeof all);
	if (near != NULL)
		e = pl_error_hint(e, "did you mean '%s'?", near);
	else
		e = pl_error_hint(e, "its guests are %s", all);
	free(names);
	return pl_error_at(e, "%s", lab->path);
}

struct pl_error *lab_guest_find(const struct lab *lab, const char *name, const struct lab_guest **ret)
{
	*ret = NULL;
	if (name == NULL && lab->guests_count == 1) {
		*ret = &lab->guests[0];
		return NULL;
	}
	if (name == NULL)
		return pl_error_at(
			pl_error_hint(pl_error_new(PL_ERR_USAGE, "the lab has %zu guests", lab->guests_count),
				"say which one with 'guest:' in the scenario"),
			"%s", lab->path);
	for (size_t i = 0; i < lab->guests_count; i++)
		if (strcmp(lab->guests[i].name, name) == 0) {
			*ret = &lab->guests[i];
			return NULL;
		}
	return no_guest(lab, name);
}

void lab_destroy(struct lab *lab)
{
	if (lab == NULL)
		return;
	schema_free(lab_fields, lab);
	free(lab->path);
	free(lab);
}
