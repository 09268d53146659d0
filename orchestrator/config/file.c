#include "orchestrator/config/file.h"

#include <stdbool.h>
#include <string.h>

#include "base/fs.h"
#include "orchestrator/config/yaml.h"

struct pl_error *config_read(const char *path, struct pl_buf *text)
{
	pl_buf_init(text, YML_SIZE_MAX);
	return pl_error_hint(pl_error_as(pl_fs_read(path, text), PL_ERR_USAGE),
		"name a lab or scenario file; `paniclab init` writes examples");
}

static unsigned known(const struct yml_node *root, const char *const *keys)
{
	unsigned count = 0;

	for (const struct yml_node *n = root->first; n != NULL; n = n->next)
		for (const char *const *key = keys; *key != NULL; key++)
			count += strcmp(n->key, *key) == 0;
	return count;
}

/* How many keys of the file are a lab's, and how many a scenario's. */
static struct pl_error *count_keys(
	const char *text, size_t size, const char *path, unsigned *of_lab, unsigned *of_scenario)
{
	static const char *const lab[] = {
		"fusion", "guests", "server", "host", "kdk", "signature_rules", NULL};
	static const char *const scenario[] = {"name", "guest", "kernel", "kdk_mismatch", "boot_args",
		"isolation", "sip", "payload", "trigger", "expect", "collect", "keep", NULL};
	struct yml_node *root = NULL;

	struct pl_error *e = yml_parse(text, size, path, &root);
	if (e != NULL)
		return e;
	*of_lab = known(root, lab);
	*of_scenario = known(root, scenario);
	yml_free(root);
	return NULL;
}

struct pl_error *config_read_as(const char *path, enum config_kind wanted, struct pl_buf *text)
{
	unsigned of_lab = 0, of_scenario = 0;
	struct pl_error *e = config_read(path, text);
	if (e == NULL)
		e = count_keys(pl_buf_text(text), text->size, path, &of_lab, &of_scenario);
	if (e != NULL)
		return e;
	bool is_lab = wanted == CONFIG_LAB;
	/* Two more: `kdk` is a key of both, and one key may be a slip. */
	if (is_lab ? of_scenario < of_lab + 2 : of_lab < of_scenario + 2)
		return NULL;
	e = pl_error_new(PL_ERR_USAGE, "this is a %s file, where a %s file is wanted",
		is_lab ? "scenario" : "lab", is_lab ? "lab" : "scenario");
	return pl_error_at(pl_error_hint(e, "the order is LAB SCENARIO"), "%s", path);
}

struct pl_error *config_kind(const char *text, size_t size, const char *path, enum config_kind *ret)
{
	unsigned of_lab = 0, of_scenario = 0;
	struct pl_error *e = count_keys(text, size, path, &of_lab, &of_scenario);
	if (e != NULL)
		return e;
	*ret = of_lab > of_scenario ? CONFIG_LAB : CONFIG_SCENARIO;
	if (of_lab != of_scenario)
		return NULL;
	e = pl_error_new(PL_ERR_USAGE, "neither a lab nor a scenario");
	e = pl_error_why(e, "%s", of_lab == 0 ? "it has no key of either" : "it has keys of both");
	e = pl_error_hint(e, "a lab has 'guests', a scenario has 'trigger'; 'paniclab init' writes examples");
	return pl_error_at(e, "%s", path);
}
