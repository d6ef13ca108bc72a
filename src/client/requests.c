/* SPDX-License-Identifier: Apache-2.0
 *
 * What many commands send and print in the same way.
 */
#include "client/command.h"

#include "common/json.h"

char *nova_client_id_of(nova_client *client, const char *path, const char *key, const char *by, const char *wanted,
			const char *what, GError **error)
{
	g_autoptr(json_object) reply = nova_session_get(client->session, path, error);
	const char *found = NULL;
	json_object *rows;

	if (!reply || !nova_json_get_array(reply, key, &rows, error))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(rows); i++) {
		json_object *row = json_object_array_get_idx(rows, i);
		const char *id = json_object_get_string(nova_json_find(row, "id"));

		if (g_strcmp0(id, wanted) == 0)
			return g_strdup(id);
		if (g_strcmp0(json_object_get_string(nova_json_find(row, by)), wanted) != 0)
			continue;
		if (found) {
			nova_fail(error, NOVA_FAULT_CONFLICT, "several %ss are named '%s'; use the ID", what, wanted);
			return NULL;
		}
		found = id;
	}
	if (!found)
		nova_fail(error, NOVA_FAULT_NOT_FOUND, "There is no %s '%s'.", what, wanted);
	return g_strdup(found);
}

json_object *nova_client_member(const char *key, json_object *value)
{
	json_object *object = json_object_new_object();

	nova_json_add(object, key, value);
	return object;
}

bool nova_client_show(nova_client *client, const char *method, const char *path, json_object *body,
		      const char *microversion, const char *key, GError **error)
{
	g_autoptr(json_object) reply = NULL;
	json_object *object;

	if (!nova_session_request(client->session, method, path, body, microversion, &reply, error))
		return false;
	if (!reply)
		return nova_fail(error, NOVA_FAULT_INTERNAL, "%s: the answer is empty", path);
	if (!nova_json_get_object(reply, key, &object, error))
		return false;
	if (client->format != NOVA_OUTPUT_JSON)
		json_object_object_del(object, "links");
	nova_client_print_object(client, object);
	return true;
}

bool nova_client_each(nova_client *client, int count, char **things, nova_client_one one, void *data, GError **error)
{
	int done = 0;

	for (int i = 0; i < count; i++) {
		g_autoptr(GError) refused = NULL;

		if (one(client, things[i], data, &refused)) {
			done++;
		} else if (count == 1) {
			g_propagate_error(error, g_steal_pointer(&refused));
			return false;
		} else {
			nova_client_report(things[i], refused);
		}
	}
	nova_client_judge_batch(client, done, count);
	return true;
}
