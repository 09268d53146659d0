/* A record of a prepared snapshot: what is taken has the digest of its inputs, and a name of ours. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "orchestrator/run/prepared.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
	if (!holds)
		abort();
}

static void check_record(const json_t *record)
{
	char hex[SHA256_HEX], name[PREPARED_NAME_MAX], text[300];
	const json_t *inputs = json_object_get(record, "inputs");
	check(prepared_digest(inputs, hex) == NULL);
	check(strcmp(pl_json_str_or(record, "digest", ""), hex) == 0);
	prepared_name(hex, name);
	check(strcmp(pl_json_str_or(record, "snapshot", ""), name) == 0);
	check(strchr(name, '/') == NULL && strlen(name) == strlen(PREPARED_PREFIX) + 16);
	check(!prepared_differs(inputs, inputs, text, sizeof text));
}

/* Whatever differs is said in printable text that ends. */
static void check_differences(const json_t *record)
{
	char text[300] = "";
	const json_t *inputs = json_object_get(record, "inputs");
	if (!json_is_object(inputs))
		return;
	bool differs = prepared_differs(inputs, record, text, sizeof text);
	check(differs == !json_equal(inputs, record));
	for (const char *p = text; *p != '\0'; p++)
		check((unsigned char)*p >= ' ' && *p != 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	json_t *record = NULL;
	struct pl_error *e = prepared_parse((const char *)data, size, "fuzz", &record);
	check((e == NULL) == (record != NULL));
	if (e == NULL)
		check_record(record);
	pl_error_free(e);
	json_decref(record);
	record = json_loadb((const char *)data, size, 0, NULL);
	if (record != NULL)
		check_differences(record);
	json_decref(record);
	return 0;
}
