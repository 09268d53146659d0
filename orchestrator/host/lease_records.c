#include "orchestrator/host/lease_records.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum place {
	OUTSIDE,
	IN_ISC,
	IN_APPLE,
};

struct parser {
	const char *text;
	size_t size;
	size_t pos;
	enum place place;
	struct lease_record now;
	bool has_ip;
	bool has_mac;
	struct lease_records *out;
};

void lease_records_deinit(struct lease_records *r)
{
	free(r->at);
	memset(r, 0, sizeof(*r));
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool lease_mac(const char *text, size_t size, uint8_t ret[6])
{
	size_t pos = 0;

	for (int i = 0; i < 6; i++) {
		int v = 0, digits = 0;

		if (i && (pos >= size || text[pos++] != ':'))
			return false;
		for (; pos < size && digits < 2 && hex(text[pos]) >= 0; digits++)
			v = v * 16 + hex(text[pos++]);
		if (!digits)
			return false;
		ret[i] = (uint8_t)v;
	}
	return pos == size;
}

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
	/* years begin in March here, so that the leap day is the last */
	int64_t year = m > 2 ? y : y - 1;
	int64_t month = m > 2 ? m - 3 : m + 9;

	return 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + d - 1 - 719468;
}

/* "3 2020/05/13 12:30:37", "never", "epoch 1589373037" → seconds; 0 if it is none of them. */
static int64_t isc_time(const char *s)
{
	int weekday, y, m, d, h, min, sec;
	long long epoch;

	if (!strncmp(s, "never", 5))
		return INT64_MAX;
	if (sscanf(s, "epoch %18lld", &epoch) == 1)
		return epoch > 0 ? epoch : 0;
	if (sscanf(s, "%1d %4d/%2d/%2d %2d:%2d:%2d", &weekday, &y, &m, &d, &h, &min, &sec) != 7)
		return 0;
	if (y < 1970 || m < 1 || m > 12 || d < 1 || d > 31 || h < 0 || h > 23 || min < 0 || min > 59 ||
		sec < 0 || sec > 60)
		return 0;
	return 86400 * days_of(y, m, d) + 3600 * h + 60 * min + sec;
}

/* The words of a statement with single blanks between, so that tabs do not matter; "" if too long. */
static void tidy(const char *text, size_t size, char *out, size_t room)
{
	size_t n = 0;

	for (size_t i = 0; i < size && n + 2 < room; i++) {
		if (!isspace((unsigned char)text[i]) && text[i])
			out[n++] = text[i];
		else if (n && out[n - 1] != ' ')
			out[n++] = ' ';
	}
	while (n && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

/* What follows the prefix, or NULL. */
static const char *after(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) ? NULL : s + n;
}

static void set_ip(struct parser *p, const char *text)
{
	struct in_addr a;

	p->has_ip = inet_pton(AF_INET, text, &a) == 1 && a.s_addr != 0;
	if (p->has_ip)
		p->now.ip = a.s_addr;
}

static void set_mac(struct parser *p, const char *text)
{
	p->has_mac = lease_mac(text, strlen(text), p->now.mac);
}

static void isc_statement(struct parser *p, const char *s)
{
	const char *v;

	if ((v = after(s, "ends ")))
		p->now.ends = isc_time(v);
	else if ((v = after(s, "hardware ethernet ")))
		set_mac(p, v);
	else if ((v = after(s, "binding state ")))
		p->now.released = strcmp(v, "active") != 0;
	else if (!strcmp(s, "abandoned"))
		p->now.released = true;
}

static void apple_line(struct parser *p, const char *s)
{
	const char *v;

	if ((v = after(s, "ip_address=")))
		set_ip(p, v);
	else if ((v = after(s, "hw_address=1,"))) /* 1: Ethernet */
		set_mac(p, v);
	else if ((v = after(s, "lease=0x")) && strlen(v) <= 15 &&
		 strspn(v, "0123456789abcdefABCDEF") == strlen(v))
		p->now.ends = (int64_t)strtoll(v, NULL, 16);
}

static void begin(struct parser *p, enum place place)
{
	memset(&p->now, 0, sizeof(p->now));
	p->has_ip = p->has_mac = false;
	p->place = place;
}

static struct pl_error *finish(struct parser *p)
{
	struct lease_records *r = p->out;

	p->place = OUTSIDE;
	if (!p->has_ip || !p->has_mac)
		return NULL;
	if (r->count == r->room) {
		size_t room = r->room ? 2 * r->room : 64;
		struct lease_record *grown = realloc(r->at, room * sizeof(*grown));

		if (!grown)
			return pl_error_nomem();
		r->at = grown;
		r->room = room;
	}
	r->at[r->count++] = p->now;
	return NULL;
}

/* The end of the line that holds pos, or of the text. */
static size_t line_end(const struct parser *p)
{
	const char *nl = memchr(p->text + p->pos, '\n', p->size - p->pos);

	return nl ? (size_t)(nl - p->text) : p->size;
}

/* In Apple's format a line is a field, whatever a guest put into its name. */
static struct pl_error *step_apple(struct parser *p)
{
	size_t end = line_end(p);
	char line[256];

	tidy(p->text + p->pos, end - p->pos, line, sizeof(line));
	p->pos = end + 1;
	if (!strcmp(line, "}"))
		return finish(p);
	if (!strcmp(line, "{"))
		begin(p, IN_APPLE);
	else
		apple_line(p, line);
	return NULL;
}

/* In ISC's a statement ends with ; { or }, but for those in quotes; a line break ends a forgotten quote. */
static size_t statement_end(const struct parser *p)
{
	bool quoted = false;
	size_t i;

	for (i = p->pos; i < p->size; i++) {
		char c = p->text[i];

		if (c == '\n')
			quoted = false;
		else if (c == '"')
			quoted = !quoted;
		else if (c == '\\' && quoted)
			i += i + 1 < p->size && p->text[i + 1] != '\n';
		else if (!quoted && strchr(";{}#", c) && c)
			break;
	}
	return i;
}

static void open_record(struct parser *p, const char *s)
{
	const char *ip = after(s, "lease ");

	begin(p, ip ? IN_ISC : *s ? OUTSIDE : IN_APPLE);
	if (ip)
		set_ip(p, ip);
}

static struct pl_error *step_isc(struct parser *p)
{
	size_t end = statement_end(p);
	char s[256];

	tidy(p->text + p->pos, end - p->pos, s, sizeof(s));
	p->pos = end + 1;
	if (end >= p->size)
		return NULL;
	switch (p->text[end]) {
	case '#':
		p->pos = end;
		p->pos = line_end(p) + 1;
		break;
	case '{':
		open_record(p, s);
		break;
	case '}':
		if (p->place == IN_ISC)
			return finish(p);
		break;
	default:
		if (p->place == IN_ISC)
			isc_statement(p, s);
	}
	return NULL;
}

struct pl_error *lease_records_parse(const char *text, size_t size, struct lease_records *ret)
{
	struct parser p = {.text = text, .size = size, .out = ret};

	while (p.pos < p.size) {
		struct pl_error *e = p.place == IN_APPLE ? step_apple(&p) : step_isc(&p);

		if (e)
			return e;
	}
	return NULL;
}
