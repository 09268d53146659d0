#include "orchestrator/core/kdk_facts.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/core/inspect.h"

void kdk_facts_take(const json_t *doc, struct kdk_facts *ret)
{
	const char *version = pl_json_str_or(doc, "kernel_version", "");
	const char *uuid = pl_json_str_or(doc, "kernel_uuid", "");

	memset(ret, 0, sizeof *ret);
	snprintf(ret->kind, sizeof ret->kind, "%s", pl_json_str_or(doc, "kind", "unknown"));
	snprintf(ret->arch, sizeof ret->arch, "%s", pl_json_str_or(doc, "arch", ""));
	/* What is not of the right form is not known. */
	kdk_facts_set_build(ret, pl_json_str_or(doc, "build", ""));
	kernel_uuid_parse(uuid, strlen(uuid), ret->uuid);
	kernel_version_parse(version, strlen(version), &ret->version);
}

struct pl_error *kdk_facts_read(const char *path, const struct pl_wait *w, struct kdk_facts *ret)
{
	json_t *doc = NULL;
	struct pl_error *e = inspect_file(path, w, &doc);

	if (e)
		return e;
	kdk_facts_take(doc, ret);
	json_decref(doc);
	return NULL;
}

bool kdk_facts_set_uuid(struct kdk_facts *f, const char *text)
{
	return strlen(text) == 36 && kernel_uuid_parse(text, 36, f->uuid);
}

bool kdk_facts_set_build(struct kdk_facts *f, const char *text)
{
	struct kdk_build b;

	if (strlen(text) >= sizeof f->build || !kdk_build_parse(text, &b))
		return false;
	snprintf(f->build, sizeof f->build, "%s", text);
	return true;
}

bool kdk_facts_set_version(struct kdk_facts *f, const char *text)
{
	if (kernel_version_parse(text, strlen(text), &f->version))
		return true;
	memset(&f->version, 0, sizeof f->version);
	if (strncmp(text, "root:", 5) == 0)
		text += 5;
	if (strncmp(text, "xnu", 3) == 0 && strchr(text, '-'))
		text = strchr(text, '-') + 1;
	size_t len = strcspn(text, "/");
	if (!isdigit((unsigned char)text[0]) || len >= sizeof f->version.xnu)
		return false;
	memcpy(f->version.xnu, text, len);
	return true;
}

bool kdk_facts_known(const struct kdk_facts *f)
{
	return f->build[0] || f->uuid[0] || f->version.text[0] || f->version.xnu[0];
}

struct kdk_wanted kdk_facts_wanted(const struct kdk_facts *f)
{
	return (struct kdk_wanted){
		.build = f->build, .kernel_uuid = f->uuid, .version = f->version.text, .xnu = f->version.xnu};
}
