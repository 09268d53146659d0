#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "tests/simlab/simlab/macos.h"
#include "tests/simlab/simlab/panic.h"

/* The text between <string> and </string> after <key>NAME</key>. */
static bool plist_string(const char *text, const char *name, char *out, size_t size)
{
	char key[64];
	snprintf(key, sizeof key, "<key>%s</key>", name);
	const char *at = strstr(text, key);
	at = at != NULL ? strstr(at, "<string>") : NULL;
	const char *end = at != NULL ? strstr(at, "</string>") : NULL;
	if (end == NULL)
		return false;
	at += strlen("<string>");
	snprintf(out, size, "%.*s", (int)(end - at), at);
	return true;
}

struct bundle {
	char id[128];
	bool signed_;      /* has a _CodeSignature */
	char panics[32];   /* SimulatedPanic in its Info.plist: what its start routine does */
	char message[256]; /* SimulatedPanicMessage */
};

static bool read_bundle(const struct call *c, const char *kext, struct bundle *ret)
{
	char disk[2048];
	char path[2200];
	struct pl_buf b;
	*ret = (struct bundle){0};
	if (!macos_on_disk(c, kext, disk, sizeof disk))
		return false;
	pl_buf_init(&b, 1U << 20);
	snprintf(path, sizeof path, "%s/Contents/Info.plist", disk);
	struct pl_error *e = pl_fs_read(path, &b);
	const char *text = pl_buf_text(&b);
	bool ok = e == NULL && plist_string(text, "CFBundleIdentifier", ret->id, sizeof ret->id);
	plist_string(text, "SimulatedPanic", ret->panics, sizeof ret->panics);
	plist_string(text, "SimulatedPanicMessage", ret->message, sizeof ret->message);
	snprintf(path, sizeof path, "%s/Contents/_CodeSignature", disk);
	ret->signed_ = access(path, F_OK) == 0;
	pl_error_free(e);
	pl_buf_deinit(&b);
	return ok;
}

/* Behind the ones that the booted kernel has: they slide, so no fixed place is free. */
static uint64_t free_address(const struct kernel_desc *d)
{
	uint64_t end = UINT64_C(0xffffff7f80000000);
	for (size_t i = 0; i < d->kext_count; i++)
		if (d->kexts[i].address + d->kexts[i].size > end)
			end = d->kexts[i].address + d->kexts[i].size;
	return (end + 0xfff) & ~UINT64_C(0xfff);
}

static void start_kext(struct sim *s, struct call *c, const struct bundle *k)
{
	enum panic_trigger trigger = PANIC_KEXT;
	size_t used = strlen(s->boot.kexts);
	snprintf(s->boot.kexts + used, sizeof s->boot.kexts - used, "%s ", k->id);
	if (k->panics[0] == '\0' || s->faults.on[FAULT_TRIGGER_SILENT])
		return;
	pl_error_free(panic_trigger_parse(k->panics, &trigger));
	c->ready = call_hangs;
	char entry[256];
	/* The kernel has to know the kext that it blames. */
	snprintf(entry, sizeof entry, "%s 1.0 6B1F2C50-51A7-4C1B-9A5E-51A71AB00001 0x%" PRIx64 " 0x5000",
		k->id, free_address(&s->boot.kernel));
	sim_complain(kernel_desc_set(&s->boot.kernel, "kext", entry));
	panic_begin(s, trigger, k->message[0] != '\0' ? k->message : NULL, k->id);
}

/* What the releases say of a kext that SIP does not let in; %s: its path, its identifier. */
static void refuse_kext(const struct sim *s, struct call *c, const char *path, const char *id)
{
	if (s->release->number >= 1100)
		call_err(c,
			"Error Domain=KMErrorDomain Code=27 \"Extension with identifiers %s not approved to "
			"load. "
			"Please approve using System %s.\" UserInfo={NSLocalizedDescription=Extension with "
			"identifiers %s not approved to load.}\n",
			id, s->release->number >= 1300 ? "Settings" : "Preferences", id);
	else if (s->release->number >= 1013)
		call_err(c,
			"Kext rejected due to system policy: <OSKext> { URL = \"file://%s/\", ID = \"%s\" }\n"
			"%s failed to load - (libkern/kext) system policy prevents loading; check the "
			"system/kernel "
			"logs for errors or try kextutil(8).\n",
			path, id, path);
	else
		call_err(c,
			"%s failed to load - (libkern/kext) not loadable (reason unspecified); check the "
			"system/kernel "
			"logs for errors or try kextutil(8).\n",
			path);
}

void macos_load_kext(struct sim *s, struct call *c, const char *path)
{
	struct bundle k;
	bool kmutil = strcmp(c->name, "kmutil") == 0;
	c->status = 77;
	if (!c->root) {
		call_err(c, "%s must be running as root to load kexts into the kernel.\n", c->name);
		return;
	}
	c->status = 71;
	if (!read_bundle(c, path, &k)) {
		if (kmutil)
			call_err(c,
				"Error Domain=KMErrorDomain Code=71 \"Could not find: No bundle was found at "
				"%s.\" "
				"UserInfo={NSLocalizedDescription=Could not find: No bundle was found at "
				"%s.}\n",
				path, path);
		else
			call_err(c, "%s: can't find bundle or its identifier - no such file or directory.\n",
				path);
		return;
	}
	/* Where unsigned kexts are allowed, nobody has to approve of one (10.13 on) either. */
	bool approved = s->release->number < 1013 || macos_csr(s, CSR_UNAPPROVED_KEXTS);
	if (!macos_csr(s, CSR_KEXTS) && (!k.signed_ || !approved)) {
		c->status = kmutil ? 27 : 71;
		refuse_kext(s, c, path, k.id);
		return;
	}
	c->status = 0;
	start_kext(s, c, &k);
}

void macos_kextload(struct sim *s, struct call *c)
{
	if (s->release->number >= 1100 && c->argc > 0)
		call_out(c, "Executing: /usr/bin/kmutil load -p %s\n", c->argv[c->argc - 1]);
	macos_load_kext(s, c, c->argc > 0 ? c->argv[c->argc - 1] : "");
}

void macos_kextunload(struct sim *s, struct call *c)
{
	char id[130];
	const char *name = c->argc > 0 ? c->argv[c->argc - 1] : "";
	c->status = 1;
	if (macos_needs_root(c, "kextunload must be running as root to unload kexts."))
		return;
	struct bundle k;
	snprintf(id, sizeof id, "%.127s ", read_bundle(c, name, &k) ? k.id : name);
	char *at = strstr(s->boot.kexts, id);
	if (at == NULL) {
		call_err(c, "(kernel) Kext %s not found for unload request.\n", name);
		return;
	}
	memmove(at, at + strlen(id), strlen(at + strlen(id)) + 1);
	c->status = 0;
}

void macos_kextstat(struct sim *s, struct call *c)
{
	const struct kernel_desc *d = &s->boot.kernel;
	char *copy = strdup(s->boot.kexts);
	char *save = NULL;
	unsigned n = 1;
	call_out(c,
		"Index Refs Address            Size       Wired      Name (Version) UUID <Linked Against>\n");
	for (size_t i = 0; i < d->kext_count; i++)
		call_out(c, "%5u    1 0x%016llx 0x%-8llx 0x%-8llx %s (%s)\n", n++,
			(unsigned long long)d->kexts[i].address, (unsigned long long)d->kexts[i].size,
			(unsigned long long)d->kexts[i].size, d->kexts[i].name, d->kexts[i].version);
	for (char *id = copy != NULL ? strtok_r(copy, " ", &save) : NULL; id != NULL;
		id = strtok_r(NULL, " ", &save))
		call_out(c, "%5u    0 0x%" PRIx64 " 0x5000     0x5000     %s (1.0)\n", n++, free_address(d),
			id);
	free(copy);
}
