#include "orchestrator/macos/guest_os.h"

#include <string.h>

/* Darwin 11 is 10.7, each one more a minor version, until 20, which is 11. */
enum { DARWIN_FIRST = 11, DARWIN_BIG_SUR = 20, DARWIN_MOST = 99 };

bool macos_of_guest_os(const char *guest_os, struct macos_version *ret)
{
	static const char prefix[] = "darwin";
	unsigned darwin = 0;

	*ret = (struct macos_version){0};
	if (!guest_os || strncmp(guest_os, prefix, sizeof prefix - 1) != 0)
		return false;
	const char *p = guest_os + sizeof prefix - 1;
	while (*p >= '0' && *p <= '9' && darwin <= DARWIN_MOST)
		darwin = 10 * darwin + (unsigned)(*p++ - '0');
	if (darwin < DARWIN_FIRST || darwin > DARWIN_MOST || (*p && strcmp(p, "-64") != 0))
		return false;
	if (darwin >= DARWIN_BIG_SUR)
		ret->major = darwin - 9;
	else
		*ret = (struct macos_version){10, darwin - 4, 0};
	return true;
}
