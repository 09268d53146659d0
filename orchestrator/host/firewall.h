/*
 * This host's firewall: let the dump of one guest in, and put back what was there.
 *
 * Which firewall is in force is found out by asking their own programs, in this
 * order; the first that is in force is the one, and no other is touched:
 *
 *     socketfilterfw   macOS: allows one program; what was there is put back
 *     firewall-cmd     firewalld: one rich rule, not permanent, in the zone of the guest's interface
 *     ufw              one rule at the top, with our comment
 *     nft              one rule at the head of each input chain that may drop, with our comment
 *     iptables         one rule at the head of INPUT, with our comment
 *
 * Except for the first, a rule is for UDP from the guest's address to ours at
 * the server's port, on the guest's interface, and nothing else.
 *
 * The order for a caller that keeps a journal: firewall_look(), write what it
 * found, firewall_allow(), and at the end firewall_restore() with the same.
 * Each change is read back, for socketfilterfw says "added" without root while
 * adding nothing; so each can be repeated.
 *
 * Errors are PL_ERR_LAB (or TIMEOUT, INTERRUPTED) at "PROGRAM COMMAND"; where a
 * person can do the same, the hint has the command.
 */
#ifndef HOST_FIREWALL_H
#define HOST_FIREWALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/wait.h"

struct firewall_backend;

struct firewall {
	const struct firewall_backend *backend; /* NULL: not looked yet, or none is in force */
	char *tool;                             /* its program */
	const char *const *folders;             /* where programs are looked for; NULL-terminated */
	bool sudo;                              /* what needs root goes through `sudo -n` */
	const struct pl_log *log;
};

/**
 * tool: "auto" asks those that this system has. Another is the path of one of the five
 * programs, told by its name (of another name: as socketfilterfw), and must be there.
 * A program of the system goes through `sudo -n` where it needs root, unless we are
 * root; one from elsewhere runs as we are. Runs nothing yet.
 */
struct pl_error *firewall_open(const char *tool, const struct pl_log *log, struct firewall *ret) PL_MUST_USE;
void firewall_close(struct firewall *f);

enum firewall_state {
	FIREWALL_UNMANAGED,  /* none that we know is here */
	FIREWALL_OFF,        /* nothing is needed */
	FIREWALL_ON,         /* goes by rules */
	FIREWALL_BLOCKS_ALL, /* whatever the list of programs says */
};
const char *firewall_state_name(enum firewall_state s);

enum firewall_rule {
	FIREWALL_NO_RULE,
	FIREWALL_ALLOW,
	FIREWALL_BLOCK,
};

/* What is to be let in. Texts from our own configuration and system, never from the guest. */
struct firewall_hole {
	char program[1024]; /* an absolute path: for a firewall that goes by programs */
	char tag[96];       /* the rule's comment: "paniclab RUN"; letters, digits, " ._-" */
	char interface[32]; /* that the guest's packets come in by; "": any */
	char guest[16];     /* from this IPv4 address */
	char host[16];      /* to this one */
	uint16_t port;      /* UDP */
};

/* What there was before a change. */
struct firewall_was {
	struct firewall_hole hole;
	char backend[16]; /* the program's name; "" when none is in force */
	enum firewall_state state;
	enum firewall_rule rule; /* FIREWALL_NO_RULE unless the state is ON */
	char place[208];         /* firewalld's zone; nft's first chain, "FAMILY TABLE CHAIN"; else "" */
};

/** True if firewall_allow() would change something. */
bool firewall_needs_change(const struct firewall_was *was);

/** Finds the firewall in force, if that is not known yet, and looks; changes nothing. */
struct pl_error *firewall_look(struct firewall *f, const struct firewall_hole *hole, const struct pl_wait *w,
	struct firewall_was *ret) PL_MUST_USE;

/**
 * Lets the hole in and reads it back; nothing is done when nothing is needed. A firewall
 * that blocks all is an error that says what to do.
 */
struct pl_error *firewall_allow(
	struct firewall *f, const struct firewall_was *was, const struct pl_wait *w) PL_MUST_USE;

/** An error unless the hole is open as far as the firewall is asked. */
struct pl_error *firewall_verify(
	struct firewall *f, const struct firewall_was *was, const struct pl_wait *w) PL_MUST_USE;

/**
 * What there was, read back, by the program that made the change; f needs no look
 * before. PL_ERR_RESTORE with the command to do it by hand.
 */
struct pl_error *firewall_restore(
	struct firewall *f, const struct firewall_was *was, const struct pl_wait *w) PL_MUST_USE;

/** Appends the command line that allows (or, with undo, puts back) by hand. */
struct pl_error *firewall_by_hand(const struct firewall_was *was, bool undo, struct pl_buf *out) PL_MUST_USE;

/**
 * For the journal: an object of texts and the port; and back (PL_ERR_DATA, where names the
 * document). One with only program, state and rule is socketfilterfw's.
 */
struct pl_error *firewall_was_to_json(const struct firewall_was *was, json_t **ret) PL_MUST_USE;
struct pl_error *firewall_was_from_json(
	const json_t *o, const char *where, struct firewall_was *ret) PL_MUST_USE;

#endif
