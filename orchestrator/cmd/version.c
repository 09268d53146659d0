#include <curl/curl.h>
#include <jansson.h>
#include <libssh2.h>
#include <lz4.h>
#include <yaml.h>
#include <zlib.h>

#include "base/gz.h"
#include "orchestrator/cmd/commands.h"

static struct pl_error *run(struct cmd_env *env, const struct cmd_input *in, int *exit_code)
{
	(void)in;
	(void)exit_code;
	const struct {
		const char *name;
		const char *version;
	} libraries[] = {
		{"libcurl", curl_version_info(CURLVERSION_NOW)->version},
		{"libssh2", libssh2_version(0)},
		{"jansson", JANSSON_VERSION},
		{"zlib", zlibVersion()},
		{"liblz4", LZ4_versionString()},
		{"libyaml", yaml_get_version_string()},
		/* what decodes it */
		{"gzip", gz_library()},
	};
	size_t count = sizeof libraries / sizeof *libraries;
	if (!env->json) {
		fprintf(env->out, "paniclab %s\n", PL_VERSION);
		for (size_t i = 0; i < count; i++)
			fprintf(env->out, "%-8s %s\n", libraries[i].name, libraries[i].version);
		return NULL;
	}
	json_t *o = json_pack("{s:s, s:{}}", "paniclab", PL_VERSION, "libraries");
	for (size_t i = 0; i < count; i++)
		json_object_set_new(json_object_get(o, "libraries"), libraries[i].name,
			json_string(libraries[i].version));
	struct pl_error *e = cmd_print_json(env, o);
	json_decref(o);
	return e;
}

const struct cmd cmd_version = {
	.name = "version",
	.synopsis = "[--json]",
	.summary = "version, and the libraries it runs with",
	.example = "paniclab version",
	.run = run,
};
