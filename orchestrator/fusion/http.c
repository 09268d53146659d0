#include "orchestrator/fusion/http.h"

#include <curl/curl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

struct http {
	CURLM *multi;
	char *ca_file;
};

/* What the callbacks of one request see. */
struct transfer {
	struct http_answer *answer;
	bool too_big;
};

void http_wipe(char *text)
{
	if (!text)
		return;
	/* volatile: a plain memset before free may be optimised away */
	for (volatile char *p = text; *p; p++)
		*p = 0;
	free(text);
}

struct pl_error *http_escape(const char *text, char **ret)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
	char *out = malloc(3 * strlen(text) + 1);
	char *o = out;

	if (!out)
		return pl_error_nomem();
	for (const char *p = text; *p; p++) {
		if (strchr(plain, *p)) {
			*o++ = *p;
			continue;
		}
		*o++ = '%';
		*o++ = hex[(unsigned char)*p >> 4];
		*o++ = hex[(unsigned char)*p & 15];
	}
	*o = '\0';
	*ret = out;
	return NULL;
}

static bool is_loopback(const char *host)
{
	return !strcasecmp(host, "localhost") || pl_starts_with(host, "127.") || !strcmp(host, "[::1]");
}

/* One part of a URL, or NULL; ended with curl_free(). */
static char *url_part(CURLU *u, CURLUPart part)
{
	char *text = NULL;

	if (curl_url_get(u, part, &text, 0) != CURLUE_OK)
		return NULL;
	return text;
}

struct pl_error *http_place(const char *url, struct http_place *ret)
{
	CURLU *u = curl_url();
	char *scheme = NULL, *host = NULL, *user = NULL;
	struct pl_error *e = NULL;

	memset(ret, 0, sizeof(*ret));
	if (!u)
		return pl_error_nomem();
	if (curl_url_set(u, CURLUPART_URL, url, 0) == CURLUE_OK) {
		scheme = url_part(u, CURLUPART_SCHEME);
		host = url_part(u, CURLUPART_HOST);
		user = url_part(u, CURLUPART_USER);
	}
	if (!scheme || !host || !*host || (strcasecmp(scheme, "http") && strcasecmp(scheme, "https")))
		e = pl_error_new(PL_ERR_USAGE, "not an http:// or https:// address");
	else {
		ret->tls = !strcasecmp(scheme, "https");
		ret->loopback = is_loopback(host);
		ret->credentials = user != NULL;
	}
	curl_free(scheme);
	curl_free(host);
	curl_free(user);
	curl_url_cleanup(u);
	return e;
}

struct pl_error *http_create(const char *ca_file, struct http **ret)
{
	struct http *h;
	struct pl_error *e;

	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return pl_error_new(PL_ERR_LAB, "libcurl does not start");
	h = calloc(1, sizeof(*h));
	if (!h) {
		curl_global_cleanup();
		return pl_error_nomem();
	}
	e = pl_strdup(ca_file, &h->ca_file);
	h->multi = curl_multi_init();
	if (!e && !h->multi)
		e = pl_error_nomem();
	if (e) {
		http_destroy(h);
		return e;
	}
	*ret = h;
	return NULL;
}

void http_destroy(struct http *h)
{
	if (!h)
		return;
	curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	free(h->ca_file);
	free(h);
}

void http_answer_deinit(struct http_answer *a)
{
	pl_buf_deinit(&a->body);
}

static size_t on_body(char *data, size_t one, size_t size, void *arg)
{
	struct transfer *t = arg;

	(void)one; /* always 1 */
	if (pl_buf_append_capped(&t->answer->body, data, size))
		return size;
	t->too_big = true;
	return 0;
}

static bool set_protocols(CURL *c)
{
#if LIBCURL_VERSION_NUM >= 0x075500
	return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK;
#else
	return curl_easy_setopt(c, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS)) == CURLE_OK;
#endif
}

static bool set_tls(const struct http *h, CURL *c)
{
	return curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) == CURLE_OK &&
	       (!h->ca_file || curl_easy_setopt(c, CURLOPT_CAINFO, h->ca_file) == CURLE_OK);
}

static bool set_request(CURL *c, const struct http_request *q, const struct curl_slist *headers)
{
	struct http_place place;
	struct pl_error *e = http_place(q->url, &place);
	bool ok = !e;

	pl_error_free(e);
	ok = ok && curl_easy_setopt(c, CURLOPT_URL, q->url) == CURLE_OK;
	ok = ok && curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers) == CURLE_OK;
	if (ok && place.loopback)
		ok = curl_easy_setopt(c, CURLOPT_NOPROXY, "*") == CURLE_OK;
	if (ok && q->body)
		ok = curl_easy_setopt(c, CURLOPT_POSTFIELDS, q->body) == CURLE_OK;
	return ok && curl_easy_setopt(c, CURLOPT_CUSTOMREQUEST, q->method) == CURLE_OK;
}

static bool set_options(const struct http *h, CURL *c, struct transfer *t, char *reason)
{
	return set_protocols(c) && set_tls(h, c) && curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
	       /* libcurl repeats a request on a kept connection that died; it must not repeat a PUT */
	       curl_easy_setopt(c, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, reason) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, t) == CURLE_OK;
}

static struct pl_error *make_headers(const char *const *from, struct curl_slist **ret)
{
	for (; from && *from; from++) {
		struct curl_slist *longer = curl_slist_append(*ret, *from);

		if (!longer)
			return pl_error_nomem();
		*ret = longer;
	}
	return NULL;
}

static void free_headers(struct curl_slist *headers)
{
	for (struct curl_slist *h = headers; h; h = h->next)
		for (volatile char *p = h->data; *p; p++)
			*p = 0;
	curl_slist_free_all(headers);
}

/* Drives the one transfer to its end; *ret is how it ended. */
static struct pl_error *drive(struct http *h, const struct pl_wait *w, CURLcode *ret)
{
	struct curl_waitfd cancel = {.events = CURL_WAIT_POLLIN};
	unsigned cancels = w->cancel ? 1 : 0;
	int running = 1;

	if (w->cancel)
		cancel.fd = w->cancel->read_fd;
	while (curl_multi_perform(h->multi, &running) == CURLM_OK) {
		struct pl_error *e;
		CURLMsg *m;
		int left, ms;

		if (!running) {
			m = curl_multi_info_read(h->multi, &left);
			*ret = m && m->msg == CURLMSG_DONE ? m->data.result : CURLE_RECV_ERROR;
			return NULL;
		}
		e = pl_wait_check(w);
		if (e)
			return e;
		ms = pl_wait_ms(w);
		/* "for ever" is not a time for libcurl: any number does, we come round again */
		if (curl_multi_poll(h->multi, &cancel, cancels, ms < 0 ? 60000 : ms, NULL) != CURLM_OK)
			break;
	}
	return pl_error_new(PL_ERR_LAB, "libcurl failed");
}

static enum http_failure failure_of(CURLcode code)
{
	switch (code) {
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
		return HTTP_FAILED_UNREACHABLE;
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_GOT_NOTHING:
	case CURLE_PARTIAL_FILE:
		return HTTP_FAILED_BROKEN;
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_SSL_ISSUER_ERROR:
		return HTTP_FAILED_TLS;
	default:
		return HTTP_FAILED_OTHER;
	}
}

static struct pl_error *explain(CURLcode code, const struct transfer *t, const char *reason)
{
	struct pl_error *e;
	char safe[256];

	if (t->too_big)
		return pl_error_new(PL_ERR_LAB, "the answer is longer than %zu bytes", t->answer->body.max);
	switch (failure_of(code)) {
	case HTTP_FAILED_UNREACHABLE:
		e = pl_error_new(PL_ERR_LAB, "no connection");
		break;
	case HTTP_FAILED_BROKEN:
		e = pl_error_new(PL_ERR_LAB, "the connection ended before the answer did");
		break;
	case HTTP_FAILED_TLS:
		e = pl_error_new(PL_ERR_LAB, "no trusted TLS connection");
		break;
	default:
		e = pl_error_new(PL_ERR_LAB, "the answer is not HTTP that can be read");
	}
	return pl_error_why(
		e, "%s", pl_escape_str(*reason ? reason : curl_easy_strerror(code), safe, sizeof(safe)));
}

static struct pl_error *perform(
	struct http *h, CURL *c, const struct pl_wait *w, struct transfer *t, const char *reason)
{
	struct pl_error *e;
	CURLcode code = CURLE_OK;

	if (curl_multi_add_handle(h->multi, c) != CURLM_OK)
		return pl_error_new(PL_ERR_LAB, "libcurl refuses the request");
	e = drive(h, w, &code);
	curl_multi_remove_handle(h->multi, c);
	if (e || code == CURLE_OK) {
		if (!e)
			curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &t->answer->status);
		return e;
	}
	t->answer->failure = t->too_big ? HTTP_FAILED_OTHER : failure_of(code);
	return explain(code, t, reason);
}

struct pl_error *http_send(
	struct http *h, const struct http_request *q, const struct pl_wait *w, struct http_answer *ret)
{
	char reason[CURL_ERROR_SIZE] = "";
	struct transfer t = {.answer = ret};
	struct curl_slist *headers = NULL;
	CURL *c = curl_easy_init();
	struct pl_error *e;

	memset(ret, 0, sizeof(*ret));
	pl_buf_init(&ret->body, HTTP_BODY_MAX);
	if (!c)
		return pl_error_nomem();
	e = make_headers(q->headers, &headers);
	if (!e && (!set_options(h, c, &t, reason) || !set_request(c, q, headers)))
		e = pl_error_new(PL_ERR_LAB, "libcurl refuses the request's options");
	if (!e)
		e = perform(h, c, w, &t, reason);
	if (e && ret->failure == HTTP_FAILED_NOT)
		ret->failure = HTTP_FAILED_OTHER;
	curl_easy_cleanup(c);
	free_headers(headers);
	return e;
}
