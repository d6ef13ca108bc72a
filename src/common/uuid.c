/* SPDX-License-Identifier: Apache-2.0 */
#include "common/uuid.h"

#include <glib.h>

void nova_uuid_new(char ret_uuid[NOVA_UUID_SIZE])
{
	g_autofree char *text = g_uuid_string_random();

	g_strlcpy(ret_uuid, text, NOVA_UUID_SIZE);
}

bool nova_uuid_is_valid(const char *text)
{
	return text && g_uuid_string_is_valid(text);
}
