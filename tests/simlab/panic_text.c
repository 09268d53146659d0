#include "tests/simlab/panic_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "tests/simlab/boot_args.h"
#include "tests/simlab/panic_style.h"

#define TEXT_MAX 12288 /* xnu: three pages of debug_buf */

/* A function on the way to the panic, innermost first; "*" is the kext's. */
struct step {
	const char *function;
	unsigned offset; /* of the return address in it */
};

struct shape {
	enum panic_trigger trigger;
	const char *name;
	const char *process; /* the one that was running; NULL: the description's */
	const char *file;    /* below the xnu sources; NULL: no place (a trap) */
	unsigned line;
	unsigned caller; /* index of the step that called panic() */
	struct step steps[16];
};

#define SYSCALL_TAIL                                                                                         \
	{"unix_syscall64", 0x33a},                                                                           \
	{                                                                                                    \
		"hndl_unix_scall64", 0x16                                                                    \
	}

static const struct shape shapes[] = {
	{PANIC_DTRACE, "dtrace", "dtrace", "bsd/dev/dtrace/dtrace.c", 6108, 1,
		{{"panic", 0xec}, {"dtrace_action_panic", 0xa9}, {"dtrace_probe", 0x97c},
			{"dtrace_state_go", 0x6b2}, {"dtrace_ioctl", 0xd57}, {"spec_ioctl", 0x8e},
			{"VNOP_IOCTL", 0x87}, {"vn_ioctl", 0xe2}, {"fo_ioctl", 0x3d}, {"ioctl", 0x3b7},
			SYSCALL_TAIL}},
	{PANIC_KEXT, "kext", "kextd", NULL, 0, 1,
		{{"panic", 0xec}, {"*", 0x9b7}, {"*", 0x61}, {"OSKext::start", 0x2f4},
			{"OSKext::load", 0x3a9}, {"OSKext::loadFromMkext", 0x41c}, {"kext_request", 0x10b},
			{"mach_kext_request", 0xe9}, {"ipc_kobject_server", 0x110}, {"ipc_kmsg_send", 0xc0},
			{"mach_msg_overwrite_trap", 0x181}, {"mach_call_munger64", 0x1f6},
			{"hndl_mach_scall64", 0x16}}},
	{PANIC_PAGE_FAULT, "page-fault", "kextd", NULL, 0, 1,
		{{"panic", 0xec}, {"kernel_trap", 0x8d0}, {"return_from_trap", 0xe3}, {"*", 0x42},
			{"OSKext::start", 0x2f4}, {"OSKext::load", 0x3a9}, {"kext_request", 0x10b},
			{"ipc_kobject_server", 0x110}, {"mach_msg_overwrite_trap", 0x181},
			{"mach_call_munger64", 0x1f6}, {"hndl_mach_scall64", 0x16}}},
	{PANIC_SYSCTL, "sysctl", "sysctl", "bsd/kern/kern_sysctl.c", 3215, 1,
		{{"panic", 0xec}, {"sysctl_panic_test", 0x74}, {"sysctl_root", 0x1f8},
			{"kernel_sysctl", 0x2ab}, {"sysctl", 0x152}, SYSCALL_TAIL}},
	{PANIC_REBOOT, "reboot", "reboot", "bsd/kern/kern_shutdown.c", 112, 1,
		{{"panic", 0xec}, {"reboot_kernel", 0x2e}, {"reboot", 0x1a5}, SYSCALL_TAIL}},
	{PANIC_NMI, "nmi", "kernel_task", "osfmk/i386/AT386/model_dep.c", 944, 1,
		{{"panic", 0xec}, {"NMIInterruptHandler", 0xf4}, {"interrupt", 0x2a6},
			{"hndl_allintrs", 0x12d}, {"machine_idle", 0xb0}, {"processor_idle", 0xa3},
			{"idle_thread", 0x1f}, {"call_continuation", 0x17}}},
	{PANIC_BOOT, "boot", "kernel_task", "iokit/Kernel/IOPlatformExpert.cpp", 1655, 1,
		{{"panic", 0xec}, {"StartIOKit", 0x1c2}, {"kernel_bootstrap_thread", 0x143},
			{"call_continuation", 0x17}}},
};

static const struct shape *shape_of(enum panic_trigger trigger)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (shapes[i].trigger == trigger)
			return &shapes[i];
	return &shapes[0];
}

struct pl_error *panic_trigger_parse(const char *name, enum panic_trigger *ret)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		if (strcmp(name, shapes[i].name) == 0) {
			*ret = shapes[i].trigger;
			return NULL;
		}
	return pl_error_hint(pl_error_new(PL_ERR_USAGE, "unknown trigger '%s'", name),
		"one of dtrace, kext, page-fault, sysctl, reboot, nmi, boot");
}

static bool named_before(const struct shape *shape, const struct step *step)
{
	for (const struct shape *s = shapes; s <= shape; s++)
		for (const struct step *t = s->steps; t->function && t != step; t++)
			if (strcmp(t->function, step->function) == 0)
				return true;
	return false;
}

const char *panic_function_name(size_t index)
{
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
		for (const struct step *step = shapes[i].steps; step->function; step++)
			if (strcmp(step->function, "*") != 0 && !named_before(&shapes[i], step) &&
				index-- == 0)
				return step->function;
	return NULL;
}

static const struct kernel_kext *find_kext(const struct kernel_desc *d, const char *name)
{
	const struct kernel_kext *last = d->kext_count ? &d->kexts[d->kext_count - 1] : NULL;
	for (size_t i = 0; name && i < d->kext_count; i++)
		if (strcmp(d->kexts[i].name, name) == 0)
			return &d->kexts[i];
	return last;
}

static uint64_t step_address(
	const struct kernel_desc *d, const struct step *s, const struct kernel_kext *kext)
{
	if (strcmp(s->function, "*") != 0)
		return kernel_function(d, s->function, s->offset);
	return kext ? kext->address + 0x1000 + s->offset : kernel_function(d, "kext", s->offset);
}

/* Frames lie on the panicking CPU's stack, the outermost nearest to its top. */
static void lay_frames(
	const struct kernel_desc *d, const struct shape *s, const struct kernel_kext *kext, struct panic *p)
{
	size_t count = 0;
	while (count < sizeof(s->steps) / sizeof(s->steps[0]) && s->steps[count].function)
		count++;
	uint64_t at = kernel_stack_base(d, d->panic_cpu) + KERNEL_STACK_SIZE - 0x50;
	for (size_t i = count; i-- > 0;) {
		p->frames[i].frame = at;
		p->frames[i].address = step_address(d, &s->steps[i], kext);
		at -= 0x20 + 0x10 * (kernel_mix(i + s->steps[i].offset) % 12);
	}
	p->frame_count = count;
}

static struct pl_error *write_registers(
	const struct kernel_desc *d, const struct panic *p, uint64_t rip, struct pl_buf *b)
{
	uint64_t rbp = p->frames[4].frame;
	uint64_t heap = UINT64_C(0xffffff8020000000) + d->slide;
	uint64_t r[8];
	for (unsigned i = 0; i < 8; i++)
		r[i] = heap + (kernel_mix(d->seed + i) & 0xfffff0);
	struct pl_error *e = pl_buf_printf(b,
		"CR0: 0x0000000080010033, CR2: 0x0000000000000000, CR3: 0x%016" PRIx64
		", CR4: 0x00000000001606e0\n"
		"RAX: 0x0000000000000000, RBX: 0x%016" PRIx64 ", RCX: 0x0000000000000001, RDX: 0x%016" PRIx64
		"\n"
		"RSP: 0x%016" PRIx64 ", RBP: 0x%016" PRIx64 ", RSI: 0x%016" PRIx64 ", RDI: 0x%016" PRIx64
		"\n",
		(r[7] & 0xffffff) << 12, r[0], r[1], rbp - 0x20, rbp, r[2], r[3]);
	if (e)
		return e;
	return pl_buf_printf(b,
		"R8:  0x0000000000000000, R9:  0x0000000000000000, R10: 0x0000000000000028, R11: "
		"0x0000000000000000\n"
		"R12: 0x%016" PRIx64 ", R13: 0x0000000000000000, R14: 0x%016" PRIx64 ", R15: 0x%016" PRIx64
		"\n"
		"RFL: 0x0000000000010246, RIP: 0x%016" PRIx64
		", CS:  0x0000000000000008, SS:  0x0000000000000010\n"
		"Fault CR2: 0x0000000000000000, Error code: 0x0000000000000000, Fault CPU: 0x%x VMM, PL: 0, "
		"VF: 1\n",
		r[4], r[5], r[6], rip, d->panic_cpu);
}

static struct pl_error *own_message(
	const struct kernel_desc *d, const struct shape *s, const struct kernel_kext *kext, struct pl_buf *b)
{
	uint64_t ecb = UINT64_C(0xffffff8020000000) + d->slide + (kernel_mix(d->seed) & 0xffffc0);
	switch (s->trigger) {
	case PANIC_DTRACE:
		return pl_buf_printf(
			b, "dtrace: panic action at probe dtrace:::BEGIN (ecb 0x%" PRIx64 ")", ecb);
	case PANIC_KEXT:
		return pl_buf_printf(b, "%s: panic asked for", kext ? kext->name : "kext");
	case PANIC_SYSCTL:
		return pl_buf_puts(b, "test panic: entry");
	case PANIC_REBOOT:
		return pl_buf_puts(b, "user request");
	case PANIC_BOOT:
		return pl_buf_puts(b, "it does not boot");
	case PANIC_NMI:
	case PANIC_PAGE_FAULT:
		break;
	}
	return pl_buf_puts(b, "NMI");
}

/* From 12 on the kernel itself says where without quotes and path; kexts are as they were built. */
static bool is_quoted(const struct kernel_desc *d, const struct shape *s)
{
	return !s->file || panic_style_of(kernel_xnu_major(d))->place != PLACE_BARE;
}

static struct pl_error *write_place(const struct kernel_desc *d, const struct shape *s, struct pl_buf *b)
{
	static const char *const trees[] = {
		[PLACE_SOURCE_CACHE] = "/SourceCache/xnu",
		[PLACE_XBS] = "/Library/Caches/com.apple.xbs/Sources/xnu",
		[PLACE_BUILD_ROOT] = "/AppleInternal/BuildRoot/Library/Caches/com.apple.xbs/Sources/xnu",
		[PLACE_SWE] =
			"/System/Volumes/Data/SWE/macOS/BuildRoots/51a71ab051/Library/Caches/com.apple.xbs"
			"/Sources/xnu",
	};
	char xnu[24];
	kernel_xnu_version(d, xnu, sizeof(xnu));
	if (!s->file)
		return pl_buf_puts(b, "\"@/Users/developer/Panicker/Panicker.c:27\n");
	if (!is_quoted(d, s))
		return pl_buf_printf(b, " @%s:%u\n", strrchr(s->file, '/') + 1, s->line);
	return pl_buf_printf(b, "\"@%s/xnu-%s/%s:%u\n", trees[panic_style_of(kernel_xnu_major(d))->place],
		xnu, s->file, s->line);
}

static struct pl_error *write_head(const struct kernel_desc *d, const struct shape *s, const char *message,
	const struct kernel_kext *kext, const struct panic *p, struct pl_buf *b)
{
	struct pl_error *e = pl_buf_printf(
		b, "panic(cpu %u caller 0x%016" PRIx64 "): ", d->panic_cpu, p->frames[s->caller].address);
	if (!e && s->trigger == PANIC_PAGE_FAULT && !message) {
		uint64_t rip = p->frames[3].address;
		e = pl_buf_printf(
			b, "Kernel trap at 0x%016" PRIx64 ", type 14=page fault, registers:\n", rip);
		return e ? e : write_registers(d, p, rip, b);
	}
	if (!e && is_quoted(d, s))
		e = pl_buf_puts(b, "\"");
	if (!e)
		e = message ? pl_buf_puts(b, message) : own_message(d, s, kext, b);
	if (e)
		return e;
	return write_place(d, s, b);
}

static bool blames_kext(const struct shape *s)
{
	return s->trigger == PANIC_KEXT || s->trigger == PANIC_PAGE_FAULT;
}

/* The process that a panic's text names. */
static const char *process_of(const struct kernel_desc *d, const struct shape *s)
{
	return s->process && strcmp(d->process, "dtrace") == 0 ? s->process : d->process;
}

static uint64_t thread_address(const struct kernel_desc *d)
{
	return UINT64_C(0xffffff9400000000) + (kernel_mix(d->seed + 7) & 0xfffff0);
}

static struct pl_error *write_backtrace_head(
	const struct kernel_desc *d, const struct shape *s, struct pl_buf *b)
{
	if (!panic_style_of(kernel_xnu_major(d))->task)
		return pl_buf_printf(b, "Backtrace (CPU %u), Frame : Return Address\n", d->panic_cpu);
	return pl_buf_printf(b,
		"Panicked task 0x%016" PRIx64 ": 2 threads: pid 598: %s\n"
		"Backtrace (CPU %u), panicked thread: 0x%016" PRIx64 ", Frame : Return Address\n",
		UINT64_C(0xffffffa500000000) + (kernel_mix(d->seed + 8) & 0xfffff0), process_of(d, s),
		d->panic_cpu, thread_address(d));
}

/* With keepsyms=1: "mach_kernel : _panic + 0x54", "com.x.Y : _start + 0x10"; "" without. */
static struct pl_error *write_symbol(const struct kernel_desc *d, const struct step *step,
	const struct kernel_kext *kext, struct pl_buf *b)
{
	uint32_t keep = 0;
	if (!boot_args_number(d->boot_args, "keepsyms", &keep) || keep == 0)
		return pl_buf_puts(b, "\n");
	if (strcmp(step->function, "*") != 0)
		return pl_buf_printf(b, "mach_kernel : _%s + 0x%x\n", step->function, step->offset);
	return pl_buf_printf(b, "%s : _start + 0x%x\n", kext ? kext->name : "kext", step->offset);
}

static struct pl_error *write_backtrace(const struct kernel_desc *d, const struct shape *s,
	const struct kernel_kext *kext, const struct panic *p, struct pl_buf *b)
{
	char uuid[37];
	struct pl_error *e = write_backtrace_head(d, s, b);
	for (size_t i = 0; !e && i < p->frame_count; i++) {
		e = pl_buf_printf(
			b, "0x%016" PRIx64 " : 0x%016" PRIx64 " ", p->frames[i].frame, p->frames[i].address);
		if (!e)
			e = write_symbol(d, &s->steps[i], kext, b);
	}
	if (e || !kext || !blames_kext(s))
		return e ? e : pl_buf_puts(b, "\n");
	return pl_buf_printf(b,
		"      Kernel Extensions in backtrace:\n         %s(%s)[%s]@0x%" PRIx64 "->0x%" PRIx64 "\n\n",
		kext->name, kext->version, kernel_uuid_text(kext->uuid, uuid), kext->address,
		kext->address + kext->size - 1);
}

static struct pl_error *write_process(const struct kernel_desc *d, const struct shape *s, struct pl_buf *b)
{
	const struct panic_style *style = panic_style_of(kernel_xnu_major(d));
	struct pl_error *e = pl_buf_puts(b, style->bsd ? "BSD process name corresponding to current thread"
						       : "Process name corresponding to current thread");
	if (!e && style->task)
		e = pl_buf_printf(b, " (0x%016" PRIx64 ")", thread_address(d));
	if (!e)
		e = pl_buf_printf(b, ": %s\n", process_of(d, s));
	if (!e && d->boot_args[0])
		e = pl_buf_printf(b, "Boot args: %s\n", d->boot_args);
	return e;
}

static struct pl_error *write_places(const struct kernel_desc *d, struct pl_buf *b)
{
	const char *wide = d->in_collection ? " " : "";
	struct pl_error *e = NULL;
	if (d->in_collection)
		e = pl_buf_printf(b,
			"KernelCache slide: 0x%016" PRIx64 "\nKernelCache base:  0x%016" PRIx64 "\n",
			d->slide, KERNEL_TEXT_UNSLID + d->slide);
	if (!e && d->slide)
		e = pl_buf_printf(b,
			"Kernel slide:     %s0x%016" PRIx64 "\nKernel text base: %s0x%016" PRIx64 "\n", wide,
			kernel_slide(d), wide, kernel_text_base(d));
	if (!e)
		e = pl_buf_printf(b, "__HIB  text base: 0x%016" PRIx64 "\n", kernel_hib_base(d));
	return e;
}

static struct pl_error *write_system(const struct kernel_desc *d, const struct shape *s, struct pl_buf *b)
{
	char uuid[37];
	const struct panic_style *style = panic_style_of(kernel_xnu_major(d));
	struct pl_error *e = write_process(d, s, b);
	if (!e)
		e = pl_buf_printf(b, "\nMac OS version:\n%s\n\nKernel version:\n%s\nKernel UUID: %s\n%s",
			d->build, d->version, kernel_uuid_text(d->uuid, uuid),
			style->roots ? "roots installed: 0\n" : "");
	if (!e)
		e = write_places(d, b);
	if (!e)
		e = pl_buf_printf(b,
			"System model name: %s\n%s%s\nSystem uptime in nanoseconds: %" PRIu64 "\n", d->model,
			style->shutdown ? "System shutdown begun: NO\nPanic diags file available: YES (0x0)\n"
					: "",
			style->hibernated ? "Hibernation exit count: 0\n" : "", d->uptime_ns);
	if (!e && style->hibernated)
		e = pl_buf_printf(b,
			"Last Sleep:           absolute           base_tsc          base_nano\n"
			"  Uptime  : 0x%016" PRIx64 "\n"
			"  Sleep   : 0x0000000000000000 0x0000000000000000 0x0000000000000000\n"
			"  Wake    : 0x0000000000000000 0x00000018f8309b87 0x0000000000000000\n",
			d->uptime_ns);
	return e;
}

/* What xnu (libkern/c++/OSKext.cpp, from 10.7 on) writes for the start of an id, and anywhere in it. */
struct shortening {
	const char *text;
	const char *sign;
};

static const struct shortening *shortening_of(const struct shortening *table, const char *text)
{
	for (; table->text; table++)
		if (strncmp(text, table->text, strlen(table->text)) == 0)
			return table;
	return NULL;
}

static struct pl_error *write_compact(const char *id, struct pl_buf *b)
{
	static const struct shortening starts[] = {{"com.apple.driver.", ">"}, {"com.apple.iokit.", "|"},
		{"com.apple.security.", "$"}, {"com.apple.", "@"}, {NULL, NULL}};
	static const struct shortening words[] = {{"AppleUSB", "!U"}, {"Apple", "!A"}, {"Family", "!F"},
		{"Storage", "!S"}, {"Controller", "!C"}, {"Bluetooth", "!B"}, {"Intel", "!I"}, {NULL, NULL}};
	const struct shortening *s = shortening_of(starts, id);
	bool apple = s != NULL;
	struct pl_error *e = apple ? pl_buf_puts(b, s->sign) : NULL;
	id += apple ? strlen(s->text) : 0;
	while (!e && *id) {
		s = apple ? shortening_of(words, id) : NULL;
		e = s ? pl_buf_puts(b, s->sign) : pl_buf_append(b, id, 1);
		id += s ? strlen(s->text) : 1;
	}
	return e;
}

static struct pl_error *write_kexts(const struct kernel_desc *d, struct pl_buf *b)
{
	if (d->kext_count == 0)
		return NULL;
	const struct kernel_kext *last = &d->kexts[d->kext_count - 1];
	struct pl_error *e = pl_buf_printf(b,
		"last %s kext at %" PRIu64 ": %s\t%s (addr 0x%" PRIx64 ", size %" PRIu64 ")\nloaded kexts:\n",
		panic_style_of(kernel_xnu_major(d))->started ? "started" : "loaded",
		d->uptime_ns - d->uptime_ns / 7, last->name, last->version, last->address, last->size);
	for (size_t i = d->kext_count; !e && i-- > 0;) {
		e = write_compact(d->kexts[i].name, b);
		if (!e)
			e = pl_buf_printf(b, "\t%s\n", d->kexts[i].version);
	}
	return e;
}

struct pl_error *panic_make(const struct kernel_desc *d, enum panic_trigger trigger, const char *message,
	const char *kext_name, struct panic *ret)
{
	const struct shape *s = shape_of(trigger);
	const struct kernel_kext *kext = find_kext(d, kext_name);
	struct pl_buf b;
	memset(ret, 0, sizeof(*ret));
	pl_buf_init(&b, TEXT_MAX);
	ret->trigger = trigger;
	lay_frames(d, s, kext, ret);
	struct pl_error *e = write_head(d, s, message, kext, ret, &b);
	if (!e)
		e = write_backtrace(d, s, kext, ret, &b);
	if (!e)
		e = write_system(d, s, &b);
	if (!e)
		e = write_kexts(d, &b);
	if (!e)
		e = pl_buf_take(&b, &ret->text);
	pl_buf_deinit(&b);
	return e;
}

void panic_deinit(struct panic *p)
{
	if (!p)
		return;
	free(p->text);
	p->text = NULL;
}
