/*
 * Sessions driven by packet scripts, one line an event or an expectation:
 *
 *   > WRQ NAME MASK SIZE    a full request; MASK or SIZE "-" leaves it out
 *   > DATA BLOCK SIZE       SIZE bytes of payload
 *   > SEEK BLOCK OFFSET BYTES
 *   > EOF BLOCK    > ERROR CODE
 *   + MS                    time passes; due ticks run, their answers follow
 *   fail CODE               the op before failed
 *   closed                  the file is durable
 *   newest BLOCK            sets the state as after that many blocks
 *   < ACK BLOCK [MASK]    < ERROR CODE    < WRITE OFFSET SIZE
 *   < OPEN  < CLOSE  < ABANDON  < REPLACE
 *   is STATE
 *
 * Each event must be followed by exactly what it causes: nothing more.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/wait.h"
#include "server/session.h"
#include "tests/unit/server/packets.h"

struct script {
	struct session session;
	int64_t now;
	char pending[16][64]; /* what happened and was not expected yet */
	size_t count;
	size_t line;
};

static void happened(struct script *x, const char *text)
{
	if (x->count == 16)
		fail_msg("line %zu: too much happens", x->line);
	snprintf(x->pending[x->count++], sizeof x->pending[0], "%s", text);
}

static void record_op(struct script *x, const struct session_step *step)
{
	static const char *const names[] = {NULL, "OPEN", NULL, "CLOSE", "ABANDON", "REPLACE"};
	char text[64];

	if (step->op == SESSION_WRITE) {
		snprintf(text, sizeof text, "WRITE %llu %zu", (unsigned long long)step->offset, step->size);
		happened(x, text);
	} else if (names[step->op]) {
		happened(x, names[step->op]);
	}
}

static void record(struct script *x, const struct session_step *step)
{
	const uint8_t *a = step->answer;
	char text[64];

	record_op(x, step);
	if (step->answer_size == 0)
		return;
	unsigned block = (unsigned)a[2] << 24 | (unsigned)a[3] << 16 | (unsigned)a[4] << 8 | a[5];
	if (a[1] == 5)
		snprintf(text, sizeof text, "ERROR %u", block);
	else if (a[0])
		snprintf(text, sizeof text, "ACK %u %u", block, a[0]);
	else
		snprintf(text, sizeof text, "ACK %u", block);
	happened(x, text);
}

static void nothing_left(struct script *x)
{
	if (x->count > 0)
		fail_msg("line %zu: not expected: %s", x->line, x->pending[0]);
}

static void expect(struct script *x, const char *text)
{
	if (x->count == 0)
		fail_msg("line %zu: expected %s, nothing came", x->line, text);
	if (strcmp(x->pending[0], text) != 0)
		fail_msg("line %zu: expected %s, got %s", x->line, text, x->pending[0]);
	memmove(x->pending[0], x->pending[1], sizeof x->pending - sizeof x->pending[0]);
	x->count--;
}

static struct packet make(struct script *x, const char *text)
{
	static const uint8_t bytes[2000];
	char word[3][120];
	unsigned long block;
	unsigned long long n;
	unsigned long width;

	if (sscanf(text, "WRQ %119s %119s %119s", word[0], word[1], word[2]) == 3) {
		int words = word[1][0] == '-' ? 0 : word[2][0] == '-' ? 1 : 2;
		return make_wrq(word[0], words, (uint32_t)strtoul(word[1], NULL, 0),
			(uint32_t)strtoul(word[2], NULL, 0));
	}
	if (sscanf(text, "DATA %lu %llu", &block, &n) == 2)
		return make_data((uint32_t)block, bytes, (size_t)n);
	if (sscanf(text, "SEEK %lu %llu %lu", &block, &n, &width) == 3)
		return make_seek((uint32_t)block, n, (int)width);
	if (sscanf(text, "EOF %lu", &block) == 1)
		return make_header(7, (uint32_t)block);
	if (sscanf(text, "ERROR %lu", &block) == 1)
		return make_header(5, (uint32_t)block);
	fail_msg("line %zu: %s?", x->line, text);
	abort();
}

static void send_packet(struct script *x, const char *text)
{
	struct packet bytes = make(x, text);
	struct wire_packet p;

	assert_true(wire_decode(bytes.bytes, bytes.size, &p));
	struct session_step step = session_packet(&x->session, &p, x->now);
	record(x, &step);
}

static void pass_time(struct script *x, int64_t ns)
{
	int64_t end = x->now + ns;

	while (x->session.state != SESSION_GONE && session_deadline(&x->session) <= end) {
		x->now = session_deadline(&x->session);
		struct session_step step = session_tick(&x->session, x->now);
		record(x, &step);
	}
	x->now = end;
}

static void run_line(struct script *x, const char *line)
{
	if (line[0] == '<') {
		expect(x, line + 2);
		return;
	}
	nothing_left(x);
	if (line[0] == '>') {
		send_packet(x, line + 2);
	} else if (line[0] == '+') {
		pass_time(x, strtoll(line + 1, NULL, 10) * PL_MS);
	} else if (strncmp(line, "is ", 3) == 0) {
		assert_string_equal(session_state_name(x->session.state), line + 3);
	} else if (strncmp(line, "fail ", 5) == 0) {
		struct session_step step =
			session_fail(&x->session, (enum wire_code)strtol(line + 5, NULL, 10), "why", x->now);
		record(x, &step);
	} else if (strcmp(line, "closed") == 0) {
		struct session_step step = session_closed(&x->session, x->now);
		record(x, &step);
	} else if (strncmp(line, "newest ", 7) == 0) {
		x->session.newest = (uint32_t)strtoul(line + 7, NULL, 10);
		x->session.packets = (uint64_t)x->session.newest + 1;
	} else {
		fail_msg("line %zu: %s?", x->line, line);
	}
}

struct scenario {
	const char *name;
	const char *script;
};

static void run_scenario(void **state)
{
	const struct scenario *scenario = *state;
	const struct session_limits limits = {
		.max_size = 1000000, .max_seek = 600000, .idle_timeout = 60 * PL_SECOND};
	struct script x = {.now = 1000 * PL_SECOND};
	const char *at = scenario->script;

	session_init(&x.session, &limits, x.now);
	while (*at) {
		char line[160];
		size_t length = strcspn(at, "\n");
		assert_true(length < sizeof line);
		memcpy(line, at, length);
		line[length] = '\0';
		x.line++;
		run_line(&x, line);
		at += length + (at[length] == '\n');
	}
	nothing_left(&x);
}

#define OPENED "> WRQ core.gz 3 1406\n< OPEN\n< ACK 0 3\n"
#define ONE OPENED "> DATA 1 1406\n< WRITE 0 1406\n< ACK 1\n"

static struct scenario scenarios[] = {
	{"a core", ONE "> DATA 2 10\n< WRITE 1406 10\n< ACK 2\n> EOF 3\n< CLOSE\nclosed\n< ACK 3\nis closed"},
	{"features are agreed to as far as both know them", "> WRQ core 255 1406\n< OPEN\n< ACK 0 3"},
	{"an old kernel gets no features and small packets",
		"> WRQ core - -\n< OPEN\n< ACK 0\n> DATA 1 600\n< WRITE 0 512\n< ACK 1\n"
		"> SEEK 2 4096 4\n< ACK 2\n> DATA 3 5\n< WRITE 4096 5\n< ACK 3"},
	{"a mask without a size", "> WRQ core 1 -\n< OPEN\n< ACK 0 1\n> DATA 1 513\n< WRITE 0 512\n< ACK 1"},
	{"what exceeds the segment is dropped", OPENED "> DATA 1 1500\n< WRITE 0 1406\n< ACK 1"},
	{"data may be short anywhere",
		OPENED "> DATA 1 3\n< WRITE 0 3\n< ACK 1\n> DATA 2 0\n< WRITE 3 0\n< ACK 2\n"
		       "> DATA 3 1406\n< WRITE 3 1406\n< ACK 3"},
	{"a stale size does not cut a core",
		"> WRQ core 3 300\n< OPEN\n< ACK 0 3\n> DATA 1 1406\n< WRITE 0 1406\n< ACK 1"},
	{"seeks go both ways", OPENED "> SEEK 1 500000 8\n< ACK 1\n> DATA 2 9\n< WRITE 500000 9\n< ACK 2\n"
				      "> SEEK 3 7 8\n< ACK 3\n> DATA 4 9\n< WRITE 7 9\n< ACK 4"},
	{"a seek that is too short is not acknowledged", OPENED "> SEEK 1 5 4"},

	/* The name again in each packet: 11 bytes here. */
	{"a log's junk goes",
		"> WRQ paniclog-x 3 1406\n< OPEN\n< ACK 0 3\n> DATA 1 1417\n< WRITE 0 1406\n< ACK 1\n"
		"> DATA 2 111\n< WRITE 1406 100\n< ACK 2\n> DATA 3 11\n< WRITE 1506 0\n< ACK 3\n> DATA 4 10"},
	{"a log in smaller packets is cut at their size",
		"> WRQ systemlog-x 3 600\n< OPEN\n< ACK 0 3\n> DATA 1 612\n< WRITE 0 600\n< ACK 1\n"
		"> DATA 2 32\n< WRITE 600 20\n< ACK 2"},
	{"a log of any name shows in its first full packet",
		"> WRQ mine 3 1406\n< OPEN\n< ACK 0 3\n> DATA 1 1411\n< WRITE 0 1406\n< ACK 1\n"
		"> DATA 2 105\n< WRITE 1406 100\n< ACK 2"},
	{"an insane size is not believed",
		"> WRQ paniclog-x 3 7\n< OPEN\n< ACK 0 3\n> DATA 1 1417\n< WRITE 0 1406\n< ACK 1"},
	{"a log of an old kernel",
		"> WRQ paniclog-x - -\n< OPEN\n< ACK 0\n> DATA 1 523\n< WRITE 0 512\n< ACK 1"},

	{"a WRQ again gets the same answer", OPENED "> WRQ core.gz 3 1406\n< ACK 0 3"},
	{"but not once blocks have come", ONE "> WRQ core.gz 3 1406\n> DATA 2 1\n< WRITE 1406 1\n< ACK 2"},
	{"a guest that begins again after silence",
		ONE "+ 6000\n< ACK 1\n< ACK 1\n< ERROR 0\n< ERROR 0\n> WRQ core.gz 3 1406\n< REPLACE"},
	{"another name is another transfer", ONE "> WRQ paniclog 3 1406\n< REPLACE"},
	{"and after the end as well",
		OPENED "> EOF 1\n< CLOSE\nclosed\n< ACK 1\n> WRQ core.gz 3 1406\n< REPLACE"},
	{"a duplicate is acknowledged, not written",
		ONE "+ 1\n> DATA 1 1406\n< ACK 1\n+ 1\n> DATA 1 1406\n< ACK 1"},
	{"anything else out of order is dropped",
		ONE "> DATA 3 1\n> DATA 0 1\n> EOF 3\n> SEEK 9 1 8\n> EOF 0"},
	{"an older block is never acknowledged", ONE "> DATA 2 1\n< WRITE 1406 1\n< ACK 2\n> DATA 1 1406"},
	{"packets that no client sends are dropped", ONE "> ERROR 1\n< ABANDON\nis gone"},
	{"blocks wrap", ONE "newest 4294967294\n> DATA 4294967295 1\n< WRITE 1406 1\n< ACK 4294967295\n"
			    "> DATA 0 1\n< WRITE 1407 1\n< ACK 0\n+ 5\n> DATA 0 1\n< ACK 0\n"
			    "> DATA 1 1\n< WRITE 1408 1\n< ACK 1"},

	{"silence: two repeats, three nudges and no more",
		ONE "+ 2000\n< ACK 1\n< ACK 1\n< ERROR 0\n+ 50000\n< ERROR 0\n< ERROR 0"},
	{"repeats of ACK 0 carry the features", OPENED "+ 2000\n< ACK 0 3\n< ACK 0 3"},
	{"the client's own retry begins anew", ONE
		"+ 7500\n< ACK 1\n< ACK 1\n< ERROR 0\n< ERROR 0\n> DATA 1 1406\n< ACK 1\n"
		"+ 14000\n< ACK 1\n< ACK 1\n< ERROR 0\n> DATA 1 1406\n< ACK 1\n+ 50000\n< ACK 1\n< ACK 1"},
	/* Both repeats wait in its queue: the first is skipped, the second makes it send twice. */
	{"the duplicate that our repeats cause is not answered",
		ONE "+ 500\n< ACK 1\n< ACK 1\n> DATA 2 1\n< WRITE 1406 1\n< ACK 2\n> DATA 2 1\n"
		    "> DATA 3 1\n< WRITE 1407 1\n< ACK 3"},
	{"nor are those that nudges cause",
		ONE "+ 2000\n< ACK 1\n< ACK 1\n< ERROR 0\n> DATA 2 1\n< WRITE 1406 1\n< ACK 2\n"
		    "> DATA 2 1\n> DATA 2 1\n> DATA 3 1\n< WRITE 1407 1\n< ACK 3\n> DATA 3 1\n< ACK 3"},
	{"nor is such a duplicate of the EOF", ONE "+ 500\n< ACK 1\n< ACK 1\n> EOF 2\n< CLOSE\nclosed\n< ACK "
						   "2\n> EOF 2\n+ 7500\n> EOF 2\n< ACK 2"},
	{"an EOF again is acknowledged while the client tries",
		ONE "> EOF 2\n< CLOSE\nclosed\n< ACK 2\n+ 7500\n> EOF 2\n< ACK 2\n+ 3000\n> EOF 2\n< ACK "
		    "2\n+ 60000\n"
		    "> EOF 2\n< ACK 2\n> DATA 2 5\n> EOF 3\nis closed\n+ 130000\nis gone"},
	{"the EOF is acknowledged when the file is durable", ONE
		"> EOF 2\n< CLOSE\nis closing\n> EOF 2\n> DATA 3 1\n> WRQ core.gz 3 1406\n+ 5999\nclosed\n"
		"< ACK 2\nis closed"},
	{"but the client's patience ends", ONE "> EOF 2\n< CLOSE\n+ 3000\n> EOF 2\n+ 2999\n+ 1\n< ACK 2\n+ "
					       "1500\n> EOF 2\n< ACK 2\n+ 900000\n"
					       "is closing\nclosed\nis closed"},
	{"another file may begin while one closes",
		ONE "> EOF 2\n< CLOSE\n> WRQ paniclog 3 1406\n< REPLACE\nis closing"},
	{"a close that failed", ONE "> EOF 2\n< CLOSE\nfail 3\n< ABANDON\n< ERROR 3\n> EOF 2\n< ERROR 3"},
	{"a close that failed too late",
		ONE "> EOF 2\n< CLOSE\n+ 6000\n< ACK 2\nfail 3\n< ABANDON\n> EOF 2\n< ERROR 3"},
	{"a closed transfer repeats nothing", ONE "> EOF 2\n< CLOSE\nclosed\n< ACK 2\n+ 60000"},
	{"a dead client",
		ONE "+ 60000\n< ACK 1\n< ACK 1\n< ERROR 0\n< ERROR 0\n< ERROR 0\n< ABANDON\nis gone"},
	{"packets out of order do not keep it alive",
		ONE "+ 59000\n< ACK 1\n< ACK 1\n< ERROR 0\n< ERROR 0\n< ERROR 0\n> DATA 9 1\n+ 1000\n< "
		    "ABANDON\nis gone"},

	{"a write that failed",
		OPENED "> DATA 1 5\n< WRITE 0 5\n< ACK 1\n> DATA 2 5\n< WRITE 5 5\n< ACK 2\n"
		       "fail 3\n< ABANDON\n< ERROR 3\n> DATA 2 5\n< ERROR 3\n> EOF 3\n< ERROR 3\n+ 50000\n"
		       "is failed\n> WRQ core.gz 3 1406\n< REPLACE"},
	{"larger than allowed",
		OPENED "> SEEK 1 500000 8\n< ACK 1\n> DATA 2 1\n< WRITE 500000 1\n< ACK 2\n> SEEK 3 999999 "
		       "8\n< ACK 3\n> DATA 4 2\n< ABANDON\n< ERROR 3\n> DATA 4 2\n< ERROR 3"},
	{"as large as allowed", OPENED "> SEEK 1 500000 8\n< ACK 1\n> DATA 2 1\n< WRITE 500000 1\n< ACK 2\n> "
				       "SEEK 3 999999 8\n< ACK 3\n> DATA 4 1\n< WRITE 999999 1\n< ACK 4"},
	{"a seek far past the end",
		OPENED "> DATA 1 100\n< WRITE 0 100\n< ACK 1\n> SEEK 2 600100 8\n< ACK 2\n> SEEK 3 600101 8\n"
		       "< ABANDON\n< ERROR 3"},
	{"only what is written counts as the end", OPENED
		"> SEEK 1 600000 8\n< ACK 1\n> DATA 2 0\n< WRITE 600000 0\n< ACK 2\n> SEEK 3 600001 8\n"
		"< ABANDON\n< ERROR 3"},
	{"a seek to 16 EiB", OPENED "> SEEK 1 18446744073709551615 8\n< ABANDON\n< ERROR 3"},
};

int main(void)
{
	enum { N = sizeof scenarios / sizeof scenarios[0] };
	struct CMUnitTest tests[N];

	for (size_t i = 0; i < N; i++)
		tests[i] = (struct CMUnitTest){scenarios[i].name, run_scenario, NULL, NULL, &scenarios[i]};
	return _cmocka_run_group_tests("session", tests, N, NULL, NULL);
}
