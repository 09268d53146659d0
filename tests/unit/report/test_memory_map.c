/* The picture of a core's memory, from a document written here; the lines are drawn by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/report/memory_map.h"
#include "tests/unit/report/html_check.h"

static const char core_text[] =
	"{'memory_map':{'rows':["
	"{'start':'0xffffff7f80a00000','end':'0xffffff7f80a00fff','region':'kexts','bytes':4096,'cells':'8'},"
	"{'start':'0xffffff8017400000','end':'0xffffff8017407fff','region':'kernel','bytes':9,"
	"'cells':'12345678'},"
	"{'start':'0xffffff8017408000','end':'0xffffff801740bfff','bytes':9,'cells':'8z x'}],"
	"'marks':["
	"{'kind':'kernel','name':'kernel','address':'0xffffff8017400000','present':true,'row':1,'cell':0},"
	"{'kind':'panic_log','name':'panic "
	"log','address':'0xffffff8017407000','present':true,'row':1,'cell':7},"
	"{'kind':'kext','name':'org.<b>\\u001b[31m','address':'0x1000','present':false},"
	"{'kind':'kext','name':'org.example.b','address':'0xffffff7f80a00000','present':true,'row':0,'cell':"
	"0},"
	"{'kind':'stack','name':'stack of thread 0','address':'0xffffff801740b000','present':false,'row':2,"
	"'cell':3},"
	"{'kind':'stack','name':'stack of thread 1','address':'0xffffff8017408000','present':true,'row':2,"
	"'cell':0}]}}";

static json_t *read_doc(const char *text)
{
	char *json = strdup(text);
	for (char *c = json; *c; c++)
		if (*c == '\'')
			*c = '"';
	json_t *doc = json_loads(json, 0, NULL);
	free(json);
	assert_non_null(doc);
	return doc;
}

static void assert_text(const char *doc_text, struct map_look look, const char *want)
{
	json_t *doc = read_doc(doc_text);
	struct pl_buf out;
	pl_buf_init(&out, 1 << 20);
	assert_null(memory_map_text(doc, look, &out));
	assert_string_equal(pl_buf_text(&out), want);
	pl_buf_deinit(&out);
	json_decref(doc);
}

static void draws_it_in_utf8(void **state)
{
	(void)state;
	assert_text(core_text, (struct map_look){.width = 100, .utf8 = true},
		"  0xffffff7f80a00000    4.0 KiB kexts     █\n"
		"                                          b\n"
		"  ⋮                     2.4 GiB not in the core\n"
		"  0xffffff8017400000   32.0 KiB kernel    ▁▂▃▄▅▆▇█\n"
		"                                          K      P\n"
		"  0xffffff8017408000   16.0 KiB           █░ ╳\n"
		"                                          s  s\n"
		"  K 0xffffff8017400000 kernel\n"
		"  P 0xffffff8017407000 panic log\n"
		"  a 0x0000000000001000 org.<b>\\x1b[31m (not in the core)\n"
		"  b 0xffffff7f80a00000 org.example.b\n"
		"  s stacks of 2 threads (1 not in the core)\n"
		"  ░ zeroes\n"
		"  ╳ missing: past the end of the file\n");
}

/* 60 columns leave 18 for 48 cells: 8 become 3, and the fullest of them counts. */
static void draws_it_narrow_and_plain(void **state)
{
	(void)state;
	assert_text(core_text, (struct map_look){.width = 10, .utf8 = false},
		"  0xffffff7f80a00000    4.0 KiB kexts     #\n"
		"                                          b\n"
		"  :                     2.4 GiB not in the core\n"
		"  0xffffff8017400000   32.0 KiB kernel    :+#\n"
		"                                          K P\n"
		"  0xffffff8017408000   16.0 KiB           #\n"
		"                                          s\n"
		"  K 0xffffff8017400000 kernel\n"
		"  P 0xffffff8017407000 panic log\n"
		"  a 0x0000000000001000 org.<b>\\x1b[31m (not in the core)\n"
		"  b 0xffffff7f80a00000 org.example.b\n"
		"  s stacks of 2 threads (1 not in the core)\n"
		"  0 zeroes\n"
		"  x missing: past the end of the file\n");
}

static void draws_nothing_of_what_is_wrong(void **state)
{
	(void)state;
	static const struct map_look look = {.width = 80};
	assert_text("{}", look, "");
	assert_text("{'memory_map':5}", look, "");
	assert_text("{'memory_map':{'rows':[{'start':'0x2','end':'0x1','cells':'8'}]}}", look, "");
	assert_text("{'memory_map':{'rows':[{'start':'0x1','end':'0x2','cells':'9'}]}}", look, "");
	assert_text("{'memory_map':{'rows':[{'start':1,'end':'0x2','cells':'8'}]}}", look, "");
	assert_text("{'memory_map':{'rows':[{'start':'0x0','end':'0xffffffffffffffff','cells':'8',"
		    "'region':'\\u001b[2J too long'}],'marks':[{'address':'0x0','row':9,'cell':0},"
		    "{'address':'0x0','row':0,'cell':1},{'address':5}]}}",
		look,
		"  0x0000000000000000   16.0 EiB \\x1b[2J t #\n"
		"  a 0x0000000000000000 ? (not in the core)\n"
		"  b 0x0000000000000000 ? (not in the core)\n");
}

static void draws_an_svg_that_is_whole_and_escaped(void **state)
{
	(void)state;
	json_t *doc = read_doc(core_text);
	struct pl_buf out;
	struct emit w = {.out = &out};
	const char *where;
	pl_buf_init(&out, 1 << 20);
	emit(&w, "<!DOCTYPE html>\n");
	memory_map_svg(&w, doc);
	assert_null(w.error);
	const char *html = pl_buf_text(&out);
	assert_null(html_check(html, &where));
	assert_non_null(strstr(html, "<title id=\"map-title\">Memory map of the core</title>"));
	assert_non_null(strstr(html, "<desc id=\"map-desc\">3 regions of kernel memory: 0xffffff7f80a00000, "
				     "4.0 KiB; 0xffffff8017400000, 32.0 KiB; 0xffffff8017408000, 16.0 KiB. "
				     "A part is missing from the file.</desc>"));
	/* the third row: below two of 42, and a gap's 20, and 12 at the top */
	assert_non_null(
		strstr(html, "<rect class=\"zero\" x=\"264\" y=\"116\" width=\"14\" height=\"18\"/>"));
	assert_non_null(
		strstr(html, "<rect class=\"missing\" x=\"292\" y=\"116\" width=\"14\" height=\"18\"/>"));
	assert_non_null(strstr(html, ">2.4 GiB not in the core</text>"));
	assert_non_null(strstr(html, "<td class=\"\">org.&#60;b&#62;\\x1b[31m</td>"));
	assert_null(strstr(html, "script"));
	pl_buf_deinit(&out);
	json_decref(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(draws_it_in_utf8),
		cmocka_unit_test(draws_it_narrow_and_plain),
		cmocka_unit_test(draws_nothing_of_what_is_wrong),
		cmocka_unit_test(draws_an_svg_that_is_whole_and_escaped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
