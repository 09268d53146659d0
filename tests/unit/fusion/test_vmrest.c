/* vmrest's client against a server that answers well, badly, or not at all. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "hear.h"
#include "orchestrator/fusion/vmrest.h"
#include "script_server.h"

#define MEDIA "application/vnd.vmware.vmw.rest-v1+json"
#define HEAD(status) "HTTP/1.1 " status "\r\nContent-Type: " MEDIA "\r\nConnection: close\r\n\r\n"

static struct vmrest *open_at(const char *url)
{
	const struct vmrest_options o = {
		.url = url,
		.user = "Aladdin",
		.password = "open sesame",
		.password_from = "file /secret/rest",
		.timeout = 20 * PL_SECOND,
	};
	struct vmrest *r = NULL;

	assert_null(vmrest_open(&o, &r));
	return r;
}

static struct pl_wait long_wait(void)
{
	return pl_wait_for(30 * PL_SECOND, NULL);
}

/* One GET of the power state against one answer; the error's line, or "" for ok. */
static void power_against(
	const struct script_reply *replies, int count, char *line, size_t size, int *requests)
{
	struct script_server *s = script_start(NULL, replies, count);
	struct vmrest *r = open_at(s->url);
	struct pl_wait w = long_wait();
	enum vm_power power = VM_POWER_CHANGING;
	struct pl_error *e;

	script_go(s);
	e = vmrest_power(r, "ABC", &w, &power);
	line[0] = '\0';
	if (e) {
		pl_error_line(e, line, size);
		assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
		assert_string_equal(pl_error_place(e), "GET /api/vms/ABC/power");
	} else {
		assert_int_equal(power, VM_POWER_ON);
	}
	pl_error_free(e);
	if (requests)
		*requests = atomic_load(&s->count);
	vmrest_close(r);
	script_end(s);
}

#define GOOD SCRIPT_SEND, HEAD("200 OK") "{\"power_state\":\"poweredOn\"}"
static const struct script_reply good = {GOOD};

static void request_is_what_the_spec_asks_for(void **state)
{
	struct script_server *s = script_start(NULL, &good, 1);
	struct vmrest *r = open_at(s->url);
	struct pl_wait w = long_wait();
	enum vm_power power;
	const char *get, *put;

	(void)state;
	script_go(s);
	assert_null(vmrest_power(r, "ABC", &w, &power));
	assert_null(vmrest_power_change(r, "ABC", "on", &w));
	get = s->requests[0];
	put = s->requests[1];
	assert_int_equal(strncmp(get, "GET /api/vms/ABC/power HTTP/1.1\r\n", 33), 0);
	/* the example of RFC 7617, section 2 */
	assert_non_null(strstr(get, "\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n"));
	assert_non_null(strstr(get, "\r\nAccept: " MEDIA "\r\n"));
	assert_null(strstr(get, "Content-Type"));
	assert_int_equal(strncmp(put, "PUT /api/vms/ABC/power HTTP/1.1\r\n", 33), 0);
	assert_non_null(strstr(put, "\r\nContent-Type: " MEDIA "\r\n"));
	assert_non_null(strstr(put, "\r\nAuthorization: Basic "));
	assert_string_equal(strstr(put, "\r\n\r\n"), "\r\n\r\non");
	vmrest_close(r);
	script_end(s);
}

static void url_may_end_in_api_or_slash(void **state)
{
	static const char *const ends[] = {"/", "/api", "/api/"};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct script_server *s = script_start(NULL, &good, 1);
		struct pl_wait w = long_wait();
		enum vm_power power;
		struct vmrest *r;
		char url[80];

		snprintf(url, sizeof(url), "%s%s", s->url, ends[i]);
		r = open_at(url);
		script_go(s);
		assert_null(vmrest_power(r, "ABC", &w, &power));
		assert_int_equal(strncmp(s->requests[0], "GET /api/vms/ABC/power ", 23), 0);
		vmrest_close(r);
		script_end(s);
	}
}

static void vm_password_is_sent_escaped_and_never_logged(void **state)
{
	struct heard heard = {""};
	const struct pl_log log = {hear, &heard, PL_LOG_TRACE};
	struct script_reply replies[] = {
		{SCRIPT_SEND, HEAD("500 Internal Server Error") "{\"Code\":1,\"Message\":\"no\"}"}};
	struct script_server *s = script_start(NULL, replies, 1);
	const struct vmrest_options o = {.url = s->url,
		.user = "",
		.vm_password = "p&=\xc3\xa9 #",
		.timeout = 20 * PL_SECOND,
		.log = &log};
	struct pl_wait w = long_wait();
	struct vmrest *r;
	struct pl_error *e;
	char ip[16], line[512];

	(void)state;
	assert_null(vmrest_open(&o, &r));
	script_go(s);
	e = vmrest_ip(r, "ABC", &w, ip);
	assert_non_null(e);
	assert_int_equal(
		strncmp(s->requests[0], "GET /api/vms/ABC/ip?vmPassword=p%26%3D%C3%A9%20%23 ", 51), 0);
	assert_null(strstr(s->requests[0], "Authorization"));
	assert_null(strstr(heard.text, "%26"));
	assert_null(strstr(pl_error_line(e, line, sizeof(line)), "%26"));
	assert_non_null(strstr(heard.text, "/api/vms/ABC/ip"));
	pl_error_free(e);
	vmrest_close(r);
	script_end(s);
}

static void refused_login_names_where_the_password_is_from(void **state)
{
	static const struct script_reply r = {
		SCRIPT_SEND, HEAD("401 Unauthorized") "{\"Code\":401,\"Message\":\"Authentication failed\"}"};
	char line[512];
	int requests;

	(void)state;
	power_against(&r, 1, line, sizeof(line), &requests);
	assert_non_null(strstr(line, "GET /api/vms/ABC/power: 401 Unauthorized (wrong user or password): "));
	assert_non_null(strstr(line, "file /secret/rest"));
	assert_int_equal(requests, 1);
}

static void errors_in_both_spellings_and_in_plain_text(void **state)
{
	static const struct {
		const char *answer;
		const char *what;
	} cases[] = {
		{HEAD("409 Conflict") "{\"Code\":107,\"Message\":\"The virtual machine is not powered off\"}",
			": 409 Conflict (The virtual machine is not powered off (code 107))"},
		{HEAD("400 Bad Request") "{\"code\":121,\"message\":\"Redundant parameter\"}",
			": 400 Bad Request (Redundant parameter (code 121))"},
		{HEAD("404 Not Found") "404 page not found\n",
			": 404 Not Found (404 page not found): is it vmrest"},
		{HEAD("406 Not Acceptable") "", ": 406 Not Acceptable: this service does not speak " MEDIA},
		{HEAD("302 Found") "", ": answered with a redirect (302), which is not followed"},
		{HEAD("418 x") "a\033[31m\x07", ": 418 (a\\x1b[31m\\x07)"},
		{HEAD("200 OK") "{\"Code\":7,\"Message\":\"no\"}",
			": refused, although with status 200 (no (code 7))"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const struct script_reply r = {SCRIPT_SEND, cases[i].answer};
		char line[512];
		int requests;

		power_against(&r, 1, line, sizeof(line), &requests);
		if (!strstr(line, cases[i].what))
			fail_msg("'%s' has no '%s'", line, cases[i].what);
		assert_int_equal(requests, 1);
	}
}

static void answers_that_are_no_answers(void **state)
{
	static const struct script_reply replies[] = {
		{SCRIPT_SEND, HEAD("200 OK") ""},
		{SCRIPT_SEND, HEAD("200 OK") "{\"power_state\":"},
		{SCRIPT_SEND, HEAD("200 OK") "[]"},
		{SCRIPT_SEND, HEAD("200 OK") "{\"power_state\":7}"},
		{SCRIPT_SEND, HEAD("200 OK") "{\"power_state\":\"levitating\"}"},
		{SCRIPT_SEND, "garbage\r\n\r\n"},
		{SCRIPT_SEND, "SSH-2.0-OpenSSH_9.2\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		char line[512];

		power_against(&replies[i], 1, line, sizeof(line), NULL);
		if (!*line)
			fail_msg("answer %zu was taken", i);
	}
}

static void endless_answer_is_cut(void **state)
{
	static const struct script_reply r = {SCRIPT_HUGE, HEAD("200 OK")};
	char line[512];

	(void)state;
	power_against(&r, 1, line, sizeof(line), NULL);
	assert_non_null(strstr(line, "the answer is longer than 4194304 bytes"));
}

static void reads_are_tried_again(void **state)
{
	static const struct script_reply resets[] = {{SCRIPT_RESET, NULL},
		{SCRIPT_RESET, "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"},
		{SCRIPT_SEND, HEAD("503 Service Unavailable") ""}, {GOOD}};
	static const struct script_reply never = {SCRIPT_RESET, NULL};
	char line[512];
	int requests;

	(void)state;
	power_against(resets, 4, line, sizeof(line), &requests);
	assert_string_equal(line, "");
	assert_int_equal(requests, 4);
	power_against(&never, 1, line, sizeof(line), &requests);
	assert_non_null(strstr(line, "the connection ended before the answer did"));
	assert_int_equal(requests, 4);
}

static void changes_are_sent_once(void **state)
{
	static const struct script_reply bad[] = {{SCRIPT_RESET, NULL}, {SCRIPT_SEND, HEAD("503 x") ""}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct script_server *s = script_start(NULL, &bad[i], 1);
		struct vmrest *r = open_at(s->url);
		struct pl_wait w = long_wait();
		struct pl_error *e;

		script_go(s);
		e = vmrest_power_change(r, "ABC", "off", &w);
		assert_non_null(e);
		assert_string_equal(pl_error_place(e), "PUT /api/vms/ABC/power");
		assert_int_equal(atomic_load(&s->count), 1);
		pl_error_free(e);
		vmrest_close(r);
		script_end(s);
	}
}

static void error_model_with_code_0_is_success(void **state)
{
	static const struct script_reply ok[] = {
		{SCRIPT_SEND, HEAD("200 OK") "{\"Code\":0,\"Message\":\"\"}"},
		{SCRIPT_SEND, HEAD("204 No Content") ""}};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct script_server *s = script_start(NULL, &ok[i], 1);
		struct vmrest *r = open_at(s->url);
		struct pl_wait w = long_wait();

		script_go(s);
		assert_null(vmrest_power_change(r, "ABC", "off", &w));
		vmrest_close(r);
		script_end(s);
	}
}

static void nobody_there(void **state)
{
	struct script_server *s = script_start(NULL, &good, 1);
	struct vmrest *r = open_at(s->url);
	struct pl_wait w = long_wait();
	struct vmrest_vm *vms = NULL;
	size_t count = 0;
	struct pl_error *e;
	char line[512];

	(void)state;
	/* bound by us and closed: the port is free, and nobody listens on it */
	script_go(s);
	script_end(s);
	e = vmrest_vms(r, &w, &vms, &count);
	pl_error_line(e, line, sizeof(line));
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_non_null(strstr(line, "GET /api/vms: no connection ("));
	assert_non_null(strstr(line, "start vmrest"));
	assert_int_equal(vmrest_status(r), 0);
	pl_error_free(e);
	vmrest_close(r);
}

static void silence_ends_at_the_deadline(void **state)
{
	static const struct script_reply silent = {SCRIPT_SILENT, "HTTP/1.1 200 OK\r\n"};
	struct script_server *s = script_start(NULL, &silent, 1);
	struct vmrest *r = open_at(s->url);
	struct pl_wait w = pl_wait_for(100 * PL_MS, NULL);
	enum vm_power power;
	struct pl_error *e;

	(void)state;
	script_go(s);
	e = vmrest_power(r, "ABC", &w, &power);
	assert_int_equal(pl_error_kind(e), PL_ERR_TIMEOUT);
	assert_string_equal(pl_error_place(e), "GET /api/vms/ABC/power");
	pl_error_free(e);
	vmrest_close(r);
	script_end(s);
}

static void silence_ends_at_the_calls_own_timeout(void **state)
{
	static const struct script_reply silent = {SCRIPT_SILENT, NULL};
	struct script_server *s = script_start(NULL, &silent, 1);
	const struct vmrest_options o = {.url = s->url, .user = "", .timeout = 100 * PL_MS};
	struct pl_wait w = {PL_TIME_FOREVER, NULL};
	enum vm_power power;
	struct vmrest *r;
	struct pl_error *e;
	char line[512];

	(void)state;
	assert_null(vmrest_open(&o, &r));
	script_go(s);
	e = vmrest_power(r, "ABC", &w, &power);
	assert_int_equal(pl_error_kind(e), PL_ERR_TIMEOUT);
	assert_non_null(strstr(pl_error_line(e, line, sizeof(line)), "raise fusion.timeout"));
	pl_error_free(e);
	vmrest_close(r);
	script_end(s);
}

/* The server itself interrupts, once it has the request: so the client is in its wait. */
static struct script_reply interrupt(struct script_server *s, const char *request, int number)
{
	(void)request;
	(void)number;
	pl_cancel_set(s->arg);
	return (struct script_reply){SCRIPT_SILENT, NULL};
}

static void interruption_ends_a_call(void **state)
{
	struct script_server *s = script_start(interrupt, NULL, 0);
	struct vmrest *r = open_at(s->url);
	struct pl_cancel cancel;
	struct pl_wait w;
	enum vm_power power;
	struct pl_error *e;

	(void)state;
	assert_null(pl_cancel_init(&cancel));
	s->arg = &cancel;
	w = (struct pl_wait){PL_TIME_FOREVER, &cancel};
	script_go(s);
	e = vmrest_power(r, "ABC", &w, &power);
	assert_int_equal(pl_error_kind(e), PL_ERR_INTERRUPTED);
	pl_error_free(e);
	vmrest_close(r);
	script_end(s);
	pl_cancel_deinit(&cancel);
}

static void bad_urls_are_refused(void **state)
{
	static const char *const urls[] = {"", "vmrest", "ftp://127.0.0.1", "file:///etc/passwd", "http://",
		"http://u:p@127.0.0.1:8697"};

	(void)state;
	for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
		const struct vmrest_options o = {.url = urls[i], .user = "", .timeout = PL_SECOND};
		struct vmrest *r = NULL;
		struct pl_error *e = vmrest_open(&o, &r);

		if (!e)
			fail_msg("'%s' was taken", urls[i]);
		assert_int_equal(pl_error_kind(e), PL_ERR_USAGE);
		assert_null(strstr(pl_error_what(e), "u:p"));
		pl_error_free(e);
	}
}

static void password_over_plain_http_to_elsewhere_is_warned_of(void **state)
{
	static const struct {
		const char *url;
		bool warned;
	} cases[] = {{"http://192.0.2.1:8697", true}, {"https://192.0.2.1:8697", false},
		{"http://127.0.0.1:8697", false}, {"http://localhost:8697", false}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct heard heard = {""};
		const struct pl_log log = {hear, &heard, PL_LOG_WARN};
		const struct vmrest_options o = {
			.url = cases[i].url, .user = "u", .password = "p", .timeout = PL_SECOND, .log = &log};
		struct vmrest *r = NULL;

		assert_null(vmrest_open(&o, &r));
		assert_int_equal(strstr(heard.text, "unencrypted") != NULL, cases[i].warned);
		vmrest_close(r);
	}
}

static void proxy_is_not_asked_for_the_loopback(void **state)
{
	char line[512];

	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
	power_against(&good, 1, line, sizeof(line), NULL);
	unsetenv("http_proxy");
	unsetenv("ALL_PROXY");
	assert_string_equal(line, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_is_what_the_spec_asks_for),
		cmocka_unit_test(url_may_end_in_api_or_slash),
		cmocka_unit_test(vm_password_is_sent_escaped_and_never_logged),
		cmocka_unit_test(refused_login_names_where_the_password_is_from),
		cmocka_unit_test(errors_in_both_spellings_and_in_plain_text),
		cmocka_unit_test(answers_that_are_no_answers),
		cmocka_unit_test(endless_answer_is_cut),
		cmocka_unit_test(reads_are_tried_again),
		cmocka_unit_test(changes_are_sent_once),
		cmocka_unit_test(error_model_with_code_0_is_success),
		cmocka_unit_test(nobody_there),
		cmocka_unit_test(silence_ends_at_the_deadline),
		cmocka_unit_test(silence_ends_at_the_calls_own_timeout),
		cmocka_unit_test(interruption_ends_a_call),
		cmocka_unit_test(bad_urls_are_refused),
		cmocka_unit_test(password_over_plain_http_to_elsewhere_is_warned_of),
		cmocka_unit_test(proxy_is_not_asked_for_the_loopback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
