/* SPDX-License-Identifier: Apache-2.0 */
#include "db/aggregates.h"
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"

#include <string.h>

#define ZONE "availability_zone"

static json_object *view(const nova_request *r, const nova_aggregate *aggregate, bool whole)
{
	json_object *object = json_object_new_object(), *metadata, *zone = NULL;

	metadata = nova_view_parsed(aggregate->metadata_json, "{}");
	json_object_object_get_ex(metadata, ZONE, &zone);
	nova_json_add_int(object, "id", aggregate->id);
	if (r->version >= 41)
		nova_json_add_str(object, "uuid", aggregate->uuid);
	nova_json_add_str(object, "name", aggregate->name);
	nova_json_add_str(object, ZONE, zone ? json_object_get_string(zone) : NULL);
	nova_view_add_time(object, "created_at", aggregate->created_us);
	nova_view_add_time(object, "updated_at", aggregate->updated_us);
	nova_json_add_bool(object, "deleted", false);
	nova_json_add_null(object, "deleted_at");
	if (whole) {
		json_object *hosts = json_object_new_array();

		for (char **host = aggregate->hosts; *host; host++)
			json_object_array_add(hosts, json_object_new_string(*host));
		nova_json_add(object, "hosts", hosts);
		nova_json_add(object, "metadata", metadata);
	} else {
		json_object_put(metadata);
	}
	return object;
}

/* Ids are numbers; anything else names no aggregate. */
static bool read_id(const nova_request *r, int *ret, GError **error)
{
	const char *text = r->ids[0];
	size_t n = strlen(text);

	if (n == 0 || n > 9 || text[strspn(text, "0123456789")])
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Aggregate %s could not be found.", text);
	*ret = (int)g_ascii_strtoll(text, NULL, 10);
	return true;
}

/* Nova's answer to a new one has neither hosts nor metadata. */
static bool answer(nova_request *r, int id, bool whole, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_aggregate) aggregate = nova_aggregates_find(r->api->db, id, &failure);

	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!aggregate)
		return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Aggregate %d could not be found.", id);
	return nova_reply_member(r, 200, "aggregate", view(r, aggregate, whole));
}

bool nova_aggregates_index(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) aggregates = NULL;
	json_object *list;

	if (!nova_aggregates_list(r->api->db, &aggregates, error))
		return false;
	list = json_object_new_array();
	for (unsigned i = 0; i < aggregates->len; i++)
		json_object_array_add(list, view(r, aggregates->pdata[i], true));
	return nova_reply_member(r, 200, "aggregates", list);
}

bool nova_aggregates_show(nova_request *r, GError **error)
{
	int id;

	return read_id(r, &id, error) && answer(r, id, true, error);
}

bool nova_aggregates_make(nova_request *r, GError **error)
{
	json_object *wish = nova_json_find(r->body, "aggregate"), *zone = nova_json_find(wish, ZONE);
	int id;

	return nova_aggregates_create(r->api->db, json_object_get_string(nova_json_find(wish, "name")),
				      zone ? json_object_get_string(zone) : NULL, &id, error) &&
	       answer(r, id, false, error);
}

/* What does not fit the zones is a bad request, or, where hosts come and go, a conflict. */
static bool change(nova_request *r, const nova_aggregate_change *wish, GError **error)
{
	bool hosts = wish->kind == NOVA_AGGREGATE_ADD_HOST || wish->kind == NOVA_AGGREGATE_REMOVE_HOST;
	g_autoptr(GError) why = NULL;
	bool invalid = false;

	if (nova_aggregates_change(r->api->db, wish, &invalid, &why))
		return true;
	if (invalid && hosts)
		return nova_fail(error, NOVA_FAULT_CONFLICT, "%s", why->message);
	if (wish->kind == NOVA_AGGREGATE_DELETE && nova_error_is(why, NOVA_FAULT_CONFLICT))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "%s", why->message);
	g_propagate_error(error, g_steal_pointer(&why));
	return false;
}

bool nova_aggregates_update(nova_request *r, GError **error)
{
	json_object *wish = nova_json_find(r->body, "aggregate"), *name = nova_json_find(wish, "name"), *zone = NULL;
	g_autoptr(json_object) metadata = NULL;
	nova_aggregate_change update = { .kind = NOVA_AGGREGATE_UPDATE };

	if (!read_id(r, &update.id, error))
		return false;
	if (json_object_object_length(wish) == 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Invalid input for field/attribute aggregate. Value: {}. {} does not have enough "
				 "properties");
	update.name = name ? json_object_get_string(name) : NULL;
	if (json_object_object_get_ex(wish, ZONE, &zone)) {
		metadata = json_object_new_object();
		nova_json_add(metadata, ZONE, json_object_get(zone));
		update.metadata = nova_json_text(metadata);
	}
	return change(r, &update, error) && answer(r, update.id, true, error);
}

bool nova_aggregates_remove(nova_request *r, GError **error)
{
	nova_aggregate_change removal = { .kind = NOVA_AGGREGATE_DELETE };

	if (!read_id(r, &removal.id, error) || !change(r, &removal, error))
		return false;
	return nova_reply_empty(r, 200);
}

/* {"add_host": {"host": …}}, {"remove_host": …}, {"set_metadata": {"metadata": …}}: one of them. */
bool nova_aggregates_act(nova_request *r, GError **error)
{
	static const struct {
		const char *key, *policy;
		nova_aggregate_change_kind kind;
	} acts[] = {
		{ "add_host", "os_compute_api:os-aggregates:add_host", NOVA_AGGREGATE_ADD_HOST },
		{ "remove_host", "os_compute_api:os-aggregates:remove_host", NOVA_AGGREGATE_REMOVE_HOST },
		{ "set_metadata", "os_compute_api:os-aggregates:set_metadata", NOVA_AGGREGATE_METADATA },
	};
	nova_aggregate_change wish = { 0 };
	json_object *value = NULL;
	size_t i = 0;

	if (json_object_object_length(r->body) != 1)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Malformed request body");
	while (!json_object_object_get_ex(r->body, acts[i].key, &value))
		i++; /* the schema lets no other key pass */
	if (!nova_request_must(r, acts[i].policy, error) || !read_id(r, &wish.id, error))
		return false;
	wish.kind = acts[i].kind;
	if (wish.kind == NOVA_AGGREGATE_METADATA)
		wish.metadata = nova_json_text(nova_json_find(value, "metadata"));
	else
		wish.host = json_object_get_string(nova_json_find(value, "host"));
	return change(r, &wish, error) && answer(r, wish.id, true, error);
}
