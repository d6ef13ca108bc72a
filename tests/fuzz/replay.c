/* SPDX-License-Identifier: Apache-2.0
 *
 * Runs a fuzz target over files: those named on the command line, else tests/fuzz/corpus/NAME of the source tree
 * for the program fuzz_NAME.  A finding ends the process. */
#include "fuzz.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

static void replay(const char *path)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *text = NULL;
	uint8_t *exact;
	size_t size;

	if (!g_file_get_contents(path, &text, &size, &error)) {
		fprintf(stderr, "%s\n", error->message);
		exit(1);
	}
	/* A block of exactly this size, so that the sanitizers see the first byte behind it. */
	exact = malloc(size ? size : 1);
	memcpy(exact, text, size);
	printf("%s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(exact, size);
	free(exact);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Every file of a directory in the order of their names; how many there were. */
static unsigned replay_all(const char *directory)
{
	g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
	g_autoptr(GError) error = NULL;
	g_autoptr(GDir) dir = g_dir_open(directory, 0, &error);
	const char *name;

	if (!dir) {
		fprintf(stderr, "%s\n", error->message);
		exit(1);
	}
	while ((name = g_dir_read_name(dir)))
		g_ptr_array_add(names, g_build_filename(directory, name, NULL));
	qsort(names->pdata, names->len, sizeof(void *), by_name);
	for (unsigned i = 0; i < names->len; i++)
		replay(names->pdata[i]);
	return names->len;
}

int main(int argc, char **argv)
{
	const char *source = g_getenv("srcdir");
	const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
	unsigned n = 0;

	if (argc > 1) {
		for (int i = 1; i < argc; i++, n++)
			replay(argv[i]);
	} else if (source && g_str_has_prefix(name, "fuzz_")) {
		g_autofree char *directory =
			g_build_filename(source, "tests/fuzz/corpus", name + strlen("fuzz_"), NULL);

		n = replay_all(directory);
	} else {
		fprintf(stderr, "usage: %s FILE...\n", name);
		return 2;
	}
	printf("%u passed, 0 failed\n", n);
	return n > 0 ? 0 : 1;
}
