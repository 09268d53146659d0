/* What a private key file is, told before libssh2 fails on it with fewer words. */
#ifndef GUEST_KEY_FILE_H
#define GUEST_KEY_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"

/* For the buffer of key_file_read(): the keys of ssh-keygen have 3 KiB at most. */
#define KEY_FILE_MAX (64u << 10)

enum key_form {
	KEY_PLAIN,
	KEY_ENCRYPTED,
	KEY_PUBLIC, /* the .pub half */
	KEY_OTHER,  /* no key at all */
};

struct key_info {
	enum key_form form;
	bool rsa;
};

/** Tells from the text of a file: OpenSSH's own format (PROTOCOL.key) or PEM. */
struct key_info key_describe(const char *text, size_t size);

/** Reads path into text (initialised by the caller) if libssh2 can use it; else says why not. */
struct pl_error *key_file_read(
	const char *path, const struct pl_log *log, struct pl_buf *text, struct key_info *ret) PL_MUST_USE;

/** Overwrites the key and frees it. */
void key_text_deinit(struct pl_buf *text);

#endif
