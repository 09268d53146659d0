/*
 * Any bytes as a core, for what is inside: backtraces ascend and are bounded, kexts are sane and
 * sorted whichever way they are found, boot-args are printable. The first 8 bytes are an address where a
 * symbol is said to be.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "orchestrator/core/core_backtrace.h"
#include "orchestrator/core/core_boot_args.h"
#include "orchestrator/core/core_kexts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

static int file_of(const uint8_t *data, size_t size)
{
	char name[] = "/tmp/fuzz_core.XXXXXX";
	int fd = mkstemp(name);
	need(fd >= 0);
	unlink(name);
	need(write(fd, data, size) == (ssize_t)size);
	return fd;
}

static void check_threads(const struct core_file *c)
{
	static struct core_backtrace b;

	for (size_t i = 0; i < c->thread_count && i < 16; i++) {
		core_backtrace(c, &c->threads[i], &b);
		need(b.count <= CORE_FRAMES_MAX);
		need((b.count == 0) == (c->threads[i].count == 0));
		need(b.count == 0 || b.frames[0].address == c->threads[i].pc);
		/* the second one may be that of a function without a frame */
		for (size_t n = 3; n < b.count; n++)
			need(b.frames[n].frame > b.frames[n - 1].frame);
	}
}

static void check_kexts(const struct core_kexts *k)
{
	need(k->count <= CORE_KEXTS_MAX);
	need((k->count == 0) == (k->list == NULL));
	for (size_t i = 0; i < k->count; i++) {
		const struct core_kext *x = &k->list[i];
		need(strlen(x->id) >= 3 && strlen(x->id) <= CORE_KEXT_ID_MAX);
		for (const char *p = x->id; *p; p++)
			need(*p >= 0x20 && *p < 0x7f);
		need(x->size > 0 && x->start + x->size > x->start);
		need(i == 0 || k->list[i - 1].start <= x->start);
		need(core_kexts_holding(k, x->start) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct pl_wait forever = {PL_TIME_FOREVER, NULL};
	struct core_file c;
	struct core_kexts k;
	char line[CORE_BOOT_ARGS_MAX];
	uint64_t symbol;

	if (size < sizeof symbol)
		return 0;
	memcpy(&symbol, data, sizeof symbol);
	struct pl_error *e = core_file_open_fd(file_of(data + sizeof symbol, size - sizeof symbol), &c);
	if (e) {
		pl_error_free(e);
		return 0;
	}
	check_threads(&c);
	need(core_kexts_at(&c, symbol, &k) == NULL);
	check_kexts(&k);
	core_kexts_deinit(&k);
	need(core_kexts_find(&c, &forever, &k) == NULL);
	check_kexts(&k);
	core_kexts_deinit(&k);
	if (core_boot_args(&c, symbol, line))
		for (const char *p = line; *p; p++)
			need(*p == '\t' || (unsigned char)*p >= 0x20);
	core_file_close(&c);
	return 0;
}
