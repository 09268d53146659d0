/*
 * Sessions driven by the packet scripts in tests/unit/server/scripts. Each
 * scenario there is a test of its own and begins with a new session.
 *
 *   == NAME                            begins a scenario
 *   # ...                              a comment
 *   limits size=N seek=N idle=TIME     first line only; default: none, none, 60s
 *   > WRQ NAME MODE [features=N [size=N]]
 *   > DATA BLOCK N bytes
 *   > SEEK BLOCK OFFSET 32|64
 *   > EOF BLOCK       > ERROR CODE       > ACK BLOCK
 *   > bytes HEX...                     anything; what is no packet is dropped
 *   wait TIME                          passes; what comes due is done (us, ms, s)
 *   closed                             the file is durable
 *   fail CODE REASON                   the last op failed
 *   blocks N                           as if so many had been taken
 *   op OPEN    op WRITE OFFSET N    op CLOSE    op ABANDON    op REPLACE
 *   < ACK BLOCK [features=N]
 *   < ERROR CODE [MESSAGE]
 *   < nothing
 *   state NAME
 *
 * Each event has to be followed by all that it causes, in order; "< nothing"
 * only says that there is nothing (more).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <glob.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/session.h"
#include "tests/unit/server/packets.h"

#define SCENARIOS_MAX 256
#define LINE_ROOM 160
#define PENDING_MAX 16

struct scenario {
	char name[LINE_ROOM];
	char file[LINE_ROOM];
	long at; /* in the file, after the name */
	unsigned line;
};

struct script {
	const struct scenario *scenario;
	unsigned line;
	struct session session;
	bool begun;
	int64_t now;
	char pending[PENDING_MAX][LINE_ROOM]; /* what happened and was not expected yet */
	size_t count;
};

static void complain(const struct script *x, const char *what, const char *text)
{
	fail_msg("%s:%u: %s%s", x->scenario->file, x->line, what, text);
}

/* ---- what happens ----------------------------------------------------------------- */

static void happened(struct script *x, const char *text)
{
	if (x->count == PENDING_MAX)
		complain(x, "too much happens", "");
	snprintf(x->pending[x->count++], LINE_ROOM, "%s", text);
}

static void record_op(struct script *x, const struct session_step *step)
{
	static const char *const names[] = {NULL, "op OPEN", NULL, "op CLOSE", "op ABANDON", "op REPLACE"};
	char text[LINE_ROOM];

	if (step->op == SESSION_WRITE) {
		snprintf(
			text, sizeof text, "op WRITE %llu %zu", (unsigned long long)step->offset, step->size);
		happened(x, text);
	} else if (names[step->op]) {
		happened(x, names[step->op]);
	}
}

static void record(struct script *x, struct session_step step)
{
	char text[LINE_ROOM];

	record_op(x, &step);
	if (step.answer_size == 0)
		return;
	assert_true(step.answer_size >= 6);
	unsigned block = packet_block(step.answer);
	if (step.answer[1] == 5)
		snprintf(text, sizeof text, "< ERROR %u %s", block, (const char *)step.answer + 6);
	else if (step.answer[0])
		snprintf(text, sizeof text, "< ACK %u features=%u", block, step.answer[0]);
	else
		snprintf(text, sizeof text, "< ACK %u", block);
	happened(x, text);
}

static void nothing_left(struct script *x)
{
	if (x->count > 0)
		complain(x, "not expected before this: ", x->pending[0]);
}

/* An ERROR may be expected without its message. */
static bool matches(const char *happened, const char *expected)
{
	size_t length = strlen(expected);

	if (strcmp(happened, expected) == 0)
		return true;
	return strncmp(expected, "< ERROR ", 8) == 0 && !strchr(expected + 8, ' ') &&
	       strncmp(happened, expected, length) == 0 && happened[length] == ' ';
}

static void expect(struct script *x, const char *text)
{
	if (strcmp(text, "< nothing") == 0) {
		nothing_left(x);
		return;
	}
	if (x->count == 0)
		complain(x, "nothing came of: ", text);
	if (!matches(x->pending[0], text))
		complain(x, "this came instead: ", x->pending[0]);
	memmove(x->pending[0], x->pending[1], sizeof x->pending - sizeof x->pending[0]);
	x->count--;
}

/* ---- events ---------------------------------------------------------------------------- */

static struct packet make_bytes(const char *hex)
{
	struct packet p = {.size = 0};
	char *end;

	for (;;) {
		unsigned long byte = strtoul(hex, &end, 16);
		if (end == hex)
			return p;
		put_number(&p, byte, 1);
		hex = end;
	}
}

static struct packet make(struct script *x, const char *text)
{
	static const uint8_t zeros[2000];
	char name[LINE_ROOM];
	char mode[LINE_ROOM];
	unsigned features;
	unsigned size;
	unsigned long block;
	unsigned long long n;
	unsigned width;

	int words = sscanf(text, "WRQ %159s %159s features=%u size=%u", name, mode, &features, &size);
	if (words >= 2)
		return make_request(name, mode, words - 2, words > 2 ? features : 0, words > 3 ? size : 0);
	if (sscanf(text, "DATA %lu %llu bytes", &block, &n) == 2 && n <= sizeof zeros)
		return make_data((uint32_t)block, zeros, (size_t)n);
	if (sscanf(text, "SEEK %lu %llu %u", &block, &n, &width) == 3)
		return make_seek((uint32_t)block, n, (int)width / 8);
	if (sscanf(text, "EOF %lu", &block) == 1)
		return make_header(7, (uint32_t)block);
	if (sscanf(text, "ERROR %lu", &block) == 1)
		return make_header(5, (uint32_t)block);
	if (sscanf(text, "ACK %lu", &block) == 1)
		return make_header(4, (uint32_t)block);
	if (strncmp(text, "bytes", 5) == 0)
		return make_bytes(text + 5);
	complain(x, "no packet: ", text);
	abort();
}

static void send_packet(struct script *x, const char *text)
{
	struct packet bytes = make(x, text);
	struct wire_packet p;

	/* As the server does: what can't be decoded never reaches a session. */
	if (wire_decode(bytes.bytes, bytes.size, &p))
		record(x, session_packet(&x->session, &p, x->now));
}

static int64_t parse_time(struct script *x, const char *text)
{
	char *unit;
	int64_t n = strtoll(text, &unit, 10);

	if (strcmp(unit, "us") == 0)
		return n * (PL_MS / 1000);
	if (strcmp(unit, "ms") == 0)
		return n * PL_MS;
	if (strcmp(unit, "s") != 0)
		complain(x, "no time: ", text);
	return n * PL_SECOND;
}

static void pass_time(struct script *x, int64_t ns)
{
	int64_t end = x->now + ns;

	while (x->session.state != SESSION_GONE && session_deadline(&x->session) <= end) {
		x->now = session_deadline(&x->session);
		record(x, session_tick(&x->session, x->now));
	}
	x->now = end;
}

static void begin(struct script *x, const char *text)
{
	struct session_limits limits = {.idle_timeout = 60 * PL_SECOND};
	unsigned long long size;
	unsigned long long seek;
	char idle[LINE_ROOM];

	if (text) {
		if (sscanf(text, "size=%llu seek=%llu idle=%159s", &size, &seek, idle) != 3)
			complain(x, "no limits: ", text);
		limits = (struct session_limits){
			.max_size = size, .max_seek = seek, .idle_timeout = parse_time(x, idle)};
	}
	session_init(&x->session, &limits, x->now);
	x->begun = true;
}

static void fail_op(struct script *x, const char *text)
{
	char *reason;
	long code = strtol(text, &reason, 10);

	record(x, session_fail(&x->session, (enum wire_code)code, reason + (*reason == ' '), x->now));
}

static const char *after(const char *line, const char *word)
{
	size_t length = strlen(word);

	return strncmp(line, word, length) == 0 ? line + length : NULL;
}

static void run_event(struct script *x, const char *line)
{
	const char *rest;

	if ((rest = after(line, "limits "))) {
		begin(x, rest);
		return;
	}
	if (!x->begun)
		begin(x, NULL);
	if ((rest = after(line, "> "))) {
		send_packet(x, rest);
	} else if ((rest = after(line, "wait "))) {
		pass_time(x, parse_time(x, rest));
	} else if ((rest = after(line, "state "))) {
		if (strcmp(session_state_name(x->session.state), rest) != 0)
			complain(x, "the state is ", session_state_name(x->session.state));
	} else if (strcmp(line, "closed") == 0) {
		record(x, session_closed(&x->session, x->now));
	} else if ((rest = after(line, "fail "))) {
		fail_op(x, rest);
	} else if ((rest = after(line, "blocks "))) {
		x->session.newest = (uint32_t)strtoul(rest, NULL, 10);
		x->session.packets = (uint64_t)x->session.newest + 1;
	} else {
		complain(x, "unknown: ", line);
	}
}

static void run_line(struct script *x, const char *line)
{
	if (line[0] == '<' || after(line, "op ")) {
		expect(x, line);
		return;
	}
	nothing_left(x);
	run_event(x, line);
}

/* ---- files -------------------------------------------------------------------------------- */

static bool next_line(FILE *f, char line[static LINE_ROOM])
{
	if (!fgets(line, LINE_ROOM, f))
		return false;
	line[strcspn(line, "\n")] = '\0';
	return true;
}

static void run_scenario(void **state)
{
	const struct scenario *scenario = *state;
	struct script x = {.scenario = scenario, .line = scenario->line, .now = 1000 * PL_SECOND};
	char line[LINE_ROOM];
	FILE *f = fopen(scenario->file, "r");

	assert_non_null(f);
	assert_int_equal(fseek(f, scenario->at, SEEK_SET), 0);
	while (next_line(f, line) && !after(line, "== ")) {
		x.line++;
		if (line[0] && line[0] != '#')
			run_line(&x, line);
	}
	fclose(f);
	nothing_left(&x);
}

static size_t find_scenarios(const char *path, struct scenario *ret, size_t room)
{
	char line[LINE_ROOM];
	size_t count = 0;
	unsigned number = 0;
	FILE *f = fopen(path, "r");

	if (!f)
		return 0;
	while (count < room && next_line(f, line)) {
		number++;
		if (!after(line, "== "))
			continue;
		struct scenario *s = &ret[count++];
		snprintf(s->name, sizeof s->name, "%s", line + 3);
		snprintf(s->file, sizeof s->file, "%s", path);
		s->at = ftell(f);
		s->line = number;
	}
	fclose(f);
	return count;
}

int main(void)
{
	static struct scenario scenarios[SCENARIOS_MAX];
	static struct CMUnitTest tests[SCENARIOS_MAX];
	glob_t files = {0};
	size_t count = 0;

	if (glob("tests/unit/server/scripts/*.txt", 0, NULL, &files) == 0)
		for (size_t i = 0; i < files.gl_pathc; i++)
			count += find_scenarios(files.gl_pathv[i], scenarios + count, SCENARIOS_MAX - count);
	globfree(&files);
	if (count == 0 || count == SCENARIOS_MAX)
		return 1;
	for (size_t i = 0; i < count; i++)
		tests[i] = (struct CMUnitTest){scenarios[i].name, run_scenario, NULL, NULL, &scenarios[i]};
	return _cmocka_run_group_tests("scripts", tests, count, NULL, NULL);
}
