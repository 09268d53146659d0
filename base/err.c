#define PL_ERR_IMPLEMENTATION
#include "base/err.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"

struct pl_error {
	enum pl_error_kind kind;
	char *what;
	char *place;
	char *reason;
	char *advice;
	char *chain;
};

static struct pl_error out_of_memory = {
	.kind = PL_ERR_NOMEM,
};

static char *format(const char *fmt, va_list args) PL_PRINTF(1, 0);

/* Safe to show wherever an error ends up: what it quotes may come from a guest. */
static char *format(const char *fmt, va_list args)
{
	char *text = NULL;
	if (vasprintf(&text, fmt, args) < 0)
		return NULL;
	/* A byte becomes four characters at most. */
	size_t size = 4 * strlen(text) + 1;
	char *safe = malloc(size);
	if (safe != NULL)
		pl_safe_line(text, safe, size);
	free(text);
	return safe;
}

static struct pl_error *create(enum pl_error_kind kind, char *what)
{
	struct pl_error *e = what == NULL ? NULL : calloc(1, sizeof *e);
	if (e == NULL) {
		free(what);
		return &out_of_memory;
	}
	e->kind = kind;
	e->what = what;
	return e;
}

struct pl_error *pl_error_new(enum pl_error_kind kind, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	char *what = format(fmt, args);
	va_end(args);
	return create(kind, what);
}

struct pl_error *pl_error_errno(enum pl_error_kind kind, int errnum, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	char *what = format(fmt, args);
	va_end(args);
	struct pl_error *e = create(kind, what);
	char text[128];
	/* strerror_r() has two forms; strerror() is made safe by the copy. */
	snprintf(text, sizeof text, "%s", strerror(errnum));
	return pl_error_why(e, "%s", text);
}

struct pl_error *pl_error_nomem(void)
{
	return &out_of_memory;
}

/* Sets *field unless it is set or the error is the static one. */
static struct pl_error *set_once(struct pl_error *e, char **field, const char *fmt, va_list args)
	PL_PRINTF(3, 0);

static struct pl_error *set_once(struct pl_error *e, char **field, const char *fmt, va_list args)
{
	if (*field == NULL)
		*field = format(fmt, args);
	return e;
}

struct pl_error *pl_error_at(struct pl_error *e, const char *fmt, ...)
{
	if (e == NULL || e == &out_of_memory)
		return e;
	va_list args;
	va_start(args, fmt);
	set_once(e, &e->place, fmt, args);
	va_end(args);
	return e;
}

struct pl_error *pl_error_move(struct pl_error *e, const char *fmt, ...)
{
	if (e == NULL || e == &out_of_memory)
		return e;
	if (e->kind != PL_ERR_INTERRUPTED) {
		free(e->place);
		e->place = NULL;
	}
	va_list args;
	va_start(args, fmt);
	set_once(e, &e->place, fmt, args);
	va_end(args);
	return e;
}

struct pl_error *pl_error_why(struct pl_error *e, const char *fmt, ...)
{
	if (e == NULL || e == &out_of_memory)
		return e;
	va_list args;
	va_start(args, fmt);
	set_once(e, &e->reason, fmt, args);
	va_end(args);
	return e;
}

struct pl_error *pl_error_hint(struct pl_error *e, const char *fmt, ...)
{
	/* Somebody who pressed Ctrl-C knows what to do next. */
	if (e == NULL || e == &out_of_memory || e->kind == PL_ERR_INTERRUPTED)
		return e;
	va_list args;
	va_start(args, fmt);
	set_once(e, &e->advice, fmt, args);
	va_end(args);
	return e;
}

struct pl_error *pl_error_context(struct pl_error *e, const char *fmt, ...)
{
	if (e == NULL || e == &out_of_memory)
		return e;
	va_list args;
	va_start(args, fmt);
	char *context = format(fmt, args);
	va_end(args);
	if (context == NULL)
		return e;
	if (e->chain == NULL) {
		e->chain = context;
		return e;
	}
	char *joined = NULL;
	if (asprintf(&joined, "%s: %s", context, e->chain) < 0)
		joined = NULL;
	free(context);
	if (joined != NULL) {
		free(e->chain);
		e->chain = joined;
	}
	return e;
}

struct pl_error *pl_error_as(struct pl_error *e, enum pl_error_kind kind)
{
	if (e != NULL && e != &out_of_memory && e->kind != PL_ERR_INTERRUPTED)
		e->kind = kind;
	return e;
}

enum pl_error_kind pl_error_kind(const struct pl_error *e)
{
	return e->kind;
}

const char *pl_error_what(const struct pl_error *e)
{
	return e->what == NULL ? "out of memory" : e->what;
}

const char *pl_error_place(const struct pl_error *e)
{
	return e->place;
}

const char *pl_error_reason(const struct pl_error *e)
{
	return e->reason;
}

const char *pl_error_advice(const struct pl_error *e)
{
	return e->advice;
}

const char *pl_error_chain(const struct pl_error *e)
{
	return e->chain;
}

const char *pl_error_line(const struct pl_error *e, char *out, size_t size)
{
	const char *where = e->place != NULL ? e->place : e->chain;
	char *line = NULL;
	if (asprintf(&line, "%s%s%s%s%s%s%s%s", where == NULL ? "" : where, where == NULL ? "" : ": ",
		    pl_error_what(e), e->reason == NULL ? "" : " (", e->reason == NULL ? "" : e->reason,
		    e->reason == NULL ? "" : ")", e->advice == NULL ? "" : ": ",
		    e->advice == NULL ? "" : e->advice) < 0)
		return pl_safe_line(pl_error_what(e), out, size);
	pl_safe_line(line, out, size);
	free(line);
	return out;
}

const char *pl_error_brief(const struct pl_error *e, char *out, size_t size)
{
	const char *why = pl_error_reason(e);

	snprintf(out, size, "%s%s%s", pl_error_what(e), why ? ": " : "", why ? why : "");
	return out;
}

int pl_error_exit_code(const struct pl_error *e)
{
	if (e == NULL)
		return 0;
	switch (e->kind) {
	case PL_ERR_USAGE:
		return 2;
	case PL_ERR_UNEXPECTED:
	case PL_ERR_DATA:
		return 1;
	case PL_ERR_CAPTURE:
		return 5;
	case PL_ERR_RESTORE:
		return 4;
	case PL_ERR_INTERRUPTED:
		return 130;
	case PL_ERR_LAB:
	case PL_ERR_GUEST:
	case PL_ERR_TIMEOUT:
	case PL_ERR_NOMEM:
		return 3;
	}
	return 3;
}

void pl_error_free(struct pl_error *e)
{
	if (e == NULL || e == &out_of_memory)
		return;
	free(e->what);
	free(e->place);
	free(e->reason);
	free(e->advice);
	free(e->chain);
	free(e);
}

void pl_error_keep_first(struct pl_error **first, struct pl_error *later)
{
	if (*first == NULL)
		*first = later;
	else
		pl_error_free(later);
}
