#include "orchestrator/core/vmdk_descriptor.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define TITLE "# Disk DescriptorFile"
#define SECTORS_MAX ((uint64_t)INT64_MAX / VMDK_SECTOR)

bool vmdk_is_descriptor(const void *text, size_t size)
{
	return size >= strlen(TITLE) && strncasecmp(text, TITLE, strlen(TITLE)) == 0;
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static char *skip_blanks(char *s)
{
	while (blank(*s))
		s++;
	return s;
}

static void cut_blanks(char *s)
{
	size_t n = strlen(s);

	while (n > 0 && blank(s[n - 1]))
		n--;
	s[n] = '\0';
}

/* The next word of the line, which it ends; NULL if there is none. */
static char *next_word(char **at)
{
	char *word = skip_blanks(*at), *end = word;

	if (*word == '\0')
		return NULL;
	if (*word == '"') {
		end = strchr(++word, '"');
		if (!end)
			return NULL;
	} else {
		while (*end && !blank(*end))
			end++;
	}
	*at = *end ? end + 1 : end;
	*end = '\0';
	return word;
}

static struct pl_error *bad_extent(size_t n, const char *why)
{
	return pl_error_why(pl_error_new(PL_ERR_USAGE, "its extent %zu cannot be read", n + 1), "%s", why);
}

static bool extent_type(const char *word, enum vmdk_extent_type *ret)
{
	static const struct {
		const char *name;
		enum vmdk_extent_type type;
	} types[] = {{"FLAT", VMDK_FLAT}, {"VMFS", VMDK_FLAT}, {"SPARSE", VMDK_SPARSE}, {"ZERO", VMDK_ZERO}};

	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcasecmp(word, types[i].name) == 0) {
			*ret = types[i].type;
			return true;
		}
	return false;
}

/* Behind the access: SECTORS TYPE ["FILE" [OFFSET]]; what else follows names devices. */
static struct pl_error *read_extent(struct vmdk_descriptor *d, char *line)
{
	size_t n = d->extent_count;
	struct vmdk_extent *x = &d->extents[n];
	char *sectors = next_word(&line), *type = next_word(&line);
	uint64_t count, offset = 0;

	*x = (struct vmdk_extent){.begin = d->size};
	if (!sectors || !type || !pl_parse_u64(sectors, SECTORS_MAX - d->size / VMDK_SECTOR, &count))
		return bad_extent(n, "its size makes no sense");
	if (!extent_type(type, &x->type))
		return pl_error_hint(bad_extent(n, "its type is none of FLAT, SPARSE and ZERO"),
			"qemu-img convert -O raw makes a plain disk of many others");
	if (x->type != VMDK_ZERO) {
		char *file = next_word(&line), *at = next_word(&line);
		if (!file || (at && !pl_parse_u64(at, SECTORS_MAX, &offset)))
			return bad_extent(n, "it has no file, or no offset in it");
		struct pl_error *e = pl_strdup(file, &x->file);
		if (e)
			return e;
	}
	x->size = count * VMDK_SECTOR;
	x->offset = offset * VMDK_SECTOR;
	d->size += x->size;
	d->extent_count++;
	return NULL;
}

static struct pl_error *read_cid(const char *value, uint32_t *ret)
{
	char *end;
	unsigned long long n = strtoull(value, &end, 16);

	if (*value == '\0' || *end != '\0' || n > UINT32_MAX)
		return pl_error_new(PL_ERR_USAGE, "its content ID '%s' is none", value);
	*ret = (uint32_t)n;
	return NULL;
}

static struct pl_error *read_key(struct vmdk_descriptor *d, char *line, char *equals)
{
	*equals++ = '\0';
	cut_blanks(line);
	char *value = next_word(&equals);
	if (!value)
		return NULL;
	if (strcasecmp(line, "CID") == 0)
		return read_cid(value, &d->cid);
	if (strcasecmp(line, "parentCID") == 0)
		return read_cid(value, &d->parent_cid);
	if (strcasecmp(line, "parentFileNameHint") == 0 && !d->parent)
		return pl_strdup(value, &d->parent);
	if (strncasecmp(line, "encryption.", strlen("encryption.")) == 0)
		return pl_error_hint(pl_error_new(PL_ERR_USAGE, "the disk is encrypted"),
			"take the encryption off in the virtual machine's settings");
	return NULL;
}

static struct pl_error *read_line(struct vmdk_descriptor *d, char *line)
{
	static const char *const accesses[] = {"RW", "RDONLY", "NOACCESS"};

	line = skip_blanks(line);
	for (size_t i = 0; i < 3; i++) {
		size_t n = strlen(accesses[i]);
		if (strncasecmp(line, accesses[i], n) != 0 || !blank(line[n]))
			continue;
		if (d->extent_count == VMDK_EXTENTS_MAX)
			return pl_error_new(PL_ERR_USAGE, "it has more than %d extents", VMDK_EXTENTS_MAX);
		return read_extent(d, line + n);
	}
	char *equals = strchr(line, '=');
	return *line == '#' || !equals ? NULL : read_key(d, line, equals);
}

/* A line for each extent, and lines for other things. */
static size_t count_lines(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n < VMDK_EXTENTS_MAX ? n : VMDK_EXTENTS_MAX;
}

static struct pl_error *read_lines(struct vmdk_descriptor *d, char *text)
{
	struct pl_error *e = NULL;

	d->extents = calloc(count_lines(text), sizeof *d->extents);
	if (!d->extents)
		return pl_error_nomem();
	while (*text && !e) {
		char *end = text + strcspn(text, "\n");
		char *next = *end ? end + 1 : end;
		*end = '\0';
		e = read_line(d, text);
		text = next;
	}
	return e;
}

struct pl_error *vmdk_descriptor_parse(const char *text, size_t size, struct vmdk_descriptor *ret)
{
	char *copy = strndup(text, size);

	*ret = (struct vmdk_descriptor){.parent_cid = VMDK_NO_PARENT};
	if (!copy)
		return pl_error_nomem();
	struct pl_error *e = read_lines(ret, copy);
	free(copy);
	if (!e && ret->extent_count == 0)
		e = pl_error_new(PL_ERR_USAGE, "the description of the disk names no extent");
	if (e)
		vmdk_descriptor_deinit(ret);
	return e;
}

void vmdk_descriptor_deinit(struct vmdk_descriptor *d)
{
	for (size_t i = 0; i < d->extent_count; i++)
		free(d->extents[i].file);
	free(d->extents);
	free(d->parent);
	*d = (struct vmdk_descriptor){0};
}
