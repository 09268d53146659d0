#include "orchestrator/core/signature_rules.h"

#include <string.h>

/* On a mismatch the last star takes one byte more: no recursion, never more than len * len steps. */
bool signature_glob(struct panic_piece pattern, struct panic_piece text)
{
	size_t p = 0, t = 0, star = SIZE_MAX, retry = 0;

	while (t < text.len) {
		if (p < pattern.len && pattern.p[p] == '*') {
			star = p++;
			retry = t;
		} else if (p < pattern.len && pattern.p[p] == text.p[t]) {
			p++;
			t++;
		} else if (star != SIZE_MAX) {
			p = star + 1;
			t = ++retry;
		} else {
			return false;
		}
	}
	while (p < pattern.len && pattern.p[p] == '*')
		p++;
	return p == pattern.len;
}

bool signature_rule(const char *rules, const char *verb, struct panic_piece text, struct panic_piece *ret)
{
	for (const char *line = rules; *line;) {
		struct panic_piece rule = {line, strcspn(line, "\n")};
		line += rule.len + (line[rule.len] == '\n');
		if (!panic_piece_skip(&rule, verb) || !panic_piece_skip(&rule, " "))
			continue;
		struct panic_piece made = {0};
		const char *equals = memmem(rule.p, rule.len, " = ", 3);
		if (equals) {
			made = (struct panic_piece){equals + 3, (size_t)(rule.p + rule.len - equals - 3)};
			rule.len = (size_t)(equals - rule.p);
		}
		if (!signature_glob(rule, text))
			continue;
		if (ret)
			*ret = made;
		return true;
	}
	return false;
}
