#include "tests/simlab/simlab/rest.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "tests/simlab/simlab/make.h"

#define MEDIA_TYPE "application/vnd.vmware.vmw.rest-v1+json"
#define BODY_MAX 65536
#define REALM "vmrest (simulated)"
#define USUAL_DELAY (4 * PL_MS)
#define TLS_KEY_FILE "run/rest-key.pem"
#define TLS_CERT_FILE "run/rest-cert.pem"

struct rest {
	struct sim *sim;
	struct MHD_Daemon *mhd; /* NULL while the fault keeps it down */
	struct pl_buf tls_key;
	struct pl_buf tls_cert;
	struct request *pending; /* the one that is being answered */
	int64_t pending_until;
};

struct request {
	struct rest *rest;
	struct MHD_Connection *connection;
	struct pl_buf body;
	bool counted; /* pending is this one, or was it */
	bool waited;
	bool parallel;
};

/* ---- answers ---- */

void rest_error(struct rest_answer *a, unsigned status, int code, const char *fmt, ...)
{
	char message[512];
	va_list args;
	va_start(args, fmt);
	vsnprintf(message, sizeof message, fmt, args);
	va_end(args);
	/* Capitals on the wire, as the real one has; a few answers follow the published spelling. */
	bool lower = status == 404;
	json_t *o = json_pack(
		"{s:i, s:s}", lower ? "code" : "Code", code, lower ? "message" : "Message", message);
	a->status = status;
	a->json = json_dumps(o, 0);
	json_decref(o);
}

static enum MHD_Result send_answer(struct MHD_Connection *c, const struct rest_answer *a)
{
	const char *text = a->json != NULL ? a->json : "";
	struct MHD_Response *r =
		MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text, MHD_RESPMEM_MUST_COPY);
	MHD_add_response_header(
		r, MHD_HTTP_HEADER_CONTENT_TYPE, a->plain ? "text/plain; charset=utf-8" : MEDIA_TYPE);
	enum MHD_Result ok = a->status == 401 ? MHD_queue_basic_auth_fail_response(c, REALM, r)
					      : MHD_queue_response(c, a->status, r);
	MHD_destroy_response(r);
	return ok;
}

static bool password_right(struct MHD_Connection *c)
{
	char wanted[64] = "";
	FILE *f = fopen("vmrest-password", "r");
	if (f != NULL) {
		if (fgets(wanted, sizeof wanted, f) != NULL)
			wanted[strcspn(wanted, "\n")] = '\0';
		fclose(f);
	}
	char *password = NULL;
	char *user = MHD_basic_auth_get_username_password(c, &password);
	bool ok = user != NULL && password != NULL && wanted[0] != '\0' && strcmp(user, "simlab") == 0 &&
		  strcmp(password, wanted) == 0;
	MHD_free(user);
	MHD_free(password);
	return ok;
}

static bool media_right(struct MHD_Connection *c, bool has_body)
{
	const char *accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
	const char *type = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_TYPE);
	bool accepted = accept == NULL || strstr(accept, MEDIA_TYPE) != NULL || strstr(accept, "*/*") != NULL;
	return accepted && (!has_body || (type != NULL && strstr(type, MEDIA_TYPE) == type));
}

/* ---- one request ---- */

static void split_path(char *url, struct rest_request *q)
{
	char *save = NULL;
	for (char *p = strtok_r(url, "/", &save); p != NULL && q->depth < 8; p = strtok_r(NULL, "/", &save))
		q->path[q->depth++] = p;
}

static void route(
	struct rest *r, struct request *req, const char *url, const char *method, struct rest_answer *a)
{
	char *copy = strdup(url);
	struct rest_request q = {.method = method, .body = pl_buf_text(&req->body)};
	q.vm_password = MHD_lookup_connection_value(req->connection, MHD_GET_ARGUMENT_KIND, "vmPassword");
	if (copy != NULL)
		split_path(copy, &q);
	if (q.depth == 0 || strcmp(q.path[0], "api") != 0) {
		a->status = 404;
		a->plain = true;
		a->json = strdup("404 page not found\n");
	} else if (!password_right(req->connection))
		rest_error(a, 401, 1, "Authentication failed");
	else if (!media_right(req->connection, req->body.size > 0))
		rest_error(a, 406, 2, "The content type is not supported. Use " MEDIA_TYPE);
	else {
		memmove(q.path, q.path + 1, sizeof q.path - sizeof q.path[0]);
		q.depth--;
		rest_api(r->sim, &q, a);
	}
	free(copy);
}

static int64_t delay_of(const struct rest *r)
{
	const struct faults *f = &r->sim->faults;
	return f->on[FAULT_REST_SLOW] ? (int64_t)f->value[FAULT_REST_SLOW] : USUAL_DELAY;
}

/* Suspends the connection until the moment an answer takes is over. */
static void begin(struct rest *r, struct request *req, const char *url, const char *method)
{
	req->counted = true;
	sim_event("rest %s %s", method, url);
	if (r->pending != NULL) {
		req->parallel = true;
		sim_event("violation: parallel REST call %s %s", method, url);
		return;
	}
	r->pending = req;
	r->pending_until = pl_now() + delay_of(r);
	MHD_suspend_connection(req->connection);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url, const char *method,
	const char *version, const char *data, size_t *size, void **state)
{
	struct rest *r = arg;
	struct request *req = *state;
	struct rest_answer a = {0};
	(void)version;
	if (req == NULL) {
		req = calloc(1, sizeof *req);
		if (req == NULL)
			return MHD_NO;
		*req = (struct request){.rest = r, .connection = c};
		pl_buf_init(&req->body, BODY_MAX);
		*state = req;
		return MHD_YES;
	}
	if (*size > 0) {
		pl_buf_append_capped(&req->body, data, *size);
		*size = 0;
		return MHD_YES;
	}
	if (!req->counted)
		begin(r, req, url, method);
	if (req->parallel)
		rest_error(&a, 500, 3, "vmrest is busy with another call (simulated)");
	else if (!req->waited)
		return MHD_YES;
	else
		route(r, req, url, method, &a);
	enum MHD_Result ok = send_answer(c, &a);
	free(a.json);
	return ok;
}

static void on_completed(
	void *arg, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
	struct rest *r = arg;
	struct request *req = *state;
	(void)c;
	(void)why;
	if (req == NULL)
		return;
	if (r->pending == req)
		r->pending = NULL;
	pl_buf_deinit(&req->body);
	free(req);
	*state = NULL;
}

/* ---- the server ---- */

struct pl_error *rest_new_id(char ret[static SIM_ID_SIZE])
{
	static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
	unsigned char bytes[SIM_ID_SIZE - 1];
	if (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
		return pl_error_errno(PL_ERR_LAB, errno, "cannot make an id");
	for (size_t i = 0; i < sizeof bytes; i++)
		ret[i] = DIGITS[bytes[i] % (sizeof DIGITS - 1)];
	ret[sizeof bytes] = '\0';
	return NULL;
}

static struct pl_error *listen_now(struct rest *r)
{
	struct sim *s = r->sim;
	struct sockaddr_in sin = {.sin_family = AF_INET, .sin_port = htons(s->opt.port)};
	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	struct MHD_OptionItem tls[] = {{MHD_OPTION_HTTPS_MEM_KEY, 0, r->tls_key.data},
		{MHD_OPTION_HTTPS_MEM_CERT, 0, r->tls_cert.data}, {MHD_OPTION_END, 0, NULL}};
	if (!s->opt.tls)
		tls[0] = tls[2];
	unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (s->opt.tls ? MHD_USE_TLS : 0U);
	r->mhd = MHD_start_daemon(flags, s->opt.port, NULL, NULL, on_request, r, MHD_OPTION_SOCK_ADDR, &sin,
		MHD_OPTION_NOTIFY_COMPLETED, on_completed, r, MHD_OPTION_ARRAY, tls, MHD_OPTION_END);
	if (r->mhd == NULL)
		return pl_error_hint(
			pl_error_new(PL_ERR_LAB, "vmrest cannot listen on 127.0.0.1:%u", s->opt.port),
			"is another lab running? use --port 0");
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(r->mhd, MHD_DAEMON_INFO_BIND_PORT);
	s->opt.port = info->port;
	struct pl_error *e = rest_new_id(s->vm_id);
	for (size_t i = 0; i < s->clone_count && e == NULL; i++)
		e = rest_new_id(s->clones[i].id);
	return e != NULL ? e : rest_new_id(s->other_id);
}

struct pl_error *rest_create(struct sim *s, struct rest **ret)
{
	struct rest *r = calloc(1, sizeof *r);
	struct pl_error *e = r == NULL ? pl_error_nomem() : NULL;
	if (e != NULL)
		return e;
	r->sim = s;
	pl_buf_init(&r->tls_key, 65536);
	pl_buf_init(&r->tls_cert, 65536);
	if (s->opt.tls) {
		e = pl_fs_read(TLS_KEY_FILE, &r->tls_key);
		if (e == NULL)
			e = pl_fs_read(TLS_CERT_FILE, &r->tls_cert);
	}
	if (e == NULL)
		e = listen_now(r);
	if (e != NULL) {
		rest_destroy(r);
		return e;
	}
	*ret = r;
	return NULL;
}

static void stop_listening(struct rest *r)
{
	if (r->pending != NULL)
		MHD_resume_connection(r->pending->connection);
	r->pending = NULL;
	if (r->mhd != NULL) {
		MHD_stop_daemon(r->mhd);
		sim_event("vmrest stops");
	}
	r->mhd = NULL;
}

void rest_destroy(struct rest *r)
{
	if (r == NULL)
		return;
	stop_listening(r);
	pl_buf_deinit(&r->tls_key);
	pl_buf_deinit(&r->tls_cert);
	free(r);
}

size_t rest_poll(const struct rest *r, struct pollfd *fd)
{
	if (r->mhd == NULL)
		return 0;
	const union MHD_DaemonInfo *info = MHD_get_daemon_info(r->mhd, MHD_DAEMON_INFO_EPOLL_FD);
	*fd = (struct pollfd){.fd = info->epoll_fd, .events = POLLIN};
	return 1;
}

bool rest_busy(const struct rest *r)
{
	return r->pending != NULL || (r->mhd == NULL) != r->sim->faults.on[FAULT_REST_DOWN];
}

void rest_run(struct rest *r)
{
	struct pl_error *e = NULL;
	if (r->sim->faults.on[FAULT_REST_DOWN] && r->mhd != NULL)
		stop_listening(r);
	else if (!r->sim->faults.on[FAULT_REST_DOWN] && r->mhd == NULL) {
		e = listen_now(r);
		sim_complain(e != NULL ? e : make_env(r->sim));
	}
	if (r->mhd == NULL)
		return;
	if (r->pending != NULL && !r->pending->waited && pl_now() >= r->pending_until) {
		r->pending->waited = true;
		MHD_resume_connection(r->pending->connection);
	}
	MHD_run(r->mhd);
}

struct pl_error *rest_make_certificate(void)
{
	const char *const ca[] = {"openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30",
		"-subj", "/CN=simulated lab CA", "-keyout", "run/ca-key.pem", "-out", "ca.pem", NULL};
	const char *const request[] = {"openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj",
		"/CN=127.0.0.1", "-keyout", TLS_KEY_FILE, "-out", "run/rest.csr", NULL};
	const char *const sign[] = {"openssl", "x509", "-req", "-in", "run/rest.csr", "-CA", "ca.pem",
		"-CAkey", "run/ca-key.pem", "-CAcreateserial", "-days", "30", "-extfile", "run/rest.ext",
		"-out", TLS_CERT_FILE, NULL};
	static const char EXTENSION[] = "subjectAltName=IP:127.0.0.1,DNS:localhost\n";
	if (access(TLS_CERT_FILE, F_OK) == 0)
		return NULL;
	struct pl_error *e = pl_fs_write("run/rest.ext", EXTENSION, sizeof EXTENSION - 1, 0644);
	if (e == NULL)
		e = make_run(ca, NULL);
	if (e == NULL)
		e = make_run(request, NULL);
	return e != NULL ? e : make_run(sign, NULL);
}
