/* SPDX-License-Identifier: Apache-2.0
 *
 * dispatch.h - from a request to its handler and back.
 *
 * No I/O of its own; handlers do what they like.
 */
#pragma once

#include "rpc/envelope.h"
#include "rpc/method.h"

/* Finds the method, checks version and arguments, runs the handler.  *ret_result may become NULL, which
 * is JSON null; the caller owns it. */
bool nova_dispatch(const nova_rpc_endpoint *endpoints, size_t n_endpoints, const nova_rpc_message *message,
		   struct json_object **ret_result, GError **error);
