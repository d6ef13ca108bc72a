/* SPDX-License-Identifier: Apache-2.0 */
#include "common/names.h"

#include "common/error.h"

#include <string.h>

const char *nova_names_get(const nova_names *names, int value)
{
	if (value < 0 || (size_t)value >= names->count || !names->names[value])
		g_error("%s %d has no name", names->what, value);
	return names->names[value];
}

int nova_names_find(const nova_names *names, const char *word)
{
	for (size_t i = 0; word && i < names->count; i++)
		if (names->names[i] && strcmp(names->names[i], word) == 0)
			return (int)i;
	return -1;
}

char *nova_names_list(const nova_names *names)
{
	GString *list = g_string_new(NULL);

	for (size_t i = 0; i < names->count; i++) {
		if (i > 0)
			g_string_append(list, i + 1 == names->count ? " or " : ", ");
		g_string_append(list, names->names[i]);
	}
	return g_string_free(list, FALSE);
}

bool nova_names_parse(const nova_names *names, const char *word, int *ret_value, GError **error)
{
	int value = nova_names_find(names, word);

	if (value < 0) {
		g_autofree char *list = nova_names_list(names);

		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "no %s '%s': use %s", names->what,
				 word ? word : "", list);
	}
	*ret_value = value;
	return true;
}

bool nova_names_are_complete(const nova_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		if (!names->names[i] || !names->names[i][0])
			return false;
	return names->count > 0;
}

/* Optimal string alignment: insertions, deletions, replacements and swaps of neighbours cost 1. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), width = m + 1;
	g_autofree size_t *d = g_new0(size_t, 3 * width);
	size_t *before = d, *last = d + width, *now = d + 2 * width;

	for (size_t j = 0; j <= m; j++)
		last[j] = j;
	for (size_t i = 1; i <= n; i++) {
		size_t *recycled = before;

		now[0] = i;
		for (size_t j = 1; j <= m; j++) {
			size_t best = last[j - 1] + (a[i - 1] != b[j - 1]);

			best = MIN(best, MIN(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				best = MIN(best, before[j - 2] + 1);
			now[j] = best;
		}
		before = last;
		last = now;
		now = recycled;
	}
	return last[m];
}

const char *nova_names_nearest(const char *word, const char *const *words)
{
	const char *nearest = NULL;
	size_t length = strlen(word), best = length / 3 + 1;

	if (length > 100)
		return NULL;
	for (size_t i = 0; words[i]; i++) {
		size_t distance = edit_distance(word, words[i]);

		if (distance < best || (distance == best && !nearest)) {
			best = distance;
			nearest = words[i];
		}
	}
	return nearest;
}
