/*
 * The lines of a .vmx, as VMware's own reader takes them (open-vm-tools,
 * lib/dict/dictll.c): WS KEY WS = WS "VALUE" WS [#COMMENT], the quotes may be
 * missing. What is not such a line is passed over, where VMware is stricter.
 */
#ifndef FUSION_VMX_LINE_H
#define FUSION_VMX_LINE_H

#include <stdbool.h>
#include <stddef.h>

struct vmx_span {
	const char *start;
	size_t size;
};

struct vmx_line {
	struct vmx_span whole; /* with its line end */
	struct vmx_span end;   /* "\n", "\r\n", or nothing at the end of the file */
	bool entry;            /* false: only the two above are set */
	struct vmx_span key;
	struct vmx_span value;  /* between the quotes, still with its escapes */
	struct vmx_span quoted; /* the value and its quotes, if it has them */
};

/** Where the first line begins: 3 behind a UTF-8 byte order mark, else 0. */
size_t vmx_first_line(const char *text, size_t size);

/** The line at *pos, which moves to the next one; false at the end. */
bool vmx_next_line(const char *text, size_t size, size_t *pos, struct vmx_line *ret);

/** Without regard to case, as VMware compares keys. */
bool vmx_line_has_key(const struct vmx_line *line, const char *key);

#endif
