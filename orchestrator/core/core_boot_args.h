/*
 * The boot-args of a core, from its memory: PE_state.bootArgs points to what the booter
 * handed over.
 *
 * PE_state_t (pexpert/pexpert/pexpert.h): a boolean, struct PE_Video, then deviceTreeHead and
 * bootArgs: the last at 160 on x86_64, at 112 on i386. boot_args (pexpert/pexpert/i386/boot.h): u16
 * revision, u16 version, and from version 2 (10.7) u8 EFI mode, u8 debug mode, u16 flags, before
 * char CommandLine[1024]. arm64 has another one, and is not read.
 */
#ifndef CORE_CORE_BOOT_ARGS_H
#define CORE_CORE_BOOT_ARGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "orchestrator/core/core_file.h"

#define CORE_BOOT_ARGS_MAX 1024

/** pe_state: the address of PE_state. False when what is there makes no sense; "" is an answer. */
bool core_boot_args(const struct core_file *c, uint64_t pe_state, char out[static CORE_BOOT_ARGS_MAX]);

#endif
