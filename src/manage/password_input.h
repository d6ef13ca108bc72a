/* SPDX-License-Identifier: Apache-2.0
 *
 * password_input.h - where a command gets a password from: never from its arguments, which other users can see.
 */
#pragma once

#include "common/password.h"

/* file: a path, whose first line it is; "-" or NULL: standard input; on a terminal it is asked for twice without
 * showing it.  BAD_REQUEST for what cannot be a password.  Free with nova_secret_free(). */
nova_secret *nova_password_input(const char *file, GError **error);
