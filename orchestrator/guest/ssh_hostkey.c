#include "orchestrator/guest/ssh_hostkey.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"

#define KNOWN_HOSTS_MAX (4u << 20)
#define REVOKED "@revoked"

/*
 * The kinds of host keys, best first. 1.10 of libssh2 has no rsa-sha2: it drops
 * the names that it does not know. DSA is left out: OpenSSH gave it up in 7.0.
 */
static const struct kind {
	int type;  /* LIBSSH2_HOSTKEY_TYPE_* */
	int known; /* LIBSSH2_KNOWNHOST_KEY_* */
	const char *name;
	const char *methods;
} kinds[] = {
	{LIBSSH2_HOSTKEY_TYPE_ED25519, LIBSSH2_KNOWNHOST_KEY_ED25519, "ed25519", "ssh-ed25519"},
	{LIBSSH2_HOSTKEY_TYPE_ECDSA_256, LIBSSH2_KNOWNHOST_KEY_ECDSA_256, "ecdsa", "ecdsa-sha2-nistp256"},
	{LIBSSH2_HOSTKEY_TYPE_RSA, LIBSSH2_KNOWNHOST_KEY_SSHRSA, "rsa", "rsa-sha2-512,rsa-sha2-256,ssh-rsa"},
	{LIBSSH2_HOSTKEY_TYPE_ECDSA_384, LIBSSH2_KNOWNHOST_KEY_ECDSA_384, "ecdsa",
		"ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"},
	{LIBSSH2_HOSTKEY_TYPE_ECDSA_521, LIBSSH2_KNOWNHOST_KEY_ECDSA_521, "ecdsa",
		"ecdsa-sha2-nistp384,ecdsa-sha2-nistp521"},
};
#define KINDS (sizeof kinds / sizeof *kinds)

static const struct kind *kind_of(int type)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].type == type)
			return &kinds[i];
	return NULL;
}

static int look_up(const struct hostkey_policy *p, LIBSSH2_KNOWNHOSTS *hosts, const char *key, size_t size,
	int known, struct libssh2_knownhost **entry)
{
	int mask = LIBSSH2_KNOWNHOST_TYPE_PLAIN | LIBSSH2_KNOWNHOST_KEYENC_RAW | known;
	*entry = NULL;
	return libssh2_knownhost_check(hosts, p->name, key, size, mask, entry);
}

/* A line that libssh2 cannot read is skipped: one bad line must not hide the others. */
static void add_line(struct hostkey_policy *p, const char *line, size_t size)
{
	LIBSSH2_KNOWNHOSTS *hosts = p->known;
	if (size > sizeof REVOKED && strncmp(line, REVOKED " ", sizeof REVOKED) == 0) {
		hosts = p->revoked;
		line += sizeof REVOKED;
		size -= sizeof REVOKED;
	}
	if (size > 0 && line[0] != '@')
		(void)libssh2_knownhost_readline(hosts, line, size, LIBSSH2_KNOWNHOST_FILE_OPENSSH);
}

static struct pl_error *load(struct hostkey_policy *p, const char *path)
{
	struct pl_buf text;
	if (!pl_fs_exists(path))
		return NULL;
	pl_buf_init(&text, KNOWN_HOSTS_MAX);
	struct pl_error *e = pl_fs_read(path, &text);
	char *line = e == NULL && text.size > 0 ? text.data : NULL;
	while (line != NULL) {
		char *end = strchr(line, '\n');
		if (end != NULL)
			*end = '\0';
		size_t size = strcspn(line, "\r");
		line[size] = '\0';
		add_line(p, line, size);
		line = end == NULL ? NULL : end + 1;
	}
	pl_buf_deinit(&text);
	return e;
}

/* An entry of that kind is there if some other key of the kind is a mismatch. */
static bool knows(const struct hostkey_policy *p, const struct kind *k)
{
	struct libssh2_knownhost *entry;
	return look_up(p, p->known, "none", 4, k->known, &entry) == LIBSSH2_KNOWNHOST_CHECK_MISMATCH;
}

static void add_methods(struct hostkey_policy *p, const char *methods)
{
	size_t n = 0;
	while (p->methods[n] != NULL && p->methods[n] != methods)
		n++;
	if (n < HOSTKEY_KINDS)
		p->methods[n] = methods;
}

struct pl_error *hostkey_policy_init(struct hostkey_policy *p, const struct ssh_target *t)
{
	*p = (struct hostkey_policy){.target = t};
	if (t->port == 22)
		snprintf(p->name, sizeof p->name, "%s", t->host);
	else
		snprintf(p->name, sizeof p->name, "[%s]:%u", t->host, t->port);
	p->session = libssh2_session_init();
	if (p->session == NULL)
		return pl_error_nomem();
	p->known = libssh2_knownhost_init(p->session);
	p->revoked = libssh2_knownhost_init(p->session);
	if (p->known == NULL || p->revoked == NULL)
		return pl_error_nomem();
	struct pl_error *e = t->known_hosts == NULL ? NULL : load(p, t->known_hosts);
	for (size_t i = 0; i < KINDS; i++)
		if (t->host_key != NULL || knows(p, &kinds[i]))
			add_methods(p, kinds[i].methods);
	return e;
}

void hostkey_policy_deinit(struct hostkey_policy *p)
{
	if (p->known != NULL)
		libssh2_knownhost_free(p->known);
	if (p->revoked != NULL)
		libssh2_knownhost_free(p->revoked);
	if (p->session != NULL)
		libssh2_session_free(p->session);
	*p = (struct hostkey_policy){0};
}

/* Some people copy the padding that ssh-keygen leaves out. */
static bool same_pin(const char *pin, const char *fingerprint)
{
	size_t n = strlen(fingerprint);
	return strncmp(pin, fingerprint, n) == 0 && strspn(pin + n, "=") == strlen(pin + n);
}

static struct pl_error *changed(
	const struct hostkey_policy *p, const struct ssh *s, const char *expected, const char *source)
{
	struct pl_error *e = pl_error_new(PL_ERR_GUEST,
		"the host key has changed: %s has %s, the guest shows %s", source, expected, s->fingerprint);
	e = pl_error_why(e,
		"another VM may have this address, the guest may have been reinstalled, or someone "
		"in between is posing as it: an attack");
	if (p->target->host_key != NULL)
		return pl_error_hint(e, "compare with 'ssh-keygen -lf' on the guest's "
					"/etc/ssh/ssh_host_*_key.pub; only if they "
					"agree, set ssh.host_key to the new one");
	return pl_error_hint(e,
		"compare with 'ssh-keygen -lf' on the guest's /etc/ssh/ssh_host_*_key.pub; only if they "
		"agree, "
		"'ssh-keygen -R \"%s\" -f %s' and add the new key",
		p->name, p->target->known_hosts);
}

static struct pl_error *unknown(const struct hostkey_policy *p, const struct ssh *s, const char *kind)
{
	struct pl_error *e =
		pl_error_new(PL_ERR_GUEST, "the guest's host key is not known: %s %s", kind, s->fingerprint);
	if (p->target->known_hosts == NULL)
		e = pl_error_why(e, "neither ssh.host_key nor ssh.known_hosts is set");
	else
		e = pl_error_why(e, "%s has no key for %s", p->target->known_hosts, p->name);
	return pl_error_hint(e,
		"compare with 'ssh-keygen -lf /etc/ssh/ssh_host_%s_key.pub' in the guest; if they agree, put "
		"host_key: %s under the guest's ssh: in the lab file",
		kind, s->fingerprint);
}

static struct pl_error *check_known(const struct hostkey_policy *p, const struct ssh *s, const char *key,
	size_t size, const struct kind *k)
{
	struct libssh2_knownhost *entry;
	char expected[FINGERPRINT_SIZE];
	if (look_up(p, p->revoked, key, size, k->known, &entry) == LIBSSH2_KNOWNHOST_CHECK_MATCH)
		return pl_error_new(PL_ERR_GUEST, "the guest's host key %s is marked @revoked in %s",
			s->fingerprint, p->target->known_hosts);
	int verdict = look_up(p, p->known, key, size, k->known, &entry);
	if (verdict == LIBSSH2_KNOWNHOST_CHECK_MATCH)
		return NULL;
	if (verdict == LIBSSH2_KNOWNHOST_CHECK_MISMATCH) {
		fingerprint_of_base64(entry->key, expected);
		return changed(p, s, expected, p->target->known_hosts);
	}
	if (p->methods[0] != NULL)
		return changed(p, s, "keys of other kinds", p->target->known_hosts);
	return unknown(p, s, k->name);
}

struct pl_error *hostkey_check(const struct hostkey_policy *p, struct ssh *s)
{
	size_t size;
	int type;
	const char *key = libssh2_session_hostkey(s->session, &size, &type);
	if (key == NULL)
		return pl_error_new(PL_ERR_GUEST, "the guest shows no host key");
	fingerprint_of_key(key, size, s->fingerprint);
	if (p->target->host_key != NULL)
		return same_pin(p->target->host_key, s->fingerprint)
			       ? NULL
			       : changed(p, s, p->target->host_key, "ssh.host_key");
	const struct kind *k = kind_of(type);
	if (k == NULL)
		return pl_error_new(PL_ERR_GUEST, "the guest's host key is of a kind that is not supported");
	return check_known(p, s, key, size, k);
}
