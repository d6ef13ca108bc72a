/* SPDX-License-Identifier: Apache-2.0
 *
 * The Identity API v3, as much of it as the clients of a compute API ask for: tokens, the catalog, and reading users,
 * projects and roles.  They are changed by nova-lite-manage.
 */
#include "api/handlers.h"
#include "api/identity.h"
#include "api/policy.h"
#include "api/reply.h"
#include "api/view_identity.h"
#include "common/json.h"
#include "common/password.h"

#include <string.h>

#define REQUIRES "The request you have made requires authentication."

static bool unauthorized(GError **error)
{
	return nova_fail(error, NOVA_FAULT_UNAUTHORIZED, REQUIRES);
}

static bool no_such(const char *what, const char *id, GError **error)
{
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "Could not find %s: %.255s.", what, id);
}

/* ---- POST /auth/tokens ---- */

typedef struct login_request {
	const char *user_id, *user_name, *password; /* password NULL: by token */
	const char *token;
	bool has_scope;                             /* project or explicitly none */
	const char *project_id, *project_name;      /* both NULL: no scope */
} login_request;

/* The domain of a user or project that is named; there is only one. */
static bool is_our_domain(json_object *owner)
{
	const char *id = NULL, *name = NULL;

	return nova_json_opt_str(owner, "domain.id", NULL, &id, NULL) &&
	       nova_json_opt_str(owner, "domain.name", NULL, &name, NULL) &&
	       (!id || strcmp(id, NOVA_DOMAIN_ID) == 0) && (!name || strcmp(name, NOVA_DOMAIN_NAME) == 0);
}

static bool read_user(json_object *identity, login_request *ret, GError **error)
{
	json_object *user;

	if (!nova_json_get_object(identity, "password.user", &user, error) ||
	    !nova_json_opt_str(user, "id", NULL, &ret->user_id, error) ||
	    !nova_json_opt_str(user, "name", NULL, &ret->user_name, error) ||
	    !nova_json_get_str(user, "password", &ret->password, error))
		return false;
	if (!ret->user_id && !ret->user_name)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "password.user needs an id or a name");
	if (ret->user_id)
		ret->user_name = NULL;
	return is_our_domain(user) || unauthorized(error);
}

static bool read_scope(json_object *auth, login_request *ret, GError **error)
{
	json_object *scope = nova_json_find(auth, "scope"), *project = NULL;

	if (!scope)
		return true;
	ret->has_scope = true;
	if (json_object_is_type(scope, json_type_string) && strcmp(json_object_get_string(scope), "unscoped") == 0)
		return true;
	if (nova_json_find(scope, "unscoped"))
		return true;
	if (nova_json_find(scope, "system") || nova_json_find(scope, "domain"))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Only projects can be the scope of a token here, not a domain or the system.");
	if (!nova_json_get_object(scope, "project", &project, error) ||
	    !nova_json_opt_str(project, "id", NULL, &ret->project_id, error) ||
	    !nova_json_opt_str(project, "name", NULL, &ret->project_name, error))
		return false;
	if (!ret->project_id && !ret->project_name)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "scope.project needs an id or a name");
	return is_our_domain(project) || unauthorized(error);
}

static bool has_method(json_object *methods, const char *word)
{
	for (size_t i = 0; i < json_object_array_length(methods); i++) {
		json_object *method = json_object_array_get_idx(methods, i);

		if (json_object_is_type(method, json_type_string) && strcmp(json_object_get_string(method), word) == 0)
			return true;
	}
	return false;
}

static bool read_login(json_object *body, login_request *ret, GError **error)
{
	json_object *auth, *identity, *methods;

	if (!nova_json_get_object(body, "auth", &auth, error) ||
	    !nova_json_get_object(auth, "identity", &identity, error) ||
	    !nova_json_get_array(identity, "methods", &methods, error) || !read_scope(auth, ret, error))
		return false;
	if (has_method(methods, "password"))
		return read_user(identity, ret, error);
	if (has_method(methods, "token"))
		return nova_json_get_str(identity, "token.id", &ret->token, error);
	return nova_fail(error, NOVA_FAULT_UNAUTHORIZED,
			 "Attempted to authenticate with an unsupported method; use password or token.");
}

/* Who it is: *ret_user_id, and the project the user has by default.  Caller frees both. */
static bool prove(nova_request *r, const login_request *q, nova_token **ret_parent, char **ret_user_id,
		  char **ret_default, GError **error)
{
	const nova_login login = { .user_id = q->user_id,
				   .user_name = q->user_name,
				   .password = q->password,
				   .address = r->http->peer,
				   .request_id = r->context->request_id };
	unsigned retry_s = 0;
	g_autoptr(nova_user) user = NULL;
	GError *failure = NULL;

	if (q->password) {
		user = nova_identity_login(r->api->identity, r->api->http, &login, &retry_s, error);
		if (retry_s)
			nova_reply_retry_after(r->reply, retry_s);
	} else {
		*ret_parent = nova_identity_find(r->api->identity, r->conf, q->token, &failure);
		if (*ret_parent)
			user = nova_users_find_exactly(r->api->db, (*ret_parent)->user_id, NULL, &failure);
		if (failure)
			g_propagate_error(error, failure);
		else if (!user)
			unauthorized(error);
	}
	if (!user)
		return false;
	*ret_user_id = g_strdup(user->id);
	*ret_default = g_strdup(user->default_project_id);
	return true;
}

/* The project a token is asked for; *ret NULL: none.  Names of projects that do not exist are not told apart from
 * those the user has no role in. */
static bool find_scope(nova_request *r, const login_request *q, const char *user_id, const char *fallback, char **ret,
		       GError **error)
{
	g_autoptr(GPtrArray) mine = NULL;

	*ret = NULL;
	if (q->has_scope && !q->project_id && !q->project_name)
		return true;
	if (!nova_projects_list(r->api->db, NULL, user_id, &mine, error))
		return false;
	for (unsigned i = 0; i < mine->len; i++) {
		const nova_project *project = mine->pdata[i];
		bool wanted = q->project_id   ? strcmp(project->id, q->project_id) == 0 :
			      q->project_name ? strcmp(project->name, q->project_name) == 0 :
						g_strcmp0(project->id, fallback) == 0;

		if (wanted && project->enabled) {
			*ret = g_strdup(project->id);
			return true;
		}
	}
	return !q->has_scope || unauthorized(error);
}

static bool wants_catalog(const nova_request *r)
{
	return !nova_request_param(r, "nocatalog");
}

bool nova_identity_token_create(nova_request *r, GError **error)
{
	login_request q = { 0 };
	g_autoptr(nova_token) parent = NULL;
	g_autoptr(nova_token) token = NULL;
	g_autofree char *user_id = NULL;
	g_autofree char *fallback = NULL;
	g_autofree char *project_id = NULL;
	g_autoptr(nova_secret) secret = NULL;
	GError *failure = NULL;

	if (!read_login(r->body, &q, error) || !prove(r, &q, &parent, &user_id, &fallback, error) ||
	    !find_scope(r, &q, user_id, fallback, &project_id, error))
		return false;
	token = nova_identity_issue(r->api->identity, r->conf, user_id, project_id, parent ? q.token : NULL, parent,
				    &secret, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!token)
		return unauthorized(error);
	nova_http_reply_header(r->reply, "X-Subject-Token", secret);
	nova_http_reply_header(r->reply, "Cache-Control", "no-store");
	return nova_reply_member(r, 201, "token", nova_view_token(r->base, token, wants_catalog(r)));
}

/* ---- a token: GET, HEAD, DELETE /auth/tokens ---- */

/* The token in X-Subject-Token, if the caller may ask about it. */
static nova_token *find_subject(nova_request *r, const char *policy, GError **error)
{
	const char *subject = nova_http_header(r->http, "X-Subject-Token");
	bool own = subject && strcmp(subject, r->token_text) == 0;
	GError *failure = NULL;
	nova_token *token = NULL;

	if (!subject || !*subject) {
		nova_fail(error, NOVA_FAULT_BAD_REQUEST, "The header X-Subject-Token is missing.");
		return NULL;
	}
	if (!own && !nova_policy_check(r->conf, r->roles, policy, error))
		return NULL;
	token = nova_identity_find(r->api->identity, r->conf, subject, &failure);
	if (failure)
		g_propagate_error(error, failure);
	else if (!token)
		nova_fail(error, NOVA_FAULT_NOT_FOUND, "Could not find the token in X-Subject-Token.");
	return token;
}

bool nova_identity_token_show(nova_request *r, GError **error)
{
	g_autoptr(nova_token) token = find_subject(r, "identity:validate_token", error);

	if (!token)
		return false;
	nova_http_reply_header(r->reply, "X-Subject-Token", nova_http_header(r->http, "X-Subject-Token"));
	nova_http_reply_header(r->reply, "Cache-Control", "no-store");
	return nova_reply_member(r, 200, "token", nova_view_token(r->base, token, wants_catalog(r)));
}

bool nova_identity_token_delete(nova_request *r, GError **error)
{
	g_autoptr(nova_token) token = find_subject(r, "identity:revoke_token", error);

	return token && nova_identity_revoke(r->api->identity, nova_http_header(r->http, "X-Subject-Token"), error) &&
	       nova_reply_empty(r, 204);
}

/* ---- lists ---- */

/* {"collection": list, "links": …}; takes over `list'. */
static bool reply_list(nova_request *r, const char *collection, json_object *list)
{
	json_object *body = json_object_new_object(), *links = json_object_new_object();
	g_autofree char *self = g_strconcat(r->base, r->http->path, NULL);

	nova_json_add(body, collection, list);
	nova_json_add_null(links, "next");
	nova_json_add_str(links, "self", self);
	nova_json_add_null(links, "previous");
	nova_json_add(body, "links", links);
	return nova_reply_json(r, 200, body);
}

/* A domain_id in the query that is not ours matches nothing. */
static bool other_domain(const nova_request *r)
{
	const char *id = nova_request_param(r, "domain_id");

	return id && strcmp(id, NOVA_DOMAIN_ID) != 0;
}

bool nova_identity_catalog(nova_request *r, GError **error)
{
	(void)error;
	return reply_list(r, "catalog", nova_view_catalog(r->base));
}

static bool reply_projects(nova_request *r, const char *name, const char *user_id, GError **error)
{
	g_autoptr(GPtrArray) projects = NULL;
	json_object *list;

	if (!nova_projects_list(r->api->db, name, user_id, &projects, error))
		return false;
	list = json_object_new_array();
	for (unsigned i = 0; i < projects->len && !other_domain(r); i++)
		json_object_array_add(list, nova_view_project(r->base, projects->pdata[i]));
	return reply_list(r, "projects", list);
}

bool nova_identity_own_projects(nova_request *r, GError **error)
{
	return reply_projects(r, NULL, r->token->user_id, error);
}

bool nova_identity_projects(nova_request *r, GError **error)
{
	return reply_projects(r, nova_request_param(r, "name"), NULL, error);
}

/* Whether {0} is the caller, or the caller may ask about others. */
static bool may_see_user(nova_request *r, GError **error)
{
	return strcmp(r->ids[0], r->token->user_id) == 0 ||
	       nova_policy_check(r->conf, r->roles, "identity:get_user", error);
}

bool nova_identity_projects_of_user(nova_request *r, GError **error)
{
	return may_see_user(r, error) && reply_projects(r, nova_request_param(r, "name"), r->ids[0], error);
}

bool nova_identity_project(nova_request *r, GError **error)
{
	GError *failure = NULL;
	nova_roles roles = 0;
	g_autoptr(nova_project) project = NULL;

	if (!nova_assignments_of(r->api->db, r->token->user_id, r->ids[0], &roles, error))
		return false;
	if (!roles && !nova_policy_check(r->conf, r->roles, "identity:get_project", error))
		return false;
	project = nova_projects_find(r->api->db, r->ids[0], &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!project || strcmp(project->id, r->ids[0]) != 0)
		return no_such("project", r->ids[0], error);
	return nova_reply_member(r, 200, "project", nova_view_project(r->base, project));
}

bool nova_identity_users(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) users = NULL;
	json_object *list;

	if (!nova_users_list(r->api->db, nova_request_param(r, "name"), &users, error))
		return false;
	list = json_object_new_array();
	for (unsigned i = 0; i < users->len && !other_domain(r); i++)
		json_object_array_add(list, nova_view_user(r->base, users->pdata[i]));
	return reply_list(r, "users", list);
}

bool nova_identity_user(nova_request *r, GError **error)
{
	GError *failure = NULL;
	g_autoptr(nova_user) user = NULL;

	if (!may_see_user(r, error))
		return false;
	user = nova_users_find_exactly(r->api->db, r->ids[0], NULL, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return false;
	}
	if (!user)
		return no_such("user", r->ids[0], error);
	return nova_reply_member(r, 200, "user", nova_view_user(r->base, user));
}

bool nova_identity_roles(nova_request *r, GError **error)
{
	const char *name = nova_request_param(r, "name");
	json_object *list = json_object_new_array();

	(void)error;
	for (int role = 0; role < NOVA_ROLE__COUNT; role++)
		if (!name || strcmp(name, nova_names_get(&nova_role_names, role)) == 0)
			json_object_array_add(list, nova_view_role(r->base, (nova_role)role));
	return reply_list(r, "roles", list);
}

bool nova_identity_role(nova_request *r, GError **error)
{
	int role = nova_names_find(&nova_role_names, r->ids[0]);

	if (role < 0)
		return no_such("role", r->ids[0], error);
	return nova_reply_member(r, 200, "role", nova_view_role(r->base, (nova_role)role));
}

bool nova_identity_role_assignments(nova_request *r, GError **error)
{
	const char *role = nova_request_param(r, "role.id"), *names = nova_request_param(r, "include_names");
	bool with_names = names && !g_str_equal(names, "0") && g_ascii_strcasecmp(names, "false") != 0;
	g_autoptr(GPtrArray) found = NULL;
	json_object *list;

	if (!nova_assignments_list(r->api->db, nova_request_param(r, "user.id"),
				   nova_request_param(r, "scope.project.id"), &found, error))
		return false;
	list = json_object_new_array();
	for (unsigned i = 0; i < found->len; i++) {
		const nova_assignment *a = found->pdata[i];

		if (!role || strcmp(role, nova_names_get(&nova_role_names, (int)a->role)) == 0)
			json_object_array_add(list, nova_view_assignment(r->base, a, with_names));
	}
	return reply_list(r, "role_assignments", list);
}

bool nova_identity_domains(nova_request *r, GError **error)
{
	const char *name = nova_request_param(r, "name");
	json_object *list = json_object_new_array();

	(void)error;
	if (!name || strcmp(name, NOVA_DOMAIN_NAME) == 0)
		json_object_array_add(list, nova_view_domain(r->base));
	return reply_list(r, "domains", list);
}

bool nova_identity_domain(nova_request *r, GError **error)
{
	if (strcmp(r->ids[0], NOVA_DOMAIN_ID) != 0)
		return no_such("domain", r->ids[0], error);
	return nova_reply_member(r, 200, "domain", nova_view_domain(r->base));
}
