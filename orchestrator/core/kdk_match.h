/*
 * Which debug kit fits a kernel. Pure: what is known of both in, a verdict on each kit out.
 *
 * In this order: the exact build; the same kernel, by its UUID or its version text (a point
 * release may keep the kernel: 14.3 and 14.3.1 share one); and only when a mismatch is
 * accepted, the nearest lower build of the same version. Symbols of a kit that is only near are
 * wrong wherever the kernels differ, so whoever takes it must say so.
 *
 * Builds are "24B82": Darwin's major version, a letter for each release of it, a
 * number, and a letter for builds that were never final. "The same version" is the same major
 * and letter, so 15.1 (24B82) and 15.1.1 (24B91) are; and a beta, 24B5077a (numbers
 * from 5000 with a letter), comes before all final ones.
 */
#ifndef CORE_KDK_MATCH_H
#define CORE_KDK_MATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What is known of the kernel that needs a kit; "" or NULL: not known. */
struct kdk_wanted {
	const char *build;       /* "20G80" */
	const char *kernel_uuid; /* upper case */
	const char *version;     /* "Darwin Kernel Version ...", the whole text */
	const char *xnu;         /* "7195.141.2~5"; asked when the whole text is not known */
};

/* One kernel of a kit; fat ones have a UUID for each architecture. */
#define KDK_CANDIDATE_UUIDS 8
struct kdk_candidate_kernel {
	const char *name;
	const char *version; /* the whole text, or "" */
	const char *uuids[KDK_CANDIDATE_UUIDS];
	size_t uuid_count; /* 0: not known, as in a list of kits */
};

struct kdk_candidate {
	const char *build; /* "" unknown */
	bool installed;    /* else it has to be downloaded first */
	struct kdk_candidate_kernel *kernels;
	size_t kernel_count;
};

enum kdk_fit { /* in rising order */
	KDK_FIT_NONE,
	KDK_FIT_NEAREST, /* another build of the same version */
	KDK_FIT_KERNEL,  /* another build, the same kernel */
	KDK_FIT_BUILD,   /* the exact build */
};

#define KDK_NO_KERNEL SIZE_MAX

struct kdk_verdict {
	enum kdk_fit fit;
	size_t kernel;      /* the one that is the wanted one, or KDK_NO_KERNEL */
	bool other_kernels; /* the UUID is known, and none of its kernels has it */
	char why[240];      /* for people, also of what does not fit */
};

/**
 * Judges count candidates into verdicts and gives the index of the best; count when none fits.
 * Of two that fit equally, one with the wanted UUID is better; then of those that are only near the
 * higher build; then one that is installed; then the first.
 */
size_t kdk_match(const struct kdk_wanted *wanted, const struct kdk_candidate *candidates, size_t count,
	bool accept_mismatch, struct kdk_verdict *verdicts);

/** "build", "kernel", "nearest" or "none". */
const char *kdk_fit_name(enum kdk_fit fit);

struct kdk_build {
	unsigned major;
	char letter;
	unsigned number;
	char suffix; /* 0 for a final build */
};

/** False for what is not a build. */
bool kdk_build_parse(const char *text, struct kdk_build *ret);

/** Below, at or above zero; of one version, as described above. */
int kdk_build_compare(const struct kdk_build *a, const struct kdk_build *b);

#endif
