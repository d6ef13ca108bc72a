/* SPDX-License-Identifier: Apache-2.0
 *
 * failure.h - errors as the `failure' string of a reply, and back.
 *
 * The string is a JSON object: class, module, message, tb, args, kwargs.  A Python caller rebuilds
 * the exception when it knows class and module (Nova's are in nova.exception), so our faults carry
 * Nova's names; fault.def has the classes, failure.c the modules.  Pure.
 */
#pragma once

#include <glib.h>

/* Longest text taken from or given to a peer, in bytes. */
enum { NOVA_FAILURE_MAX_TEXT = 4096 };

char *nova_failure_encode(const GError *error);

/* Always returns an error: of the fault whose wire name is the class (then the text is the remote
 * text), else INTERNAL with "Class: text"; text that is no failure at all gives INTERNAL saying so. */
GError *nova_failure_decode(const char *text, unsigned max_depth);
