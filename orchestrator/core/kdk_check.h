/*
 * Is a kit whole, and is it the one of this core or panic text?
 *
 * Whole: SystemVersion.plist names the build (kits of 10.10 and later), there are kernels, each is
 * a Mach-O file with a dSYM of the same UUID beside it, and the executables of its kexts
 * are Mach-O files too. A kext without a dSYM is counted, not counted against the kit:
 * Apple does not ship one for each.
 */
#ifndef CORE_KDK_CHECK_H
#define CORE_KDK_CHECK_H

#include <jansson.h>
#include <stdbool.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/kdk.h"
#include "orchestrator/core/kdk_facts.h"

#define KDK_PROBLEMS_MAX 1000 /* listed; "problems_left_out" counts the rest */

/**
 * Reads all of the kit. The document, a new reference:
 *
 *   {"path","layout":"kit"|"volume","version","build","whole":true,
 *    "kernels":[{"name","variant","path","dsym","version","arches":[{"arch","uuid"}]}],
 *    "kexts":{"count","code","dsyms"},
 *    "problems":[{"path","what"}],"problems_left_out":N,
 *    "file":{"kind","build","kernel_uuid","kernel_version"},"matches":true,"kernel":NAME,"why":..}
 *
 * The last line is there when facts are given. What is not known is left out; texts are raw.
 */
struct pl_error *kdk_check(
	struct kdk *k, const struct kdk_facts *facts, const struct pl_wait *w, json_t **ret) PL_MUST_USE;

/** True if the document says that all is well: whole, and no other kernel's. */
bool kdk_check_ok(const json_t *doc);

#endif
