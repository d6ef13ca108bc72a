/* SPDX-License-Identifier: Apache-2.0
 *
 * conf_value.h - one option's text into its member of nova_conf, and back.
 *
 * Used by conf.c and conf_print.c only.
 */
#pragma once

#include "common/conf.h"

/* Converts `text' (already substituted) and stores it; an old value is freed first.  Fails (CONFIG)
 * with a reason that names the range or the choices, but neither file nor key, and never quotes a
 * secret. */
bool nova_conf_value_set(nova_conf *conf, const nova_opt *option, const char *text, GError **error);

/* As a file would spell it, secrets included; free with g_free(). */
char *nova_conf_value_text(const nova_conf *conf, const nova_opt *option);

/* Same value in both? */
bool nova_conf_value_equal(const nova_conf *a, const nova_conf *b, const nova_opt *option);

/* Frees what the member holds and leaves it empty. */
void nova_conf_value_clear(nova_conf *conf, const nova_opt *option);
