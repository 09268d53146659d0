/* What a core, a panic text or a kernel says of the kernel it is of, for the choice of a kit. */
#ifndef CORE_KDK_FACTS_H
#define CORE_KDK_FACTS_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/kdk_match.h"
#include "orchestrator/core/kernel_version.h"

/* "" where unknown. */
struct kdk_facts {
	char kind[32]; /* inspect's */
	char arch[16];
	char build[32];
	char uuid[37];
	struct kernel_version version;
};

/** Out of inspect_file()'s document. */
void kdk_facts_take(const json_t *doc, struct kdk_facts *ret);

/** Of a file, by inspect_file(), whose errors these are. */
struct pl_error *kdk_facts_read(const char *path, const struct pl_wait *w, struct kdk_facts *ret) PL_MUST_USE;

/** A UUID as a person types it; false when it is none. */
bool kdk_facts_set_uuid(struct kdk_facts *f, const char *text);

/** "20G80"; false when it is not one. */
bool kdk_facts_set_build(struct kdk_facts *f, const char *text);

/** The whole version text, or "xnu-7195.141.2~5", or "7195.141.2~5"; false for anything else. */
bool kdk_facts_set_version(struct kdk_facts *f, const char *text);

/** True if there is something by which a kit can be chosen. */
bool kdk_facts_known(const struct kdk_facts *f);

/** The texts stay those of f. */
struct kdk_wanted kdk_facts_wanted(const struct kdk_facts *f);

#endif
