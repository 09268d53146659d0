#include "orchestrator/core/kernel_version.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

bool kernel_uuid_parse(const char *text, size_t len, char out[static 37])
{
	out[0] = '\0';
	if (len < 36)
		return false;
	for (size_t i = 0; i < 36; i++) {
		unsigned char ch = (unsigned char)text[i];
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		if (dash ? ch != '-' : !isxdigit(ch))
			return false;
	}
	for (size_t i = 0; i < 36; i++)
		out[i] = (char)toupper((unsigned char)text[i]);
	out[36] = '\0';
	return true;
}

/* "root:xnu-7195.141.2~5/RELEASE_X86_64": name and version are parted by the
 * last dash of the first half, because of "xnu_development-". */
static void parse_root(struct kernel_version *v)
{
	const char *root = strstr(v->text, "root:");
	const char *slash = root ? strchr(root, '/') : NULL;
	if (!slash)
		return;
	const char *dash = root;
	for (const char *p = root; p < slash; p++)
		if (*p == '-')
			dash = p;
	size_t len = (size_t)(slash - dash - 1);
	if (*dash == '-' && len < sizeof v->xnu) {
		memcpy(v->xnu, dash + 1, len);
		v->xnu[len] = '\0';
	}
	size_t n = strcspn(slash + 1, " ;\r\n\t");
	if (n < sizeof v->variant) {
		memcpy(v->variant, slash + 1, n);
		v->variant[n] = '\0';
	}
}

static void parse_tail(const char *tail, struct kernel_version *v)
{
	const char *uuid = strstr(tail, "UUID=");
	const char *stext = strstr(tail, "stext=");
	if (uuid)
		kernel_uuid_parse(uuid + 5, strlen(uuid + 5), v->uuid);
	if (stext) {
		char *end;
		v->stext = strtoull(stext + 6, &end, 16);
		v->has_stext = end > stext + 6;
	}
}

bool kernel_version_parse(const char *text, size_t len, struct kernel_version *ret)
{
	static const char mark[] = "Darwin Kernel Version ";
	char copy[KERNEL_VERSION_MAX];

	memset(ret, 0, sizeof *ret);
	const char *start = memmem(text, len, mark, strlen(mark));
	if (!start)
		return false;
	size_t n = len - (size_t)(start - text);
	if (n >= sizeof copy)
		n = sizeof copy - 1;
	memcpy(copy, start, n);
	copy[n] = '\0';
	copy[strcspn(copy, "\r\n")] = '\0';
	if (!isdigit((unsigned char)copy[strlen(mark)]))
		return false;
	char *tail = strstr(copy, "; UUID=");
	if (tail) {
		parse_tail(tail, ret);
		*tail = '\0';
	}
	memcpy(ret->text, copy, strlen(copy) + 1);
	parse_root(ret);
	return true;
}
