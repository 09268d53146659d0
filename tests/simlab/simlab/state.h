/* `simlab state`: all that must be the same before and after a run, as sorted text. */
#ifndef SIMLAB_STATE_H
#define SIMLAB_STATE_H

#include "tests/simlab/simlab/calls.h"

void state_call(struct sim *s, struct call *c);

#endif
