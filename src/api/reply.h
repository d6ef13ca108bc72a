/* SPDX-License-Identifier: Apache-2.0
 *
 * reply.h - what goes back to the client: JSON, nothing, or a fault in Nova's shape.
 */
#pragma once

#include "api/request.h"
#include "common/json_writer.h"

/* Takes over `body'.  Always true, so that a handler can end with it. */
bool nova_reply_json(nova_request *r, unsigned status, json_object *body);

/* Takes over what the writer has written. */
bool nova_reply_written(nova_request *r, unsigned status, nova_json_writer *w);

/* {"key": value}; takes over `value'. */
bool nova_reply_member(nova_request *r, unsigned status, const char *key, json_object *value);

/* No body (202, 204). */
bool nova_reply_empty(nova_request *r, unsigned status);

/* The fault of `error'.  Texts of internal faults are not shown to clients. */
void nova_reply_fault(nova_http_reply *reply, const GError *error);

/* "badRequest", "itemNotFound", … */
const char *nova_reply_fault_name(unsigned status);

/* {"error": {code, title, message}}: what the identity middleware answers instead of Nova.  `challenge' is for
 * WWW-Authenticate. */
void nova_reply_unauthorized(nova_http_reply *reply, const char *challenge);

/* The fault in the shape of the Identity API. */
void nova_reply_identity_fault(nova_http_reply *reply, const GError *error);

/* When to try again. */
void nova_reply_retry_after(nova_http_reply *reply, unsigned seconds);
