/*
 * Errors as values.
 *
 * What can fail returns `struct pl_error *`: NULL means ok, anything else is
 * owned by the caller, who passes it up or ends it with pl_error_free().
 *
 * An error has a kind (it decides the exit code), a place (file and line, step
 * or endpoint), what happened, why, and what to do about it. Only the place is
 * shown before the message; the chain of contexts that unwinding adds is kept
 * for --verbose:
 *
 *     paniclab: lab.yaml:12: unknown key 'prot': did you mean 'port'?
 *     paniclab: GET /api/vms: 401 Unauthorized (wrong user or password): ...
 *
 * Making an error never fails: without memory a static one is returned, and
 * everything below accepts it. Texts are made printable as pl_safe_line() does,
 * so they may quote what a guest or a file said.
 */
#ifndef PL_BASE_ERR_H
#define PL_BASE_ERR_H

#include <stdarg.h>
#include <stddef.h>

enum pl_error_kind {
	PL_ERR_USAGE,       /* the command line or a configuration file: exit 2 */
	PL_ERR_LAB,         /* Fusion, host, network, disk: exit 3 */
	PL_ERR_GUEST,       /* the guest, SSH or a script in it: exit 3 */
	PL_ERR_UNEXPECTED,  /* not the result that the scenario expects: exit 1 */
	PL_ERR_CAPTURE,     /* it panicked, but no complete core came: exit 5 */
	PL_ERR_RESTORE,     /* something is not restored: exit 4 */
	PL_ERR_TIMEOUT,     /* a deadline passed: exit 3 */
	PL_ERR_INTERRUPTED, /* the user said stop: exit 130 */
	PL_ERR_DATA,        /* a file or message is not what it should be: exit 1 */
	PL_ERR_NOMEM,       /* out of memory: exit 3 */
};

struct pl_error;

#define PL_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define PL_MUST_USE __attribute__((warn_unused_result))
#define PL_NEVER_NULL __attribute__((returns_nonnull))

/** A new error; the format gives WHAT happened, without a final full stop. */
struct pl_error *pl_error_new(enum pl_error_kind kind, const char *fmt, ...)
	PL_PRINTF(2, 3) PL_MUST_USE PL_NEVER_NULL;

/** The same, with the reason taken from errnum (an errno value). */
struct pl_error *pl_error_errno(enum pl_error_kind kind, int errnum, const char *fmt, ...)
	PL_PRINTF(3, 4) PL_MUST_USE PL_NEVER_NULL;

/** The static out-of-memory error. */
struct pl_error *pl_error_nomem(void) PL_MUST_USE PL_NEVER_NULL;

/*
 * Each of these takes an error (NULL stays NULL), changes it and returns it,
 * so that they nest: return pl_error_hint(pl_error_why(e, "..."), "...");
 * at, why and hint keep what is there already (and an interruption takes no hint): the place nearest to the
 * cause knows best. A context is added in front of the chain.
 */
struct pl_error *pl_error_at(struct pl_error *e, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;
struct pl_error *pl_error_why(struct pl_error *e, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;
struct pl_error *pl_error_hint(struct pl_error *e, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;
struct pl_error *pl_error_context(struct pl_error *e, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;

/**
 * At another place than it has: to people, "vmrun start" says more than the
 * path of the program that could not be run. An interruption keeps its own.
 */
struct pl_error *pl_error_move(struct pl_error *e, const char *fmt, ...) PL_PRINTF(2, 3) PL_MUST_USE;

/** The same error under another kind (never changes an interruption). */
struct pl_error *pl_error_as(struct pl_error *e, enum pl_error_kind kind) PL_MUST_USE;

enum pl_error_kind pl_error_kind(const struct pl_error *e);
const char *pl_error_what(const struct pl_error *e);  /* never NULL */
const char *pl_error_place(const struct pl_error *e); /* NULL if none is known */
const char *pl_error_reason(const struct pl_error *e);
const char *pl_error_advice(const struct pl_error *e);
const char *pl_error_chain(const struct pl_error *e); /* "outer: inner", NULL if none */

/**
 * "WHERE: WHAT (WHY): what to do" into out; returns out. One line without
 * control characters, valid UTF-8, whatever the error quotes; cut with "..."
 * at size.
 */
const char *pl_error_line(const struct pl_error *e, char *out, size_t size);

/** Only "WHAT: WHY", for where there is little room; cut at size. Returns out. */
const char *pl_error_brief(const struct pl_error *e, char *out, size_t size);

/** The process's exit code for this error; 0 for NULL. */
int pl_error_exit_code(const struct pl_error *e);

/** NULL-safe. */
void pl_error_free(struct pl_error *e);

/** Stores `later` in *first when that is still NULL, else frees `later`. */
void pl_error_keep_first(struct pl_error **first, struct pl_error *later);

/*
 * The static analyzer sees one file at a time and takes every call above for
 * one that may return NULL, so that each error path looks like success. This
 * tells it what the contract is; no compiler sees it. The address of an object
 * and not a function: it stops looking into calls at some depth.
 */
#if defined(__clang_analyzer__) && !defined(PL_ERR_IMPLEMENTATION)
extern struct pl_error pl_analyzer_error;
#define pl_error_new(...) (&pl_analyzer_error)
#define pl_error_errno(...) (&pl_analyzer_error)
#define pl_error_nomem() (&pl_analyzer_error)
#define pl_error_at(e, ...) (e)
#define pl_error_move(e, ...) (e)
#define pl_error_why(e, ...) (e)
#define pl_error_hint(e, ...) (e)
#define pl_error_context(e, ...) (e)
#define pl_error_as(e, ...) (e)
#endif

#endif
