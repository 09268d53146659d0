/* What vmrest's answers mean. See vmrest.h. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "orchestrator/fusion/http.h"
#include "orchestrator/fusion/vmrest.h"

static struct pl_error *parse(const struct vmrest_text *t, json_t **ret)
{
	return pl_json_parse(t->text, t->size, HTTP_BODY_MAX, t->where, ret);
}

/* The answer is JSON, but not what it should be. */
static struct pl_error *bad(const char *where, const char *fmt, ...) PL_PRINTF(2, 3);
static struct pl_error *bad(const char *where, const char *fmt, ...)
{
	char text[400];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return pl_error_at(pl_error_new(PL_ERR_DATA, "%s", text), "%s", where);
}

bool vmrest_is_ip(const char *text)
{
	struct in_addr a;
	uint32_t ip;

	if (inet_pton(AF_INET, text, &a) != 1)
		return false;
	ip = ntohl(a.s_addr);
	return ip >> 24 != 0 && ip >> 24 < 224;
}

/* An id becomes a part of a URL. */
static bool is_id(const char *id)
{
	size_t n = strlen(id);

	return n > 0 && n <= 64 &&
	       strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == n;
}

void vmrest_vms_free(struct vmrest_vm *vms, size_t count)
{
	for (size_t i = 0; vms && i < count; i++) {
		free(vms[i].id);
		free(vms[i].path);
	}
	free(vms);
}

static struct pl_error *decode_vm(const json_t *o, const char *where, struct vmrest_vm *ret)
{
	const char *id, *path;
	struct pl_error *e = pl_json_str(o, "id", where, &id);
	char safe[80];

	if (!e)
		e = pl_json_str(o, "path", where, &path);
	if (e)
		return e;
	if (!is_id(id))
		return bad(where, "'%s' is no VM id", pl_escape_str(id, safe, sizeof(safe)));
	if (*path != '/')
		return bad(where, "'%s' is not an absolute path", pl_escape_str(path, safe, sizeof(safe)));
	e = pl_strdup(id, &ret->id);
	return e ? e : pl_strdup(path, &ret->path);
}

static struct pl_error *decode_vms(
	const json_t *root, const char *where, struct vmrest_vm **ret, size_t *count)
{
	size_t n = json_array_size(root);
	struct vmrest_vm *vms;

	if (!json_is_array(root))
		return bad(where, "not a list of VMs");
	if (n > VMREST_VMS_MAX)
		return bad(where, "%zu VMs are too many", n);
	vms = calloc(n ? n : 1, sizeof(*vms));
	if (!vms)
		return pl_error_nomem();
	for (size_t i = 0; i < n; i++) {
		struct pl_error *e = decode_vm(json_array_get(root, i), where, &vms[i]);

		if (e) {
			vmrest_vms_free(vms, n);
			return e;
		}
	}
	*ret = vms;
	*count = n;
	return NULL;
}

struct pl_error *vmrest_decode_vms(const struct vmrest_text *t, struct vmrest_vm **ret, size_t *count)
{
	json_t *root = NULL;
	struct pl_error *e = parse(t, &root);

	if (!e)
		e = decode_vms(root, t->where, ret, count);
	json_decref(root);
	return e;
}

struct pl_error *vmrest_decode_id(const struct vmrest_text *t, char **ret)
{
	json_t *root = NULL;
	const char *id;
	char safe[80];
	struct pl_error *e = parse(t, &root);

	*ret = NULL;
	if (!e)
		e = pl_json_str(root, "id", t->where, &id);
	if (!e && !is_id(id))
		e = bad(t->where, "'%s' is no VM id", pl_escape_str(id, safe, sizeof(safe)));
	if (!e)
		e = pl_strdup(id, ret);
	json_decref(root);
	return e;
}

struct pl_error *vmrest_decode_power(const struct vmrest_text *t, enum vm_power *ret)
{
	/* the spec has the first four; the others were seen on the wire */
	static const struct {
		const char *word;
		enum vm_power power;
	} words[] = {
		{"poweredOn", VM_POWER_ON},
		{"poweredOff", VM_POWER_OFF},
		{"paused", VM_POWER_PAUSED},
		{"suspended", VM_POWER_SUSPENDED},
		{"poweringOn", VM_POWER_CHANGING},
		{"poweringOff", VM_POWER_CHANGING},
		{"suspending", VM_POWER_CHANGING},
		{"resuming", VM_POWER_CHANGING},
	};
	json_t *root = NULL;
	const char *state;
	char safe[64];
	struct pl_error *e = parse(t, &root);

	if (!e)
		e = pl_json_str(root, "power_state", t->where, &state);
	if (e)
		goto out;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (!strcmp(state, words[i].word)) {
			*ret = words[i].power;
			goto out;
		}
	e = bad(t->where, "unknown power_state '%s'", pl_escape_str(state, safe, sizeof(safe)));
out:
	json_decref(root);
	return e;
}

static bool is_mac(const char *s)
{
	for (int i = 0; i < 17; i++)
		if (i % 3 == 2 ? s[i] != ':' : !isxdigit((unsigned char)s[i]))
			return false;
	return s[17] == '\0';
}

static struct pl_error *decode_nic(const json_t *o, const char *where, struct vmrest_nic *ret)
{
	const char *mac, *type;
	struct pl_error *e = pl_json_int(o, "index", where, &ret->index);
	char safe[64];

	if (!e)
		e = pl_json_str(o, "macAddress", where, &mac);
	if (!e)
		e = pl_json_str(o, "type", where, &type);
	if (e)
		return e;
	/* an adapter that has never been powered on has no address yet */
	if (*mac && !is_mac(mac))
		return bad(where, "'%s' is no MAC address", pl_escape_str(mac, safe, sizeof(safe)));
	for (size_t i = 0; mac[i]; i++)
		ret->nic.mac[i] = (char)tolower((unsigned char)mac[i]);
	pl_escape_str(type, ret->nic.type, sizeof(ret->nic.type));
	pl_escape_str(pl_json_str_or(o, "vmnet", ""), ret->nic.vmnet, sizeof(ret->nic.vmnet));
	return NULL;
}

struct pl_error *vmrest_decode_nics(const struct vmrest_text *t, struct vmrest_nic ret[8], size_t *count)
{
	json_t *root = NULL, *nics;
	struct pl_error *e = parse(t, &root);

	*count = 0;
	memset(ret, 0, 8 * sizeof(*ret));
	if (!e)
		e = pl_json_array(root, "nics", t->where, &nics);
	for (size_t i = 0; !e && i < json_array_size(nics) && *count < 8; i++) {
		e = decode_nic(json_array_get(nics, i), t->where, &ret[*count]);
		if (!e)
			++*count;
	}
	json_decref(root);
	return e;
}

/* "192.168.136.0", "255.255.255.0": an address of that network is its number and something below the mask. */
static struct pl_error *decode_network(const json_t *o, const char *where, struct vm_network *ret)
{
	const char *subnet, *mask;
	struct in_addr s, m;
	char safe[64];
	struct pl_error *e = pl_json_str(o, "subnet", where, &subnet);

	if (!e)
		e = pl_json_str(o, "mask", where, &mask);
	if (e)
		return e;
	if (inet_pton(AF_INET, subnet, &s) != 1)
		return bad(where, "'%s' is no subnet", pl_escape_str(subnet, safe, sizeof(safe)));
	if (inet_pton(AF_INET, mask, &m) != 1 || m.s_addr == 0)
		return bad(where, "'%s' is no network mask", pl_escape_str(mask, safe, sizeof(safe)));
	*ret = (struct vm_network){ntohl(s.s_addr) & ntohl(m.s_addr), ntohl(m.s_addr)};
	return NULL;
}

struct pl_error *vmrest_decode_network(
	const struct vmrest_text *t, const char *vmnet, bool *found, struct vm_network *ret)
{
	json_t *root = NULL, *list;
	struct pl_error *e = parse(t, &root);

	*found = false;
	if (!e)
		e = pl_json_array(root, "vmnets", t->where, &list);
	for (size_t i = 0; !e && !*found && i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);
		*found = !strcmp(pl_json_str_or(o, "name", ""), vmnet);
		if (*found)
			e = decode_network(o, t->where, ret);
	}
	json_decref(root);
	return e;
}

struct pl_error *vmrest_decode_ip(const struct vmrest_text *t, char ret[16])
{
	json_t *root = NULL;
	const char *ip;
	char safe[64];
	struct pl_error *e = parse(t, &root);

	if (!e)
		e = pl_json_str(root, "ip", t->where, &ip);
	if (!e && !vmrest_is_ip(ip))
		e = bad(t->where, "'%s' is no IPv4 address of a guest",
			pl_escape_str(ip, safe, sizeof(safe)));
	if (!e)
		snprintf(ret, 16, "%s", ip);
	json_decref(root);
	return e;
}

/* "10.0.0.5/24": the address, if it is one that counts. */
static bool take_ip(const char *text, char ret[16])
{
	size_t n = strcspn(text, "/");

	if (n >= 16)
		return false;
	memcpy(ret, text, n);
	ret[n] = '\0';
	return vmrest_is_ip(ret);
}

struct pl_error *vmrest_decode_nicips(const struct vmrest_text *t, char ret[16][16], size_t *count)
{
	json_t *root = NULL, *nics;
	struct pl_error *e = parse(t, &root);

	*count = 0;
	if (!e)
		e = pl_json_array(root, "nics", t->where, &nics);
	for (size_t i = 0; !e && i < json_array_size(nics); i++) {
		/* an adapter without an address has null or nothing here */
		const json_t *ips = json_object_get(json_array_get(nics, i), "ip");

		for (size_t j = 0; j < json_array_size(ips) && *count < 16; j++) {
			const char *ip = json_string_value(json_array_get(ips, j));

			if (ip && take_ip(ip, ret[*count]))
				++*count;
		}
	}
	json_decref(root);
	return e;
}

static const char *status_name(long status)
{
	static const struct {
		long status;
		const char *name;
	} names[] = {
		{400, " Bad Request"},
		{401, " Unauthorized"},
		{403, " Forbidden"},
		{404, " Not Found"},
		{406, " Not Acceptable"},
		{409, " Conflict"},
		{500, " Internal Server Error"},
		{502, " Bad Gateway"},
		{503, " Service Unavailable"},
		{504, " Gateway Timeout"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].status == status)
			return names[i].name;
	return "";
}

/* The error model: capitals on the wire, lower case in the spec. False if it is none. */
static bool error_model(const char *text, size_t size, int64_t *code, char *message, size_t room)
{
	const struct vmrest_text t = {text, size, ""};
	json_t *root = NULL;
	struct pl_error *e = parse(&t, &root);
	bool found;
	const json_t *c = json_object_get(root, "Code");
	const char *m = pl_json_str_or(root, "Message", pl_json_str_or(root, "message", ""));

	pl_error_free(e);
	if (!c)
		c = json_object_get(root, "code");
	found = json_is_integer(c);
	if (found) {
		*code = json_integer_value(c);
		pl_escape_str(m, message, room);
	}
	json_decref(root);
	return found;
}

static struct pl_error *why_not(
	struct pl_error *e, bool model, int64_t code, const char *message, const char *text, size_t size)
{
	char line[200];
	const char *end;

	if (model)
		return *message ? pl_error_why(e, "%s (code %lld)", message, (long long)code)
				: pl_error_why(e, "code %lld", (long long)code);
	/* an unknown path answers in plain text: "404 page not found" */
	end = size ? memchr(text, '\n', size) : NULL;
	if (end)
		size = (size_t)(end - text);
	return size ? pl_error_why(e, "%s", pl_escape(text, size, line, sizeof(line))) : e;
}

struct pl_error *vmrest_decode_failure(long status, const char *text, size_t size)
{
	char message[300] = "";
	int64_t code = 0;
	bool model = error_model(text, size, &code, message, sizeof(message));
	bool good = status >= 200 && status < 300;
	struct pl_error *e;

	if (good && (!model || code == 0))
		return NULL;
	if (good)
		e = pl_error_new(PL_ERR_LAB, "refused, although with status %ld", status);
	else if (status >= 300 && status < 400)
		e = pl_error_new(PL_ERR_LAB, "answered with a redirect (%ld), which is not followed", status);
	else
		e = pl_error_new(PL_ERR_LAB, "%ld%s", status, status_name(status));
	return why_not(e, model, code, message, text, size);
}
