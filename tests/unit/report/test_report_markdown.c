#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/report/report_docs.h"

static void shows_the_run(void **state)
{
	(void)state;
	char *text = rendered(report_markdown, doc_load("full"));
	assert_int_equal(strncmp(text, "# As expected\n\n**Simulated lab", 30), 0);
	assert_has(text, "\n- Scenario: `panicker-double-free`\n");
	assert_has(text, "\n| 0 | `_handle_debugger_trap` | `mach_kernel` | `0xffffff800d1aeafd` |\n");
	assert_has(text,
		"\n- Kernel installed: `development from /kits/KDK_10.12.6_16G29.kdk: the same build, "
		"16G29`\n");
	assert_has(text, "\n- Fault address: `0x0000000000000008`\n");
	assert_has(text, "```text\npanic(cpu 0 caller");
	assert_has(text, "- Warning: `the NIC (AppleVmxnet3Ethernet) is one over which no kernel is known to "
			 "dump: use e1000e`\n");
	assert_has_not(text, "has no 0x4000");
	assert_has(text, "| `core` | `core/kernel.core` | `812.0 MiB` | `complete` | `unpacked` |\n");
	assert_has(text,
		"\n## Debugger\n\n- Program: `/usr/bin/lldb-14`\n- Kernel: `/kits/kernel.development`\n");
	assert_has(text, "\n| 0 | ``kernel.development`panic_trap_to_debugger(reason=0) at debug.c:855:3`` | "
			 "`0xffffff800d1aeafd` |\n");
	assert_has(text, "\nEverything that the run changed is back as it was.\n");
	free(text);
}

/* The spans' expected forms follow CommonMark 6.1 and GitHub's tables (4.10). */
static void hostile_text_is_code(void **state)
{
	(void)state;
	char *text = rendered(report_markdown, doc_load("hostile"));
	assert_has(text, "- Scenario: `` `x` | <img src=x onerror=alert(1)> ''' \"\\x07\\x1b[31m ``\n");
	assert_has(text, "| 0 | `a\\|b` |");
	assert_has(text, "- Panic: ```line one\\nline two \"@/x`y``z```\n");
	assert_has(text, "| 0 | ``k`f(\"\\|x\\|`\") at \\x1b[31m.c`` |");
	/* The text has runs of three and five ticks: six fence it. */
	assert_has(text,
		"\n``````text\n```\n</pre><script>alert(2)</script>\n\\x1b]0;title\\x07 `````\n``````\n");
	free(text);
}

static void what_is_left_is_listed(void **state)
{
	(void)state;
	char *text = rendered(report_markdown,
		doc_from(
			"{\"restored\":{\"left\":[{\"what\":\"the snapshot\",\"by_hand\":\"vmrun `x`\"}]}}"));
	assert_has(text, "**Not everything is back as it was.**");
	assert_has(text, "- `the snapshot`: `` vmrun `x` ``\n");
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shows_the_run),
		cmocka_unit_test(hostile_text_is_code),
		cmocka_unit_test(what_is_left_is_listed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
