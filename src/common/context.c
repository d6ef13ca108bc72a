/* SPDX-License-Identifier: Apache-2.0 */
#include "common/context.h"

#include "common/uuid.h"

#include <string.h>

nova_context *nova_context_new_with_id(const char *request_id, const char *user_id, const char *project_id,
				       bool is_admin)
{
	nova_context *context = g_new0(nova_context, 1);

	context->request_id = g_strdup(request_id ? request_id : "");
	context->user_id = g_strdup(user_id ? user_id : "");
	context->project_id = g_strdup(project_id ? project_id : "");
	context->is_admin = is_admin;
	return context;
}

nova_context *nova_context_new(const char *user_id, const char *project_id, bool is_admin)
{
	g_autofree char *id = nova_request_id_new();

	return nova_context_new_with_id(id, user_id, project_id, is_admin);
}

nova_context *nova_context_new_admin(void)
{
	return nova_context_new(NULL, NULL, true);
}

nova_context *nova_context_copy(const nova_context *context)
{
	return nova_context_new_with_id(context->request_id, context->user_id, context->project_id, context->is_admin);
}

void nova_context_free(nova_context *context)
{
	if (!context)
		return;
	g_free(context->request_id);
	g_free(context->user_id);
	g_free(context->project_id);
	g_free(context);
}

bool nova_request_id_is_valid(const char *text)
{
	return text && g_str_has_prefix(text, "req-") && nova_uuid_is_valid(text + strlen("req-"));
}

char *nova_request_id_new(void)
{
	char uuid[NOVA_UUID_SIZE];

	nova_uuid_new(uuid);
	return g_strconcat("req-", uuid, NULL);
}
