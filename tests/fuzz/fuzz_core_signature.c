/*
 * The bytes make up a panic: a message, frames of the kernel and of kexts, with
 * symbols or without. It is written down twice: at another slide, on another CPU,
 * in the words of another release, with other numbers, as another file would hold
 * it. Both have one signature, and no address is in its title.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "orchestrator/core/panic_text.h"
#include "orchestrator/core/signature.h"

#define FRAMES_MAX 12
#define KEXTS 3
#define KERNEL_TEXT UINT64_C(0xffffff8000200000)
#define KEXT_TEXT UINT64_C(0xffffff7f80a00000)
#define KEXT_SIZE 0x10000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int true_always)
{
	if (!true_always)
		abort();
}

struct input {
	const uint8_t *p;
	size_t left;
};

static unsigned byte(struct input *in)
{
	if (in->left == 0)
		return 0;
	in->left--;
	return *in->p++;
}

struct frame {
	bool kext;
	bool symbol;
	unsigned which;  /* kext or function */
	unsigned offset; /* in the image */
};

/* What is the same in both texts. */
struct panic {
	bool trap;
	unsigned type;
	char message[64];
	struct frame frames[FRAMES_MAX];
	size_t frame_count;
	size_t culprit; /* the frame that called panic() or trapped */
};

/* How one of them is written. */
struct style {
	uint64_t slide;
	unsigned cpu;
	bool twelve;
	bool fifteen;
	bool json;
	const char *line_end;
	const char *before;
	const char *number;
	unsigned symbol_shift; /* another build: functions have other lengths */
};

static void make_panic(struct input *in, struct panic *p)
{
	unsigned flags = byte(in);
	size_t length = byte(in) % (sizeof p->message - 1);

	p->trap = flags & 1;
	p->type = byte(in) % 20;
	for (size_t i = 0; i < length; i++) {
		unsigned c = byte(in);
		/* neither quotes nor what ends or escapes a message; words without digits */
		p->message[i] = (char)(c % 7 == 0 ? ' ' : c % 11 == 0 ? '%' : 'g' + c % 20);
	}
	p->frame_count = 1 + byte(in) % FRAMES_MAX;
	for (size_t i = 0; i < p->frame_count; i++) {
		unsigned kind = byte(in);
		p->frames[i] = (struct frame){kind & 1, kind & 2, kind / 4 % KEXTS, byte(in) * 16 + 1};
	}
	p->culprit = byte(in) % p->frame_count;
}

static uint64_t address_of(const struct frame *f, const struct style *s)
{
	/* symbols and kexts survive another build of the kernel; bare addresses in it need not */
	if (f->kext)
		return KEXT_TEXT + s->slide + f->which * KEXT_SIZE + f->offset;
	return KERNEL_TEXT + s->slide + f->which * 0x10000 + f->offset;
}

static void line(struct pl_buf *b, const struct style *s, const char *text)
{
	need(pl_buf_printf(b, "%s%s%s", s->before, text, s->json ? "\\n" : s->line_end) == NULL);
}

static void first_lines(struct pl_buf *b, const struct panic *p, const struct style *s)
{
	char message[64 * 24] = {0}, text[64 * 24 + 256];
	size_t n = 0;
	uint64_t caller = address_of(&p->frames[p->culprit], s);

	for (const char *c = p->message; *c; c++) {
		if (*c == '%')
			n += (size_t)snprintf(message + n, sizeof message - n, " %s ", s->number);
		else
			message[n++] = *c;
	}
	if (p->trap)
		snprintf(text, sizeof text,
			"panic(cpu %u caller 0x%" PRIx64 "): Kernel trap at 0x%" PRIx64
			", type %s%u=kind %c, registers:",
			s->cpu, KERNEL_TEXT + s->slide + 0xfff00, caller, s->fifteen ? "= " : "", p->type,
			'a' + (char)p->type);
	else if (s->twelve)
		snprintf(text, sizeof text, "panic(cpu %u caller 0x%" PRIx64 "): m%s @ring.c:%u", s->cpu,
			caller, message, 7 + s->cpu);
	else
		snprintf(text, sizeof text, "panic(cpu %u caller 0x%" PRIx64 "): %sm%s%s@/src/ring.c:%u",
			s->cpu, caller, s->json ? "\\\"" : "\"", message, s->json ? "\\\"" : "\"",
			70 + s->cpu);
	line(b, s, text);
	snprintf(text, sizeof text, "Backtrace (CPU %u), %sFrame : Return Address", s->cpu,
		s->twelve ? "panicked thread: 0xffffff8a1, " : "");
	line(b, s, text);
}

static void frame_lines(struct pl_buf *b, const struct panic *p, const struct style *s)
{
	char text[512];

	for (size_t i = 0; i < p->frame_count; i++) {
		const struct frame *f = &p->frames[i];
		int n = snprintf(text, sizeof text, "0x%" PRIx64 " : 0x%" PRIx64,
			UINT64_C(0xffffffa000000000) + i * 64, address_of(f, s));
		if (f->symbol && f->kext)
			snprintf(text + n, sizeof text - (size_t)n, " %s.example.kext%c : _start%c + 0x%x",
				f->which == 0 ? "com.apple" : "org", 'a' + (char)f->which,
				'a' + (char)(f->offset / 256), f->offset % 256 + s->symbol_shift);
		else if (f->symbol)
			snprintf(text + n, sizeof text - (size_t)n, " mach_kernel : _%s%c + 0x%x",
				f->which == 0 ? "lck_mtx_" : "func", 'a' + (char)(f->offset / 256),
				f->offset % 256 + s->symbol_shift);
		line(b, s, text);
	}
}

static void last_lines(struct pl_buf *b, const struct style *s)
{
	char text[512];

	line(b, s, "      Kernel Extensions in backtrace:");
	for (unsigned i = 0; i < KEXTS; i++) {
		uint64_t start = KEXT_TEXT + s->slide + i * KEXT_SIZE;
		snprintf(text, sizeof text,
			"         %s.example.kext%c(1.0)[AAAA1111-2222-3333-8444-5555AAAA6666]@0x%" PRIx64
			"->0x%" PRIx64,
			i == 0 ? "com.apple" : "org", 'a' + (char)i, start, start + KEXT_SIZE - 1);
		line(b, s, text);
	}
	line(b, s, "");
	snprintf(text, sizeof text, "Kernel slide:     0x%016" PRIx64, s->slide);
	line(b, s, text);
	snprintf(text, sizeof text, "Kernel text base: 0x%016" PRIx64, KERNEL_TEXT + s->slide);
	line(b, s, text);
}

static void sign(const struct panic *p, const struct style *s, struct signature *ret)
{
	struct pl_buf b;
	struct panic_text t;
	char hex[32];

	pl_buf_init(&b, 1 << 20);
	need(pl_buf_puts(&b, s->json ? "{\"macOSPanicString\":\"" : "en0: link up\n") == NULL);
	first_lines(&b, p, s);
	frame_lines(&b, p, s);
	last_lines(&b, s);
	if (s->json)
		need(pl_buf_puts(&b, "\",\"z\":1}") == NULL);
	need(panic_text_parse(pl_buf_text(&b), b.size, &t) == NULL);
	need(t.found && t.frame_count == p->frame_count && t.kext_count == KEXTS && t.cpu == (int)s->cpu);
	need(t.lines_unknown == 0);
	need(signature_make(&t, NULL, ret) == NULL);
	for (size_t i = 0; ret->title && i < t.frame_count; i++) {
		snprintf(hex, sizeof hex, "%" PRIx64, t.frames[i].address);
		need(strstr(ret->title, hex) == NULL);
	}
	panic_text_deinit(&t);
	pl_buf_deinit(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	struct panic p = {0};
	struct signature a, b;
	unsigned way = byte(&in);
	const struct style plain = {.line_end = "\n", .before = "", .number = "0x1"};
	const struct style other = {
		.slide = (uint64_t)(1 + way % 16) << 21,
		.cpu = way,
		.twelve = way & 1,
		.fifteen = way & 2,
		.json = (way & 12) == 12,
		.line_end = way & 4 ? "\r\n" : "\n",
		.before = (way & 12) == 8    ? "> "
			  : (way & 28) == 16 ? "[   12.500000] "
					     : "",
		.number = way & 64 ? "0xffffff801a2b3c40" : "-12, 13",
		.symbol_shift = way / 2,
	};

	make_panic(&in, &p);
	sign(&p, &plain, &a);
	sign(&p, &other, &b);
	need(!a.title == !b.title);
	if (a.title && strcmp(a.title, b.title) != 0) {
		fprintf(stderr, "%s\n%s\n", a.title, b.title);
		abort();
	}
	need(strcmp(a.id, b.id) == 0);
	signature_deinit(&a);
	signature_deinit(&b);
	return 0;
}
