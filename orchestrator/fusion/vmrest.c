#include "orchestrator/fusion/vmrest.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "orchestrator/fusion/http.h"

#define MEDIA_TYPE "application/vnd.vmware.vmw.rest-v1+json"
#define TRIES 4
#define RETRY_FIRST (200 * PL_MS)

struct vmrest {
	struct http *http;
	char *url;           /* with /api, without a slash at its end */
	char *authorization; /* the header with the password, or NULL */
	char *password_from;
	const char *vm_password;
	int64_t timeout;
	const struct pl_log *log;
	long status;
};

struct call {
	const char *method;
	const char *path; /* below /api; starts with a slash, no query */
	const char *body;
	bool of_vm; /* takes vmPassword */
	bool slow;  /* copies disks: as long as the caller waits */
	int tries;
};

long vmrest_status(const struct vmrest *r)
{
	return r->status;
}

/* RFC 4648; in here because the input and the output are secrets to be wiped. */
static void base64(const unsigned char *in, size_t size, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < size; i += 3) {
		unsigned v = (unsigned)in[i] << 16;

		v |= i + 1 < size ? (unsigned)in[i + 1] << 8 : 0;
		v |= i + 2 < size ? (unsigned)in[i + 2] : 0;
		*out++ = digits[v >> 18];
		*out++ = digits[v >> 12 & 63];
		*out++ = i + 1 < size ? digits[v >> 6 & 63] : '=';
		*out++ = i + 2 < size ? digits[v & 63] : '=';
	}
	*out = '\0';
}

static struct pl_error *make_authorization(const char *user, const char *password, char **ret)
{
	static const char head[] = "Authorization: Basic ";
	char *pair = NULL, *header;
	struct pl_error *e;
	size_t size;

	if (strchr(user, ':'))
		return pl_error_new(PL_ERR_USAGE, "a user name with a colon cannot be sent");
	e = pl_asprintf(&pair, "%s:%s", user, password ? password : "");
	if (e)
		return e;
	size = strlen(pair);
	header = malloc(sizeof(head) + (size + 2) / 3 * 4);
	if (header) {
		memcpy(header, head, sizeof(head));
		base64((const unsigned char *)pair, size, header + sizeof(head) - 1);
	}
	http_wipe(pair);
	*ret = header;
	return header ? NULL : pl_error_nomem();
}

static struct pl_error *make_url(const char *url, char **ret)
{
	size_t n = strlen(url);

	while (n && url[n - 1] == '/')
		n--;
	if (n >= 4 && !strncmp(url + n - 4, "/api", 4))
		n -= 4;
	return pl_asprintf(ret, "%.*s/api", (int)n, url);
}

static struct pl_error *check_url(const struct vmrest_options *o)
{
	struct http_place place;
	struct pl_error *e = http_place(o->url, &place);

	if (e)
		return e;
	if (place.credentials)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "the address holds a user name or password"),
			"use fusion.user and fusion.password");
	if (!place.tls && !place.loopback && *o->user)
		pl_log(o->log, PL_LOG_WARN,
			"the password goes to %s unencrypted: use https and fusion.ca_file", o->url);
	return NULL;
}

struct pl_error *vmrest_open(const struct vmrest_options *o, struct vmrest **ret)
{
	struct vmrest *r;
	struct pl_error *e = check_url(o);

	if (e)
		return pl_error_at(e, "fusion.url");
	r = calloc(1, sizeof(*r));
	if (!r)
		return pl_error_nomem();
	r->vm_password = o->vm_password;
	r->timeout = o->timeout;
	r->log = o->log;
	e = make_url(o->url, &r->url);
	if (!e)
		e = pl_strdup(o->password_from ? o->password_from : "", &r->password_from);
	if (!e && *o->user)
		e = pl_error_at(make_authorization(o->user, o->password, &r->authorization), "fusion.user");
	if (!e)
		e = http_create(o->ca_file, &r->http);
	if (e) {
		vmrest_close(r);
		return e;
	}
	*ret = r;
	return NULL;
}

void vmrest_close(struct vmrest *r)
{
	if (!r)
		return;
	http_destroy(r->http);
	http_wipe(r->authorization);
	free(r->url);
	free(r->password_from);
	free(r);
}

static struct pl_error *hint_unsent(const struct vmrest *r, enum http_failure failure, struct pl_error *e)
{
	switch (failure) {
	case HTTP_FAILED_UNREACHABLE:
		return pl_error_hint(e,
			"start vmrest (in VMware Fusion.app/Contents/Public or Contents/Library; `vmrest -C` "
			"the first "
			"time), or correct fusion.url, now %s",
			r->url);
	case HTTP_FAILED_TLS:
		return pl_error_hint(
			e, "fusion.ca_file must name the certificate that vmrest was started with (-c)");
	default:
		return pl_error_hint(e, "is it vmrest that listens at %s?", r->url);
	}
}

static struct pl_error *hint_refused(const struct vmrest *r, struct pl_error *e)
{
	switch (r->status) {
	case 401:
		if (!r->authorization)
			return pl_error_hint(e, "set fusion.user and fusion.password");
		return pl_error_hint(e, "the password comes from %s; `vmrest -C` sets a new one",
			*r->password_from ? r->password_from : "nowhere: set fusion.password");
	case 403:
		return pl_error_hint(e, "is the VM encrypted? guests.NAME.vm_password gives its password");
	case 406:
		return pl_error_hint(e, "this service does not speak %s: is it vmrest?", MEDIA_TYPE);
	default:
		if (r->status == 404 || (r->status >= 300 && r->status < 400))
			return pl_error_hint(e, "is it vmrest that listens at %s?", r->url);
		if (r->status >= 500)
			return pl_error_hint(e, "try again; if it stays so, restart vmrest");
		return e;
	}
}

static struct pl_error *make_call_url(const struct vmrest *r, const struct call *c, char **ret)
{
	char *escaped = NULL;
	struct pl_error *e;

	if (!c->of_vm || !r->vm_password)
		return pl_asprintf(ret, "%s%s", r->url, c->path);
	e = http_escape(r->vm_password, &escaped);
	if (!e)
		e = pl_asprintf(ret, "%s%s?vmPassword=%s", r->url, c->path, escaped);
	http_wipe(escaped);
	return e;
}

/* One try. *again: it may go better the next time. */
static struct pl_error *try_once(struct vmrest *r, const struct call *c, const char *url,
	const struct pl_wait *w, struct http_answer *answer, bool *again)
{
	const char *headers[5] = {"Accept: " MEDIA_TYPE};
	size_t n = 1;
	struct http_request q = {.method = c->method, .url = url, .headers = headers, .body = c->body};
	struct pl_error *e;

	if (c->body)
		headers[n++] = "Content-Type: " MEDIA_TYPE;
	if (r->authorization)
		headers[n++] = r->authorization;
	*again = false;
	e = http_send(r->http, &q, w, answer);
	r->status = answer->status;
	if (e) {
		*again = answer->failure == HTTP_FAILED_BROKEN;
		return pl_error_kind(e) == PL_ERR_LAB ? hint_unsent(r, answer->failure, e) : e;
	}
	pl_log(r->log, PL_LOG_TRACE, "%s /api%s: %ld, %zu bytes", c->method, c->path, answer->status,
		answer->body.size);
	*again = r->status == 500 || (r->status >= 502 && r->status <= 504);
	if (r->status == 401)
		e = pl_error_why(pl_error_new(PL_ERR_LAB, "401 Unauthorized"), "%s",
			r->authorization ? "wrong user or password" : "no user is configured");
	else
		e = vmrest_decode_failure(r->status, pl_buf_text(&answer->body), answer->body.size);
	return hint_refused(r, e);
}

/* A call that ran out of its own time, not out of the caller's. */
static struct pl_error *name_timeout(const struct vmrest *r, const struct pl_wait *outer, struct pl_error *e)
{
	struct pl_error *over;
	char time[32];

	if (!e || pl_error_kind(e) != PL_ERR_TIMEOUT)
		return e;
	over = pl_wait_check(outer);
	if (over) {
		pl_error_free(over);
		return e;
	}
	pl_error_free(e);
	return pl_error_hint(pl_error_new(PL_ERR_TIMEOUT, "no answer within %s",
				     pl_format_time(r->timeout, time, sizeof(time))),
		"vmrest may hang: restart it, or raise fusion.timeout");
}

static struct pl_error *try_call(struct vmrest *r, const struct call *c, const char *url,
	const struct pl_wait *w, struct http_answer *answer)
{
	int64_t pause = RETRY_FIRST;

	for (int i = 1;; i++) {
		bool again;
		struct pl_error *e = try_once(r, c, url, w, answer, &again);
		struct pl_error *over;

		if (!e || !again || i >= c->tries)
			return e;
		pl_log(r->log, PL_LOG_DEBUG, "%s /api%s: %s; again", c->method, c->path, pl_error_what(e));
		over = pl_wait_sleep(w, pause);
		if (over && pl_error_kind(over) == PL_ERR_INTERRUPTED) {
			pl_error_free(e);
			return over;
		}
		if (over) { /* the failure says more than "timed out" */
			pl_error_free(over);
			return e;
		}
		pl_error_free(e);
		http_answer_deinit(answer);
		pause *= 2;
	}
}

/** Sends c; the answer's body is good JSON of the call, or nothing, to be looked at by the caller. */
static struct pl_error *send_call(
	struct vmrest *r, const struct call *c, const struct pl_wait *w, struct http_answer *answer)
{
	struct pl_wait own = c->slow ? *w : pl_wait_at_most(w, r->timeout);
	char *url = NULL;
	struct pl_error *e;

	memset(answer, 0, sizeof(*answer));
	r->status = 0;
	e = make_call_url(r, c, &url);
	if (!e)
		e = name_timeout(r, w, try_call(r, c, url, &own, answer));
	http_wipe(url);
	return pl_error_at(e, "%s /api%s", c->method, c->path);
}

static void vm_path(char path[128], const char *id, const char *what)
{
	snprintf(path, 128, "/vms/%.64s/%s", id, what);
}

struct got {
	struct http_answer answer;
	struct vmrest_text text; /* of answer.body */
	char where[160];
};

static struct pl_error *get(
	struct vmrest *r, const char *path, bool of_vm, int tries, const struct pl_wait *w, struct got *got)
{
	const struct call c = {.method = "GET", .path = path, .of_vm = of_vm, .tries = tries};
	struct pl_error *e = send_call(r, &c, w, &got->answer);

	snprintf(got->where, sizeof(got->where), "GET /api%s", path);
	got->text = (struct vmrest_text){pl_buf_text(&got->answer.body), got->answer.body.size, got->where};
	return e;
}

static struct pl_error *get_of_vm(struct vmrest *r, const char *id, const char *what, int tries,
	const struct pl_wait *w, struct got *got)
{
	char path[128];

	vm_path(path, id, what);
	return get(r, path, true, tries, w, got);
}

/* Ends a call: a decoder's complaint becomes the lab's fault. */
static struct pl_error *finish(struct got *got, struct pl_error *e)
{
	http_answer_deinit(&got->answer);
	return e && pl_error_kind(e) == PL_ERR_DATA ? pl_error_as(e, PL_ERR_LAB) : e;
}

struct pl_error *vmrest_vms(struct vmrest *r, const struct pl_wait *w, struct vmrest_vm **ret, size_t *count)
{
	struct got g;
	struct pl_error *e = get(r, "/vms", false, TRIES, w, &g);

	return finish(&g, e ? e : vmrest_decode_vms(&g.text, ret, count));
}

struct pl_error *vmrest_power(struct vmrest *r, const char *id, const struct pl_wait *w, enum vm_power *ret)
{
	struct got g;
	struct pl_error *e = get_of_vm(r, id, "power", TRIES, w, &g);

	return finish(&g, e ? e : vmrest_decode_power(&g.text, ret));
}

struct pl_error *vmrest_power_change(
	struct vmrest *r, const char *id, const char *word, const struct pl_wait *w)
{
	char path[128];
	struct call c = {.method = "PUT", .path = path, .body = word, .of_vm = true, .tries = 1};
	struct http_answer a;
	struct pl_error *e;

	vm_path(path, id, "power");
	pl_log(r->log, PL_LOG_DEBUG, "PUT /api%s: %s", path, word);
	e = send_call(r, &c, w, &a);
	http_answer_deinit(&a);
	return e;
}

/* A call with an object for a body, answered by one with an id; body is taken over. */
static struct pl_error *post(
	struct vmrest *r, const char *path, json_t *body, const struct pl_wait *w, char **ret)
{
	char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
	/* Once: a second clone would be one that nobody deletes. */
	const struct call c = {
		.method = "POST", .path = path, .body = text, .of_vm = true, .slow = true, .tries = 1};
	struct got g = {.where = ""};
	struct pl_error *e = text ? send_call(r, &c, w, &g.answer) : pl_error_nomem();

	*ret = NULL;
	snprintf(g.where, sizeof(g.where), "POST /api%s", path);
	g.text = (struct vmrest_text){pl_buf_text(&g.answer.body), g.answer.body.size, g.where};
	json_decref(body);
	free(text);
	return finish(&g, e ? e : vmrest_decode_id(&g.text, ret));
}

struct pl_error *vmrest_clone(
	struct vmrest *r, const char *id, const char *name, const struct pl_wait *w, char **ret)
{
	return post(r, "/vms", json_pack("{s:s, s:s}", "name", name, "parentId", id), w, ret);
}

struct pl_error *vmrest_register(
	struct vmrest *r, const char *name, const char *vmx, const struct pl_wait *w, char **ret)
{
	return post(r, "/vms/registration", json_pack("{s:s, s:s}", "name", name, "path", vmx), w, ret);
}

struct pl_error *vmrest_delete(struct vmrest *r, const char *id, const struct pl_wait *w)
{
	char path[128];
	struct call c = {.method = "DELETE", .path = path, .of_vm = true, .slow = true, .tries = 1};
	struct http_answer a;
	struct pl_error *e;

	snprintf(path, sizeof(path), "/vms/%.64s", id);
	e = send_call(r, &c, w, &a);
	http_answer_deinit(&a);
	return e;
}

struct pl_error *vmrest_nics(
	struct vmrest *r, const char *id, const struct pl_wait *w, struct vmrest_nic ret[8], size_t *count)
{
	struct got g;
	struct pl_error *e = get_of_vm(r, id, "nic", TRIES, w, &g);

	return finish(&g, e ? e : vmrest_decode_nics(&g.text, ret, count));
}

struct pl_error *vmrest_network(
	struct vmrest *r, const char *vmnet, const struct pl_wait *w, struct vm_network *ret)
{
	struct got g;
	bool found = false;
	char safe[32];
	struct pl_error *e = get(r, "/vmnet", false, TRIES, w, &g);

	if (!e)
		e = vmrest_decode_network(&g.text, vmnet, &found, ret);
	if (!e && !found)
		e = pl_error_at(pl_error_new(PL_ERR_LAB, "there is no network '%s'",
					pl_escape_str(vmnet, safe, sizeof(safe))),
			"%s", g.where);
	return finish(&g, e);
}

struct pl_error *vmrest_ip(struct vmrest *r, const char *id, const struct pl_wait *w, char ret[16])
{
	struct got g;
	struct pl_error *e = get_of_vm(r, id, "ip", 1, w, &g);

	return finish(&g, e ? e : vmrest_decode_ip(&g.text, ret));
}

struct pl_error *vmrest_nicips(
	struct vmrest *r, const char *id, const struct pl_wait *w, char ret[16][16], size_t *count)
{
	struct got g;
	struct pl_error *e = get_of_vm(r, id, "nicips", 1, w, &g);

	return finish(&g, e ? e : vmrest_decode_nicips(&g.text, ret, count));
}
