/* SPDX-License-Identifier: Apache-2.0 */
#include "client/input.h"

#include "common/json.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

json_object *nova_input_pairs(int count, char **words, bool may_remove, GError **error)
{
	g_autoptr(json_object) pairs = json_object_new_object();

	for (int i = 0; i < count; i++) {
		const char *equals = strchr(words[i], '=');
		g_autofree char *key = equals ? g_strndup(words[i], (size_t)(equals - words[i])) : g_strdup(words[i]);

		if (!*key || (!equals && !may_remove)) {
			nova_fail(error, NOVA_FAULT_CONFIG, "'%s' is not KEY=VALUE%s", words[i],
				  may_remove ? ", nor a KEY to remove" : "");
			return NULL;
		}
		nova_json_add_str(pairs, key, equals ? equals + 1 : NULL);
	}
	return g_steal_pointer(&pairs);
}

bool nova_input_file(const char *path, size_t most, char **ret_text, size_t *ret_length, GError **error)
{
	FILE *file = fopen(path, "re");
	g_autofree char *text = g_malloc(most + 2);
	size_t length = file ? fread(text, 1, most + 1, file) : 0;
	bool failed = !file || ferror(file);
	int why = errno;

	if (file)
		fclose(file);
	if (failed)
		return nova_fail(error, NOVA_FAULT_CONFIG, "cannot read %s: %s", path, g_strerror(why));
	if (length > most)
		return nova_fail(error, NOVA_FAULT_CONFIG, "%s has more than %zu bytes", path, most);
	text[length] = '\0';
	*ret_text = g_steal_pointer(&text);
	if (ret_length)
		*ret_length = length;
	return true;
}
