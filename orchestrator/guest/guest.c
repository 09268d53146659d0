#include "orchestrator/guest/guest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/embed.h"
#include "base/text.h"
#include "orchestrator/guest/output.h"
#include "orchestrator/guest/shell.h"
#include "orchestrator/guest/sudo.h"

#define OUTPUT_MAX (1u << 20)
#define COMMAND_MAX (128u << 10)
#define TIDY_TIME (5 * PL_SECOND)
#define SCRIPTS_MAX 64
#define NONCE_SIZE 17

extern const struct pl_embedded guest_scripts[];

struct guest {
	struct ssh *ssh;
	const struct lab_guest *cfg;
	const struct pl_log *log;
	char *folder;
	bool is_root; /* the user itself is */
	bool uploaded[SCRIPTS_MAX];
};

/*
 * On macOS /private/var/tmp outlives a reboot and belongs to nobody's session;
 * other systems do without the /private.
 */
static const char bootstrap_script[] =
	"umask 077; echo; echo " OUTPUT_STARTED "; "
	"for d in /private/var/tmp /var/tmp \"$TMPDIR\" /tmp; do "
	"f=$(mktemp -d \"$d/paniclab.$1.XXXXXX\" 2>/dev/null) && echo \"folder=$f\" && break; done; "
	"echo \"uid=$(id -u)\"";

/*
 * The marks show that the shell (under sudo, too) began, and that it came to
 * the script's end; the script gets none of our standard input. $1 the nonce.
 */
static const char run_script[] =
	"echo; echo " OUTPUT_STARTED "; n=$1; shift; /bin/sh \"$@\" < /dev/null; s=$?; "
	"echo; echo \"" OUTPUT_ENDED "$n $s\"; exit $s";

/* As guest-scripts/cleanup.sh takes it. */
static bool is_tag(const char *tag)
{
	static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-";
	size_t size = strlen(tag);
	return size > 0 && size <= GUEST_TAG_MAX && strspn(tag, set) == size;
}

static struct pl_error *make_folder(struct guest *g, const char *tag, const struct pl_wait *w)
{
	if (!is_tag(tag))
		return pl_error_new(
			PL_ERR_GUEST, "a run's id is letters, digits and '-', at most %d", GUEST_TAG_MAX);
	struct pl_buf command;
	struct ssh_result r = {0};
	struct guest_output o = {0};
	pl_buf_init(&command, COMMAND_MAX);
	struct pl_error *e = shell_command(&command, bootstrap_script, (const char *const[]){tag, NULL});
	if (e == NULL)
		e = ssh_exec(g->ssh, pl_buf_text(&command), NULL, 0, OUTPUT_MAX, w, &r);
	const char *text = e == NULL ? output_after_start(pl_buf_text(&r.out)) : NULL;
	if (text != NULL)
		e = output_parse(text, strlen(text), &o);
	const char *folder = guest_value(&o, "folder");
	const char *uid = guest_value(&o, "uid");
	if (e == NULL && (folder == NULL || folder[0] != '/' || uid == NULL)) {
		char words[256];
		size_t size = strcspn(pl_buf_text(&r.err), "\r\n");
		pl_escape(pl_buf_text(&r.err), size, words, sizeof words);
		e = pl_error_why(pl_error_new(PL_ERR_GUEST, "cannot make a private folder in the guest"),
			"%s", r.lost ? "the connection was lost" : words);
	}
	if (e == NULL) {
		g->is_root = strcmp(uid, "0") == 0;
		e = pl_strdup(folder, &g->folder);
	}
	guest_output_deinit(&o);
	ssh_result_deinit(&r);
	pl_buf_deinit(&command);
	return e;
}

struct pl_error *guest_open(struct ssh *ssh, const struct lab_guest *cfg, const char *tag,
	const struct pl_log *log, const struct pl_wait *w, struct guest **ret)
{
	*ret = NULL;
	struct guest *g = calloc(1, sizeof *g);
	if (g == NULL) {
		ssh_close(ssh);
		return pl_error_nomem();
	}
	*g = (struct guest){.ssh = ssh, .cfg = cfg, .log = log};
	struct pl_error *e = make_folder(g, tag, w);
	if (e != NULL) {
		guest_close(g);
		return e;
	}
	pl_log(log, PL_LOG_DEBUG, "%s: private folder %s", cfg->name, g->folder);
	*ret = g;
	return NULL;
}

void guest_scripts_digest(char hex[static SHA256_HEX])
{
	struct sha256 s;
	sha256_init(&s);
	/* With its NUL, the name ends where it ends. */
	for (const struct pl_embedded *one = guest_scripts; one->name != NULL; one++) {
		sha256_add(&s, one->name, strlen(one->name) + 1);
		sha256_add(&s, one->data, one->size + 1);
	}
	sha256_end(&s, hex);
}

/* The script's path in the guest, uploaded when it is used first. */
static struct pl_error *put_script(struct guest *g, const char *name, const struct pl_wait *w, char **ret)
{
	const struct pl_embedded *script = pl_embedded_find(guest_scripts, name);
	if (script == NULL)
		return pl_error_new(PL_ERR_GUEST, "there is no guest script '%s'", name);
	size_t index = (size_t)(script - guest_scripts);
	struct pl_error *e = pl_asprintf(ret, "%s/%s", g->folder, name);
	if (e != NULL || (index < SCRIPTS_MAX && g->uploaded[index]))
		return e;
	e = ssh_upload(g->ssh, script->data, script->size, *ret, 0700, w);
	if (e == NULL && index < SCRIPTS_MAX)
		g->uploaded[index] = true;
	return e;
}

/* So that nothing that a script prints can be taken for the mark of its end. */
static struct pl_error *make_nonce(char nonce[static NONCE_SIZE])
{
	unsigned char random[8];
	if (getentropy(random, sizeof random) < 0)
		return pl_error_errno(PL_ERR_LAB, errno, "no random bytes");
	for (size_t i = 0; i < sizeof random; i++)
		snprintf(nonce + 2 * i, 3, "%02x", random[i]);
	return NULL;
}

static struct pl_error *run(struct guest *g, const char *path, const char *const *argv, const char *nonce,
	bool as_root, const struct pl_wait *w, struct ssh_result *r)
{
	struct pl_buf command;
	char *input = NULL;
	pl_buf_init(&command, COMMAND_MAX);
	struct pl_error *e = NULL;
	if (as_root && !g->is_root)
		e = sudo_prefix(g->cfg, &command, &input);
	if (e == NULL)
		e = shell_command(&command, run_script, (const char *const[]){nonce, path, NULL});
	if (e == NULL)
		e = shell_words(&command, argv);
	if (e == NULL)
		e = ssh_exec(g->ssh, pl_buf_text(&command), input, input == NULL ? 0 : strlen(input),
			OUTPUT_MAX, w, r);
	secret_free(input);
	pl_buf_deinit(&command);
	return e;
}

/* Only a script that began can have failed by itself, and only one that ended can have succeeded. */
static struct pl_error *interpret(const struct guest *g, const struct ssh_result *r, const char *nonce,
	bool as_root, struct guest_output *ret)
{
	const char *text = output_after_start(pl_buf_text(&r->out));
	/* A shell or sudo that fails says so. */
	bool silent = r->status == 0 && r->err.size == 0;
	ret->lost = r->lost;
	struct pl_error *e = output_set_error(pl_buf_text(&r->err), r->err.size, ret);
	if (e != NULL || (text == NULL && (r->lost || silent)))
		return e;
	if (text == NULL && as_root && !g->is_root)
		return sudo_failure(g->cfg, ret->error);
	if (text == NULL)
		return pl_error_why(
			pl_error_new(PL_ERR_GUEST, "the guest did not run the script"), "%s", ret->error);
	if (r->out_cut)
		return pl_error_new(PL_ERR_GUEST, "it printed more than %u KiB", OUTPUT_MAX >> 10);
	size_t size = r->out.size - (size_t)(text - r->out.data);
	if (output_end(text, nonce, &size, &ret->status))
		ret->lost = false;
	return output_parse(text, size, ret);
}

struct pl_error *guest_script(struct guest *g, const char *script, const char *const *argv, bool as_root,
	const struct pl_wait *w, struct guest_output *ret)
{
	char *path = NULL;
	char nonce[NONCE_SIZE];
	struct ssh_result r = {.status = -1};
	*ret = (struct guest_output){.status = -1};
	struct pl_error *e = pl_strdup("", &ret->error);
	if (e == NULL)
		e = make_nonce(nonce);
	if (e == NULL)
		e = put_script(g, script, w, &path);
	if (e == NULL)
		e = run(g, path, argv, nonce, as_root, w, &r);
	if (e == NULL)
		e = interpret(g, &r, nonce, as_root, ret);
	ssh_result_deinit(&r);
	free(path);
	return pl_error_context(pl_error_at(e, "%s: %s", g->cfg->name, script), "running %s", script);
}

struct pl_error *guest_script_ok(struct guest *g, const char *script, const char *const *argv, bool as_root,
	const struct pl_wait *w, struct guest_output *ret)
{
	size_t size;
	struct pl_error *e = guest_script(g, script, argv, as_root, w, ret);
	if (e != NULL || ret->status == 0)
		return e;
	if (ret->lost)
		e = pl_error_new(PL_ERR_GUEST, "the connection was lost while it ran");
	else if (ret->status < 0)
		e = pl_error_new(PL_ERR_GUEST, "it was cut off: the guest closed its session before its end");
	else
		e = pl_error_new(PL_ERR_GUEST, "it failed with status %d", ret->status);
	const char *words = output_last_words(ret, &size);
	if (size > 0)
		e = pl_error_why(e, "%.*s", (int)size, words);
	return pl_error_at(e, "%s: %s", g->cfg->name, script);
}

struct ssh *guest_ssh(struct guest *g)
{
	return g->ssh;
}

const char *guest_folder(const struct guest *g)
{
	return g->folder;
}

static void remove_folder(struct guest *g)
{
	struct pl_wait w = pl_wait_for(TIDY_TIME, NULL);
	struct pl_buf command;
	struct ssh_result r = {0};
	pl_buf_init(&command, COMMAND_MAX);
	struct pl_error *e = shell_command(&command, "rm -rf \"$1\"", (const char *const[]){g->folder, NULL});
	if (e == NULL)
		e = ssh_exec(g->ssh, pl_buf_text(&command), NULL, 0, OUTPUT_MAX, &w, &r);
	if (e != NULL || r.lost || r.status != 0)
		pl_log(g->log, PL_LOG_WARN, "%s: the folder %s stays in the guest", g->cfg->name, g->folder);
	pl_error_free(e);
	ssh_result_deinit(&r);
	pl_buf_deinit(&command);
}

void guest_close(struct guest *g)
{
	if (g == NULL)
		return;
	if (g->folder != NULL && !ssh_dead(g->ssh))
		remove_folder(g);
	guest_abandon(g);
}

void guest_abandon(struct guest *g)
{
	if (g == NULL)
		return;
	ssh_close(g->ssh);
	free(g->folder);
	free(g);
}
