/* vmrest's endpoints below /api, on the lab's VM and its clones. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "tests/simlab/bundle_config.h"
#include "tests/simlab/simlab/clones.h"
#include "tests/simlab/simlab/other_vm.h"
#include "tests/simlab/simlab/power.h"
#include "tests/simlab/simlab/rest.h"

static void ok(struct rest_answer *a, unsigned status, json_t *body)
{
	a->status = status;
	a->json = json_dumps(body, 0);
	json_decref(body);
}

static bool is(const char *a, const char *b)
{
	return a != NULL && strcmp(a, b) == 0;
}

static json_t *vm_entry(const struct sim *s, const char *id, const char *path)
{
	char *vmx = sim_path(s, path);
	json_t *o = json_pack("{s:s, s:s}", "id", id, "path", vmx);
	free(vmx);
	return o;
}

static const char *id_of(const struct sim *s, int which)
{
	return which == CLONES_OWN ? s->vm_id : s->clones[which].id;
}

/* ---- power ---- */

static void get_power(const struct sim *s, struct rest_answer *a)
{
	ok(a, 200, json_pack("{s:s}", "power_state", power_name(s->power)));
}

static bool apply_power(struct sim *s, const char *word, bool *known)
{
	static const struct {
		const char *word;
		bool (*apply)(struct sim *s);
		enum power already; /* asking for it again is fine */
	} WORDS[] = {
		{"on", power_start, POWER_ON},
		{"off", power_stop, POWER_OFF},
		{"shutdown", power_shutdown, POWER_OFF},
		{"suspend", power_suspend, POWER_SUSPENDED},
		{"pause", power_pause, POWER_PAUSED},
		{"unpause", power_unpause, POWER_ON},
	};
	for (size_t i = 0; i < sizeof WORDS / sizeof WORDS[0]; i++)
		if (strcmp(WORDS[i].word, word) == 0)
			return s->power == WORDS[i].already || WORDS[i].apply(s);
	*known = false;
	return false;
}

static void put_power(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	char word[32];
	bool known = true;
	snprintf(word, sizeof word, "%.31s", q->body);
	word[strcspn(word, "\r\n")] = '\0';
	bool done = apply_power(s, word, &known);
	if (!known)
		rest_error(a, 400, 100, "One of the parameters was invalid: operation");
	else if (!done)
		rest_error(a, 409, 106, "The operation is not possible in the power state %s",
			power_name(s->power));
	else
		get_power(s, a);
}

static void power(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	if (is(q->method, "PUT"))
		put_power(s, q, a);
	else
		get_power(s, a);
}

/* ---- network ---- */

static const char *reported_ip(const struct sim *s, char stale[static 16])
{
	if (!sim_is_on(s) || !s->tools || s->faults.on[FAULT_NO_IP])
		return NULL;
	return s->faults.on[FAULT_STALE_IP] ? sim_address(s, SIM_STALE, stale) : s->opt.ip;
}

static void get_ip(struct sim *s, struct rest_answer *a)
{
	char stale[16];
	const char *ip = reported_ip(s, stale);
	if (ip != NULL)
		ok(a, 200, json_pack("{s:s}", "ip", ip));
	else
		rest_error(a, 500, 5, "Unable to get the IP address");
}

static void get_nicips(struct sim *s, struct rest_answer *a)
{
	char stale[16];
	const char *ip = reported_ip(s, stale);
	char cidr[32];
	if (ip == NULL) {
		rest_error(a, 500, 5, "VMware Tools are not running in the guest");
		return;
	}
	snprintf(cidr, sizeof cidr, "%s/24", ip);
	ok(a, 200,
		json_pack("{s:[{s:s, s:[s, s]}], s:[], s:{}}", "nics", "mac", sim_mac(), "ip", cidr,
			"fe80::250:56ff:fe3a:c1f/64", "routes", "dns"));
}

static void get_nic(struct rest_answer *a)
{
	ok(a, 200,
		json_pack("{s:i, s:[{s:i, s:s, s:s, s:s}]}", "num", 1, "nics", "index", 1, "type", "nat",
			"vmnet", "vmnet8", "macAddress", sim_mac()));
}

static void get_vmnets(const struct sim *s, struct rest_answer *a)
{
	char subnet[16];

	ok(a, 200,
		json_pack("{s:i, s:[{s:s, s:s, s:s, s:s, s:s}, {s:s, s:s, s:s, s:s, s:s}]}", "num", 2,
			"vmnets", "name", "vmnet1", "type", "hostOnly", "dhcp", "true", "subnet",
			"127.44.1.0", "mask", "255.255.255.0", "name", "vmnet8", "type", "nat", "dhcp",
			"true", "subnet", sim_address(s, 0, subnet), "mask", "255.255.255.0"));
}

static void vmnet(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	if (q->depth == 1)
		get_vmnets(s, a);
	else if (q->depth == 3 && is(q->path[2], "mactoip"))
		/* Static assignments of dhcpd.conf; there are none. */
		ok(a, 200, json_pack("{s:i, s:[]}", "num", 0, "mactoips"));
	else if (q->depth == 3 && is(q->path[2], "portforward"))
		ok(a, 200, json_pack("{s:i, s:[]}", "num", 0, "port_forwardings"));
	else
		rest_error(a, 404, 104, "The virtual network cannot be found");
}

/* ---- the VM's settings ---- */

static int number_of(const struct config *c, const char *key, int otherwise)
{
	const char *v = config_get(c, key);
	return v != NULL ? atoi(v) : otherwise;
}

static void get_vm(const struct sim *s, struct rest_answer *a)
{
	struct config c;
	sim_complain(config_read(SIM_VMX, &c));
	ok(a, 200,
		json_pack("{s:s, s:{s:i}, s:i}", "id", id_of(s, s->active), "cpu", "processors",
			number_of(&c, "numvcpus", 1), "memory", number_of(&c, "memsize", 512)));
	config_deinit(&c);
}

/* Sets keys of the .vmx from a JSON object's numbers or strings. */
static struct pl_error *set_key(const char *key, const json_t *value)
{
	struct config c;
	char text[32];
	snprintf(text, sizeof text, "%lld", (long long)json_integer_value(value));
	struct pl_error *e = config_read(SIM_VMX, &c);
	if (e == NULL)
		e = config_set(&c, key, json_is_string(value) ? json_string_value(value) : text);
	if (e == NULL)
		e = config_write(&c, SIM_VMX);
	config_deinit(&c);
	return e;
}

static void put_vm(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	json_t *o = json_loads(q->body, 0, NULL);
	const json_t *cpus = json_object_get(o, "processors");
	const json_t *memory = json_object_get(o, "memory");
	if (s->power != POWER_OFF)
		rest_error(a, 409, 107, "The virtual machine is not powered off");
	else if (cpus == NULL && memory == NULL)
		rest_error(a, 400, 100, "One of the parameters was invalid: processors");
	else if (json_is_integer(memory) && json_integer_value(memory) % 4 != 0)
		rest_error(a, 400, 100, "One of the parameters was invalid: memory");
	else {
		if (cpus != NULL)
			sim_complain(set_key("numvcpus", cpus));
		if (memory != NULL)
			sim_complain(set_key("memsize", memory));
		get_vm(s, a);
	}
	json_decref(o);
}

static void get_param(const char *name, struct rest_answer *a)
{
	struct config c;
	sim_complain(config_read(SIM_VMX, &c));
	const char *value = config_get(&c, name);
	ok(a, 200, json_pack("{s:s, s:s}", "name", name, "value", value != NULL ? value : ""));
	config_deinit(&c);
}

static void put_param(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	json_t *o = json_loads(q->body, 0, NULL);
	const char *name = json_string_value(json_object_get(o, "name"));
	const json_t *value = json_object_get(o, "value");
	if (name == NULL || !json_is_string(value))
		rest_error(a, 400, 100, "One of the parameters was invalid: name");
	else if (json_object_size(o) > 2)
		rest_error(a, 400, 121, "Redundant parameter");
	else if (s->power != POWER_OFF)
		rest_error(a, 409, 107, "The virtual machine is not powered off");
	else {
		sim_complain(set_key(name, value));
		/* Success is an error model with code 0. */
		rest_error(a, 200, 0, "The operation was successful");
	}
	json_decref(o);
}

/* ---- routing ---- */

static void vm_get(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	const char *what = q->depth > 2 ? q->path[2] : NULL;
	if (what == NULL)
		get_vm(s, a);
	else if (is(what, "power"))
		get_power(s, a);
	else if (is(what, "ip"))
		get_ip(s, a);
	else if (is(what, "nicips"))
		get_nicips(s, a);
	else if (is(what, "nic"))
		get_nic(a);
	else if (is(what, "params") && q->depth == 4)
		get_param(q->path[3], a);
	else if (is(what, "restrictions"))
		ok(a, 200,
			json_pack("{s:s, s:s}", "id", id_of(s, s->active), "integrityconstraint", "false"));
	else if (is(what, "sharedfolders"))
		ok(a, 200, json_array());
	else
		rest_error(a, 404, 103, "The resource cannot be found");
}

/* While another machine is on, this one is off. */
static void waiting_vm(const struct rest_request *q, struct rest_answer *a)
{
	if (is(q->method, "GET") && q->depth > 2 && is(q->path[2], "power"))
		ok(a, 200, json_pack("{s:s}", "power_state", "poweredOff"));
	else
		rest_error(a, 409, 106, "The simulated lab runs one virtual machine at a time");
}

static void delete_vm(struct sim *s, int which, struct rest_answer *a)
{
	if (s->power != POWER_OFF || power_locked(s))
		rest_error(a, 409, 107, "The virtual machine is not powered off");
	else if (which == CLONES_OWN) {
		sim_event("violation: DELETE of the lab's own VM");
		rest_error(a, 403, 110, "The VM is not to be deleted (simulated)");
	} else if (clones_activate(s, CLONES_OWN)) {
		sim_complain(clones_delete(s, which));
		a->status = 204;
	}
}

/* POST {"name", "parentId"}: a full clone beside the others. */
static void clone_vm(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	char relative[256];
	int made = CLONES_NONE;
	json_t *o = json_loads(q->body, 0, NULL);
	const char *name = json_string_value(json_object_get(o, "name"));
	const char *parent = json_string_value(json_object_get(o, "parentId"));
	int which = parent != NULL ? clones_of_id(s, parent) : CLONES_NONE;
	if (name == NULL || strchr(name, '/') != NULL || strlen(name) > 64)
		rest_error(a, 400, 100, "One of the parameters was invalid: name");
	else if (which == CLONES_NONE)
		rest_error(a, 400, 100, "One of the parameters was invalid: parentId");
	else if (s->power != POWER_OFF || !clones_activate(s, which))
		rest_error(a, 409, 107, "The virtual machine is not powered off");
	else {
		snprintf(relative, sizeof relative, "Virtual Machines/%s.vmwarevm/%s.vmx", name, name);
		char *vmx = sim_path(s, relative);
		struct pl_error *e = clones_make(s, vmx, name, NULL, &made);
		free(vmx);
		if (e != NULL)
			rest_error(a, 409, 0, "%s", pl_error_what(e));
		else
			ok(a, 201,
				json_pack("{s:s, s:{s:i}, s:i}", "id", s->clones[made].id, "cpu",
					"processors", 2, "memory", 4096));
		sim_complain(e);
	}
	json_decref(o);
}

static void one_vm(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	const char *what = q->depth > 2 ? q->path[2] : NULL;
	const char *password = q->vm_password != NULL ? q->vm_password : "";
	int which = clones_of_id(s, q->path[1]);
	if (is(q->path[1], s->other_id))
		other_vm_rest(q, a);
	else if (which == CLONES_NONE)
		rest_error(a, 404, 104, "The virtual machine cannot be found");
	else if (s->opt.vm_password[0] != '\0' && !is(s->opt.vm_password, password))
		rest_error(a, 403, 109, "The virtual machine is encrypted: its password is missing or wrong");
	else if (!clones_activate(s, which))
		waiting_vm(q, a);
	else if (is(q->method, "DELETE") && what == NULL)
		delete_vm(s, which, a);
	else if (is(q->method, "GET"))
		vm_get(s, q, a);
	else if (is(q->method, "PUT") && what == NULL)
		put_vm(s, q, a);
	else if (is(q->method, "PUT") && is(what, "power"))
		power(s, q, a);
	else if (is(q->method, "PUT") && is(what, "params"))
		put_param(s, q, a);
	else
		rest_error(a, 403, 110, "This operation is not supported (simulated)");
}

static void list_vms(const struct sim *s, struct rest_answer *a)
{
	json_t *all = json_pack("[o]", vm_entry(s, s->other_id, OTHER_VMX));
	for (int i = CLONES_OWN; i < (int)s->clone_count; i++)
		json_array_append_new(all, vm_entry(s, id_of(s, i), clones_vmx(s, i)));
	ok(a, 200, all);
}

static void registration(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	json_t *o = json_loads(q->body, 0, NULL);
	const char *path = json_string_value(json_object_get(o, "path"));
	int which = path != NULL ? clones_of_vmx(s, path) : CLONES_NONE;
	if (!is(q->method, "POST"))
		rest_error(a, 405, 111, "Method not allowed");
	else if (which == CLONES_NONE)
		rest_error(a, 400, 100, "One of the parameters was invalid: path");
	else
		ok(a, 201, vm_entry(s, id_of(s, which), clones_vmx(s, which)));
	json_decref(o);
}

void rest_api(struct sim *s, const struct rest_request *q, struct rest_answer *a)
{
	const char *first = q->depth > 0 ? q->path[0] : NULL;
	bool vms = is(first, "vms");
	if (vms && q->depth == 1 && is(q->method, "GET"))
		list_vms(s, a);
	else if (vms && q->depth == 1)
		clone_vm(s, q, a);
	else if (vms && q->depth == 2 && is(q->path[1], "registration"))
		registration(s, q, a);
	else if (vms)
		one_vm(s, q, a);
	else if (is(first, "vmnet") || is(first, "vmnets"))
		vmnet(s, q, a);
	else {
		a->status = 404;
		a->plain = true;
		a->json = strdup("404 page not found\n");
	}
}
