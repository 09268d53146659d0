/*
 * Clones over a REST service and a vmrun that are scripts: who is asked for
 * what, in which order, and what becomes of a refusal.
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

#define HEAD "HTTP/1.1 %s\r\nContent-Type: application/vnd.vmware.vmw.rest-v1+json\r\n\r\n%s"

struct service {
	bool knows;       /* the clone, without being told */
	bool registered;  /* it was told */
	int locked;       /* so many DELETEs are refused */
	const char *post; /* status of POST /vms; NULL: 201 */
	char clone[256];  /* the clone's .vmx */
	char asked[2048]; /* method and path, and the body of POSTs */
	char out[2048];
};

static struct script_reply say(struct service *v, const char *status, const char *body)
{
	snprintf(v->out, sizeof(v->out), HEAD, status, body);
	return (struct script_reply){SCRIPT_SEND, v->out};
}

static struct script_reply list(struct service *v)
{
	char body[600], clone[300] = "";

	if (v->knows || v->registered)
		snprintf(clone, sizeof(clone), ",{\"id\":\"CLONE\",\"path\":\"%s\"}", v->clone);
	snprintf(body, sizeof(body), "[{\"id\":\"VM1\",\"path\":\"/v/own.vmx\"}%s]", clone);
	return say(v, "200 OK", body);
}

static struct script_reply answer(struct script_server *s, const char *request, int number)
{
	struct service *v = s->arg;
	size_t used = strlen(v->asked);
	const char *body = strstr(request, "\r\n\r\n") + 4;

	(void)number;
	if (!strncmp(request, "GET /api/vms HTTP", 17))
		return list(v);
	snprintf(v->asked + used, sizeof(v->asked) - used, "%.*s%s%s\n",
		(int)(strstr(request, " HTTP") - request), request, *body ? " " : "", body);
	if (!strncmp(request, "POST /api/vms/registration ", 27)) {
		v->registered = true;
		return say(v, "201 Created", "{\"id\":\"CLONE\",\"path\":\"/x\"}");
	}
	if (!strncmp(request, "POST /api/vms ", 14)) {
		v->knows = !v->post;
		if (v->post)
			return say(v, v->post, "{\"Code\":107,\"Message\":\"not now\"}");
		return say(v, "201 Created", "{\"id\":\"CLONE\",\"cpu\":{\"processors\":2},\"memory\":4096}");
	}
	if (!strncmp(request, "DELETE ", 7) && v->locked-- > 0)
		return say(v, "409 Conflict", "{\"Code\":107,\"Message\":\"The VM is not powered off\"}");
	if (!strncmp(request, "DELETE /api/vms/CLONE ", 22))
		return (struct script_reply){SCRIPT_SEND, "HTTP/1.1 204 No Content\r\n\r\n"};
	return say(v, "404 Not Found", "{\"code\":104,\"message\":\"no such VM\"}");
}

struct fixture {
	struct temp_dir dir;
	struct service v;
	struct script_server *s;
	struct vm_backend b;
	struct heard heard;
	struct pl_log log;
	struct pl_wait w;
	struct vm own, clone;
	struct vm_clone c;
};

static void set_up(struct fixture *x, const char *vmrun)
{
	char path[256];
	struct lab_fusion cfg = {.user = (char *)"", .vmrun = path, .timeout = 20 * PL_SECOND};

	memset(x, 0, sizeof(*x));
	temp_make(&x->dir);
	temp_script(&x->dir, "vmrun", vmrun, path);
	temp_file(&x->dir, "p.vmwarevm/p.vmx", "displayName = \"p\"\n", x->v.clone);
	x->s = script_start(answer, NULL, 0);
	x->s->arg = &x->v;
	cfg.url = x->s->url;
	x->log = (struct pl_log){hear, &x->heard, PL_LOG_WARN};
	assert_null(fusion_open(&cfg, NULL, &x->log, &x->b));
	x->own = (struct vm){.id = (char *)"VM1", .vmx = (char *)"/v/own.vmx", .name = (char *)"own"};
	x->c = (struct vm_clone){.snapshot = "paniclab-1", .vmx = x->v.clone, .name = "p"};
	x->w = pl_wait_for(30 * PL_SECOND, NULL);
}

static void tear_down(struct fixture *x)
{
	vm_deinit(&x->clone);
	script_end(x->s);
	vm_close(&x->b);
	temp_remove(&x->dir);
}

#define RECORD "for a; do printf '%s|' \"$a\"; done >> $D/args; echo >> $D/args\n"

static void a_linked_clone_is_registered(void **state)
{
	struct fixture x;
	char text[1024], wanted[1024];

	(void)state;
	for (int knows = 0; knows < 2; knows++) {
		set_up(&x, RECORD);
		x.v.knows = knows;
		script_go(x.s);
		assert_null(x.b.ops->clone(x.b.host, &x.own, &x.c, &x.w, &x.clone));
		assert_string_equal(x.clone.id, "CLONE");
		assert_string_equal(x.clone.vmx, x.v.clone);
		temp_read(&x.dir, "args", text, sizeof(text));
		snprintf(wanted, sizeof(wanted),
			"-T|fusion|clone|/v/own.vmx|%s|linked|-snapshot=paniclab-1|-cloneName=p|\n",
			x.v.clone);
		assert_string_equal(text, wanted);
		snprintf(wanted, sizeof(wanted),
			"POST /api/vms/registration {\"name\":\"p\",\"path\":\"%s\"}\n", x.v.clone);
		assert_string_equal(x.v.asked, knows ? "" : wanted);
		assert_string_equal(x.heard.text, "");
		tear_down(&x);
	}
}

static void without_vmrun_it_is_a_full_one(void **state)
{
	struct fixture x;

	(void)state;
	set_up(&x, "echo 'Error: Insufficient permissions'; exit 255\n");
	script_go(x.s);
	assert_null(x.b.ops->clone(x.b.host, &x.own, &x.c, &x.w, &x.clone));
	assert_string_equal(x.clone.vmx, x.v.clone);
	assert_string_equal(x.v.asked, "POST /api/vms {\"name\":\"p\",\"parentId\":\"VM1\"}\n");
	assert_non_null(strstr(x.heard.text, "Insufficient permissions"));
	tear_down(&x);
}

/* And it is asked for once: a second one would be nobody's. */
static void neither_way_is_vmruns_error(void **state)
{
	struct fixture x;
	char line[512];

	(void)state;
	set_up(&x, "echo 'Error: Insufficient permissions'; exit 255\n");
	x.v.post = "500 Internal Server Error";
	script_go(x.s);
	struct pl_error *e = x.b.ops->clone(x.b.host, &x.own, &x.c, &x.w, &x.clone);
	pl_error_line(e, line, sizeof(line));
	assert_non_null(strstr(line, "vmrun clone: failed (Insufficient permissions)"));
	assert_string_equal(x.v.asked, "POST /api/vms {\"name\":\"p\",\"parentId\":\"VM1\"}\n");
	pl_error_free(e);
	tear_down(&x);
}

static void removal_waits_for_the_locks(void **state)
{
	struct fixture x;
	struct vm clone;
	char text[256];

	(void)state;
	set_up(&x, RECORD);
	x.v.knows = true;
	x.v.locked = 2;
	clone = (struct vm){.id = (char *)"CLONE", .vmx = x.v.clone, .name = (char *)"p"};
	script_go(x.s);
	assert_null(x.b.ops->remove(x.b.host, &clone, &x.w));
	assert_string_equal(
		x.v.asked, "DELETE /api/vms/CLONE\nDELETE /api/vms/CLONE\nDELETE /api/vms/CLONE\n");
	assert_string_equal(temp_read(&x.dir, "args", text, sizeof(text)), "");
	tear_down(&x);
}

static void what_the_service_does_not_know_vmrun_deletes(void **state)
{
	struct fixture x;
	struct vm clone;
	char text[512], wanted[512];

	(void)state;
	set_up(&x, RECORD);
	clone = (struct vm){.id = (char *)"-", .vmx = x.v.clone, .name = (char *)"p"};
	script_go(x.s);
	assert_null(x.b.ops->remove(x.b.host, &clone, &x.w));
	temp_read(&x.dir, "args", text, sizeof(text));
	snprintf(wanted, sizeof(wanted), "-T|fusion|deleteVM|%s|\n", x.v.clone);
	assert_string_equal(text, wanted);
	tear_down(&x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_linked_clone_is_registered),
		cmocka_unit_test(without_vmrun_it_is_a_full_one),
		cmocka_unit_test(neither_way_is_vmruns_error),
		cmocka_unit_test(removal_waits_for_the_locks),
		cmocka_unit_test(what_the_service_does_not_know_vmrun_deletes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
