/* SPDX-License-Identifier: Apache-2.0
 *
 * json_auto.h - g_autoptr(json_object): gives the reference back at the end of the block.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>

static inline void nova_json_put(json_object *object)
{
	json_object_put(object);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC(json_object, nova_json_put)
