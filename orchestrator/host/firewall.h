/*
 * The application firewall of macOS (socketfilterfw): allow one program to be
 * reached, and put back what was there.
 *
 * The order for a caller that keeps a journal: firewall_look(), write what it
 * found, firewall_allow(), and at the end firewall_restore() with the same.
 * Each change is read back, for socketfilterfw says "added" without root while
 * adding nothing; so each can be repeated.
 *
 * Errors are PL_ERR_LAB (or TIMEOUT, INTERRUPTED) at "socketfilterfw --COMMAND".
 */
#ifndef HOST_FIREWALL_H
#define HOST_FIREWALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

#define FIREWALL_SYSTEM_TOOL "/usr/libexec/ApplicationFirewall/socketfilterfw"

struct firewall {
	char *tool; /* NULL: this host's firewall is not managed by paniclab */
	bool sudo;  /* changes go through `sudo -n` */
	const struct pl_log *log;
};

/**
 * tool: "auto" is the system's own, if there is one (else nothing is managed,
 * which is logged once); another path must be there. Changes with the system's
 * tool go through `sudo -n` unless we are root; another tool runs as we are.
 */
struct pl_error *firewall_open(const char *tool, const struct pl_log *log, struct firewall *ret) PL_MUST_USE;
void firewall_close(struct firewall *f);

enum firewall_state {
	FIREWALL_UNMANAGED,
	FIREWALL_OFF,        /* nothing is needed */
	FIREWALL_ON,         /* per program */
	FIREWALL_BLOCKS_ALL, /* whatever the list of programs says */
};
const char *firewall_state_name(enum firewall_state s);

struct pl_error *firewall_status(
	const struct firewall *f, const struct pl_wait *w, enum firewall_state *ret) PL_MUST_USE;

enum firewall_rule {
	FIREWALL_NO_RULE,
	FIREWALL_ALLOW,
	FIREWALL_BLOCK,
};

/* What there was before a change. */
struct firewall_was {
	char program[1024];
	enum firewall_state state;
	enum firewall_rule rule; /* FIREWALL_NO_RULE unless the state is ON */
};

/** True if firewall_allow() would change something. */
bool firewall_needs_change(const struct firewall_was *was);

/** Looks, changes nothing. program: an absolute path. */
struct pl_error *firewall_look(const struct firewall *f, const char *program, const struct pl_wait *w,
	struct firewall_was *ret) PL_MUST_USE;

/**
 * Allows was->program and reads it back; nothing is done when nothing is
 * needed. A firewall that blocks all is an error that says what to do.
 */
struct pl_error *firewall_allow(
	const struct firewall *f, const struct firewall_was *was, const struct pl_wait *w) PL_MUST_USE;

/** An error unless the program can be reached as far as the firewall is asked. */
struct pl_error *firewall_verify(
	const struct firewall *f, const struct firewall_was *was, const struct pl_wait *w) PL_MUST_USE;

/** The rule that there was, read back; PL_ERR_RESTORE with the command to do it by hand. */
struct pl_error *firewall_restore(
	const struct firewall *f, const struct firewall_was *was, const struct pl_wait *w) PL_MUST_USE;

/** For the journal: {"program", "state", "rule"}; and back (PL_ERR_DATA, where names the document). */
struct pl_error *firewall_was_to_json(const struct firewall_was *was, json_t **ret) PL_MUST_USE;
struct pl_error *firewall_was_from_json(
	const json_t *o, const char *where, struct firewall_was *ret) PL_MUST_USE;

/* The readers of socketfilterfw's output. */

/** "... (State = N)"; false if there is none or N is not known. */
bool firewall_read_state(const char *text, size_t size, enum firewall_state *ret);

/** What --listapps says of program: "N : /path" and below it "(Allow|Block incoming connections)". */
enum firewall_rule firewall_read_rule(const char *text, size_t size, const char *program);

#endif
