/* The guest's boot: reads .nvram and .vmx as the firmware does, then sshd is up. */
#ifndef SIMLAB_BOOT_H
#define SIMLAB_BOOT_H

#include "tests/simlab/kernel_image.h"
#include "tests/simlab/simlab/sim.h"

/** Begins a boot; the guest is up after the boot time. */
void boot_start(struct sim *s);

/** Goes on with s->boot as it was, without a boot: from suspend, or a snapshot with memory. */
void boot_resume(struct sim *s);

/** For the daemon: the boot time has passed. */
void boot_timer(struct sim *s);

/** Ends the guest's processes; writes the firmware's variables back. */
void boot_down(struct sim *s);

/** Starts sshd again, for a fault that changes how. */
void boot_restart_sshd(struct sim *s);

/** The live variables into the .nvram file, if there are any. */
void boot_write_nvram(struct sim *s);

/** Fills b's kernel: the one in the file that was booted, with the boot's boot-args and entropy. */
void boot_describe_kernel(
	const struct sim *s, struct boot *b, const char *boot_args, const struct kernel_identification *id);

/** Makes the guest's system folders unwritable for its user (true) or plain again. */
void boot_protect_disk(bool protect);

#endif
