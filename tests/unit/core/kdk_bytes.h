/*
 * Debug kits on disk from hand-made bytes, below a temporary folder: the names
 * are those of Apple's kits, the Mach-O files have a header, a UUID and a text.
 */
#ifndef TESTS_KDK_BYTES_H
#define TESTS_KDK_BYTES_H

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "core_bytes.h"

#define KIT_PLIST_HEAD                                                                                       \
	"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"                                                       \
	"<!DOCTYPE plist PUBLIC \"-//Apple//DTD PLIST 1.0//EN\" "                                            \
	"\"http://www.apple.com/DTDs/PropertyList-1.0.dtd\">\n<plist version=\"1.0\">\n<dict>\n"
#define KIT_PLIST_TAIL "</dict>\n</plist>\n"

static char kit_root[64];

static inline int kit_begin(void **state)
{
	(void)state;
	strcpy(kit_root, "/tmp/test_kdk.XXXXXX");
	return mkdtemp(kit_root) ? 0 : -1;
}

static inline int kit_end(void **state)
{
	(void)state;
	return pl_fs_remove_tree(kit_root) ? -1 : 0;
}

/* The path of a name below the temporary folder, good until the call after next. */
static inline const char *kit_path(const char *name)
{
	static char path[2][512];
	static int turn;
	turn = !turn;
	snprintf(path[turn], sizeof path[turn], "%s/%s", kit_root, name);
	return path[turn];
}

static inline void kit_file(const char *name, const void *data, size_t size)
{
	char folder[512];
	snprintf(folder, sizeof folder, "%s", kit_path(name));
	*strrchr(folder, '/') = '\0';
	assert(pl_fs_mkdirs(folder) == NULL);
	FILE *f = fopen(kit_path(name), "wb");
	assert(f && fwrite(data, 1, size, f) == size);
	fclose(f);
}

static inline void kit_text(const char *name, const char *text)
{
	kit_file(name, text, strlen(text));
}

/* A Mach-O of this type whose UUID ends in `last`; with a version text when there is one. */
static inline void kit_macho(const char *name, uint32_t type, uint8_t last, const char *version)
{
	uint8_t b[2 * PAGE] = {0};
	put_kernel_header(b, 0xffffff8000200000);
	w32(b + 12, type);
	b[32 + 72 + 72 + 8 + 15] = last;
	if (version)
		put_text(b + PAGE, version);
	kit_file(name, b, sizeof b);
}

static inline void kit_system_version(const char *kit, const char *version, const char *build)
{
	char name[256], text[1024];
	snprintf(name, sizeof name, "%s/System/Library/CoreServices/SystemVersion.plist", kit);
	snprintf(text, sizeof text,
		KIT_PLIST_HEAD "\t<key>ProductBuildVersion</key>\n\t<string>%s</string>\n"
			       "\t<key>ProductVersion</key>\n\t<string>%s</string>\n" KIT_PLIST_TAIL,
		build, version);
	kit_text(name, text);
}

static inline void kit_info(const char *bundle, const char *id, const char *executable)
{
	char name[256], text[1024];
	snprintf(name, sizeof name, "%s/Info.plist", bundle);
	snprintf(text, sizeof text,
		KIT_PLIST_HEAD "\t<key>CFBundleExecutable</key>\n\t<string>%s</string>\n"
			       "\t<key>CFBundleIdentifier</key>\n\t<string>%s</string>\n"
			       "\t<key>CFBundleVersion</key>\n\t<string>1.2.3</string>\n" KIT_PLIST_TAIL,
		executable, id);
	kit_text(name, text);
}

/* The UUID of kit_macho(). */
#define KIT_UUID(hex) "A5A5C0DE-1111-3222-8333-0123456789" hex

#endif
