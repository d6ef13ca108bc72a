/* SPDX-License-Identifier: Apache-2.0 */
#include "fixture.h"

#include "common/uuid.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

void must(bool good, GError **error)
{
	if (!good)
		fail_msg("%s", *error ? (*error)->message : "failed without an error");
	assert_null(*error);
}

void must_fault(GError **error, nova_fault fault)
{
	if (!*error)
		fail_msg("no error, %s wanted", nova_fault_wire_name(fault));
	if (!nova_error_is(*error, fault))
		fail_msg("%s wanted, got %s: %s", nova_fault_wire_name(fault),
			 nova_fault_wire_name(nova_error_fault(*error)), (*error)->message);
	g_clear_error(error);
}

/* A uuid that is always the same for a name. */
static char *uuid_of(const char *name)
{
	g_autofree char *sum = g_compute_checksum_for_string(G_CHECKSUM_MD5, name, -1);

	return g_strdup_printf("%.8s-%.4s-%.4s-%.4s-%.12s", sum, sum + 8, sum + 12, sum + 16, sum + 20);
}

nova_fence fixture_register(nova_db *db, const char *name)
{
	g_autofree char *uuid = uuid_of(name);
	const nova_host_identity identity = {
		.name = name,
		.uuid = uuid,
		.boot_id = "boot-1",
		.my_ip = "192.0.2.1",
		.migration_address = name,
		.hypervisor_hostname = name,
		.lease_seconds = 3600,
	};
	nova_fence fence;

	MUST(nova_hosts_register(db, &identity, &fence, NULL, &must_error));
	return fence;
}

void fixture_report(nova_db *db, const nova_fence *fence, int vcpus, int64_t memory_mb, int64_t pool_gb)
{
	nova_inventory inventory = {
		.hypervisor_hostname = NULL,
		.hypervisor_type = (char *)"QEMU",
		.hypervisor_version = 7002000,
		.libvirt_version = 9000000,
		.cpu_info_json = (char *)"{\"arch\": \"x86_64\"}",
		.machines = (char *)"pc-i440fx-7.2",
		.vcpus = vcpus,
		.memory_mb = memory_mb,
		.cpu_ratio = 1.0,
		.ram_ratio = 1.0,
		.disk_ratio = 1.0,
		.max_migrations = 1,
		.pool_fsid = (char *)FSID_SHARED,
		.pool_kind = (char *)"nfs",
		.pool_total_gb = pool_gb,
		.pool_free_gb = pool_gb,
	};

	MUST(nova_hosts_report(db, fence, &inventory, &must_error));
}

nova_fence fixture_host(nova_db *db, const char *name, int vcpus, int64_t memory_mb, int64_t pool_gb)
{
	nova_fence fence = fixture_register(db, name);

	fixture_report(db, &fence, vcpus, memory_mb, pool_gb);
	return fence;
}

char *fixture_server(nova_db *db, const char *name, int network_id, int64_t *ret_operation)
{
	char uuid[NOVA_UUID_SIZE], image[NOVA_UUID_SIZE];
	const nova_requester by = { .request_id = "req-create", .project_id = "default", .user_id = "admin" };
	const nova_instance instance = {
		.uuid = uuid,
		.project_id = (char *)"default",
		.user_id = (char *)"admin",
		.name = (char *)name,
		.hostname = (char *)name,
		.flavor_id = 1,
		.flavorid = (char *)"1",
		.flavor_name = (char *)"m1.tiny",
		.vcpus = 1,
		.memory_mb = 512,
		.root_gb = 1,
		.image_id = image,
		.tags_json = (char *)"[\"blue\", \"tall\"]",
		.metadata_json = (char *)"{\"k\": \"v\"}",
		.reservation_id = (char *)"r-1",
	};
	const nova_instance_plan plan = { .network_id = network_id };
	int64_t operation;

	nova_uuid_new(uuid);
	nova_uuid_new(image);
	MUST(nova_instances_create(db, &instance, &plan, &by, &operation, &must_error));
	if (ret_operation)
		*ret_operation = operation;
	return g_strdup(uuid);
}

nova_operation *fixture_operation(nova_db *db, int64_t id)
{
	g_autoptr(GError) error = NULL;
	nova_operation *op = nova_operations_find(db, id, &error);

	must(op != NULL, &error);
	return op;
}

nova_instance *fixture_instance(nova_db *db, const char *uuid)
{
	g_autoptr(GError) error = NULL;
	nova_instance *instance = nova_instances_find(db, uuid, NULL, true, &error);

	must(instance != NULL, &error);
	return instance;
}

char *fixture_built(nova_db *db, const char *name, const nova_fence *host)
{
	int64_t id;
	char *uuid = fixture_server(db, name, 0, &id);
	g_autoptr(nova_operation) op = fixture_operation(db, id);
	const nova_op_outcome outcome = {
		.state = NOVA_OPS_DONE,
		.set_vm_state = true,
		.vm_state = NOVA_VM_ACTIVE,
		.set_power = true,
		.power_state = NOVA_POWER_RUNNING,
		.launched = true,
		.total_ms = -1,
	};
	bool taken = false;

	MUST(nova_operations_claim(db, op, host->host_id, "{}", &taken, &must_error));
	assert_true(taken);
	MUST(nova_operations_advance(db, host, op, NOVA_OPS_SPAWNING, "spawning", NULL, &must_error));
	MUST(nova_operations_set_machine(db, host, op, "pc-i440fx-7.2", &must_error));
	MUST(nova_operations_finish(db, host, op, &outcome, NULL, NULL, &must_error));
	return uuid;
}

nova_operation *fixture_migration(nova_db *db, const char *uuid, const nova_fence *source,
				  const nova_fence *dest, nova_op_state until)
{
	const nova_op_request request = {
		.kind = NOVA_OP_LIVE_MIGRATION,
		.instance_uuid = uuid,
		.action = "os-migrateLive",
		.strict = true,
		.by = { .request_id = "req-migrate", .project_id = "default", .user_id = "admin" },
	};
	g_autoptr(GError) error = NULL;
	nova_operation *op = nova_operations_begin(db, &request, &error);
	bool yes = true;

	must(op != NULL, &error);
	while (op->state != until) {
		bool good = false;

		switch (op->state) {
		case NOVA_OPS_REQUESTED:
			good = nova_operations_claim(db, op, dest->host_id, "{}", &yes, &error);
			break;
		case NOVA_OPS_CLAIMED:
			good = nova_operations_advance(db, dest, op, NOVA_OPS_CHECKED, "agreed", NULL,
						       &error);
			break;
		case NOVA_OPS_CHECKED:
			good = nova_operations_take_slots(db, source, op, &yes, NULL, &error);
			break;
		case NOVA_OPS_PREPARING:
			good = nova_operations_advance(db, dest, op, NOVA_OPS_PREPARED, "ready", NULL,
						       &error);
			break;
		case NOVA_OPS_PREPARED:
			good = nova_operations_permit(db, source, op, NOVA_POWER_RUNNING, NULL, &yes, &error);
			break;
		case NOVA_OPS_MIGRATING:
			good = nova_operations_flip(db, source, op, 42, "{\"seen\": \"running\"}", &error);
			break;
		default:
			fail_msg("no way from %s", nova_op_state_name(op->state));
		}
		must(good, &error);
		assert_true(yes);
	}
	return op;
}

void fixture_complete(nova_db *db, const nova_fence *source, nova_operation *op)
{
	const nova_op_outcome outcome = { .state = NOVA_OPS_DONE, .total_ms = 1234 };

	MUST(nova_operations_advance(db, source, op, NOVA_OPS_CLEANING, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, source, op, &outcome, NULL, NULL, &must_error));
}

/* Each query returns a text for what is wrong, or nothing. */
static const char *const audits[] = {
	"SELECT format('host %s: used %s/%s, claimed %s/%s', h.name, used_vcpus, used_memory_mb, v, m) FROM "
	"hosts h,"
	" LATERAL (SELECT COALESCE(sum(c.vcpus), 0) v, COALESCE(sum(c.memory_mb), 0) m FROM claims c"
	"           WHERE c.host_id = h.id) s WHERE (used_vcpus, used_memory_mb) IS DISTINCT FROM (v, m)",
	"SELECT format('pool %s: used %s, claimed %s', p.id, used_gb, d) FROM pools p,"
	" LATERAL (SELECT COALESCE(sum(disk_gb), 0) d FROM disk_claims c WHERE c.pool_id = p.id) s WHERE "
	"used_gb <> d",
	"SELECT format('host %s: slots %s/%s, held %s/%s', h.name, outgoing, incoming, o, i) FROM hosts h,"
	" LATERAL (SELECT count(*) FILTER (WHERE source_host_id = h.id) o, count(*) FILTER (WHERE "
	"dest_host_id = h.id) i"
	"            FROM operations WHERE holds_slots) s WHERE (outgoing, incoming) IS DISTINCT FROM (o, i)",
	"SELECT format('instance %s on %s has no home claim', uuid, host_id) FROM instances i WHERE host_id "
	"IS NOT NULL"
	" AND NOT EXISTS (SELECT 1 FROM claims c WHERE c.instance = i.uuid AND c.host_id = i.host_id AND "
	"role = 'H')",
	"SELECT format('claim of %s without a home there', instance) FROM claims c JOIN instances i ON "
	"i.uuid = c.instance"
	" WHERE role = 'H' AND i.host_id IS DISTINCT FROM c.host_id",
	"SELECT format('claim %s of %s without an operation', role, instance) FROM claims c WHERE role <> 'H'"
	" AND NOT (role = 'O' AND EXISTS (SELECT 1 FROM instances i WHERE i.uuid = c.instance"
	"                                    AND i.vm_state = 'resized'))"
	" AND NOT EXISTS (SELECT 1 FROM operations o WHERE o.instance = c.instance AND o.finished_at IS "
	"NULL)",
	"SELECT format('operation %s holds slots but is over', id) FROM operations WHERE holds_slots AND "
	"finished_at IS NOT NULL",
	"SELECT format('operation %s: seq %s, journal %s', o.id, o.seq, n) FROM operations o,"
	" LATERAL (SELECT max(seq) n, count(*) c FROM journal j WHERE j.operation = o.id) s WHERE n <> o.seq "
	"OR c <> o.seq + 1",
	"SELECT format('journal of %s: %s after %s', operation, from_state, before) FROM (SELECT operation, "
	"from_state,"
	" lag(to_state) OVER (PARTITION BY operation ORDER BY seq) AS before FROM journal) j WHERE before <> "
	"from_state",
	"SELECT format('deleted instance %s holds something', uuid) FROM instances i WHERE deleted_at IS NOT "
	"NULL AND"
	" (host_id IS NOT NULL OR EXISTS (SELECT 1 FROM claims c WHERE c.instance = i.uuid)"
	" OR EXISTS (SELECT 1 FROM disk_claims c WHERE c.instance = i.uuid)"
	" OR EXISTS (SELECT 1 FROM addresses a WHERE a.instance = i.uuid))",
	"SELECT format('project %s: used %s/%s/%s, servers %s/%s/%s', project_id, u.instances, u.cores, u.ram_mb, n, "
	"v, m)"
	" FROM project_usage u FULL JOIN (SELECT project_id, count(*) n, sum(vcpus + held_vcpus) v,"
	" sum(memory_mb + held_memory_mb) m FROM instances"
	"   WHERE deleted_at IS NULL GROUP BY project_id) s USING (project_id)"
	" WHERE (COALESCE(u.instances, 0), COALESCE(u.cores, 0), COALESCE(u.ram_mb, 0))"
	"   <> (COALESCE(n, 0), COALESCE(v, 0), COALESCE(m, 0))",
	"SELECT format('group %s, %s: %s servers on host %s', g.id, g.policy, count(*), c.host_id) FROM server_groups g"
	" JOIN instances i ON i.group_id = g.id JOIN claims c ON c.instance = i.uuid AND c.role IN ('H', 'I')"
	" WHERE g.policy = 'anti-affinity' GROUP BY g.id, g.policy, g.max_per_host, c.host_id"
	" HAVING count(*) > COALESCE(g.max_per_host, 1)",
	"SELECT format('group %s, affinity: servers on %s hosts', g.id, count(DISTINCT c.host_id)) FROM server_groups g"
	" JOIN instances i ON i.group_id = g.id JOIN claims c ON c.instance = i.uuid AND c.role IN ('H', 'I')"
	" WHERE g.policy = 'affinity' GROUP BY g.id HAVING count(DISTINCT c.host_id) > 1",
	"SELECT format('operation %s: its owner''s epoch is %s and not %s', o.id, o.owner_epoch, l.epoch) "
	"FROM operations o"
	" JOIN host_lease l ON l.host_id = o.owner_host_id WHERE o.finished_at IS NULL AND o.owner_epoch <> "
	"l.epoch",
};

void fixture_audit(pg_cluster *cluster, const char *database)
{
	for (size_t i = 0; i < G_N_ELEMENTS(audits); i++) {
		g_autofree char *wrong = pg_cluster_sql(cluster, database, "%s", audits[i]);

		if (wrong)
			fail_msg("%s", wrong);
	}
}
