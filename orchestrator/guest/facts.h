/* facts.sh's output, understood. */
#ifndef GUEST_FACTS_H
#define GUEST_FACTS_H

#include "orchestrator/guest/guest.h"

/** Fills *ret (needs guest_facts_deinit() in any case). PL_ERR_GUEST if nvram could not be read. */
struct pl_error *facts_parse(const struct guest_output *o, struct guest_facts *ret) PL_MUST_USE;

#endif
