/* SPDX-License-Identifier: Apache-2.0
 *
 * tls.h - the certificate the API shows; the only file that knows GnuTLS.
 *
 * What is loaded later is for connections made from then on; those that are there keep what they were made with.  A
 * process serves with one certificate: the library gives its question for one no way to tell whose it is.  Any thread.
 */
#pragma once

#include "common/error.h"

#include <stdbool.h>

/* TLS 1.2 and 1.3 only, in GnuTLS's words. */
#define NOVA_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2"

/* Reads certificate (with what signed it behind it) and key, both PEM, and shows them from now on.  *ret_warning
 * (caller frees) is NULL, or says that the certificate is not valid now or not for long.  CONFIG when a file cannot be
 * read, is no PEM, or the key is not the certificate's; what was shown before is then shown further. */
bool nova_tls_load(const char *cert_file, const char *key_file, char **ret_warning, GError **error);

/* The function of type gnutls_certificate_retrieve_function2 for MHD_OPTION_HTTPS_CERT_CALLBACK. */
void *nova_tls_callback(void);

/* When no connection is left. */
void nova_tls_unload(void);
