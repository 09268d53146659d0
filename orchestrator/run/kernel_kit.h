/*
 * The Kernel Debug Kit that a run takes its kernel from: which one, and how it
 * gets into the guest.
 *
 * Looked at are, unless the scenario names one: kits that are installed in the
 * guest, which cost no transfer; folders (kdk.folders of the lab file,
 * $PANICLAB_KDKS or /Library/Developer/KDKs of this host); images and packages (kdk.images), whose
 * build their names tell, as Apple's do ("Kernel_Debug_Kit_10.12.6_build_16G29.dmg").
 * core/kdk_match.h says which fits.
 */
#ifndef RUN_KERNEL_KIT_H
#define RUN_KERNEL_KIT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/wait.h"
#include "orchestrator/core/kdk_match.h"
#include "orchestrator/macos/kdk_generation.h"

struct run;

enum kernel_kit_source { KIT_IN_GUEST, KIT_FOLDER, KIT_IMAGE };

struct kernel_kit {
	enum kernel_kit_source source;
	char *path; /* in the guest or on this host */
	enum kdk_fit fit;
	char why[240]; /* for people */
	char *opened;  /* the kit's folder in the guest, once it is there */
};

/**
 * PL_ERR_USAGE where there is none that fits: says which build to download. Needs the
 * guest and its facts. *ret needs kernel_kit_deinit() in any case.
 */
struct pl_error *kernel_kit_choose(
	struct run *r, const struct pl_wait *w, struct kernel_kit *ret) PL_MUST_USE;

/** Sends what of it is needed, where it is not in the guest, and opens it there; fills `opened`. */
struct pl_error *kernel_kit_open(
	struct run *r, enum kdk_generation g, const struct pl_wait *w, struct kernel_kit *kit) PL_MUST_USE;

/**
 * Reads the kernel that is to be installed: its UUID to `uuid`. PL_ERR_USAGE if the kit has
 * no such variant; PL_ERR_DATA if it is of another xnu than the guest's, unless a mismatch is accepted.
 */
struct pl_error *kernel_kit_identify(struct run *r, enum kdk_generation g, const struct pl_wait *w,
	const struct kernel_kit *kit, char uuid[static 37]) PL_MUST_USE;

void kernel_kit_deinit(struct kernel_kit *kit);

/** The build in an image's name, "" where there is none; ret as large as a build's text can be, 32. */
void kernel_kit_build_of_name(const char *name, char ret[static 32]);

#endif
