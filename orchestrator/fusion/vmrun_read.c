/* What vmrun's output says. See vmrun.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "orchestrator/fusion/vm.h"
#include "orchestrator/fusion/vmrest.h"
#include "orchestrator/fusion/vmrun.h"

#define LIST_MAX 4096

struct lines {
	const char *text;
	size_t size;
	size_t pos;
};

struct line {
	const char *text;
	size_t size;
};

/* The next line without white space around it; false at the end. */
static bool next_line(struct lines *l, struct line *ret)
{
	const char *start, *end;
	size_t n;

	if (l->pos >= l->size)
		return false;
	start = l->text + l->pos;
	end = memchr(start, '\n', l->size - l->pos);
	n = end ? (size_t)(end - start) : l->size - l->pos;
	l->pos += n + 1;
	while (n && isspace((unsigned char)*start)) {
		start++;
		n--;
	}
	while (n && isspace((unsigned char)start[n - 1]))
		n--;
	*ret = (struct line){start, n};
	return true;
}

static bool starts(const struct line *l, const char *prefix)
{
	size_t n = strlen(prefix);

	return l->size >= n && !strncmp(l->text, prefix, n);
}

bool vmrun_read_error(const char *text, size_t size, char *out, size_t room)
{
	static const char mark[] = "Error:";
	struct lines lines = {text, size, 0};
	struct line l;

	while (next_line(&lines, &l)) {
		size_t skip = sizeof(mark) - 1;

		if (!starts(&l, mark))
			continue;
		while (skip < l.size && l.text[skip] == ' ')
			skip++;
		pl_escape(l.text + skip, l.size - skip, out, room);
		return true;
	}
	return false;
}

bool vmrun_read_ip(const char *text, size_t size, char ret[16])
{
	struct lines lines = {text, size, 0};
	struct line l;
	bool found = false;

	while (next_line(&lines, &l)) {
		char ip[16];

		if (l.size >= sizeof(ip))
			continue;
		memcpy(ip, l.text, l.size);
		ip[l.size] = '\0';
		if (strlen(ip) != l.size || !vmrest_is_ip(ip))
			continue;
		memcpy(ret, ip, sizeof(ip));
		found = true;
	}
	return found;
}

/* "HEAD: N" → N, or -1. */
static long read_head(const struct line *l, const char *head)
{
	size_t n = strlen(head);
	long count = 0;

	if (!starts(l, head) || l->size <= n || l->text[n] != ':')
		return -1;
	for (n++; n < l->size && l->text[n] == ' '; n++)
		;
	if (n == l->size)
		return -1;
	for (; n < l->size; n++) {
		if (!isdigit((unsigned char)l->text[n]) || count > LIST_MAX)
			return -1;
		count = 10 * count + (l->text[n] - '0');
	}
	return count;
}

/* "2026-01-31T23:59:59.1| ...", "Warning: ...", "[AppLoader] ...": said by vmrun's libraries. */
static bool is_log(const struct line *l)
{
	static const char date[] = "dddd-dd-ddT";
	size_t i;

	if (starts(l, "Warning:") || starts(l, "WARNING:") || starts(l, "Error:") || starts(l, "["))
		return true;
	for (i = 0; date[i] && i < l->size; i++)
		if (date[i] == 'd' ? !isdigit((unsigned char)l->text[i]) : l->text[i] != date[i])
			return false;
	return !date[i];
}

static size_t count_lines(struct lines lines)
{
	struct line l;
	size_t n = 0;

	while (next_line(&lines, &l))
		n += l.size > 0;
	return n;
}

static struct pl_error *take_lines(struct lines *lines, size_t want, char **names, size_t *count)
{
	size_t have = count_lines(*lines);
	size_t surplus = have > want ? have - want : 0;
	struct line l;

	while (*count < want && next_line(lines, &l)) {
		if (!l.size)
			continue;
		if (surplus && is_log(&l)) {
			surplus--;
			continue;
		}
		names[*count] = strndup(l.text, l.size);
		if (!names[*count])
			return pl_error_nomem();
		++*count;
	}
	if (*count < want)
		return pl_error_new(PL_ERR_DATA, "vmrun announced %zu names and gave %zu", want, *count);
	return NULL;
}

struct pl_error *vmrun_read_list(const char *text, size_t size, const char *head, char ***ret, size_t *count)
{
	struct lines lines = {text, size, 0};
	struct line l;
	struct pl_error *e;
	char **names;
	long want = -1;

	*ret = NULL;
	*count = 0;
	while (want < 0 && next_line(&lines, &l))
		want = read_head(&l, head);
	if (want < 0)
		return pl_error_new(PL_ERR_DATA, "vmrun did not say '%s: N'", head);
	if (want > LIST_MAX)
		return pl_error_new(PL_ERR_DATA, "vmrun announced %ld names, too many", want);
	names = calloc((size_t)want + 1, sizeof(*names));
	if (!names)
		return pl_error_nomem();
	e = take_lines(&lines, (size_t)want, names, count);
	if (e) {
		vm_names_free(names, *count);
		*count = 0;
		return e;
	}
	*ret = names;
	return NULL;
}
