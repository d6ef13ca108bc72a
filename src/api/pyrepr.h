/* SPDX-License-Identifier: Apache-2.0
 *
 * pyrepr.h - JSON values as Python prints them: Nova's validation texts quote values that way, and people
 * compare and search for these texts.  Pure.
 */
#pragma once

#include <glib.h>
#include <json-c/json.h>
#include <stdbool.h>

/* repr(): 'text', True, None, {'a': [1, 2.5]}.  Long values are cut off with an ellipsis. */
void nova_pyrepr_append(GString *out, json_object *value);
void nova_pyrepr_append_string(GString *out, const char *text);

/* str(): as repr(), but a string at the top stands without quotes.  Caller frees. */
char *nova_pystr(json_object *value);
