/*
 * How the panic text looks by version of xnu: a table. Read off xnu's tags
 * (osfmk/kern/debug.c, osfmk/i386/AT386/model_dep.c) and posted panics.
 */
#ifndef SIMLAB_PANIC_STYLE_H
#define SIMLAB_PANIC_STYLE_H

#include <stdbool.h>

enum panic_place {
	PLACE_SOURCE_CACHE, /* "text"@/SourceCache/xnu/xnu-N/FILE:LINE */
	PLACE_XBS,          /* ... /Library/Caches/com.apple.xbs/Sources/xnu/xnu-N/FILE:LINE */
	PLACE_BUILD_ROOT,   /* ... /AppleInternal/BuildRoot before that */
	PLACE_SWE,          /* ... /System/Volumes/Data/SWE/macOS/BuildRoots/HEX before that */
	PLACE_BARE,         /* text @file.c:LINE; kexts keep the quotes and the path */
};

enum panic_report_form {
	REPORT_TEXT,        /* *** Panic Report *** */
	REPORT_JSON,        /* two objects, one a line; Kernel_DATE_HOST.panic */
	REPORT_JSON_KERNEL, /* the same, Kernel-DATE.panic */
};

struct panic_style {
	unsigned since; /* major version of xnu */
	enum panic_place place;
	bool task;       /* "Panicked task" and the thread in the backtrace's head */
	bool bsd;        /* "BSD process name"; else "Process name" */
	bool roots;      /* "roots installed: 0" */
	bool shutdown;   /* "System shutdown begun", "Panic diags file available" */
	bool hibernated; /* "Hibernation exit count", "Last Sleep" */
	bool started;    /* "last started kext"; else "last loaded kext" */
	enum panic_report_form report;
};

/** Never NULL. */
const struct panic_style *panic_style_of(unsigned xnu);

#endif
