/*
 * The operations on a VM, over a REST service that has a VM with a power state
 * and faults to choose from, and a vmrun that shares the state.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hear.h"
#include "orchestrator/fusion/vm.h"
#include "script_server.h"
#include "tests/unit/temp_dir.h"

#define JSON_HEAD "HTTP/1.1 %s\r\nContent-Type: application/vnd.vmware.vmw.rest-v1+json\r\n\r\n"

/* The service's only VM. Used by the server's thread, and before and after it by the test. */
struct machine {
	const char *state; /* power_state */
	const char *then;  /* what it is after `after` more looks, or NULL */
	int after;
	int slow;               /* looks that a change takes */
	const char *put_status; /* NULL: 200 */
	bool put_ignored;       /* answered, but nothing happens */
	bool ill;               /* every call on the VM is a 500 */
	const char *vms;        /* body of GET /vms */
	const char *nic, *ip, *nicips;
	const char *id;  /* NULL: VM1 */
	char words[128]; /* of the PUTs */
	char out[4096];
};

static struct script_reply say(struct machine *m, const char *status, const char *body)
{
	int n = snprintf(m->out, sizeof(m->out), JSON_HEAD, status);

	snprintf(m->out + n, sizeof(m->out) - (size_t)n, "%s", body ? body : "");
	return (struct script_reply){SCRIPT_SEND, m->out};
}

static struct script_reply put_power(struct machine *m, const char *request)
{
	static const char *const results[][2] = {{"on", "poweredOn"}, {"off", "poweredOff"},
		{"shutdown", "poweredOff"}, {"unpause", "poweredOn"}};
	const char *word = strstr(request, "\r\n\r\n") + 4;
	size_t used = strlen(m->words);
	char body[64];

	snprintf(m->words + used, sizeof(m->words) - used, "%s ", word);
	if (!strncmp(m->state, "powering", 8))
		return say(m, "409 Conflict", "{\"Code\":1,\"Message\":\"a change is under way\"}");
	for (size_t i = 0; i < 4 && !m->put_ignored; i++)
		if (!strcmp(word, results[i][0])) {
			m->then = results[i][1];
			m->after = m->slow;
		}
	snprintf(body, sizeof(body), "{\"power_state\":\"%s\"}", m->state);
	if (m->put_status)
		return say(m, m->put_status, "{\"Code\":105,\"Message\":\"it went wrong\"}");
	return say(m, "200 OK", body);
}

static struct script_reply get_power(struct machine *m)
{
	char body[64];

	if (m->then && m->after-- <= 0) {
		m->state = m->then;
		m->then = NULL;
	}
	snprintf(body, sizeof(body), "{\"power_state\":\"%s\"}", m->state);
	return say(m, "200 OK", body);
}

static bool asks(const struct machine *m, const char *request, const char *method, const char *what)
{
	char line[100];

	snprintf(line, sizeof(line), "%s /api/vms/%s/%s ", method, m->id ? m->id : "VM1", what);
	return strstr(request, line) != NULL;
}

static struct script_reply service(struct script_server *s, const char *request, int number)
{
	struct machine *m = s->arg;
	static const char missing[] = "{\"Code\":500,\"Message\":\"nothing known\"}";

	(void)number;
	if (strstr(request, "GET /api/vms HTTP"))
		return say(m, "200 OK", m->vms);
	if (m->ill)
		return say(m, "500 Internal Server Error", missing);
	if (asks(m, request, "PUT", "power"))
		return put_power(m, request);
	if (asks(m, request, "GET", "power"))
		return get_power(m);
	if (asks(m, request, "GET", "nic"))
		return say(m, "200 OK", m->nic);
	if (asks(m, request, "GET", "ip"))
		return m->ip ? say(m, "200 OK", m->ip) : say(m, "500 x", missing);
	if (asks(m, request, "GET", "nicips"))
		return m->nicips ? say(m, "200 OK", m->nicips) : say(m, "404 x", missing);
	return (struct script_reply){SCRIPT_SEND, "HTTP/1.1 404 Not Found\r\n\r\n404 page not found\n"};
}

struct fixture {
	struct temp_dir dir;
	struct machine m;
	struct script_server *s;
	struct vm_backend b;
	struct vm vm;
	struct pl_wait w;
	struct heard heard;
	struct pl_log log;
	char vmx[256];
};

static void set_up(struct fixture *x, const char *vmrun)
{
	char path[256];
	struct lab_fusion cfg = {.user = (char *)"", .vmrun = path, .timeout = 20 * PL_SECOND};

	memset(x, 0, sizeof(*x));
	temp_make(&x->dir);
	temp_script(&x->dir, "vmrun", vmrun ? vmrun : "echo called >> $D/vmrun-called\n", path);
	temp_file(&x->dir, "guest.vmwarevm/guest.vmx", "displayName = \"My guest\"\n", x->vmx);
	x->m.state = "poweredOff";
	x->s = script_start(service, NULL, 0);
	x->s->arg = &x->m;
	cfg.url = x->s->url;
	x->log = (struct pl_log){hear, &x->heard, PL_LOG_WARN};
	assert_null(fusion_open(&cfg, NULL, &x->log, &x->b));
	x->vm = (struct vm){.id = (char *)"VM1", .vmx = x->vmx, .name = (char *)"My guest"};
	x->w = pl_wait_for(30 * PL_SECOND, NULL);
}

static void tear_down(struct fixture *x)
{
	script_end(x->s);
	vm_close(&x->b);
	vm_close(&x->b);
	temp_remove(&x->dir);
}

static void expect_vmrun_untouched(const struct fixture *x)
{
	char text[64];

	assert_string_equal(temp_read(&x->dir, "vmrun-called", text, sizeof(text)), "");
	assert_string_equal(x->heard.text, "");
}

static void start_waits_until_it_is_on(void **state)
{
	static const char *const from[][2] = {
		{"poweredOff", "on "}, {"suspended", "on "}, {"paused", "unpause "}, {"poweredOn", ""}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct fixture x;

		set_up(&x, NULL);
		x.m.state = from[i][0];
		x.m.slow = 2;
		script_go(x.s);
		assert_null(x.b.ops->start(x.b.host, &x.vm, &x.w));
		assert_string_equal(x.m.state, "poweredOn");
		assert_string_equal(x.m.words, from[i][1]);
		expect_vmrun_untouched(&x);
		tear_down(&x);
	}
}

static void start_waits_out_a_change_first(void **state)
{
	struct fixture x;

	(void)state;
	set_up(&x, NULL);
	x.m.state = "poweringOff";
	x.m.then = "poweredOff";
	x.m.after = 2;
	script_go(x.s);
	assert_null(x.b.ops->start(x.b.host, &x.vm, &x.w));
	assert_string_equal(x.m.state, "poweredOn");
	assert_string_equal(x.m.words, "on ");
	tear_down(&x);
}

static void start_that_does_nothing_ends_at_the_deadline(void **state)
{
	struct fixture x;
	struct pl_error *e;

	(void)state;
	set_up(&x, NULL);
	x.m.put_ignored = true;
	x.w = pl_wait_for(500 * PL_MS, NULL);
	script_go(x.s);
	e = x.b.ops->start(x.b.host, &x.vm, &x.w);
	assert_int_equal(pl_error_kind(e), PL_ERR_TIMEOUT);
	pl_error_free(e);
	tear_down(&x);
}

static void stop_hard_and_soft(void **state)
{
	static const struct {
		const char *from;
		bool hard;
		const char *words;
	} cases[] = {{"poweredOn", true, "off "}, {"poweredOn", false, "shutdown "}, {"paused", true, "off "},
		{"paused", false, "unpause shutdown "}, {"suspended", true, "off "}, {"poweredOff", true, ""},
		{"poweredOff", false, ""}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture x;

		set_up(&x, NULL);
		x.m.state = cases[i].from;
		x.m.slow = 1;
		script_go(x.s);
		assert_null(x.b.ops->stop(x.b.host, &x.vm, cases[i].hard, &x.w));
		assert_string_equal(x.m.state, "poweredOff");
		assert_string_equal(x.m.words, cases[i].words);
		expect_vmrun_untouched(&x);
		tear_down(&x);
	}
}

static void soft_stop_of_a_suspended_vm_is_refused(void **state)
{
	struct fixture x;
	struct pl_error *e;

	(void)state;
	set_up(&x, NULL);
	x.m.state = "suspended";
	script_go(x.s);
	e = x.b.ops->stop(x.b.host, &x.vm, false, &x.w);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_string_equal(x.m.words, "");
	pl_error_free(e);
	tear_down(&x);
}

/* An error of the stop is no error if the VM stopped. */
static void stop_that_fails_and_stops_is_fine(void **state)
{
	struct fixture x;

	(void)state;
	set_up(&x, NULL);
	x.m.state = "poweredOn";
	x.m.put_status = "500 Internal Server Error";
	script_go(x.s);
	assert_null(x.b.ops->stop(x.b.host, &x.vm, true, &x.w));
	assert_string_equal(x.m.state, "poweredOff");
	expect_vmrun_untouched(&x);
	tear_down(&x);
}

static void refusal_is_no_reason_for_vmrun(void **state)
{
	struct fixture x;
	struct pl_error *e;
	char line[512];

	(void)state;
	set_up(&x, NULL);
	x.m.put_status = "409 Conflict";
	x.m.put_ignored = true;
	script_go(x.s);
	e = x.b.ops->start(x.b.host, &x.vm, &x.w);
	pl_error_line(e, line, sizeof(line));
	assert_non_null(strstr(line, "PUT /api/vms/VM1/power: 409 Conflict (it went wrong (code 105))"));
	expect_vmrun_untouched(&x);
	pl_error_free(e);
	tear_down(&x);
}

/* The state of the VM is the file "running": who stops or starts it changes that. */
#define VMRUN_OF_FILES                                                                                       \
	"echo \"$3 $5\" >> $D/calls\n"                                                                       \
	"case $3 in\n"                                                                                       \
	"list) if [ -e $D/running ]; then echo Total running VMs: 1; echo $D/guest.vmwarevm/guest.vmx;\n"    \
	"else echo Total running VMs: 0; fi;;\n"                                                             \
	"start) : > $D/running;;\n"                                                                          \
	"stop) rm -f $D/running; echo 'Error: The virtual machine is not powered on'; exit 255;;\n"          \
	"esac\n"

static void vmrun_takes_over_when_the_service_is_ill(void **state)
{
	struct fixture x;
	char text[1024];

	(void)state;
	set_up(&x, VMRUN_OF_FILES);
	x.m.ill = true;
	script_go(x.s);
	assert_null(x.b.ops->start(x.b.host, &x.vm, &x.w));
	temp_read(&x.dir, "calls", text, sizeof(text));
	assert_non_null(strstr(text, "start nogui\n"));
	/* its stop reports an error, and stops */
	assert_null(x.b.ops->stop(x.b.host, &x.vm, true, &x.w));
	temp_read(&x.dir, "calls", text, sizeof(text));
	assert_non_null(strstr(text, "stop hard\n"));
	assert_non_null(strstr(x.heard.text, "trying vmrun instead"));
	tear_down(&x);
}

static void vmrun_takes_over_when_the_service_is_gone(void **state)
{
	struct lab_fusion cfg = {.user = (char *)"", .timeout = 20 * PL_SECOND};
	struct vm_backend b;
	struct fixture x;
	char path[256], url[64];

	(void)state;
	set_up(&x, VMRUN_OF_FILES);
	snprintf(url, sizeof(url), "%s", x.s->url);
	snprintf(path, sizeof(path), "%s/vmrun", x.dir.path);
	script_go(x.s);
	script_end(x.s);
	cfg.url = url;
	cfg.vmrun = path;
	assert_null(fusion_open(&cfg, NULL, &x.log, &b));
	temp_file(&x.dir, "running", "", path);
	assert_null(b.ops->stop(b.host, &x.vm, true, &x.w));
	assert_int_equal(access(path, F_OK), -1);
	vm_close(&b);
	vm_close(&x.b);
	temp_remove(&x.dir);
}

/* vmrest has been restarted: only the path leads to the VM now. */
static void vm_with_a_new_id_is_found_again(void **state)
{
	struct fixture x;
	struct vm_nic nics[8];
	struct vm_address at[16];
	enum vm_power power;
	size_t count = 0;
	char body[512];

	(void)state;
	set_up(&x, "exit 1\n");
	snprintf(body, sizeof(body),
		"[{\"id\":\"VM1\",\"path\":\"/x/other.vmx\"},{\"id\":\"VM9\",\"path\":\"%s\"}]", x.vmx);
	x.m.id = "VM9";
	x.m.vms = body;
	x.m.nic = "{\"num\":0,\"nics\":[]}";
	x.m.ip = "{\"ip\":\"172.16.5.130\"}";
	x.m.nicips = "{\"nics\":[{\"mac\":\"00:50:56:aa:bb:cc\",\"ip\":[\"172.16.5.131/24\"]}]}";
	script_go(x.s);
	assert_null(x.b.ops->power(x.b.host, &x.vm, &x.w, &power));
	assert_int_equal(power, VM_POWER_OFF);
	/* asked, not known, looked for, asked again; the run keeps its own struct vm */
	assert_int_equal(atomic_load(&x.s->count), 3);
	assert_string_equal(x.vm.id, "VM1");
	assert_null(x.b.ops->start(x.b.host, &x.vm, &x.w));
	assert_string_equal(x.m.words, "on ");
	assert_null(x.b.ops->nics(x.b.host, &x.vm, &x.w, nics, &count));
	assert_null(x.b.ops->addresses(x.b.host, &x.vm, &x.w, at, &count));
	assert_int_equal(count, 2);
	tear_down(&x);
}

/* Each call that may come first finds it. */
static void every_call_finds_a_new_id(void **state)
{
	(void)state;
	for (int first = 0; first < 3; first++) {
		struct fixture x;
		struct vm_nic nics[8];
		struct vm_address at[16];
		size_t count = 0;
		char body[512];

		set_up(&x, "exit 1\n");
		snprintf(body, sizeof(body), "[{\"id\":\"VM9\",\"path\":\"%s\"}]", x.vmx);
		x.m.id = "VM9";
		x.m.vms = body;
		x.m.state = "poweredOn";
		x.m.nic = "{\"num\":0,\"nics\":[]}";
		x.m.nicips = "{\"nics\":[{\"mac\":\"00:50:56:aa:bb:cc\",\"ip\":[\"172.16.5.131/24\"]}]}";
		script_go(x.s);
		if (first == 0)
			assert_null(x.b.ops->stop(x.b.host, &x.vm, true, &x.w));
		if (first == 1)
			assert_null(x.b.ops->nics(x.b.host, &x.vm, &x.w, nics, &count));
		if (first == 2) {
			assert_null(x.b.ops->addresses(x.b.host, &x.vm, &x.w, at, &count));
			assert_int_equal(count, 1);
		}
		tear_down(&x);
	}
}

/* A VM that is known no more, and one that is not there under another id either. */
static void unknown_id_stays_an_error(void **state)
{
	static const char *const lists[] = {"[]", "the same", "nonsense"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct fixture x;
		struct pl_error *e;
		enum vm_power power;
		char body[512], line[512];

		set_up(&x, NULL);
		snprintf(body, sizeof(body), i == 1 ? "[{\"id\":\"VM1\",\"path\":\"%s\"}]" : "%s",
			i == 1 ? x.vmx : lists[i]);
		x.m.id = "gone";
		x.m.vms = body;
		script_go(x.s);
		e = x.b.ops->power(x.b.host, &x.vm, &x.w, &power);
		pl_error_line(e, line, sizeof(line));
		assert_non_null(strstr(line, "GET /api/vms/VM1/power: 404"));
		pl_error_free(e);
		assert_int_equal(atomic_load(&x.s->count), 2);
		expect_vmrun_untouched(&x);
		tear_down(&x);
	}
}

static void find_asks_the_service(void **state)
{
	struct fixture x;
	struct lab_vm sel = {.name = (char *)"My guest"};
	struct vm vm;
	struct pl_error *e;
	char body[512], line[1024];

	(void)state;
	set_up(&x, NULL);
	snprintf(body, sizeof(body),
		"[{\"id\":\"VM1\",\"path\":\"%s\"},{\"id\":\"VM2\",\"path\":\"/x/other.vmx\"}]", x.vmx);
	x.m.vms = body;
	script_go(x.s);
	assert_null(x.b.ops->find(x.b.host, &sel, &x.w, &vm));
	assert_string_equal(vm.id, "VM1");
	assert_string_equal(vm.vmx, x.vmx);
	assert_string_equal(vm.name, "My guest");
	vm_deinit(&vm);
	sel.name = (char *)"None";
	e = x.b.ops->find(x.b.host, &sel, &x.w, &vm);
	pl_error_line(e, line, sizeof(line));
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_non_null(strstr(line, "no VM has the name 'None' (there are: 'My guest' ("));
	assert_non_null(strstr(line, "'other' (/x/other.vmx, id VM2)"));
	assert_null(vm.id);
	pl_error_free(e);
	tear_down(&x);
}

static void nics_know_their_device_from_the_vmx(void **state)
{
	struct fixture x;
	struct vm_nic nics[8];
	size_t count;

	(void)state;
	set_up(&x, NULL);
	temp_file(&x.dir, "guest.vmwarevm/guest.vmx",
		"Ethernet0.virtualDev = \"vmxnet3\"\nethernet0.generatedAddress = \"00:0c:29:00:00:02\"\n"
		"ethernet1.virtualDev = \"e1000e\"\nethernet1.address = \"00:50:56:00:00:01\"\n"
		"ethernet2.virtualDev = \"e1000\"\n",
		x.vmx);
	x.m.nic =
		"{\"num\":4,\"nics\":["
		"{\"index\":1,\"type\":\"nat\",\"vmnet\":\"vmnet8\",\"macAddress\":\"00:50:56:00:00:01\"},"
		"{\"index\":2,\"type\":\"custom\",\"vmnet\":\"vmnet2\",\"macAddress\":\"00:0C:29:00:00:02\"},"
		"{\"index\":3,\"type\":\"bridged\",\"vmnet\":\"vmnet0\",\"macAddress\":\"\"},"
		"{\"index\":7,\"type\":\"bridged\",\"vmnet\":\"vmnet0\",\"macAddress\":\"00:0c:29:00:00:07\"}"
		"]}";
	script_go(x.s);
	assert_null(x.b.ops->nics(x.b.host, &x.vm, &x.w, nics, &count));
	assert_int_equal(count, 4);
	assert_string_equal(nics[0].device, "e1000e");
	assert_string_equal(nics[0].type, "nat");
	assert_string_equal(nics[0].vmnet, "vmnet8");
	assert_string_equal(nics[1].mac, "00:0c:29:00:00:02");
	assert_string_equal(nics[1].device, "vmxnet3");
	assert_string_equal(nics[2].device, "e1000");
	assert_string_equal(nics[3].device, "");
	tear_down(&x);
}

static void addresses_in_order_and_once(void **state)
{
	struct fixture x;
	struct vm_address a[16];
	size_t count;

	(void)state;
	set_up(&x, "echo 10.0.0.3\n");
	x.m.ip = "{\"ip\":\"10.0.0.1\"}";
	x.m.nicips = "{\"nics\":[{\"mac\":\"00:0c:29:00:00:02\",\"ip\":[\"10.0.0.1/24\",\"fe80::1/"
		     "64\",\"10.0.0.2/8\"]},"
		     "{\"mac\":\"x\"},{\"mac\":\"y\",\"ip\":null}],\"routes\":[]}";
	script_go(x.s);
	assert_null(x.b.ops->addresses(x.b.host, &x.vm, &x.w, a, &count));
	assert_int_equal(count, 3);
	assert_string_equal(a[0].ip, "10.0.0.1");
	assert_string_equal(a[0].source, "ip");
	assert_string_equal(a[1].ip, "10.0.0.2");
	assert_string_equal(a[1].source, "nicips");
	assert_string_equal(a[2].ip, "10.0.0.3");
	assert_string_equal(a[2].source, "vmrun");
	tear_down(&x);
}

static void sources_that_fail_are_skipped(void **state)
{
	struct fixture x;
	struct vm_address a[16];
	size_t count = 7;

	(void)state;
	set_up(&x, "echo 'Error: The VMware Tools are not running'; exit 255\n");
	script_go(x.s);
	assert_null(x.b.ops->addresses(x.b.host, &x.vm, &x.w, a, &count));
	assert_int_equal(count, 0);
	tear_down(&x);
}

static void snapshots_go_to_vmrun(void **state)
{
	struct fixture x;
	char **names;
	size_t count;
	char text[256];

	(void)state;
	set_up(&x, "echo \"$3 $5\" >> $D/calls; [ $3 = listSnapshots ] && printf 'Total snapshots: 1\\na "
		   "b\\n'; exit 0\n");
	assert_null(x.b.ops->snapshots(x.b.host, &x.vm, &x.w, &names, &count));
	assert_int_equal(count, 1);
	assert_string_equal(names[0], "a b");
	vm_names_free(names, count);
	assert_null(x.b.ops->snapshot_take(x.b.host, &x.vm, "n", &x.w));
	assert_null(x.b.ops->snapshot_revert(x.b.host, &x.vm, "n", &x.w));
	assert_null(x.b.ops->snapshot_delete(x.b.host, &x.vm, "n", &x.w));
	temp_read(&x.dir, "calls", text, sizeof(text));
	assert_string_equal(text, "listSnapshots \nsnapshot n\nrevertToSnapshot n\ndeleteSnapshot n\n");
	script_go(x.s);
	tear_down(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(start_waits_until_it_is_on),
		cmocka_unit_test(start_waits_out_a_change_first),
		cmocka_unit_test(start_that_does_nothing_ends_at_the_deadline),
		cmocka_unit_test(stop_hard_and_soft),
		cmocka_unit_test(soft_stop_of_a_suspended_vm_is_refused),
		cmocka_unit_test(stop_that_fails_and_stops_is_fine),
		cmocka_unit_test(refusal_is_no_reason_for_vmrun),
		cmocka_unit_test(vmrun_takes_over_when_the_service_is_ill),
		cmocka_unit_test(vmrun_takes_over_when_the_service_is_gone),
		cmocka_unit_test(vm_with_a_new_id_is_found_again),
		cmocka_unit_test(every_call_finds_a_new_id),
		cmocka_unit_test(unknown_id_stays_an_error),
		cmocka_unit_test(find_asks_the_service),
		cmocka_unit_test(nics_know_their_device_from_the_vmx),
		cmocka_unit_test(addresses_in_order_and_once),
		cmocka_unit_test(sources_that_fail_are_skipped),
		cmocka_unit_test(snapshots_go_to_vmrun),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
