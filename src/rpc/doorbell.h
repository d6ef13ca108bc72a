/* SPDX-License-Identifier: Apache-2.0
 *
 * doorbell.h - what nova-lite's services say to each other, as typed functions.
 *
 * Namespace `nova_lite', version 1.0: messages of ours are never mistaken for Nova's.  A doorbell
 * says "operation N is at sequence number M and waits for you"; the receiver reads the row and acts
 * on what it finds there.  Losing one costs the receiver's next poll.  Method names of doorbells
 * come from the flow tables; the receivers' method tables use NOVA_DOORBELL_ARGS.
 *
 * Threads: any.  Faults: as in client.h.
 */
#pragma once

#include "rpc/client.h"
#include "rpc/method.h"

#define NOVA_RPC_NAMESPACE	   "nova_lite"
#define NOVA_RPC_VERSION	   "1.0"
#define NOVA_RPC_VERSION_MAJOR	   1
#define NOVA_RPC_VERSION_MINOR	   0
#define NOVA_RPC_TOPIC_SCHEDULER   "scheduler"
#define NOVA_RPC_TOPIC_COMPUTE	   "compute"

/* .args of a doorbell's row in a method table, and how its handler reads them. */
#define NOVA_DOORBELL_ARGS \
	NOVA_RPC_ARGS({ "operation", json_type_int, false }, { "seq", json_type_int, false })

typedef struct nova_doorbell {
	int64_t operation; /* operations.id */
	int64_t seq; /* of the row when the bell was rung: the row may be further on by now */
} nova_doorbell;

/* Reads the arguments of a request whose row has NOVA_DOORBELL_ARGS. */
nova_doorbell nova_doorbell_read(const nova_rpc_request *request);

/* Rings.  host NULL: any server of the topic.  Queued, not waited for: see nova_rpc_cast(). */
bool nova_doorbell_ring(nova_bus *bus, const char *topic, const char *host, const char *method,
			int64_t operation, int64_t seq, const struct nova_context *context,
			GError **error);

/* Rings at every server of the topic. */
bool nova_doorbell_ring_all(nova_bus *bus, const char *topic, const char *method, int64_t operation,
			    int64_t seq, const struct nova_context *context, GError **error);

/* What a compute host answers about one guest: facts from its hypervisor, in words of the model
 * (the answering service and the asking one translate; rpc only carries them). */
typedef struct nova_domain_report {
	char *state; /* "absent", "running", "paused_user" ...: never NULL */
	char *reason; /* QEMU's end reason from the domain's log; NULL: none known */
	char *token; /* ownership token in the domain's metadata; NULL: none */
	int64_t operation; /* operation noted in the metadata; 0: none */
	bool job; /* a migration job is active on it */
} nova_domain_report;

void nova_domain_report_clear(nova_domain_report *report); /* frees the members, zeroes */
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(nova_domain_report, nova_domain_report_clear)

#define NOVA_RPC_OBSERVE_DOMAIN "observe_domain"
#define NOVA_OBSERVE_DOMAIN_ARGS NOVA_RPC_ARGS({ "instance", json_type_string, false })

/* Asks `host'.  Only success says anything about the guest; every fault means "could not ask". */
bool nova_rpc_observe_domain(nova_bus *bus, const char *host, const char *instance_uuid,
			     const struct nova_context *context, unsigned timeout_ms,
			     nova_domain_report *ret_report, GError **error);

/* The handler's side: the report as request->result. */
struct json_object *nova_domain_report_to_json(const nova_domain_report *report);

/* Asked of a scheduler: which hosts would take the server now; scheduler/explain.h has the answer's form. */
#define NOVA_RPC_EXPLAIN_PLACEMENT "explain_placement"
#define NOVA_EXPLAIN_PLACEMENT_ARGS \
	NOVA_RPC_ARGS({ "instance", json_type_string, false }, { "host", json_type_string, true })

#define NOVA_RPC_ROLLBACK_DESTINATION "rollback_live_migration_at_destination"

/* Asks the destination to destroy what it prepared and to verify that it is gone, and waits: success
 * means verified absent.  Same row and arguments as the doorbell of that name. */
bool nova_rpc_rollback_destination(nova_bus *bus, const char *host, int64_t operation, int64_t seq,
				   const struct nova_context *context, unsigned timeout_ms,
				   GError **error);
