/* Between the files of confine: what one platform has. */
#ifndef SERVER_CONFINE_PARTS_H
#define SERVER_CONFINE_PARTS_H

#include <stdbool.h>

/** No new privileges, and no capabilities for whoever is not root. 0, or an errno value. */
int confine_privileges(void);

/** Only the files below dir. *abi is what the kernel has. 0, or an errno value. */
int confine_landlock(const char *dir, int *abi);

/** The filter of system calls, for all threads. 0, or an errno value. */
int confine_seccomp(void);

#endif
