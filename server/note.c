#include "server/note.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/text.h"

/* Longer than a path in a note has any reason to be. */
#define NOTE_TEXT_MAX 4096

const char *note_why_name(enum note_why why)
{
	static const char *const names[] = {
		[NOTE_TIMED_OUT] = "timed-out",
		[NOTE_PEER_ERROR] = "peer-error",
		[NOTE_DISK_FULL] = "disk-full",
		[NOTE_WRITE_ERROR] = "write-error",
		[NOTE_LIMIT] = "limit",
		[NOTE_NAME_TAKEN] = "name-taken",
		[NOTE_SHUT_DOWN] = "shut-down",
		[NOTE_KILLED] = "killed",
		[NOTE_BEGAN_AGAIN] = "began-again",
		[NOTE_BEGAN_ANOTHER] = "began-another",
		[NOTE_EMPTY_GZIP] = "empty-gzip",
		[NOTE_TRUNCATED_GZIP] = "truncated-gzip",
		[NOTE_CORRUPT_GZIP] = "corrupt-gzip",
		[NOTE_TRUNCATED_CORE] = "truncated-core",
		[NOTE_OTHER] = "other",
	};

	return names[why];
}

/* JSON takes valid UTF-8 only; what is not becomes \xNN. */
static json_t *text(const char *s)
{
	char safe[NOTE_TEXT_MAX];

	return s ? json_string(pl_safe_line(s, safe, sizeof safe)) : json_null();
}

static json_t *number(uint64_t n)
{
	if (n == NOTE_UNKNOWN)
		return json_null();
	return json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n);
}

static struct pl_error *to_json(const struct note *n, char **ret)
{
	json_t *o = json_pack("{s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "name",
		text(n->name), "peer", text(n->peer), "why", note_why_name(n->why), "reason", text(n->reason),
		"bytes", number(n->bytes), "size", number(n->size), "packets", number(n->packets), "resent",
		number(n->resent), "gzip", text(n->gzip), "core", text(n->core), "started", text(n->started),
		"ended", text(n->ended));

	*ret = o ? json_dumps(o, JSON_INDENT(2)) : NULL;
	json_decref(o);
	return *ret ? NULL : pl_error_nomem();
}

struct pl_error *note_write(int dir_fd, const char *file, const struct note *n)
{
	char *json = NULL;
	char *line = NULL;
	char *name = NULL;
	struct pl_error *err = to_json(n, &json);

	if (!err)
		err = pl_asprintf(&line, "%s\n", json);
	if (!err)
		err = pl_asprintf(&name, "%s.json", file);
	if (!err)
		err = pl_fs_write_new(dir_fd, name, line, strlen(line), 0600);
	free(name);
	free(line);
	free(json);
	return err;
}
