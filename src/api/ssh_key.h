/* SPDX-License-Identifier: Apache-2.0
 *
 * ssh_key.h - public keys of SSH: checked, summed up, made; the only file that knows libcrypto.  Any thread.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* The MD5 fingerprint ("aa:bb:…") of a public key as authorized_keys has it: type, base64, comment.  NULL and
 * BAD_REQUEST for anything else.  Caller frees. */
char *nova_ssh_key_fingerprint(const char *public_key, GError **error);

/* A new RSA key of 2048 bits: *ret_private in PEM (PKCS #1), *ret_public one line.  The caller frees both, the private
 * one with nova_ssh_key_forget(). */
bool nova_ssh_key_generate(char **ret_private, char **ret_public, GError **error);

/* Wipes and frees; NULL is fine. */
void nova_ssh_key_forget(char *private_key);
