/* SPDX-License-Identifier: Apache-2.0
 *
 * input.h - what a user gives a command beside names: KEY=VALUE words and files.
 */
#pragma once

#include "common/error.h"
#include "common/json_auto.h"

#include <stddef.h>

/* "KEY=VALUE" words as an object; with may_remove also "KEY", as null.  CONFIG: one is neither. */
json_object *nova_input_pairs(int count, char **words, bool may_remove, GError **error);

/* A file of at most so many bytes, with a NUL after it.  CONFIG.  Caller frees. */
bool nova_input_file(const char *path, size_t most, char **ret_text, size_t *ret_length, GError **error);
