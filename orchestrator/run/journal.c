#include "orchestrator/run/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/fs.h"
#include "base/json.h"
#include "base/text.h"
#include "base/wait.h"

enum { JOURNAL_MAX = 4 << 20, CHANGES_MAX = 4096 };

struct journal {
	int fd;
	int64_t next;
	char *path;
};

/* The number after the highest in the file, and whether its last line is whole. */
static struct pl_error *look_back(const char *path, int64_t *next, bool *torn)
{
	struct pl_buf text;
	pl_buf_init(&text, JOURNAL_MAX);
	struct pl_error *e = pl_fs_read(path, &text);
	*next = 1;
	*torn = e == NULL && text.size > 0 && text.data[text.size - 1] != '\n';
	for (size_t i = 0; e == NULL && i < text.size; i++)
		if (text.data[i] == '\n')
			++*next;
	pl_buf_deinit(&text);
	return e;
}

static struct pl_error *sync_parent(const char *path)
{
	char *dir = NULL;
	struct pl_error *e = pl_strdup(path, &dir);
	if (e != NULL)
		return e;
	char *slash = strrchr(dir, '/');
	if (slash != NULL)
		*slash = '\0';
	e = pl_fs_sync_dir(slash == NULL ? "." : dir);
	free(dir);
	return e;
}

struct pl_error *journal_open(const char *path, struct journal **ret)
{
	struct journal *j = calloc(1, sizeof *j);
	if (j == NULL)
		return pl_error_nomem();
	struct pl_error *e = pl_strdup(path, &j->path);
	j->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (e == NULL && j->fd < 0)
		e = pl_error_at(pl_error_errno(PL_ERR_LAB, errno, "cannot open the journal"), "%s", path);
	bool torn = false;
	if (e == NULL)
		e = look_back(path, &j->next, &torn);
	if (e == NULL && torn) {
		e = pl_fs_write_all(j->fd, "\n", 1);
		j->next++;
	}
	if (e == NULL)
		e = sync_parent(path);
	if (e != NULL) {
		journal_close(j);
		return e;
	}
	*ret = j;
	return NULL;
}

void journal_close(struct journal *j)
{
	if (j == NULL)
		return;
	if (j->fd >= 0)
		close(j->fd);
	free(j->path);
	free(j);
}

struct pl_error *journal_write(struct journal *j, const char *kind, json_t *o)
{
	char at[32];
	pl_timestamp(at);
	json_t *line = json_pack("{s:I, s:s, s:s}", "n", (json_int_t)j->next, "at", at, "kind", kind);
	char *text = NULL;
	if (line != NULL && (o == NULL || json_object_update(line, o) == 0))
		text = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	json_decref(o);
	if (text == NULL)
		return pl_error_nomem();
	size_t length = strlen(text);
	/* The NUL's place takes the newline: one write, so one line is torn at most. */
	text[length] = '\n';
	struct pl_error *e = pl_fs_write_all(j->fd, text, length + 1);
	free(text);
	if (e == NULL)
		e = pl_fs_sync(j->fd);
	if (e != NULL)
		return pl_error_hint(
			pl_error_at(e, "%s", j->path), "free the disk; nothing is changed without it");
	j->next++;
	return NULL;
}

struct pl_error *journal_intent(struct journal *j, const char *change, json_t *before, int64_t *id)
{
	*id = j->next;
	json_t *o =
		json_pack("{s:s, s:o}", "change", change, "before", before == NULL ? json_object() : before);
	if (o == NULL)
		return pl_error_nomem();
	return journal_write(j, "intent", o);
}

static struct pl_error *about(
	struct journal *j, const char *kind, int64_t id, const char *key, const char *value)
{
	json_t *o = json_pack("{s:I, s:s*}", "of", (json_int_t)id, key, value);
	if (o == NULL)
		return pl_error_nomem();
	return journal_write(j, kind, o);
}

struct pl_error *journal_done(struct journal *j, int64_t id)
{
	return about(j, "done", id, "what", NULL);
}

struct pl_error *journal_note(struct journal *j, int64_t id, const char *what)
{
	return about(j, "note", id, "what", what);
}

struct pl_error *journal_undone(struct journal *j, int64_t id, const char *how)
{
	return about(j, "undone", id, "how", how);
}

static struct journal_change *find_change(struct journal_state *s, int64_t id)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->changes[i].id == id)
			return &s->changes[i];
	return NULL;
}

static struct pl_error *add_change(struct journal_state *s, const json_t *line)
{
	const char *change = pl_json_str_or(line, "change", "");
	json_t *before = json_object_get(line, "before");
	if (s->count == CHANGES_MAX || !json_is_object(before))
		return NULL;
	struct journal_change *grown = realloc(s->changes, (s->count + 1) * sizeof *grown);
	if (grown == NULL)
		return pl_error_nomem();
	s->changes = grown;
	struct journal_change *c = &grown[s->count];
	*c = (struct journal_change){.id = pl_json_int_or(line, "n", 0), .notes = json_array()};
	struct pl_error *e = pl_strdup(change, &c->change);
	c->before = json_incref(before);
	s->count++;
	return e;
}

static struct pl_error *take_line(struct journal_state *s, json_t *line)
{
	const char *kind = pl_json_str_or(line, "kind", "");
	if (strcmp(kind, "intent") == 0)
		return add_change(s, line);
	if (strcmp(kind, "begin") == 0 && s->begin == NULL)
		s->begin = json_incref(line);
	if (strcmp(kind, "moved") == 0) {
		json_decref(s->moved);
		s->moved = json_incref(line);
	}
	if (strcmp(kind, "end") == 0) {
		json_decref(s->end);
		s->end = json_incref(line);
	}
	struct journal_change *c = find_change(s, pl_json_int_or(line, "of", -1));
	if (c == NULL)
		return NULL;
	if (strcmp(kind, "done") == 0)
		c->done = true;
	else if (strcmp(kind, "undone") == 0)
		c->undone = true;
	else if (strcmp(kind, "note") == 0)
		json_array_append_new(c->notes, json_string(pl_json_str_or(line, "what", "")));
	return NULL;
}

struct pl_error *journal_read(const char *path, struct journal_state *ret)
{
	struct pl_buf text;
	*ret = (struct journal_state){0};
	pl_buf_init(&text, JOURNAL_MAX);
	struct pl_error *e = pl_fs_read(path, &text);
	const char *p = pl_buf_text(&text);
	const char *end = p + text.size;
	while (e == NULL && p < end) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		const char *stop = newline == NULL ? end : newline;
		json_t *line = json_loadb(p, (size_t)(stop - p), 0, NULL);
		if (!json_is_object(line))
			ret->skipped += stop > p ? 1 : 0;
		else
			e = take_line(ret, line);
		json_decref(line);
		p = stop + 1;
	}
	pl_buf_deinit(&text);
	if (e != NULL)
		journal_state_deinit(ret);
	return e;
}

void journal_state_deinit(struct journal_state *s)
{
	for (size_t i = 0; i < s->count; i++) {
		free(s->changes[i].change);
		json_decref(s->changes[i].before);
		json_decref(s->changes[i].notes);
	}
	free(s->changes);
	json_decref(s->begin);
	json_decref(s->moved);
	json_decref(s->end);
	*s = (struct journal_state){0};
}

const char *journal_vmx_in_use(const struct journal_state *s)
{
	return pl_json_str_or(s->moved, "vmx", pl_json_str_or(s->begin, "vmx", ""));
}

size_t journal_pending(const struct journal_state *s)
{
	size_t n = 0;
	for (size_t i = 0; i < s->count; i++)
		n += s->changes[i].undone ? 0 : 1;
	return n;
}

bool journal_has_note(const struct journal_change *c, const char *what)
{
	size_t i;
	json_t *note;
	json_array_foreach(c->notes, i, note)
	{
		if (strcmp(json_string_value(note), what) == 0)
			return true;
	}
	return false;
}
