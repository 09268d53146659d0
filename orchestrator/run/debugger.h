/*
 * lldb's view of a core that has come, for the report: "debugger" in report.h.
 *
 * With the kernel and the kexts of a debug kit that has the core's kernel, out of
 * the lab's kdk.folders and the usual places, and with the scenario's own kext. The
 * run's folder keeps the command file and what lldb said, as logs/debugger.lldb and
 * logs/debugger.log.
 */
#ifndef RUN_DEBUGGER_H
#define RUN_DEBUGGER_H

#include "orchestrator/run/context.h"

/**
 * As host.debugger of the lab says. core is the unpacked file, the report's "core"
 * what inspect said of it. A debugger that is not there or fails is noted and no
 * error: those are an interruption and no memory.
 */
struct pl_error *debugger_look(struct run *r, const char *core) PL_MUST_USE;

#endif
