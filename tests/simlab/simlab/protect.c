#include "tests/simlab/simlab/protect.h"

#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "tests/simlab/simlab/guest.h"
#include "tests/simlab/simlab/sip_words.h"

static const char *const FOLDERS[] = {"System", "usr", "bin", "sbin", NULL};
static const char *const NONE[] = {NULL};

static bool read_only(const struct sim *s)
{
	return s->release->number >= 1100 || (s->release->number >= 1015 && !s->boot.root_writable);
}

static bool by_sip(const struct sim *s)
{
	return (sip_bits(s->release, s->boot.csr) & CSR_FS) == 0;
}

const char *const *protect_folders(const struct sim *s)
{
	return read_only(s) || by_sip(s) ? FOLDERS : NONE;
}

void protect_tell(const struct sim *s)
{
	char text[256] = "";
	const char *const *folders = protect_folders(s);
	if (folders[0] != NULL)
		snprintf(text, sizeof text, "%s\n",
			read_only(s) ? "Read-only file system" : "Operation not permitted");
	for (size_t i = 0; folders[i] != NULL; i++)
		snprintf(text + strlen(text), sizeof text - strlen(text), "/%s\n", folders[i]);
	sim_complain(pl_fs_write(SIM_GUEST_RUN "/protected", text, strlen(text), 0644));
}

bool protect_lift(struct sim *s)
{
	if (s->release->number >= 1100 || by_sip(s))
		return false;
	if (!s->boot.root_writable && s->release->number >= 1015) {
		s->boot.root_writable = true;
		sim_complain(guest_unmount(s->guest, FOLDERS));
		protect_tell(s);
	}
	return true;
}
