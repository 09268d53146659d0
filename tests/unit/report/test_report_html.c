#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/report/html_check.h"
#include "tests/unit/report/report_docs.h"

static char *page(json_t *doc)
{
	char *html = rendered(report_html, doc);
	const char *where = html;
	const char *problem = html_check(html, &where);
	if (problem != NULL)
		fail_msg("%s, at: %.80s", problem, where);
	return html;
}

/* The checker itself must see what it is there for. */
static void checker_complains(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"<!DOCTYPE html>\n<script>x</script>",
		"<!DOCTYPE html>\n<p onclick=\"x\"></p>",
		"<!DOCTYPE html>\n<p class=\"a\"b\"></p>",
		"<!DOCTYPE html>\n<a href=\"javascript:x\"></a>",
		"<!DOCTYPE html>\n<a href=\"//host/x\"></a>",
		"<!DOCTYPE html>\n<a href=\"../x\"></a>",
		"<!DOCTYPE html>\n<a href=\"x/..\"></a>",
		"<!DOCTYPE html>\n<p>a & b</p>",
		"<!DOCTYPE html>\n<p>a > b</p>",
		"<!DOCTYPE html>\n<p>\033[31m</p>",
		"<!DOCTYPE html>\n<pre></p></pre>",
		"<!DOCTYPE html>\n<div>",
		"<p></p>",
	};
	const char *where;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_non_null(html_check(bad[i], &where));
	assert_null(html_check("<!DOCTYPE html>\n<p class=\"a\">a &#38; b<br></p>", &where));
}

static void shows_the_whole_run(void **state)
{
	(void)state;
	static const char *const parts[] = {
		"<title>As expected: panicker-double-free on sierra</title>",
		"<span class=\"good\">As expected</span><br>panicker-double-free",
		"simulated lab",
		"guest sierra · macOS 10.12.6 (16G29), xnu 3789.70.16, development kernel · boots: 2 before "
		"the panic: "
		"armed; with the debug kernel · ",
		"Installed from</th><td class=\"mono\">/kits/KDK_10.12.6_16G29.kdk</td>",
		"kernel · 2026-11-21T10:15:00.000Z",
		"<p class=\"quote mono\">&#34;dtrace: panic action at probe dtrace:::BEGIN (ecb ",
		"ffffff801a2b3c40)&#34;</p>",
		"_dtrace_probe <span class=\"dim\">+ 0xb12</span>",
		"<td class=\"mono\">com.apple.driver.dtrace</td><td class=\"mono\">209.50.12</td>",
		"com.apple.kpi.libkern<br>com.apple.kpi.bsd",
		"<td class=\"mono\">com.apple.driver.Intel82574L</td><td class=\"mono\">2.7.2</td>",
		"Last loaded kext</th><td class=\"mono\">123965481546: com.vmware.kext.vmhgfs\\t0525.14.97",
		"BSD process name corresponding to current thread: dtrace\n",
		"Kernel UUID</th><td class=\"mono\">D0A77E52-0B0E-3D2B-9D2B-6F4F8A0C51E7",
		"Segments</th><td class=\"mono\">612<",
		"<a href=\"core/kernel.core\">core/kernel.core</a></td><td class=\"number\">812.0 MiB<",
		"MiB</td><td class=\"good\">complete</td>",
		"Before</th><td class=\"mono\">-v keepsyms=1<",
		"kdp_match_name=en0 wdt=-1<",
		"Warning</th><td class=\"mono\">the NIC (AppleVmxnet3Ethernet) is one over which no kernel "
		"is "
		"known to dump: use e1000e<",
		"take a snapshot<br><span class=\"dim\">isolation: snapshot</span>",
		"Sent again</th><td class=\"mono\">3<",
		"QF1BQ2L5HPN7T8V0AKB3ZJ4MRWX6YE9C",
		"<td class=\"mono\">panic_trap_to_debugger</td><td class=\"mono\">kernel.development</td>"
		"<td class=\"mono\">debug.c:855</td>",
		"Everything that the run changed is back as it was.",
		"paniclab 0.1.0 · run 20261121-101500-ab12 · finished 2026-11-21T10:18:32.400Z · exit code 0",
	};
	char *html = page(doc_load("full"));
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
		assert_has(html, parts[i]);
	free(html);
}

static void loads_and_runs_nothing(void **state)
{
	(void)state;
	char *html = page(doc_load("full"));
	assert_has(html, "content=\"default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
			 "form-action 'none'\"");
	assert_has_not(html, "http://");
	assert_has_not(html, "https://");
	assert_has_not(html, "url(");
	assert_has_not(html, "@import");
	free(html);
}

static void hostile_text_stays_text(void **state)
{
	(void)state;
	char *html = page(doc_load("hostile"));
	assert_has(html, "&#60;img src=x onerror=alert(1)&#62; &#39;&#39;&#39; &#34;\\x07\\x1b[31m");
	assert_has(html, "&#60;/pre&#62;&#60;script&#62;alert(2)");
	assert_has(html, "<td class=\"mono\">&#60;script&#62;alert(3)&#60;/script&#62;</td>");
	free(html);
}

static void links_stay_in_the_folder(void **state)
{
	(void)state;
	char *html = page(
		doc_from("{\"evidence\":["
			 "{\"kind\":\"core\",\"path\":\"javascript:alert(1)\",\"status\":\"complete\"},"
			 "{\"path\":\"../../etc/passwd\"},{\"path\":\"a/../../x\"},{\"path\":\"logs/..\"},"
			 "{\"path\":\"/etc/hosts\"},{\"path\":\"//host/share\"},"
			 "{\"path\":\"logs/gone.log\",\"status\":\"missing\"},"
			 "{\"path\":\"logs/a b\\\"%?#\\u00e4.log\"},{\"path\":\"logs/..ok\"}]}"));
	assert_has(html, "href=\"javascript%3Aalert%281%29\"");
	assert_has(html, "href=\"logs/a%20b%22%25%3F%23%C3%A4.log\"");
	assert_has(html, "href=\"logs/..ok\"");
	const char *p = html;
	int links = 0;
	while ((p = strstr(p, "href=")) != NULL && ++links)
		p++;
	assert_int_equal(links, 3);
	free(html);
}

/* By hand: the axis is 200 s; 50.6 s in is 25.3 %, 100 s long is 50 %. */
static void bars_are_to_scale(void **state)
{
	(void)state;
	char *html =
		page(doc_from("{\"steps\":["
			      "{\"name\":\"a\",\"started\":\"2027-02-28T23:59:30.250Z\",\"seconds\":1},"
			      "{\"name\":\"b\",\"started\":\"2027-03-01T00:00:20.850Z\",\"seconds\":100},"
			      "{\"name\":\"c\",\"status\":\"failed\",\"started\":\"2027-03-01T00:02:50."
			      "250Z\",\"seconds\":0},"
			      "{\"name\":\"d\",\"status\":\"skipped\"}]}"));
	assert_has(html, "margin-left:0.0%;width:0.5%");
	assert_has(html, "<div class=\"bar\" style=\"margin-left:25.3%;width:50.0%\">");
	assert_has(html, "<div class=\"bar failed\" style=\"margin-left:99.0%;width:0.0%\">");
	assert_has(html, "<td class=\"track\"></td>");
	free(html);
}

static void what_is_left_is_named(void **state)
{
	(void)state;
	char *html = page(
		doc_from("{\"outcome\":\"not-restored\",\"restored\":{\"complete\":false,\"left\":["
			 "{\"what\":\"the snapshot\",\"by_hand\":\"vmrun deleteSnapshot 'a\\\\b' x\"}]}}"));
	assert_has(html, "<span class=\"bad\">Something is not restored</span>");
	assert_has(html, "<p>the snapshot</p>\n<pre>vmrun deleteSnapshot &#39;a\\b&#39; x</pre>");
	free(html);
}

static void says_what_it_does_not_know(void **state)
{
	(void)state;
	char *html = page(json_object());
	assert_has(html, "The run says nothing of how it ended");
	assert_has(html, "Not known; <code>paniclab runs</code> tells.");
	assert_has_not(html, "simulated lab");
	assert_has_not(html, "Panic text");
	free(html);
}

static void the_core_has_a_panic_too(void **state)
{
	(void)state;
	char *html =
		page(doc_from("{\"core\":{\"panic\":{\"string\":\"from the core\"},\"segments\":[{},{}]}}"));
	assert_has(html, "<p class=\"quote mono\">from the core</p>");
	assert_has(html, "Segments</th><td class=\"mono\">2<");
	free(html);
}

static void long_lists_and_texts_are_cut(void **state)
{
	(void)state;
	json_t *frames = json_array();
	for (int i = 0; i < 600; i++)
		json_array_append_new(frames, json_pack("{s:i}", "address", 7000 + i));
	size_t size = 300 << 10;
	char *text = malloc(size + 1);
	memset(text, 'x', size);
	text[size] = '\0';
	char *html = page(json_pack("{s:{s:o}, s:s}", "panic", "backtrace", frames, "panic_text", text));
	assert_has(html, ">7511<");
	assert_has_not(html, ">7512<");
	assert_has(html, "512 of 600 are shown");
	assert_has(html, "x\n(cut here: 307200 bytes in all)");
	assert_int_equal(strspn(strstr(html, "xxx"), "x"), 256 << 10);
	free(text);
	free(html);
}

/* Every node of the full document in turn becomes something that it should not be. */
static void try_instead(json_t *root, json_t *parent, const char *key, size_t index, json_t *instead)
{
	json_t *old = key != NULL ? json_object_get(parent, key) : json_array_get(parent, index);
	json_incref(old);
	if (key != NULL)
		json_object_set(parent, key, instead);
	else
		json_array_set(parent, index, instead);
	free(page(json_incref(root)));
	if (key != NULL)
		json_object_set_new(parent, key, old);
	else
		json_array_set_new(parent, index, old);
}

static void walk(json_t *root, json_t *node, json_t *instead)
{
	for (void *it = json_object_iter(node); it != NULL; it = json_object_iter_next(node, it)) {
		walk(root, json_object_iter_value(it), instead);
		try_instead(root, node, json_object_iter_key(it), 0, instead);
	}
	for (size_t i = 0; i < json_array_size(node); i++) {
		walk(root, json_array_get(node, i), instead);
		try_instead(root, node, NULL, i, instead);
	}
}

static void any_field_can_be_anything(void **state)
{
	(void)state;
	static const char *const things[] = {"null", "true", "[]", "{}", "-1", "1e308", "9223372036854775807",
		"\"\\\"'><script>&\\u0007\\u202e`|\\n\"", "[[1]]", "\"2026-11-21T10:15:00.000Z\""};
	for (size_t i = 0; i < sizeof things / sizeof things[0]; i++) {
		json_t *doc = doc_load("full");
		json_t *thing = json_loads(things[i], JSON_DECODE_ANY, NULL);
		assert_non_null(thing);
		walk(doc, doc, thing);
		json_decref(thing);
		json_decref(doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(checker_complains),
		cmocka_unit_test(shows_the_whole_run),
		cmocka_unit_test(loads_and_runs_nothing),
		cmocka_unit_test(hostile_text_stays_text),
		cmocka_unit_test(links_stay_in_the_folder),
		cmocka_unit_test(bars_are_to_scale),
		cmocka_unit_test(what_is_left_is_named),
		cmocka_unit_test(says_what_it_does_not_know),
		cmocka_unit_test(the_core_has_a_panic_too),
		cmocka_unit_test(long_lists_and_texts_are_cut),
		cmocka_unit_test(any_field_can_be_anything),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
