/*
 * The panic texts of tests/fixtures/panics: what each file's head expects (one
 * "key: value" a line, as `inspect --json` has it), an empty line, the raw text.
 * Run from the checkout; --update writes the heads again, to be read in the diff.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "orchestrator/core/panic_text.h"

#define FOLDER "tests/fixtures/panics"
#define FIXTURE_MAX (1 << 20)

struct fixture {
	char path[512];
	char *data;
	size_t size;
	size_t head; /* bytes before the empty line, its last line's end included */
};

static void say(struct pl_buf *out, const char *text)
{
	assert_null(pl_buf_puts(out, text));
}

/* " text", with line ends and backslashes made visible */
static void say_word(struct pl_buf *out, const char *text)
{
	if (!text)
		return;
	say(out, " ");
	for (; *text; text++) {
		if (*text == '\n')
			say(out, "\\n");
		else if (*text == '\r')
			say(out, "\\r");
		else if (*text == '\\')
			say(out, "\\\\");
		else
			assert_null(pl_buf_append(out, text, 1));
	}
}

static const char *get(const json_t *o, const char *key)
{
	return json_string_value(json_object_get(o, key));
}

static void say_key(struct pl_buf *out, const json_t *panic, const char *key)
{
	const json_t *v = json_object_get(panic, key);
	char number[32];

	if (!v)
		return;
	say(out, key);
	say(out, ":");
	if (json_is_integer(v)) {
		snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
		say_word(out, number);
	} else {
		say_word(out, json_is_boolean(v) ? (json_is_true(v) ? "yes" : "no") : json_string_value(v));
	}
	say(out, "\n");
}

static void say_frames(struct pl_buf *out, const json_t *list)
{
	size_t i;
	json_t *f;
	char offset[32];

	json_array_foreach(list, i, f)
	{
		say(out, "frame:");
		say_word(out, get(f, "frame"));
		say_word(out, get(f, "address"));
		say_word(out, get(f, "image"));
		say_word(out, get(f, "symbol"));
		json_int_t n = json_integer_value(json_object_get(f, "offset"));
		snprintf(offset, sizeof offset, "+0x%" PRIx64, (uint64_t)n);
		say_word(out, json_object_get(f, "offset") ? offset : NULL);
		say(out, "\n");
	}
}

static void say_kexts(struct pl_buf *out, const char *what, const json_t *list)
{
	size_t i;
	json_t *k;

	json_array_foreach(list, i, k)
	{
		say(out, what);
		say(out, ":");
		say_word(out, get(k, "id"));
		say_word(out, get(k, "version"));
		say_word(out, get(k, "uuid"));
		say_word(out, get(k, "start"));
		say_word(out, get(k, "end"));
		say(out, "\n");
		if (json_object_get(k, "dependencies"))
			say_kexts(out, "dependency", json_object_get(k, "dependencies"));
	}
}

static void say_unknown(struct pl_buf *out, const json_t *list)
{
	size_t i;
	json_t *line;

	json_array_foreach(list, i, line)
	{
		say(out, "not_understood:");
		say_word(out, json_string_value(line));
		say(out, "\n");
	}
}

static void render(struct pl_buf *out, const char *raw, size_t size)
{
	static const char *const first[] = {
		"string", "cpu", "caller", "source", "fault_address", "process", "boot_args", "complete"};
	static const char *const last[] = {"build", "kernel_version", "kernel_uuid", "kernel_slide",
		"kernel_text_base", "kernelcache_slide", "kernelcache_base", "hib_text_base", "model",
		"last_loaded_kext", "uptime_ns"};
	struct panic_text p;
	json_t *o;

	assert_null(panic_text_parse(raw, size, &p));
	assert_true(p.found);
	assert_null(panic_text_json(&p, NULL, &o));
	for (size_t i = 0; i < sizeof first / sizeof *first; i++)
		say_key(out, o, first[i]);
	say_frames(out, json_object_get(o, "backtrace"));
	say_kexts(out, "kext", json_object_get(o, "kexts"));
	say_kexts(out, "cut_dependency", json_object_get(o, "dependencies"));
	say_kexts(out, "loaded", json_object_get(o, "loaded_kexts"));
	say_unknown(out, json_object_get(o, "not_understood"));
	if (p.other_panics > 0)
		say_key(out, o, "other_panics");
	for (size_t i = 0; i < sizeof last / sizeof *last; i++)
		say_key(out, o, last[i]);
	json_decref(o);
	panic_text_deinit(&p);
}

static void load(const char *name, struct fixture *f)
{
	snprintf(f->path, sizeof f->path, FOLDER "/%s", name);
	FILE *in = fopen(f->path, "rb");
	assert_non_null(in);
	f->data = malloc(FIXTURE_MAX + 1);
	assert_non_null(f->data);
	f->size = fread(f->data, 1, FIXTURE_MAX, in);
	fclose(in);
	f->data[f->size] = '\0';
	const char *empty = f->data[0] == '\n' ? f->data - 1 : strstr(f->data, "\n\n");
	assert_non_null(empty);
	f->head = (size_t)(empty + 1 - f->data);
}

static void update(const struct fixture *f, const struct pl_buf *head)
{
	FILE *out = fopen(f->path, "wb");
	assert_non_null(out);
	assert_int_equal(fwrite(head->data, 1, head->size, out), head->size);
	assert_int_equal(fwrite(f->data + f->head, 1, f->size - f->head, out), f->size - f->head);
	assert_int_equal(fclose(out), 0);
}

static bool updating;

static void each_text_gives_what_its_head_says(void **state)
{
	(void)state;
	DIR *d = opendir(FOLDER);
	size_t count = 0;
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d));) {
		struct fixture f;
		struct pl_buf head;
		if (!strstr(e->d_name, ".txt"))
			continue;
		load(e->d_name, &f);
		pl_buf_init(&head, FIXTURE_MAX);
		render(&head, f.data + f.head + 1, f.size - f.head - 1);
		if (updating)
			update(&f, &head);
		f.data[f.head] = '\0';
		if (!updating && strcmp(f.data, pl_buf_text(&head)) != 0)
			print_error("%s\n", f.path);
		if (!updating)
			assert_string_equal(pl_buf_text(&head), f.data);
		pl_buf_deinit(&head);
		free(f.data);
		count++;
	}
	closedir(d);
	assert_true(count > 10);
}

int main(int argc, char **argv)
{
	updating = argc > 1 && strcmp(argv[1], "--update") == 0;
	const struct CMUnitTest tests[] = {cmocka_unit_test(each_text_gives_what_its_head_says)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
