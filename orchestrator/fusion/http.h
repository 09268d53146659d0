/*
 * One HTTP request at a time over libcurl.
 *
 * Certificates are always verified, redirects never followed, a host on the
 * loopback never asked for through a proxy, and each request has a connection
 * of its own: so nothing is ever sent twice behind the caller's back.
 */
#ifndef FUSION_HTTP_H
#define FUSION_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/wait.h"

#define HTTP_BODY_MAX ((size_t)4 << 20)

struct http;

struct http_request {
	const char *method;
	const char *url;            /* may hold a secret: never logged, never in an error */
	const char *const *headers; /* NULL-terminated "Name: value" */
	const char *body;           /* NULL: none */
};

/* How a request failed, for whoever knows what to do about it. */
enum http_failure {
	HTTP_FAILED_NOT,
	HTTP_FAILED_UNREACHABLE, /* no connection was made */
	HTTP_FAILED_BROKEN,      /* the connection ended before the answer did */
	HTTP_FAILED_TLS,         /* the certificate or the CA file is no good */
	HTTP_FAILED_OTHER,
};

struct http_answer {
	enum http_failure failure;
	long status;        /* 0 when there was no answer */
	struct pl_buf body; /* at most HTTP_BODY_MAX */
};

/** ca_file: NULL for the system's own; copied. No traffic. */
struct pl_error *http_create(const char *ca_file, struct http **ret) PL_MUST_USE;
void http_destroy(struct http *h);

/**
 * Sends and reads the whole answer. Ok whatever the status; else PL_ERR_LAB
 * with libcurl's reason, TIMEOUT or INTERRUPTED. *ret needs
 * http_answer_deinit() in any case.
 */
struct pl_error *http_send(struct http *h, const struct http_request *q, const struct pl_wait *w,
	struct http_answer *ret) PL_MUST_USE;
void http_answer_deinit(struct http_answer *a);

/* What a base URL says about where it leads. */
struct http_place {
	bool tls;
	bool loopback;
	bool credentials; /* user:password@ in it */
};

/** PL_ERR_USAGE if url is not http:// or https:// with a host. */
struct pl_error *http_place(const char *url, struct http_place *ret) PL_MUST_USE;

/** text with everything but unreserved characters as %XX; malloc'd, wipe with http_wipe(). */
struct pl_error *http_escape(const char *text, char **ret) PL_MUST_USE;

/** Overwrites the text and frees it; NULL-safe. For what holds a secret. */
void http_wipe(char *text);

#endif
