/*
 * The firewall's client against a script with socketfilterfw's commands and
 * habits: a list in a file, and a file that says which habit.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "orchestrator/host/firewall.h"
#include "orchestrator/host/firewall_read.h"
#include "tests/unit/temp_dir.h"

#define PROGRAM "/opt/lab/bin/paniclab"

/* $D/list holds lines "Allow /path"; $D/state a digit; $D/habit one word. */
static const char tool[] =
	"habit=$(cat $D/habit)\n"
	"echo \"$*\" >> $D/calls\n"
	"put() { grep -v \" $2\\$\" $D/list > $D/new; [ -z \"$1\" ] || echo \"$1 $2\" >> $D/new; mv $D/new "
	"$D/list; }\n"
	"case $1 in\n"
	"--getglobalstate) [ $habit = garbage ] && { echo hello; exit 0; }\n"
	"  echo \"Firewall is enabled. (State = $(cat $D/state))\"; exit 0;;\n"
	"--listapps) n=0; echo \"ALF: total number of apps = $(wc -l < $D/list) \"; echo\n"
	"  while read rule path; do n=$((n+1)); printf '%d :  %s \\n \\t ( %s incoming connections ) \\n\\n' "
	"$n \"$path\" $rule\n"
	"  done < $D/list; exit 0;;\n"
	"esac\n"
	"[ $habit = managed ] && { echo 'Firewall settings cannot be modified from command line on managed "
	"Mac computers.'; exit 0; }\n"
	"[ $habit = liar ] && { echo \"Application at path ( $2 ) added to firewall\"; exit 0; }\n"
	"case $1 in\n"
	"--add) put Allow $2;;\n"
	"--remove) put '' $2;;\n"
	"--unblockapp) grep -q \" $2\\$\" $D/list && put Allow $2;;\n"
	"--blockapp) grep -q \" $2\\$\" $D/list && put Block $2;;\n"
	"esac\nexit 0\n";

static const struct firewall_hole hole = {.program = PROGRAM,
	.tag = "paniclab 20261128-0130",
	.interface = "bridge100",
	.guest = "172.16.9.130",
	.host = "172.16.9.1",
	.port = 1069};

struct fixture {
	struct temp_dir dir;
	struct firewall f;
	struct pl_wait w;
};

static void set_up(struct fixture *x, const char *state, const char *habit, const char *list)
{
	char path[256];

	memset(x, 0, sizeof(*x));
	temp_make(&x->dir);
	temp_file(&x->dir, "state", state, path);
	temp_file(&x->dir, "habit", habit, path);
	temp_file(&x->dir, "list", list, path);
	temp_script(&x->dir, "tool", tool, path);
	assert_null(firewall_open(path, NULL, &x->f));
	assert_false(x->f.sudo);
	x->w = pl_wait_for(30 * PL_SECOND, NULL);
}

static void tear_down(struct fixture *x)
{
	firewall_close(&x->f);
	temp_remove(&x->dir);
}

static void allow_and_restore(void **state)
{
	static const struct {
		const char *list;
		const char *allowed;
		bool change;
	} cases[] = {
		{"Allow /bin/other\n", "Allow /bin/other\nAllow " PROGRAM "\n", true},
		{"Block " PROGRAM "\nBlock /bin/other\n", "Block /bin/other\nAllow " PROGRAM "\n", true},
		{"Allow " PROGRAM "\nBlock /bin/other\n", "Allow " PROGRAM "\nBlock /bin/other\n", false},
		/* another program whose path is longer or shorter */
		{"Allow " PROGRAM "2\nAllow /opt/lab/bin\n",
			"Allow " PROGRAM "2\nAllow /opt/lab/bin\nAllow " PROGRAM "\n", true},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct fixture x;
		struct firewall_was was;
		struct pl_error *e;
		char text[512];

		set_up(&x, "1", "normal", cases[i].list);
		assert_null(firewall_look(&x.f, &hole, &x.w, &was));
		assert_int_equal(was.state, FIREWALL_ON);
		assert_int_equal(firewall_needs_change(&was), cases[i].change);
		e = firewall_verify(&x.f, &was, &x.w);
		assert_int_equal(e != NULL, cases[i].change);
		pl_error_free(e);
		for (int again = 0; again < 2; again++) {
			assert_null(firewall_allow(&x.f, &was, &x.w));
			assert_null(firewall_verify(&x.f, &was, &x.w));
			assert_string_equal(temp_read(&x.dir, "list", text, sizeof(text)), cases[i].allowed);
		}
		for (int again = 0; again < 2; again++) {
			enum firewall_rule rule;

			assert_null(firewall_restore(&x.f, &was, &x.w));
			temp_read(&x.dir, "list", text, sizeof(text));
			rule = strstr(cases[i].list, "Block " PROGRAM "\n") ? FIREWALL_BLOCK
			       : strstr(cases[i].list, PROGRAM "\n")        ? FIREWALL_ALLOW
									    : FIREWALL_NO_RULE;
			assert_int_equal(strstr(text, PROGRAM "\n") != NULL, rule != FIREWALL_NO_RULE);
			assert_int_equal(strstr(text, "Block " PROGRAM "\n") != NULL, rule == FIREWALL_BLOCK);
		}
		tear_down(&x);
	}
}

static void nothing_is_touched_when_it_is_off(void **state)
{
	struct fixture x;
	struct firewall_was was;
	char text[512];

	(void)state;
	set_up(&x, "0", "normal", "Block " PROGRAM "\n");
	assert_null(firewall_look(&x.f, &hole, &x.w, &was));
	assert_int_equal(was.state, FIREWALL_OFF);
	assert_false(firewall_needs_change(&was));
	assert_null(firewall_allow(&x.f, &was, &x.w));
	assert_null(firewall_verify(&x.f, &was, &x.w));
	assert_null(firewall_restore(&x.f, &was, &x.w));
	assert_string_equal(
		temp_read(&x.dir, "calls", text, sizeof(text)), "--getglobalstate\n--getglobalstate\n");
	tear_down(&x);
}

static void block_all_is_an_error_that_says_what_to_do(void **state)
{
	struct fixture x;
	struct firewall_was was;
	struct pl_error *e;
	char line[512];

	(void)state;
	set_up(&x, "2", "normal", "Allow " PROGRAM "\n");
	assert_null(firewall_look(&x.f, &hole, &x.w, &was));
	assert_int_equal(was.state, FIREWALL_BLOCKS_ALL);
	e = firewall_allow(&x.f, &was, &x.w);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_non_null(strstr(pl_error_line(e, line, sizeof(line)), "Block all incoming connections"));
	pl_error_free(e);
	assert_null(firewall_restore(&x.f, &was, &x.w));
	tear_down(&x);
}

static void change_that_did_not_happen_is_noticed(void **state)
{
	static const struct {
		const char *habit;
		const char *what;
	} cases[] = {{"liar", "the rule for '" PROGRAM "' is 'none' after the change, not 'allow' "
			      "(it said: Application at path ( " PROGRAM
			      " ) added to firewall): changes need root"},
		{"managed", "--add: failed (this Mac is managed, and its profile forbids changes)"}};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct fixture x;
		struct firewall_was was;
		struct pl_error *e;
		char line[512];

		set_up(&x, "1", cases[i].habit, "");
		assert_null(firewall_look(&x.f, &hole, &x.w, &was));
		e = firewall_allow(&x.f, &was, &x.w);
		pl_error_line(e, line, sizeof(line));
		if (!strstr(line, cases[i].what))
			fail_msg("'%s' has no '%s'", line, cases[i].what);
		pl_error_free(e);
		tear_down(&x);
	}
}

static void restoring_that_fails_names_the_command(void **state)
{
	struct fixture x;
	struct firewall_was was;
	struct pl_error *e;
	char line[512], command[256], path[256];

	(void)state;
	set_up(&x, "1", "normal", "");
	assert_null(firewall_look(&x.f, &hole, &x.w, &was));
	assert_null(firewall_allow(&x.f, &was, &x.w));
	temp_file(&x.dir, "habit", "managed", path);
	e = firewall_restore(&x.f, &was, &x.w);
	assert_int_equal(pl_error_kind(e), PL_ERR_RESTORE);
	pl_error_free(e);
	temp_file(&x.dir, "habit", "liar", path);
	e = firewall_restore(&x.f, &was, &x.w);
	assert_int_equal(pl_error_kind(e), PL_ERR_RESTORE);
	snprintf(command, sizeof(command), "sudo %s/tool --remove %s", x.dir.path, PROGRAM);
	if (!strstr(pl_error_line(e, line, sizeof(line)), command))
		fail_msg("'%s' has no '%s'", line, command);
	pl_error_free(e);
	tear_down(&x);
}

static void answer_that_is_not_understood(void **state)
{
	struct fixture x;
	struct firewall_was was;
	struct pl_error *e;

	(void)state;
	set_up(&x, "1", "garbage", "");
	e = firewall_look(&x.f, &hole, &x.w, &was);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	assert_string_equal(pl_error_place(e), "socketfilterfw --getglobalstate");
	pl_error_free(e);
	tear_down(&x);
}

/* With sudo: changes only, and never one that asks. */
static void sudo_is_for_changes(void **state)
{
	struct fixture x;
	struct firewall_was was;
	char text[512], path[512], *old = strdup(getenv("PATH"));

	(void)state;
	set_up(&x, "1", "normal", "");
	temp_script(&x.dir, "sudo", "echo \"sudo $1\" >> $D/calls\n[ \"$1\" = -n ] && shift && exec \"$@\"\n",
		path);
	snprintf(path, sizeof(path), "%s:%s", x.dir.path, old);
	setenv("PATH", path, 1);
	x.f.sudo = true;
	assert_null(firewall_look(&x.f, &hole, &x.w, &was));
	assert_null(firewall_allow(&x.f, &was, &x.w));
	setenv("PATH", old, 1);
	free(old);
	assert_string_equal(temp_read(&x.dir, "calls", text, sizeof(text)),
		"--getglobalstate\n--listapps\n--listapps\nsudo -n\n--add " PROGRAM
		"\nsudo -n\n--unblockapp " PROGRAM "\n--listapps\n");
	tear_down(&x);
}

static void journal_keeps_what_was(void **state)
{
	static const char text[] =
		"{\"program\":\"/opt/lab/bin/paniclab\",\"state\":\"on\",\"rule\":\"block\","
		"\"backend\":\"socketfilterfw\",\"tag\":\"paniclab "
		"20261128-0130\",\"interface\":\"bridge100\","
		"\"guest\":\"172.16.9.130\",\"host\":\"172.16.9.1\",\"port\":1069,\"place\":\"\"}";
	static const char *const bad[] = {"{}",
		"{\"program\":\"/x\",\"state\":\"on\",\"rule\":\"none\",\"port\":70000}",
		"{\"program\":\"/"
		"x\",\"state\":\"on\",\"rule\":\"none\",\"backend\":\"a-name-that-is-too-long\"}",
		"{\"program\":\"x\",\"state\":\"on\",\"rule\":\"block\"}",
		"{\"program\":\"/x\",\"state\":\"On\",\"rule\":\"block\"}",
		"{\"program\":\"/x\",\"state\":\"on\",\"rule\":7}", "[]"};
	struct firewall_was was = {.hole = hole,
				    .backend = "socketfilterfw",
				    .state = FIREWALL_ON,
				    .rule = FIREWALL_BLOCK},
			    back;
	json_t *o = NULL;
	char *dumped;

	(void)state;
	assert_null(firewall_was_to_json(&was, &o));
	dumped = json_dumps(o, JSON_COMPACT | JSON_PRESERVE_ORDER);
	assert_string_equal(dumped, text);
	free(dumped);
	assert_null(firewall_was_from_json(o, "journal", &back));
	json_decref(o);
	assert_memory_equal(&back.hole, &hole, sizeof(hole));
	assert_string_equal(back.backend, "socketfilterfw");
	assert_int_equal(back.state, FIREWALL_ON);
	assert_int_equal(back.rule, FIREWALL_BLOCK);
	/* of a run by a version that knew one firewall only */
	o = json_loads("{\"program\":\"/x\",\"state\":\"on\",\"rule\":\"none\"}", 0, NULL);
	assert_null(firewall_was_from_json(o, "journal", &back));
	json_decref(o);
	assert_string_equal(back.backend, "socketfilterfw");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct pl_error *e;

		o = json_loads(bad[i], 0, NULL);
		e = firewall_was_from_json(o, "journal", &back);
		if (!e)
			fail_msg("'%s' was taken", bad[i]);
		assert_int_equal(pl_error_kind(e), PL_ERR_DATA);
		pl_error_free(e);
		json_decref(o);
	}
}

static void count_messages(void *arg, enum pl_log_level level, const char *message)
{
	(void)level;
	(void)message;
	++*(int *)arg;
}

static void host_without_the_tool_is_not_managed(void **state)
{
	int messages = 0;
	const struct pl_log log = {count_messages, &messages, PL_LOG_INFO};
	struct pl_wait w = pl_wait_for(PL_SECOND, NULL);
	struct firewall_was was;
	struct firewall f;
	struct pl_error *e;

	(void)state;
	e = firewall_open("/nowhere/socketfilterfw", NULL, &f);
	assert_int_equal(pl_error_kind(e), PL_ERR_LAB);
	pl_error_free(e);
	firewall_close(&f);
	assert_null(firewall_open("auto", &log, &f));
	f.folders = (const char *const[]){"/nowhere", NULL};
	assert_null(firewall_look(&f, &hole, &w, &was));
	assert_int_equal(messages, 1);
	assert_int_equal(was.state, FIREWALL_UNMANAGED);
	assert_string_equal(was.backend, "");
	assert_null(firewall_allow(&f, &was, &w));
	assert_null(firewall_verify(&f, &was, &w));
	assert_null(firewall_restore(&f, &was, &w));
	firewall_close(&f);
}

static void states_are_read(void **state)
{
	static const struct {
		const char *text;
		int state; /* -1: none */
	} cases[] = {{"Firewall is disabled. (State = 0)\n", FIREWALL_OFF},
		{"Firewall is enabled. (State = 1)", FIREWALL_ON},
		{"Firewall is blocking all non-essential incoming connections. (State = 2) \n",
			FIREWALL_BLOCKS_ALL},
		{"(State = 3)", -1}, {"(State = 11)", -1}, {"(State = ", -1}, {"State", -1}, {"", -1}};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum firewall_state got = FIREWALL_UNMANAGED;
		bool known = firewall_read_state(cases[i].text, strlen(cases[i].text), &got);

		assert_int_equal(known ? (int)got : -1, cases[i].state);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(allow_and_restore),
		cmocka_unit_test(nothing_is_touched_when_it_is_off),
		cmocka_unit_test(block_all_is_an_error_that_says_what_to_do),
		cmocka_unit_test(change_that_did_not_happen_is_noticed),
		cmocka_unit_test(restoring_that_fails_names_the_command),
		cmocka_unit_test(answer_that_is_not_understood),
		cmocka_unit_test(sudo_is_for_changes),
		cmocka_unit_test(journal_keeps_what_was),
		cmocka_unit_test(host_without_the_tool_is_not_managed),
		cmocka_unit_test(states_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
