/*
 * The booter (boot.efi): which kernel a boot takes, from what is on the disk
 * at that moment. By release:
 *
 *   up to 10.9     /mach_kernel, or the kernel in the kernelcache while that is
 *                  one second younger than /System/Library/Extensions and not
 *                  older than /mach_kernel; no kcsuffix=. System.kext has to fit.
 *   10.10 - 10.14  PrelinkedKernels/prelinkedkernel[.SUFFIX]
 *   10.15          the same below /System/Volumes/Preboot, where kcditto puts it
 *   11 on          KernelCollections/BootKernelExtensions.kc[.SUFFIX] of the
 *                  blessed snapshot; one without a seal boots only with SIP's 0x800
 *
 * Without the file of kcsuffix= it takes the release kernel (so it is up to
 * 10.15; for 11 on nobody here has seen it: fault kcsuffix-strict).
 */
#ifndef SIMLAB_BOOTER_H
#define SIMLAB_BOOTER_H

#include "tests/simlab/kernel_image.h"
#include "tests/simlab/simlab/sim.h"

enum booter_outcome {
	BOOTER_BOOTS,
	BOOTER_FAILS,  /* no kernel begins to run */
	BOOTER_PANICS, /* the kernel panics before it has a network */
};

struct booter_choice {
	enum booter_outcome outcome;
	struct kernel_identification kernel; /* unless it fails */
	char why[200];                       /* what the console says of a failure or panic */
};

/** Also makes / of the blessed snapshot (11 on) and the kernelcache (10.9) as the boot would. */
void booter_choose(struct sim *s, const char *boot_args, uint32_t csr, struct booter_choice *ret);

#endif
