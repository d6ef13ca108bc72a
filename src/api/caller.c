/* SPDX-License-Identifier: Apache-2.0 */
#include "api/caller.h"

#include "api/identity.h"
#include "api/reply.h"
#include "common/password.h"

#include <string.h>

#define EVERY_ROLE ((1u << NOVA_ROLE__COUNT) - 1)

static void take_context(nova_request *r, nova_context *context)
{
	nova_context_free(r->context);
	r->context = context;
}

/* Takes over `token'. */
static void take_token(nova_request *r, nova_token *token)
{
	r->token = token;
	r->roles = token->roles;
	take_context(r, nova_context_new_with_id(r->context->request_id, token->user_id, token->project_id,
						 nova_roles_include(token->roles, NOVA_ROLE_ADMIN)));
}

static nova_auth_verdict by_nothing(nova_request *r, GError **error)
{
	nova_context *context = NULL;
	nova_auth_verdict verdict = nova_auth_check(r->conf, r->http, r->context->request_id, &context, error);

	if (verdict == NOVA_AUTH_OK) {
		take_context(r, context);
		r->roles = EVERY_ROLE;
	}
	return verdict;
}

static nova_auth_verdict by_token(nova_request *r, GError **error)
{
	const char *text = nova_http_header(r->http, "X-Auth-Token");
	GError *failure = NULL;
	nova_token *token = NULL;

	if (text && *text)
		token = nova_identity_find(r->api->identity, r->conf, text, &failure);
	if (failure) {
		g_propagate_error(error, failure);
		return NOVA_AUTH_REFUSED;
	}
	if (!token)
		return NOVA_AUTH_MISSING;
	r->token_text = text;
	take_token(r, token);
	return NOVA_AUTH_OK;
}

/* "Basic dXNlcjpwYXNz" -> user and password in one buffer to be wiped and freed; NULL: not that. */
static nova_secret *read_basic(const char *header, char **ret_user, char **ret_password)
{
	g_autofree unsigned char *bytes = NULL;
	size_t size = 0;
	nova_secret *text;
	char *colon;

	if (!header || g_ascii_strncasecmp(header, "Basic ", 6) != 0)
		return NULL;
	bytes = g_base64_decode(header + 6, &size);
	text = g_strndup((const char *)bytes, size);
	explicit_bzero(bytes, size);
	colon = strchr(text, ':');
	if (strlen(text) != size || !colon || !g_utf8_validate(text, -1, NULL)) {
		nova_secret_free(text);
		return NULL;
	}
	*colon = '\0';
	*ret_user = text;
	*ret_password = colon + 1;
	return text;
}

static nova_auth_verdict by_password(nova_request *r, GError **error)
{
	char *user = NULL, *password = NULL;
	nova_secret *text = read_basic(nova_http_header(r->http, "Authorization"), &user, &password);
	nova_login login = { .user_name = user,
			     .password = password,
			     .address = r->http->peer,
			     .request_id = r->context->request_id };
	g_autoptr(GError) why = NULL;
	nova_token *token;
	unsigned retry_s = 0;

	if (!text)
		return NOVA_AUTH_MISSING;
	/* A browser sends what its user once typed in with every request, also those another page makes it send. */
	if (nova_http_header(r->http, "Origin")) {
		nova_secret_free(text);
		nova_fail(error, NOVA_FAULT_FORBIDDEN, "Requests of web pages with a password are not served.");
		return NOVA_AUTH_REFUSED;
	}
	token = nova_identity_basic(r->api->identity, r->api->http, r->conf, &login, &retry_s, &why);
	explicit_bzero(password, strlen(password));
	nova_secret_free(text);
	if (token) {
		take_token(r, token);
		return NOVA_AUTH_OK;
	}
	if (!why || nova_error_is(why, NOVA_FAULT_UNAUTHORIZED))
		return NOVA_AUTH_MISSING;
	if (retry_s)
		nova_reply_retry_after(r->reply, retry_s);
	g_propagate_error(error, g_steal_pointer(&why));
	return NOVA_AUTH_REFUSED;
}

/* Images are only read, so that compute services may ask for them with a password instead of keeping tokens. */
static bool is_image_by_password(const nova_request *r)
{
	return g_str_has_prefix(r->http->path, "/image/") && !nova_http_header(r->http, "X-Auth-Token") &&
	       nova_http_header(r->http, "Authorization");
}

nova_auth_verdict nova_caller_identify(nova_request *r, GError **error)
{
	switch (r->conf->api_auth) {
	case NOVA_AUTH_BASIC:
		return by_password(r, error);
	case NOVA_AUTH_BUILTIN:
		return is_image_by_password(r) ? by_password(r, error) : by_token(r, error);
	case NOVA_AUTH_NONE:
	case NOVA_AUTH__COUNT:
		break;
	}
	return by_nothing(r, error);
}

bool nova_caller_check_project(const nova_request *r, GError **error)
{
	if (!r->token || r->token->project_id)
		return true;
	return nova_fail(error, NOVA_FAULT_FORBIDDEN,
			 !r->token_text ?
				 "The user '%s' has no project of its own, or no role in it." :
				 "The token of '%s' is for no project; ask for one that is.",
			 r->token->user_name);
}

char *nova_caller_challenge(const nova_request *r)
{
	switch (r->conf->api_auth) {
	case NOVA_AUTH_BASIC:
		return g_strdup("Basic realm=\"nova-lite\", charset=\"UTF-8\"");
	case NOVA_AUTH_BUILTIN:
		return g_strdup_printf("Keystone uri=\"%s/identity/v3\"", r->base);
	case NOVA_AUTH_NONE:
	case NOVA_AUTH__COUNT:
		break;
	}
	return g_strdup_printf("Keystone uri=\"%s\"", r->base);
}
