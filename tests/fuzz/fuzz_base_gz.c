/*
 * Any bytes as a gzip stream, to each library of the build, at once and in pieces.
 * The first two bytes choose the pieces; with the highest bit of the first, a
 * header is put in front, so that what follows is deflate data.
 *
 * Libraries may differ only in damaged streams. ISA-L takes codes that are not
 * complete as long as no missing one is used, so it may notice damage later than
 * zlib; it sees some in the first half of a block's header, so it may notice it
 * before; and it keeps back what stands just before the damage. Up to there they
 * give the same bytes. Input and output stand before a page
 * that cannot be touched, as sanitizers do not see into ISA-L's assembler.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/gz_backend.h"

#define OUT_MAX ((size_t)2 << 20)
#define IN_MAX ((size_t)1 << 20)
#define LATE 3    /* bytes that ISA-L makes with the next input only: it decodes so many literals at once */
#define TAIL 4096 /* more than the header of a block */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct outcome {
	enum gz_phase phase;
	unsigned members;
	uint64_t padding;
	size_t used;
	size_t size;
	int full; /* stopped at OUT_MAX */
	uint8_t out[OUT_MAX];
};

static void need(int true_always)
{
	if (!true_always)
		abort();
}

/* Memory of this size or a little more; returns its end, where the untouchable begins. */
static uint8_t *edge(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t room = (size + page - 1) / page * page;
	uint8_t *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	need(map != MAP_FAILED);
	need(mprotect(map + room, page, PROT_NONE) == 0);
	return map + room;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

static void decode(const struct gz_backend *backend, const uint8_t *data, size_t size, size_t in_step,
	size_t out_step, struct outcome *o)
{
	static uint8_t *in_end, *out_end;
	struct gz *g = NULL;
	int more = 1;

	if (!in_end) {
		in_end = edge(IN_MAX);
		out_end = edge(OUT_MAX);
	}
	memset(o, 0, offsetof(struct outcome, out));
	need(gz_create_with(backend, &g) == NULL);
	while (more && !o->full) {
		size_t give = least(in_step, size - o->used), room = least(out_step, OUT_MAX - o->size);
		struct gz_io io = {in_end - give, give, out_end - room, room};
		if (give > 0)
			memcpy(in_end - give, data + o->used, give);
		o->phase = gz_decode(g, &io);
		need(io.in == in_end - io.in_left && io.in_left <= give);
		need(io.out == out_end - io.out_left && io.out_left <= room);
		need(o->phase >= GZ_TRAILING || io.in_left == 0 || io.out_left == 0);
		memcpy(o->out + o->size, out_end - room, room - io.out_left);
		o->used += give - io.in_left;
		o->size += room - io.out_left;
		o->full = o->size == OUT_MAX;
		more = o->phase < GZ_TRAILING && (o->used < size || io.out_left == 0);
	}
	o->members = gz_members(g);
	o->padding = gz_padding(g);
	need((gz_detail(g)[0] != '\0') == (o->phase == GZ_CORRUPT));
	gz_destroy(g);
}

/* Both say the same, or, of a damaged stream, one goes on where the other has ended. */
static void agree(const struct outcome *a, const struct outcome *b)
{
	size_t common = least(a->size, b->size);
	need(memcmp(a->out, b->out, common) == 0);
	if (a->full || b->full || a->phase == GZ_CORRUPT || b->phase == GZ_CORRUPT)
		return;
	need(a->phase == b->phase && a->used == b->used);
	size_t late = a->phase == GZ_MEMBER ? LATE : 0;
	need(a->size - common <= late && b->size - common <= late);
	need(a->members == b->members && a->padding == b->padding);
}

/* In pieces or at once, one library says the same, but for how much comes before the damage. */
static void same(const struct outcome *a, const struct outcome *b)
{
	agree(a, b);
	need(a->full || b->full || (a->phase == b->phase && a->members == b->members));
}

/* Cut where one library sees damage already: zlib sees it too when there is more. */
static void is_doomed(const uint8_t *data, size_t size)
{
	static uint8_t longer[IN_MAX];
	static struct outcome o;

	memcpy(longer, data, size);
	memset(longer + size, 0, TAIL);
	decode(&gz_zlib, longer, size + TAIL, SIZE_MAX, SIZE_MAX, &o);
	need(o.phase == GZ_CORRUPT || o.full);
}

static void check(const uint8_t *data, size_t size, size_t in_step, size_t out_step)
{
	static struct outcome zlib, whole, pieces;

	decode(&gz_zlib, data, size, SIZE_MAX, SIZE_MAX, &zlib);
	for (size_t i = 0; gz_backends()[i]; i++) {
		decode(gz_backends()[i], data, size, SIZE_MAX, SIZE_MAX, &whole);
		decode(gz_backends()[i], data, size, in_step, out_step, &pieces);
		same(&whole, &pieces);
		agree(&zlib, &whole);
		if (zlib.full || whole.full || zlib.phase == GZ_CORRUPT || zlib.phase == whole.phase)
			continue;
		need(zlib.phase == GZ_MEMBER && whole.phase == GZ_CORRUPT);
		is_doomed(data, size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t steps[] = {1, 2, 3, 5, 8, 13, 64, 300, 1000, 4096, 32768, 65536, 65537, 100000};
	static const uint8_t header[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3};
	size_t n = sizeof steps / sizeof steps[0];
	static uint8_t stream[IN_MAX];
	size_t front;

	if (size < 2 || size > IN_MAX - sizeof header - TAIL)
		return 0;
	front = data[0] & 0x80 ? sizeof header : 0;
	memcpy(stream, header, front);
	memcpy(stream + front, data + 2, size - 2);
	check(stream, front + size - 2, steps[(data[0] & 0x7f) % n], steps[data[1] % n]);
	return 0;
}
