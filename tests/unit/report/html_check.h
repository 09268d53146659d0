/*
 * A strict reader of the report's page, for tests: the HTML that we write and
 * nothing else. What a document could inject makes it complain: an element or
 * attribute that the page does not use, a bare & < > or control byte, a link
 * that could leave the folder, an element that is not closed.
 *
 * In a header because a unit test is one file and the fuzz target shares it.
 */
#ifndef TESTS_UNIT_REPORT_HTML_CHECK_H
#define TESTS_UNIT_REPORT_HTML_CHECK_H

#include <ctype.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

struct html_check {
	const char *at;
	const char *problem; /* NULL so far */
	const char *open[32];
	size_t depth;
};

static inline bool html_listed(const char *const *list, const char *word, size_t length)
{
	for (; *list != NULL; list++)
		if (strlen(*list) == length && memcmp(*list, word, length) == 0)
			return true;
	return false;
}

static inline size_t html_word(const char *p)
{
	size_t n = 0;
	while (isalnum((unsigned char)p[n]) || p[n] == '-')
		n++;
	return n;
}

static inline void html_wrong(struct html_check *c, const char *problem)
{
	c->problem = c->problem == NULL ? problem : c->problem;
}

/* After "&": a decimal character reference. */
static inline void html_reference(struct html_check *c)
{
	size_t digits = c->at[1] == '#' ? strspn(c->at + 2, "0123456789") : 0;
	if (digits == 0 || c->at[2 + digits] != ';')
		html_wrong(c, "a bare &");
	c->at++;
}

/* A URL with a scheme, a host, an absolute path or a way up. */
static inline bool html_leaves(const char *url, size_t length)
{
	if (url[0] == '/' || memchr(url, ':', length) != NULL)
		return true;
	for (size_t i = 0; i + 1 < length; i++) {
		bool starts = i == 0 || url[i - 1] == '/';
		bool ends = i + 2 == length || url[i + 2] == '/';
		if (starts && ends && url[i] == '.' && url[i + 1] == '.')
			return true;
	}
	return false;
}

/* name="value", at the name. */
static inline void html_attribute(struct html_check *c)
{
	static const char *const known[] = {"lang", "charset", "http-equiv", "content", "name", "class",
		"style", "href", "scope", "id", "role", "aria-labelledby", "viewBox", "x", "y", "width",
		"height", "fill-opacity", NULL};
	size_t name = html_word(c->at);
	if (!html_listed(known, c->at, name))
		html_wrong(c, "an unknown attribute");
	bool href = name == 4 && memcmp(c->at, "href", 4) == 0;
	bool style = name == 5 && memcmp(c->at, "style", 5) == 0;
	const char *value = c->at + name;
	if (value[0] != '=' || value[1] != '"') {
		html_wrong(c, "an attribute without a quoted value");
		return;
	}
	value += 2;
	size_t length = strcspn(value, "\"<>");
	if (value[length] != '"')
		html_wrong(c, "an attribute that does not end");
	if (href && html_leaves(value, length))
		html_wrong(c, "a link that could leave the folder");
	if (style && strspn(value, "abcdefghijklmnopqrstuvwxyz-:;.%0123456789") != length)
		html_wrong(c, "a strange style");
	c->at = value + length + (value[length] == '"');
}

static inline void html_open(struct html_check *c, const char *name, size_t length)
{
	static const char *const known[] = {"html", "head", "meta", "title", "style", "body", "header",
		"main", "footer", "section", "h1", "h2", "h3", "p", "a", "b", "br", "code", "pre", "span",
		"div", "table", "thead", "tbody", "tr", "th", "td", "svg", "desc", "text", "rect", NULL};
	static const char *const empty[] = {"meta", "br", NULL};
	if (!html_listed(known, name, length))
		html_wrong(c, "an unknown element");
	if (html_listed(empty, name, length))
		return;
	if (c->depth == sizeof c->open / sizeof c->open[0])
		html_wrong(c, "too deep");
	else
		c->open[c->depth++] = name;
}

static inline void html_close(struct html_check *c, const char *name, size_t length)
{
	const char *last = c->depth == 0 ? "" : c->open[--c->depth];
	if (html_word(last) != length || memcmp(last, name, length) != 0)
		html_wrong(c, "an element that closes another one");
}

static inline void html_tag(struct html_check *c)
{
	bool closing = c->at[1] == '/';
	const char *name = c->at + 1 + closing;
	size_t length = html_word(name);
	c->at = name + length;
	if (closing)
		html_close(c, name, length);
	else
		html_open(c, name, length);
	while (c->problem == NULL && *c->at == ' ') {
		c->at++;
		html_attribute(c);
	}
	/* An element of SVG may end in its own tag. */
	if (*c->at == '/' && !closing && length == 4 && memcmp(name, "rect", 4) == 0) {
		c->at++;
		html_close(c, name, length);
	}
	if (*c->at != '>')
		html_wrong(c, "a tag that does not end");
	else
		c->at++;
	/* The template's own style is not HTML. */
	if (!closing && length == 5 && memcmp(name, "style", 5) == 0) {
		const char *end = strstr(c->at, "</style>");
		c->at = end == NULL ? c->at : end;
	}
}

/** NULL if it is fine, else what is wrong; *where is the place in html. */
static inline const char *html_check(const char *html, const char **where)
{
	static const char doctype[] = "<!DOCTYPE html>\n";
	struct html_check c = {.at = html};
	if (strncmp(html, doctype, strlen(doctype)) != 0)
		html_wrong(&c, "no doctype");
	else
		c.at += strlen(doctype);
	while (c.problem == NULL && *c.at != '\0') {
		unsigned char b = (unsigned char)*c.at;
		if (b == '<')
			html_tag(&c);
		else if (b == '&')
			html_reference(&c);
		else if (b == '>' || (b < 0x20 && b != '\n' && b != '\t') || b == 0x7f)
			html_wrong(&c, "a byte that must be escaped");
		else
			c.at++;
	}
	if (c.depth > 0)
		html_wrong(&c, "an element that is not closed");
	*where = c.at;
	return c.problem;
}

#endif
