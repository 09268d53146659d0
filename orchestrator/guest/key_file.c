#include "orchestrator/guest/key_file.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/reader.h"
#include "base/text.h"
#include "orchestrator/guest/fingerprint.h"

static const char openssh_begin[] = "-----BEGIN OPENSSH PRIVATE KEY-----";
static const char openssh_magic[] = "openssh-key-v1"; /* and its NUL */

static bool next_string_is(struct pl_reader *r, const char *text)
{
	uint32_t size = pl_read_u32(r);
	const uint8_t *bytes = pl_read_bytes(r, size);
	return bytes != NULL && size == strlen(text) && memcmp(bytes, text, size) == 0;
}

/* magic, cipher, kdf, kdf's options, number of keys, public key (its first string is the type) */
static struct key_info describe_openssh(const char *body, size_t size)
{
	struct key_info info = {.form = KEY_PLAIN};
	uint8_t head[256];
	size_t len;
	const char *end = memchr(body, '-', size);
	if (!base64_decode(body, end == NULL ? size : (size_t)(end - body), head, sizeof head, &len))
		return info;
	struct pl_reader r = pl_reader_be(head, len);
	const uint8_t *magic = pl_read_bytes(&r, sizeof openssh_magic);
	if (magic == NULL || memcmp(magic, openssh_magic, sizeof openssh_magic) != 0)
		return info;
	if (!next_string_is(&r, "none"))
		info.form = KEY_ENCRYPTED;
	pl_read_skip(&r, pl_read_u32(&r));
	pl_read_skip(&r, pl_read_u32(&r));
	pl_read_u32(&r);
	pl_read_u32(&r);
	info.rsa = next_string_is(&r, "ssh-rsa");
	return info;
}

struct key_info key_describe(const char *text, size_t size)
{
	struct key_info info = {.form = KEY_OTHER, .rsa = strstr(text, "BEGIN RSA PRIVATE") != NULL};
	const char *begin = strstr(text, openssh_begin);
	if (begin != NULL) {
		const char *body = begin + sizeof openssh_begin - 1;
		return describe_openssh(body, size - (size_t)(body - text));
	}
	if (strstr(text, "BEGIN ENCRYPTED PRIVATE KEY") != NULL || strstr(text, "4,ENCRYPTED") != NULL)
		info.form = KEY_ENCRYPTED;
	else if (strstr(text, "PRIVATE KEY-----") != NULL)
		info.form = KEY_PLAIN;
	else if (pl_starts_with(text, "ssh-") || pl_starts_with(text, "ecdsa-"))
		info.form = KEY_PUBLIC;
	return info;
}

static struct pl_error *unusable(enum key_form form, const char *path)
{
	switch (form) {
	case KEY_PLAIN:
		return NULL;
	case KEY_ENCRYPTED:
		return pl_error_hint(
			pl_error_new(PL_ERR_GUEST, "the key %s is encrypted with a passphrase", path),
			"load it into the agent with 'ssh-add %s' and leave ssh.key out, or use a key "
			"without one",
			path);
	case KEY_PUBLIC:
		return pl_error_hint(pl_error_new(PL_ERR_GUEST, "%s is a public key", path),
			"set ssh.key to the private half, the file without .pub");
	case KEY_OTHER:
		break;
	}
	return pl_error_hint(pl_error_new(PL_ERR_GUEST, "%s is not a private key", path),
		"make one with 'ssh-keygen -t ed25519'");
}

struct pl_error *key_file_read(
	const char *path, const struct pl_log *log, struct pl_buf *text, struct key_info *ret)
{
	struct stat st;
	struct pl_error *e;
	if (stat(path, &st) < 0) {
		e = pl_error_errno(PL_ERR_GUEST, errno, "cannot read the key %s", path);
		return pl_error_hint(
			e, "set ssh.key to the private key's file, or leave it out to use the agent");
	}
	e = pl_fs_read(path, text);
	if (e != NULL)
		return pl_error_context(pl_error_as(e, PL_ERR_GUEST), "reading the key");
	if (st.st_mode & 077)
		pl_log(log, PL_LOG_WARN, "%s: others can use this private key: chmod 600 it", path);
	*ret = key_describe(pl_buf_text(text), text->size);
	return unusable(ret->form, path);
}

void key_text_deinit(struct pl_buf *text)
{
	/* volatile, or the compiler leaves the stores out. */
	volatile char *p = text->data;
	for (size_t i = 0; i < text->size; i++)
		p[i] = 0;
	pl_buf_deinit(text);
}
