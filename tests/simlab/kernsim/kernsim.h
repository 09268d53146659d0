/* kernsim: the simulated kernel as a program, for tests. See --help. */
#ifndef SIMLAB_KERNSIM_H
#define SIMLAB_KERNSIM_H

#include "base/err.h"
#include "tests/simlab/kernel_desc.h"

struct option_entry {
	const char *name;  /* "--size" */
	const char *value; /* what its value is, for --help; NULL: a flag */
	struct pl_error *(*set)(void *options, const char *value);
	const char *help;
};

/** Reads argv by the table (which ends with a NULL name) into options. */
struct pl_error *options_read(
	const struct option_entry *table, int argc, char **argv, void *options) PL_MUST_USE;

/* Setters for what several commands share. */
struct pl_error *desc_set_file(struct kernel_desc *d, const char *path) PL_MUST_USE;
struct pl_error *desc_set_pair(struct kernel_desc *d, const char *pair) PL_MUST_USE;
struct pl_error *read_number(const char *what, const char *text, double max, double *ret) PL_MUST_USE;
struct pl_error *read_u64(const char *what, const char *text, uint64_t max, uint64_t *ret) PL_MUST_USE;

struct command {
	const char *name;
	const char *summary;
	const struct option_entry *options;
	struct pl_error *(*run)(int argc, char **argv);
};

extern const struct command command_core;
extern const struct command command_send;
extern const struct command command_panic;

#endif
