/* SPDX-License-Identifier: Apache-2.0 */
#include "db/keypairs.h"
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "api/router.h"
#include "api/ssh_key.h"
#include "common/json.h"

#include <string.h>

#define OTHERS "os_compute_api:os-keypairs:other_users"

/* Whose key pairs: one's own, or those of the user named (from 2.10). */
static bool take_user(const nova_request *r, const char *named, const char **ret, GError **error)
{
	*ret = r->version >= 10 && named ? named : r->context->user_id;
	return strcmp(*ret, r->context->user_id) == 0 || nova_request_may(r, OTHERS) ||
	       nova_fail(error, NOVA_FAULT_FORBIDDEN, "Policy doesn't allow %s to be performed.", r->route->policy);
}

static bool not_found(const char *user, const char *name, GError **error)
{
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Keypair %s not found for user %s", name, user);
}

static json_object *view_brief(const nova_request *r, const nova_keypair *keypair)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "name", keypair->name);
	nova_json_add_str(object, "public_key", keypair->public_key);
	nova_json_add_str(object, "fingerprint", keypair->fingerprint);
	if (r->version >= 2)
		nova_json_add_str(object, "type", keypair->type);
	return object;
}

bool nova_keypairs_index(nova_request *r, GError **error)
{
	bool paged = r->version >= 35;
	int limit = paged ? nova_paging_limit(r) : (int)r->conf->api_max_limit;
	const char *marker = paged ? nova_request_param(r, "marker") : NULL, *user;
	g_autoptr(GPtrArray) keypairs = NULL;
	json_object *body, *list;

	if (!take_user(r, nova_request_param(r, "user_id"), &user, error) ||
	    !nova_keypairs_list(r->api->db, user, marker, limit, &keypairs, error))
		return false;
	body = json_object_new_object();
	list = json_object_new_array();
	for (unsigned i = 0; i < keypairs->len; i++) {
		json_object *item = json_object_new_object();

		nova_json_add(item, "keypair", view_brief(r, keypairs->pdata[i]));
		json_object_array_add(list, item);
	}
	nova_json_add(body, "keypairs", list);
	if (paged)
		nova_paging_add_next(r, body, "keypairs_links", "os-keypairs", keypairs->len, limit,
				     keypairs->len ? ((nova_keypair *)keypairs->pdata[keypairs->len - 1])->name : NULL);
	return nova_reply_json(r, 200, body);
}

bool nova_keypairs_show(nova_request *r, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_keypair) keypair = NULL;
	const char *user;
	json_object *object;

	if (!take_user(r, nova_request_param(r, "user_id"), &user, error))
		return false;
	keypair = nova_keypairs_find(r->api->db, user, r->ids[0], &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!keypair)
		return not_found(user, r->ids[0], error);
	object = view_brief(r, keypair);
	nova_json_add_str(object, "user_id", keypair->user_id);
	nova_json_add_int(object, "id", keypair->id);
	nova_view_add_time(object, "created_at", keypair->created_us);
	nova_json_add_bool(object, "deleted", false);
	nova_json_add_null(object, "deleted_at");
	nova_json_add_null(object, "updated_at");
	return nova_reply_member(r, 200, "keypair", object);
}

/* Beyond the schema, which Nova's name format allows more than its key pairs. */
static bool check_name(const char *name, GError **error)
{
	for (const char *p = name; *p; p++)
		if (!g_ascii_isalnum(*p) && !strchr("_- ", *p))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
					 "Keypair data is invalid: Keypair name contains unsafe characters");
	return true;
}

static const char *text_of(json_object *object, const char *key)
{
	json_object *value = NULL;

	json_object_object_get_ex(object, key, &value);
	return value ? json_object_get_string(value) : NULL;
}

static bool store(nova_request *r, const char *user, const char *name, const char *public_key,
		  const char *private_key, GError **error)
{
	const nova_quotas defaults = nova_request_quotas(r);
	g_autofree char *fingerprint = nova_ssh_key_fingerprint(public_key, error);
	nova_quotas limits;
	json_object *object;

	if (!fingerprint || !nova_quotas_limits(r->api->db, r->context->project_id, &defaults, &limits, error) ||
	    !nova_keypairs_create(r->api->db, user, name, public_key, fingerprint,
				  limits.of[NOVA_QUOTA_KEY_PAIRS], error))
		return false;
	object = json_object_new_object();
	nova_json_add_str(object, "name", name);
	nova_json_add_str(object, "public_key", public_key);
	nova_json_add_str(object, "fingerprint", fingerprint);
	nova_json_add_str(object, "user_id", user);
	if (private_key)
		nova_json_add_str(object, "private_key", private_key);
	if (r->version >= 2)
		nova_json_add_str(object, "type", "ssh");
	return nova_reply_member(r, r->version >= 2 ? 201 : 200, "keypair", object);
}

bool nova_keypairs_make(nova_request *r, GError **error)
{
	json_object *wish = nova_json_find(r->body, "keypair");
	const char *name = text_of(wish, "name"), *given = text_of(wish, "public_key"), *user;
	g_autofree char *public_key = NULL;
	char *private_key = NULL;
	bool done;

	if (!take_user(r, text_of(wish, "user_id"), &user, error) || !check_name(name, error))
		return false;
	if (g_strcmp0(text_of(wish, "type"), "x509") == 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Keypair data is invalid: there are only key pairs of the type ssh here, not x509.");
	if (given)
		public_key = g_strdup(given);
	else if (!nova_ssh_key_generate(&private_key, &public_key, error))
		return false;
	done = store(r, user, name, public_key, private_key, error);
	nova_ssh_key_forget(private_key);
	return done;
}

bool nova_keypairs_remove(nova_request *r, GError **error)
{
	const char *user;
	bool found;

	if (!take_user(r, nova_request_param(r, "user_id"), &user, error) ||
	    !nova_keypairs_delete(r->api->db, user, r->ids[0], &found, error))
		return false;
	return found ? nova_reply_empty(r, r->version >= 2 ? 204 : 202) : not_found(user, r->ids[0], error);
}
