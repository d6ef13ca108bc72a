/* SPDX-License-Identifier: Apache-2.0
 *
 * yaml_file.h - reads a YAML file (JSON is YAML too) into JSON values.
 */
#pragma once

#include "common/error.h"
#include "common/json_auto.h"

/* The one document in the file.  Scalars become strings, whatever they look like, but plain null, ~ and nothing become
 * null.  At most 1 MiB, 16 levels and 10000 values, aliases counted as often as they are used.  *ret_absent (may be
 * NULL) tells that there is no such file, which then is no error.  Release with json_object_put(). */
json_object *nova_yaml_file(const char *path, bool *ret_absent, GError **error);
