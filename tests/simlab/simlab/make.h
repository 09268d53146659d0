/* Makes the lab's folder on disk, the parts that are not there yet. */
#ifndef SIMLAB_MAKE_H
#define SIMLAB_MAKE_H

#include "tests/simlab/simlab/sim.h"

/** Everything but what depends on the ports. The working folder is the lab's. */
struct pl_error *make_lab(struct sim *s) PL_MUST_USE;

/** sshd_config, known_hosts, lab.env ...: written anew at each start. */
struct pl_error *make_settings(struct sim *s) PL_MUST_USE;

/** lab.env: again when vmrest has new ids. */
struct pl_error *make_env(const struct sim *s) PL_MUST_USE;

/** The guest's file system (make_disk.c), with its kernels, without the links to its commands. */
struct pl_error *make_disk(const struct release *r, uint64_t core_size) PL_MUST_USE;

/** Links to the commands of that release, which may have moved; `tools` is the folder of the program `macos`.
 */
struct pl_error *make_links(const char *tools, const struct release *r) PL_MUST_USE;

/** Writes the file unless it is there. */
struct pl_error *make_file(const char *path, const char *text, mode_t mode) PL_MUST_USE;

/** Runs a tool of the host to its end; PL_ERR_LAB with its words if it fails. */
struct pl_error *make_run(const char *const *argv, struct pl_buf *out) PL_MUST_USE;

#endif
