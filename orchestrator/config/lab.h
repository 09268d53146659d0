/*
 * lab.yaml, checked: where Fusion is, which guests there are, how the dump
 * server and the host's firewall are to be used.
 *
 * Paths are expanded ("~") and, when relative, taken from the file's folder,
 * so that a lab can be used from anywhere. Strings are never NULL unless the
 * field says so. Times are nanoseconds, sizes bytes.
 */
#ifndef CONFIG_LAB_H
#define CONFIG_LAB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Where a secret comes from: exactly one of the two, or none (both NULL). */
struct secret_source {
	char *file; /* its first line, without the newline */
	char *env;  /* name of an environment variable */
};

struct lab_fusion {
	char *url;  /* http://127.0.0.1:8697, without /api */
	char *user; /* "" sends no credentials */
	struct secret_source password;
	char *ca_file;   /* NULL: the system's own */
	char *vmrun;     /* "auto" or a path */
	int64_t timeout; /* of one REST call */
};

/* One of these is set. */
struct lab_vm {
	char *name; /* display name, or the bundle's or .vmx file's base name */
	char *id;   /* vmrest's id */
	char *vmx;  /* path of the .vmx on the Fusion host */
};

/* EDIT: boot-args and SIP are set in the VM's .nvram while it is off. LEAVE: that file is never touched. */
enum lab_nvram { LAB_NVRAM_EDIT, LAB_NVRAM_LEAVE };

enum lab_sudo { LAB_SUDO_NOPASSWD, LAB_SUDO_PASSWORD };

struct lab_guest {
	char *name; /* its key under guests: */
	struct lab_vm vm;
	struct secret_source vm_password; /* of an encrypted VM */
	char *macos;                      /* "auto" (as the .vmx says) or a version: known before it boots */
	enum lab_nvram nvram;
	char *address; /* "auto" or an IPv4 address */
	struct {
		char *user;
		uint16_t port;
		char *key;         /* private key file; NULL: the agent */
		char *host_key;    /* pin "SHA256:base64", or NULL */
		char *known_hosts; /* file, or NULL; one of the two is set */
	} ssh;
	enum lab_sudo sudo;
	struct secret_source sudo_password;
	int64_t boot_timeout; /* power-on to SSH */
};

struct lab_server {
	char *bind;     /* "auto" or an IPv4 address of this host */
	uint16_t port;  /* 0 takes a free one; with port_auto 1069 */
	bool port_auto; /* if it is taken, a free one does */
	char *dir;      /* NULL: core/ in the run's folder */
	uint64_t max_size;
};

enum lab_firewall { LAB_FIREWALL_LEAVE, LAB_FIREWALL_TRY, LAB_FIREWALL_ALLOW };
enum lab_kdumpd { LAB_KDUMPD_KEEP, LAB_KDUMPD_UNLOAD };

/* Whose backtrace of the core the report has. AUTO: lldb's, where there is one; LLDB warns when not. */
enum lab_debugger { LAB_DEBUGGER_AUTO, LAB_DEBUGGER_LLDB, LAB_DEBUGGER_NONE };

struct lab_host {
	enum lab_firewall firewall;
	char *firewall_tool; /* "auto" or a path, see host/firewall.h */
	enum lab_kdumpd kdumpd;
	char *launchctl; /* "auto" or a path */
	enum lab_debugger debugger;
	char **leases; /* DHCP lease files to look into, before the usual ones */
	size_t leases_count;
};

struct lab {
	char *path; /* of the file */
	struct lab_fusion fusion;
	struct lab_guest *guests;
	size_t guests_count; /* >= 1 */
	struct lab_server server;
	struct lab_host host;
	char **kdk_folders;
	size_t kdk_folders_count;
	char **kdk_images; /* .dmg and .pkg files, and folders with such */
	size_t kdk_images_count;
	char *signature_rules; /* file, see core/signature.h; NULL: those built in alone */
};

/** Reads and checks path. PL_ERR_USAGE, at "file:line". */
struct pl_error *lab_load(const char *path, struct lab **ret) PL_MUST_USE;

/** The same from a text; path names it in errors and gives the folder. */
struct pl_error *lab_parse(const char *text, size_t size, const char *path, struct lab **ret) PL_MUST_USE;

/** YAML that lab_load() reads back as the same, defaults included. */
struct pl_error *lab_print(const struct lab *lab, struct pl_buf *out) PL_MUST_USE;

/** The same as JSON, which lab_load() reads as well. */
struct pl_error *lab_print_json(const struct lab *lab, struct pl_buf *out) PL_MUST_USE;

/**
 * The guest of that name; PL_ERR_USAGE with the nearest name if there is none.
 * NULL is the lab's only guest; an error when it has several.
 */
struct pl_error *lab_guest_find(
	const struct lab *lab, const char *name, const struct lab_guest **ret) PL_MUST_USE;

/** True if a secret is configured at all. */
bool secret_given(const struct secret_source *s);

/**
 * Reads the secret (at most 4 KiB): malloc'd, wipe with secret_free(). A file
 * that others can read is refused (PL_ERR_USAGE), as is an unset variable.
 */
struct pl_error *secret_read(const struct secret_source *s, const char *what, char **ret) PL_MUST_USE;
void secret_free(char *secret);

void lab_destroy(struct lab *lab);

#endif
