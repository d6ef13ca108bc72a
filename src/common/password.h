/* SPDX-License-Identifier: Apache-2.0
 *
 * password.h - hashes of passwords (yescrypt, through libxcrypt), random secrets and their comparison.
 *
 * A hash costs some 20 ms of a processor and a few MiB on purpose: whoever verifies at the request of strangers
 * bounds how many run at once.  Any thread.
 */
#pragma once

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>

#define NOVA_PASSWORD_MAX 255 /* bytes */

/* BAD_REQUEST: empty, too long, or with a control character, which no client could send again. */
bool nova_password_check(const char *password, GError **error);

/* A new yescrypt hash with a salt of its own; free with g_free(). */
char *nova_password_hash(const char *password, GError **error);

/* Whether the password is the one of the hash (any method libxcrypt knows).  hash NULL, for a user that does not
 * exist: false, after as much work as for one that does. */
bool nova_password_verify(const char *password, const char *hash);

/* 256 random bits as 43 characters of A-Z a-z 0-9 - _; free with g_free(). */
char *nova_secret_new(void);

/* Whether text could come from nova_secret_new(). */
bool nova_secret_is_well_formed(const char *text);

/* SHA-256 in hex: what is kept of a secret that is itself random; free with g_free(). */
char *nova_secret_digest(const char *secret);

/* Compares in a time that does not depend on where they differ. */
bool nova_secret_equals(const char *a, const char *b);

/* Overwrites a secret and frees it; NULL is fine.  For g_auto: nova_secret. */
typedef char nova_secret;
void nova_secret_free(nova_secret *secret);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(nova_secret, nova_secret_free)
