/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_local.h - what this machine says about itself, for options that are not set.
 */
#pragma once

/* The host name; free with g_free(). */
char *nova_conf_local_host(void);

/* The source address this machine would send from by its default route, else "127.0.0.1"; free with
 * g_free(). Nothing is sent. */
char *nova_conf_local_address(void);
