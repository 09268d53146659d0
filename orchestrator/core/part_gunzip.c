/* A part that is gzip data. */
#include "base/gz.h"
#include "orchestrator/core/part_io.h"

static void judge(struct part_io *io, const struct gz *gz, enum gz_phase phase)
{
	const char *cut = io->cut ? "the image ends before it does" : "its gzip data breaks off";

	if (phase == GZ_START || phase == GZ_MEMBER)
		part_judge(io, PART_TRUNCATED, cut);
	else if (phase == GZ_CORRUPT)
		part_judge(io, PART_CORRUPT, gz_detail(gz));
	else if (phase == GZ_OTHER)
		part_judge(io, PART_CORRUPT, "does not begin as gzip data");
	else if (phase == GZ_TRAILING)
		part_judge(io, PART_OK, "something else follows its gzip data");
}

/* Decodes until the output window is full or nothing will follow (*over). */
static struct pl_error *fill_output(
	struct part_io *io, struct gz *gz, struct gz_io *g, enum gz_phase *phase, bool *over)
{
	for (;;) {
		struct pl_error *e = part_fill(io);
		if (e)
			return e;
		bool last = io->in_left == 0;
		g->in = io->in;
		g->in_left = io->in_left;
		*phase = gz_decode(gz, g);
		io->in = g->in;
		io->in_left = g->in_left;
		*over = *phase >= GZ_TRAILING || (last && g->out_left > 0);
		if (*over || g->out_left == 0)
			return NULL;
	}
}

struct pl_error *part_gunzip(struct part_io *io)
{
	struct gz *gz = NULL;
	enum gz_phase phase = GZ_START;
	bool over = false;
	struct pl_error *e = gz_create(&gz);

	while (!e && !over && !io->full) {
		struct gz_io g = {0};
		size_t room;
		e = part_room(io, &g.out, &room);
		g.out_left = room;
		if (!e)
			e = fill_output(io, gz, &g, &phase, &over);
		if (!e)
			e = part_made(io, room - g.out_left);
	}
	if (!e && !io->full)
		judge(io, gz, phase);
	gz_destroy(gz);
	return e;
}
