#include "base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void pl_buf_init(struct pl_buf *b, size_t max)
{
	*b = (struct pl_buf){.max = max};
}

void pl_buf_deinit(struct pl_buf *b)
{
	free(b->data);
	*b = (struct pl_buf){.max = b->max};
}

const char *pl_buf_text(const struct pl_buf *b)
{
	return b->data == NULL ? "" : b->data;
}

/* Room for `more` bytes and the NUL; the caller has checked the maximum. */
static bool reserve(struct pl_buf *b, size_t more)
{
	size_t need = b->size + more + 1;
	if (need <= b->capacity)
		return true;
	size_t capacity = b->capacity < 64 ? 64 : b->capacity;
	while (capacity < need)
		capacity += capacity / 2;
	char *data = realloc(b->data, capacity);
	if (data == NULL)
		return false;
	b->data = data;
	b->capacity = capacity;
	return true;
}

struct pl_error *pl_buf_append(struct pl_buf *b, const void *bytes, size_t size)
{
	if (size > b->max - b->size)
		return pl_error_new(PL_ERR_DATA, "more than %zu bytes", b->max);
	if (!reserve(b, size))
		return pl_error_nomem();
	if (size > 0)
		memcpy(b->data + b->size, bytes, size);
	b->size += size;
	b->data[b->size] = '\0';
	return NULL;
}

struct pl_error *pl_buf_puts(struct pl_buf *b, const char *text)
{
	return pl_buf_append(b, text, strlen(text));
}

struct pl_error *pl_buf_printf(struct pl_buf *b, const char *fmt, ...)
{
	char *text = NULL;
	va_list args;
	va_start(args, fmt);
	int length = vasprintf(&text, fmt, args);
	va_end(args);
	if (length < 0)
		return pl_error_nomem();
	struct pl_error *e = pl_buf_append(b, text, (size_t)length);
	free(text);
	return e;
}

bool pl_buf_append_capped(struct pl_buf *b, const void *bytes, size_t size)
{
	size_t room = b->max - b->size;
	size_t take = size < room ? size : room;
	if (!reserve(b, take))
		return false;
	if (take > 0)
		memcpy(b->data + b->size, bytes, take);
	b->size += take;
	b->data[b->size] = '\0';
	return take == size;
}

void pl_buf_clear(struct pl_buf *b)
{
	b->size = 0;
	if (b->data != NULL)
		b->data[0] = '\0';
}

void pl_buf_consume(struct pl_buf *b, size_t size)
{
	if (size >= b->size) {
		pl_buf_clear(b);
		return;
	}
	memmove(b->data, b->data + size, b->size - size + 1);
	b->size -= size;
}

struct pl_error *pl_buf_take(struct pl_buf *b, char **ret)
{
	if (!reserve(b, 0))
		return pl_error_nomem();
	b->data[b->size] = '\0';
	*ret = b->data;
	*b = (struct pl_buf){.max = b->max};
	return NULL;
}
