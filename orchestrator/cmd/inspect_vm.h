/*
 * What inspect says of a VM's files, beyond their kind, which is all that core/
 * knows of them. Into the document:
 *
 *   nvram   [variable, ...] as nvram_show.h has them
 *   vmx     {"display_name","guest_os","firmware","memory_mb","cpus","nvram",
 *           "suspended","encrypted","nics":[{"name","device","connection","mac"}],
 *           "serial":[{"name","type","file"}],"gdb_stub","keys":{KEY: VALUE, ...}}
 *
 * and warnings: what is damaged, and what a kernel dump would fail on.
 */
#ifndef CMD_INSPECT_VM_H
#define CMD_INSPECT_VM_H

#include <jansson.h>
#include <stdio.h>

#include "base/err.h"

/** Nothing for a document of another kind. */
struct pl_error *inspect_vm_add(const char *path, json_t *doc) PL_MUST_USE;

void inspect_vm_print(FILE *out, const json_t *doc);

#endif
