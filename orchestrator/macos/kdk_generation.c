#include "orchestrator/macos/kdk_generation.h"

static const struct {
	const char *name;
	unsigned major, minor; /* the first release */
} generations[] = {
	[KDK_NONE] = {"none", 0, 0},
	[KDK_ROOT_KERNEL] = {"root-kernel", 10, 7},
	[KDK_KEXTCACHE] = {"kextcache", 10, 10},
	[KDK_KEXTCACHE_MOUNT] = {"kextcache-mount", 10, 15},
	[KDK_KMUTIL_INSTALL] = {"kmutil-install", 11, 0},
	[KDK_KMUTIL_CREATE] = {"kmutil-create", 13, 0},
};

enum kdk_generation kdk_generation_of(const struct macos_version *macos)
{
	enum kdk_generation g = KDK_KMUTIL_CREATE;
	while (g > KDK_NONE && !macos_version_at_least(macos, generations[g].major, generations[g].minor, 0))
		g--;
	return g;
}

const char *kdk_generation_name(enum kdk_generation g)
{
	return generations[g].name;
}
