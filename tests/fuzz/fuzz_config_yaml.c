/*
 * Any bytes as a lab and as a scenario. What is refused says on which line of
 * the file; what is accepted prints as YAML and as JSON that read back and
 * print as the same.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "orchestrator/config/file.h"
#include "orchestrator/config/lab.h"
#include "orchestrator/config/scenario.h"

#define PRINTED_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(bool true_always)
{
	if (!true_always)
		abort();
}

static void end_refused(struct pl_error *e)
{
	enum pl_error_kind kind = pl_error_kind(e);

	need(kind == PL_ERR_NOMEM || (kind == PL_ERR_USAGE && pl_error_place(e) != NULL &&
					     strncmp(pl_error_place(e), "/f", 2) == 0));
	pl_error_free(e);
}

struct kind {
	struct pl_error *(*parse)(const char *text, size_t size, const char *path, void **ret);
	struct pl_error *(*print)(const void *object, struct pl_buf *out);
	struct pl_error *(*print_json)(const void *object, struct pl_buf *out);
	void (*destroy)(void *object);
};

static struct pl_error *parse_lab(const char *text, size_t size, const char *path, void **ret)
{
	struct lab *lab = NULL;
	struct pl_error *e = lab_parse(text, size, path, &lab);

	*ret = lab;
	return e;
}

static struct pl_error *print_lab(const void *lab, struct pl_buf *out)
{
	return lab_print(lab, out);
}

static struct pl_error *print_lab_json(const void *lab, struct pl_buf *out)
{
	return lab_print_json(lab, out);
}

static void destroy_lab(void *lab)
{
	lab_destroy(lab);
}

static struct pl_error *parse_scenario(const char *text, size_t size, const char *path, void **ret)
{
	struct scenario *s = NULL;
	struct pl_error *e = scenario_parse(text, size, path, &s);

	*ret = s;
	return e;
}

static struct pl_error *print_scenario(const void *s, struct pl_buf *out)
{
	return scenario_print(s, out);
}

static struct pl_error *print_scenario_json(const void *s, struct pl_buf *out)
{
	return scenario_print_json(s, out);
}

static void destroy_scenario(void *s)
{
	scenario_destroy(s);
}

static void expect_same(const struct kind *k, const struct pl_buf *printed, const struct pl_buf *yaml)
{
	void *back = NULL;
	struct pl_buf again;

	pl_buf_init(&again, PRINTED_MAX);
	need(k->parse(printed->data, printed->size, "/f", &back) == NULL);
	need(k->print(back, &again) == NULL);
	need(again.size == yaml->size && memcmp(again.data, yaml->data, again.size) == 0);
	k->destroy(back);
	pl_buf_deinit(&again);
}

static void try_as(const struct kind *k, const char *text, size_t size)
{
	void *object = NULL;
	struct pl_buf yaml;
	struct pl_buf json;

	struct pl_error *e = k->parse(text, size, "/f", &object);
	if (e != NULL) {
		need(object == NULL);
		end_refused(e);
		return;
	}
	pl_buf_init(&yaml, PRINTED_MAX);
	pl_buf_init(&json, PRINTED_MAX);
	need(k->print(object, &yaml) == NULL);
	need(k->print_json(object, &json) == NULL);
	k->destroy(object);
	expect_same(k, &yaml, &yaml);
	expect_same(k, &json, &yaml);
	pl_buf_deinit(&yaml);
	pl_buf_deinit(&json);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct kind kinds[] = {
		{parse_lab, print_lab, print_lab_json, destroy_lab},
		{parse_scenario, print_scenario, print_scenario_json, destroy_scenario},
	};
	const char *text = size > 0 ? (const char *)data : "";
	enum config_kind which;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		try_as(&kinds[i], text, size);
	struct pl_error *e = config_kind(text, size, "/f", &which);
	if (e != NULL)
		end_refused(e);
	return 0;
}
