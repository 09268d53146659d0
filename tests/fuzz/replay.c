/*
 * Runs a fuzz target over files, for compilers without libFuzzer and for the
 * test run: each argument is a file, or a folder whose files are taken. TAP.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define INPUT_MAX ((size_t)16 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct tally {
	unsigned count;
	unsigned failed;
};

static void report(struct tally *t, int ok, const char *path)
{
	printf("%sok %u - %s\n", ok ? "" : "not ", ++t->count, path);
	fflush(stdout); /* the next file may end the process */
	t->failed += !ok;
}

static void replay_file(struct tally *t, const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = f ? malloc(INPUT_MAX) : NULL;

	if (data) {
		size_t size = fread(data, 1, INPUT_MAX, f);
		/* An exact allocation, so that a read past the end is seen. */
		uint8_t *exact = malloc(size ? size : 1);
		if (exact) {
			memcpy(exact, data, size);
			LLVMFuzzerTestOneInput(exact, size);
		}
		free(exact);
	}
	report(t, data != NULL, path);
	free(data);
	if (f)
		fclose(f);
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static void replay_dir(struct tally *t, const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, visible, alphasort);

	if (n < 0) {
		report(t, 0, path);
		return;
	}
	for (int i = 0; i < n; i++) {
		char child[4096];
		if (snprintf(child, sizeof child, "%s/%s", path, entries[i]->d_name) < (int)sizeof child)
			replay_file(t, child);
		else
			report(t, 0, path);
		free(entries[i]);
	}
	free(entries);
}

int main(int argc, char **argv)
{
	struct tally t = {0, 0};

	for (int i = 1; i < argc; i++) {
		struct stat st;
		if (stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode))
			replay_dir(&t, argv[i]);
		else
			replay_file(&t, argv[i]);
	}
	printf("1..%u\n", t.count);
	return t.failed ? 1 : 0;
}
