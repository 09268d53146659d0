/*
 * Backtraces, threads and kexts in `paniclab inspect`, in columns: address, image, symbol,
 * file and line. All text of the guest is escaped.
 */
#ifndef CMD_INSPECT_FRAMES_H
#define CMD_INSPECT_FRAMES_H

#include <jansson.h>
#include <stdio.h>

/** The backtrace of the thread that panicked, as the core has it; without a core the panic text's. */
void inspect_print_backtrace(FILE *out, const json_t *doc);

/** The other threads of a core; and which symbols all the names are from. */
void inspect_print_threads(FILE *out, const json_t *doc);

/** The kexts that were loaded, Apple's as a number. */
void inspect_print_loaded(FILE *out, const json_t *doc);

#endif
