/* SPDX-License-Identifier: Apache-2.0
 *
 * What each way an operation moves on does to its row, the instance, the claims and the counters.
 */
#include "fixture.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

static pg_cluster *cluster;
static nova_db *db;
static const char *const NAME = "operations";

static int64_t number(const char *sql)
{
	g_autofree char *text = pg_cluster_sql(cluster, NAME, "%s", sql);

	return text ? g_ascii_strtoll(text, NULL, 10) : -1;
}

/* ---- hosts and leases ---- */

static void test_registration(void **state)
{
	const nova_fence first = fixture_register(db, "reg1");
	const nova_fence second = fixture_register(db, "reg1");
	nova_host_identity identity = { .name = "reg1",
					.uuid = "00000000-0000-4000-8000-000000000001",
					.lease_seconds = 30 };
	g_autoptr(GError) error = NULL;
	nova_fence fence;
	bool boot = true;

	(void)state;
	assert_int_equal(second.host_id, first.host_id);
	assert_int_equal(second.epoch, first.epoch + 1);
	assert_false(nova_hosts_register(db, &identity, &fence, &boot, &error));
	assert_non_null(strstr(error->message, "belongs to another machine"));
	must_fault(&error, NOVA_FAULT_CONFLICT);

	g_autoptr(nova_host) host = nova_hosts_find(db, "reg1", &error);

	assert_non_null(host);
	assert_true(host->up);
	identity = (nova_host_identity) {
		.name = "renamed", .uuid = host->uuid, .boot_id = "boot-1", .lease_seconds = 30
	};
	assert_false(nova_hosts_register(db, &identity, &fence, &boot, &error));
	assert_non_null(strstr(error->message, "orphaned"));
	must_fault(&error, NOVA_FAULT_CONFLICT);

	/* The same machine again, then after a boot: not before the lease from before it has run out. */
	identity.name = "reg1";
	MUST(nova_hosts_register(db, &identity, &fence, &boot, &must_error));
	assert_false(boot);
	identity.boot_id = "boot-2";
	assert_false(nova_hosts_register(db, &identity, &fence, &boot, &error));
	assert_non_null(strstr(error->message, "boot id boot-1, this one has boot-2"));
	must_fault(&error, NOVA_FAULT_LEASE_HELD);
	MUST(nova_hosts_release(db, &fence, &must_error));
	MUST(nova_hosts_register(db, &identity, &fence, &boot, &must_error));
	assert_true(boot);
	assert_int_equal(fence.epoch, second.epoch + 2);
}

/* Two daemons of one machine: the one that started last has the lease, the other gets it back only from nobody. */
static void test_a_fenced_daemon_takes_no_lease_that_is_held(void **state)
{
	const nova_fence first = fixture_register(db, "twice");
	const nova_fence second = fixture_register(db, "twice");
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_host) host = nova_hosts_find(db, "twice", &error);
	nova_host_identity identity = {
		.name = "twice", .uuid = host->uuid, .boot_id = "boot-1", .lease_seconds = 30, .epoch = first.epoch
	};
	nova_fence fence;

	(void)state;
	assert_false(nova_hosts_register(db, &identity, &fence, NULL, &error));
	assert_non_null(strstr(error->message, "another nova-lite-compute has registered as host 'twice'"));
	must_fault(&error, NOVA_FAULT_LEASE_HELD);
	assert_int_equal(number("SELECT epoch FROM host_lease l JOIN hosts h ON h.id = l.host_id "
				"WHERE h.name = 'twice'"),
			 second.epoch);
	/* The holder itself may, and anybody once it has let go. */
	identity.epoch = second.epoch;
	MUST(nova_hosts_register(db, &identity, &fence, NULL, &must_error));
	MUST(nova_hosts_release(db, &fence, &must_error));
	identity.epoch = first.epoch;
	MUST(nova_hosts_register(db, &identity, &fence, NULL, &must_error));
}

static void test_a_host_is_renamed_when_nothing_of_it_is_active(void **state)
{
	const nova_fence fence = fixture_register(db, "old-name");
	g_autoptr(GError) error = NULL;
	nova_fence again;

	(void)state;
	fixture_register(db, "taken");
	assert_false(nova_hosts_rename(db, "old-name", "new-name", &error));
	assert_non_null(strstr(error->message, "stop its nova-lite-compute"));
	must_fault(&error, NOVA_FAULT_INSTANCE_STATE);
	MUST(nova_hosts_release(db, &fence, &must_error));
	assert_false(nova_hosts_rename(db, "old-name", "taken", &error));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	assert_false(nova_hosts_rename(db, "nobody", "new-name", &error));
	must_fault(&error, NOVA_FAULT_HOST_NOT_FOUND);
	MUST(nova_hosts_rename(db, "old-name", "new-name", &must_error));

	g_autoptr(nova_host) host = nova_hosts_find(db, "new-name", &error);

	assert_int_equal(host->id, fence.host_id);
	const nova_host_identity identity = {
		.name = "new-name", .uuid = host->uuid, .boot_id = "boot-1", .lease_seconds = 30
	};
	MUST(nova_hosts_register(db, &identity, &again, NULL, &must_error));
	assert_int_equal(again.host_id, fence.host_id);
}

static void test_lease(void **state)
{
	const nova_fence old = fixture_register(db, "lease1");
	g_autoptr(GError) error = NULL;

	(void)state;
	MUST(nova_hosts_renew(db, &old, 30, "libvirt does not answer", false, &must_error));
	g_autoptr(nova_host) sick = nova_hosts_find(db, "lease1", &error);

	assert_true(sick->up);
	assert_false(sick->storage_ok);
	assert_string_equal(sick->health, "libvirt does not answer");
	MUST(nova_hosts_release(db, &old, &must_error));
	g_autoptr(nova_host) gone = nova_hosts_find_by_id(db, old.host_id, &error);

	assert_false(gone->up);
	/* Nobody has taken over: renewing works. */
	MUST(nova_hosts_renew(db, &old, 30, NULL, true, &must_error));
	g_autoptr(nova_host) back = nova_hosts_find_by_uuid(db, gone->uuid, &error);

	assert_true(back->up);
	assert_null(back->health);
	const nova_fence newer = fixture_register(db, "lease1");

	assert_false(nova_hosts_renew(db, &old, 30, NULL, true, &error));
	assert_non_null(strstr(error->message, "taken over"));
	must_fault(&error, NOVA_FAULT_FENCED);
	assert_false(nova_hosts_release(db, &old, &error));
	must_fault(&error, NOVA_FAULT_FENCED);
	MUST(nova_hosts_renew(db, &newer, 30, NULL, true, &must_error));
}

static void test_registration_owns_running_operations(void **state)
{
	const nova_fence a = fixture_host(db, "own-a", 4, 4096, 1000),
			 b = fixture_host(db, "own-b", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "own", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_CHECKED);
	g_autoptr(GError) error = NULL;
	const nova_fence anew = fixture_register(db, "own-a");
	bool taken;

	(void)state;
	assert_int_equal(op->owner_epoch, a.epoch);
	/* The daemon before: its write is refused, and the one after has to read the row again. */
	assert_false(nova_operations_take_slots(db, &a, op, &taken, NULL, &error));
	must_fault(&error, NOVA_FAULT_FENCED);
	assert_false(nova_operations_take_slots(db, &anew, op, &taken, NULL, &error));
	must_fault(&error, NOVA_FAULT_STALE);
	g_autoptr(nova_operation) again = fixture_operation(db, op->id);

	assert_int_equal(again->seq, op->seq + 1);
	assert_int_equal(again->owner_epoch, anew.epoch);
	MUST(nova_operations_take_slots(db, &anew, again, &taken, NULL, &must_error));
	assert_true(taken);
	/* The other host's registration changes nothing that is not its. */
	g_autoptr(nova_operation) dest_turn = fixture_operation(db, op->id);

	fixture_register(db, "own-a");
	g_autoptr(nova_operation) same = fixture_operation(db, op->id);

	assert_int_equal(same->seq, dest_turn->seq);
	g_autoptr(GPtrArray) journal = NULL;

	MUST(nova_operations_journal(db, op->id, &journal, &must_error));
	assert_int_equal(journal->len, (unsigned)same->seq + 1);
	fixture_audit(cluster, NAME);
}

/* ---- build ---- */

static void test_build_walks_to_done(void **state)
{
	const nova_fence host = fixture_host(db, "build1", 4, 4096, 1000);
	g_autoptr(GError) error = NULL;
	int64_t id;
	g_autofree char *uuid = fixture_server(db, "vm", 0, &id);
	g_autoptr(nova_instance) asked = fixture_instance(db, uuid);

	(void)state;
	assert_int_equal(asked->vm_state, NOVA_VM_BUILDING);
	assert_true(asked->busy);
	assert_int_equal(asked->op_kind, NOVA_OP_BUILD);
	assert_int_equal(asked->op_id, id);
	assert_int_equal(asked->host_id, 0);
	assert_string_equal(asked->metadata_json, "{\"k\": \"v\"}");
	g_autofree char *built = fixture_built(db, "vm2", &host);
	g_autoptr(nova_instance) i = fixture_instance(db, built);

	assert_int_equal(i->vm_state, NOVA_VM_ACTIVE);
	assert_int_equal(i->power_state, NOVA_POWER_RUNNING);
	assert_false(i->busy);
	assert_int_equal(i->token, 1);
	assert_string_equal(i->host, "build1");
	assert_string_equal(i->machine, "pc-i440fx-7.2");
	assert_true(i->launched_us > 0 && i->updated_us >= i->created_us);
	g_autoptr(nova_host) h = nova_hosts_find(db, "build1", &error);

	assert_int_equal(h->used_vcpus, 1);
	assert_int_equal(h->used_memory_mb, 512);
	assert_int_equal(h->running_vms, 1);
	fixture_audit(cluster, NAME);
}

static void test_build_refused_goes_to_the_next_host(void **state)
{
	const nova_fence a = fixture_host(db, "refuse-a", 2, 4096, 1000),
			 b = fixture_host(db, "refuse-b", 2, 4096, 1000);
	int64_t id, disk = number("SELECT sum(used_gb) FROM pools");
	g_autofree char *uuid = fixture_server(db, "vm", 0, &id);
	g_autoptr(nova_operation) op = fixture_operation(db, id);
	g_autoptr(GPtrArray) attempts = NULL;
	bool taken;

	(void)state;
	MUST(nova_operations_claim(db, op, a.host_id, "{\"chosen\": \"refuse-a\"}", &taken, &must_error));
	assert_true(taken);
	assert_string_equal(op->dest_host, "refuse-a");
	assert_int_equal(number("SELECT sum(used_gb) FROM pools"), disk + 1);
	MUST(nova_operations_advance(db, &a, op, NOVA_OPS_SPAWNING, NULL, NULL, &must_error));
	MUST(nova_operations_advance(db, &a, op, NOVA_OPS_UNDOING, "no such bridge", NULL, &must_error));
	MUST(nova_operations_refuse(db, &a, op, "no such bridge", "{\"bridge\": \"br0\"}", &must_error));
	assert_int_equal(op->state, NOVA_OPS_REQUESTED);
	assert_int_equal(op->dest_host_id, 0);
	assert_null(op->dest_host);
	assert_int_equal(number("SELECT sum(used_gb) FROM pools"), disk);
	MUST(nova_operations_attempts(db, id, &attempts, &must_error));
	assert_int_equal(attempts->len, 1);
	const nova_attempt *attempt = attempts->pdata[0];

	assert_string_equal(attempt->host, "refuse-a");
	assert_string_equal(attempt->reason, "no such bridge");
	MUST(nova_operations_claim(db, op, b.host_id, NULL, &taken, &must_error));
	assert_true(taken);
	assert_int_equal(op->attempts, 2);
	g_autoptr(nova_instance) i = fixture_instance(db, uuid);

	assert_int_equal(i->token, 2); /* what refuse-a may still have is older */
	assert_string_equal(i->host, "refuse-b");
	fixture_audit(cluster, NAME);
}

static void test_build_without_a_host_ends_in_error(void **state)
{
	int64_t id;
	g_autofree char *uuid = fixture_server(db, "vm", 0, &id);
	g_autoptr(nova_operation) op = fixture_operation(db, id);

	(void)state;
	MUST(nova_operations_no_valid_host(db, op, "No valid host was found. No host has 9 vcpus.",
					   "{\"hosts\": []}", &must_error));
	g_autoptr(nova_instance) i = fixture_instance(db, uuid);

	assert_int_equal(i->vm_state, NOVA_VM_ERROR);
	assert_int_equal(i->fault_code, 500);
	assert_non_null(strstr(i->fault_message, "9 vcpus"));
	assert_false(i->busy);
	/* On no host, nothing can be done with it but deleting it, at once. */
	const nova_op_request stop = { .kind = NOVA_OP_STOP, .instance_uuid = uuid, .action = "os-stop" };
	g_autoptr(GError) error = NULL;

	assert_null(nova_operations_begin(db, &stop, &error));
	must_fault(&error, NOVA_FAULT_INSTANCE_STATE);
	int64_t delete_id = 0;

	MUST(nova_instances_delete(db, uuid, NULL, NULL, &delete_id, &must_error));
	g_autoptr(nova_operation) del = fixture_operation(db, delete_id);

	assert_int_equal(del->state, NOVA_OPS_DONE);
	assert_null(nova_instances_find(db, uuid, NULL, false, &error));
	assert_false(nova_instances_delete(db, uuid, NULL, NULL, &delete_id, &error));
	must_fault(&error, NOVA_FAULT_INSTANCE_NOT_FOUND);
	fixture_audit(cluster, NAME);
}

/* ---- one-host operations ---- */

static void test_stop_and_start(void **state)
{
	const nova_fence host = fixture_host(db, "power1", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &host);
	nova_op_request request = { .kind = NOVA_OP_STOP, .instance_uuid = uuid, .action = "os-stop" };
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) mine = NULL;
	g_autoptr(nova_operation) op = nova_operations_begin(db, &request, &error);

	(void)state;
	must(op != NULL, &error);
	assert_int_equal(op->source_host_id, host.host_id);
	assert_int_equal(op->owner_epoch, host.epoch);
	assert_null(nova_operations_begin(db, &request, &error));
	assert_non_null(strstr(error->message, "while it is in task_state powering-off"));
	must_fault(&error, NOVA_FAULT_INSTANCE_STATE);
	MUST(nova_operations_of_host(db, host.host_id, &mine, &must_error));
	assert_int_equal(mine->len, 1);
	MUST(nova_operations_advance(db, &host, op, NOVA_OPS_STOPPING, NULL, NULL, &must_error));
	MUST(nova_operations_note(db, &host, op, NOVA_BLOCKED_HYPERVISOR, "power1", 60000, "libvirt is away",
				  NULL, &must_error));
	g_clear_pointer(&mine, g_ptr_array_unref);
	MUST(nova_operations_of_host(db, host.host_id, &mine, &must_error));
	assert_int_equal(mine->len, 0); /* not before a minute has passed */
	g_autoptr(nova_operation) seen = fixture_operation(db, op->id);

	assert_int_equal(seen->blocked, NOVA_BLOCKED_HYPERVISOR);
	assert_string_equal(seen->blocked_host, "power1");
	assert_int_equal(seen->seq, op->seq);
	assert_true(seen->not_before_us > seen->changed_us);
	const nova_op_outcome off = { .state = NOVA_OPS_DONE,
				      .set_vm_state = true,
				      .vm_state = NOVA_VM_STOPPED,
				      .set_power = true,
				      .power_state = NOVA_POWER_SHUTDOWN,
				      .set_wanted_power = true,
				      .wanted_power = false,
				      .total_ms = -1 };

	MUST(nova_operations_finish(db, &host, op, &off, NULL, NULL, &must_error));
	g_autoptr(nova_instance) i = fixture_instance(db, uuid);

	assert_int_equal(i->vm_state, NOVA_VM_STOPPED);
	assert_false(i->wanted_power);
	assert_null(nova_operations_begin(db, &request, &error));
	assert_non_null(strstr(error->message, "while it is in vm_state stopped"));
	must_fault(&error, NOVA_FAULT_INSTANCE_STATE);
	request = (nova_op_request) {
		.kind = NOVA_OP_START, .instance_uuid = uuid, .project_id = "another", .action = "os-start"
	};
	assert_null(nova_operations_begin(db, &request, &error));
	must_fault(&error, NOVA_FAULT_INSTANCE_NOT_FOUND);
	request.project_id = "default";
	g_autoptr(nova_operation) start = nova_operations_begin(db, &request, &error);

	must(start != NULL, &error);
	MUST(nova_operations_advance(db, &host, start, NOVA_OPS_STARTING, NULL, NULL, &must_error));
	const nova_op_outcome failed = {
		.state = NOVA_OPS_ERROR, .reason = "no memory", .fault_code = 500, .total_ms = -1
	};

	MUST(nova_operations_finish(db, &host, start, &failed, NULL, NULL, &must_error));
	g_autoptr(nova_instance) still = fixture_instance(db, uuid);

	assert_int_equal(still->vm_state, NOVA_VM_STOPPED);
	assert_string_equal(still->fault_message, "no memory");
	fixture_audit(cluster, NAME);
}

static void test_illegal_steps_are_refused(void **state)
{
	const nova_fence host = fixture_host(db, "illegal1", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &host);
	const nova_op_request request = { .kind = NOVA_OP_REBOOT_HARD,
					  .instance_uuid = uuid,
					  .action = "reboot" };
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_begin(db, &request, &error);
	const nova_op_outcome silent = { .state = NOVA_OPS_ERROR, .total_ms = -1 };
	const nova_op_outcome early = { .state = NOVA_OPS_DONE, .total_ms = -1 };

	(void)state;
	must(op != NULL, &error);
	g_autofree char *before = pg_cluster_digest(cluster, NAME);

	assert_false(nova_operations_advance(db, &host, op, NOVA_OPS_MIGRATING, NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_INTERNAL);
	assert_false(nova_operations_advance(db, &host, op, NOVA_OPS_DONE, NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_INTERNAL);
	assert_false(nova_operations_finish(db, &host, op, &early, NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_INTERNAL);
	assert_false(nova_operations_finish(db, &host, op, &silent, NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_INTERNAL);
	/* A scheduler may not move what a host owns, nor one host what is another's. */
	assert_false(nova_operations_advance(db, NULL, op, NOVA_OPS_REBOOTING_HARD, NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_FENCED);
	g_autofree char *after = pg_cluster_digest(cluster, NAME);

	assert_string_equal(before, after);
}

/* ---- live migration ---- */

static void test_migration_there(void **state)
{
	const nova_fence a = fixture_host(db, "lm-a", 4, 4096, 1000),
			 b = fixture_host(db, "lm-b", 4, 4096, 1000);
	int64_t disk = number("SELECT sum(used_gb) FROM pools");
	g_autofree char *uuid = fixture_built(db, "vm", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_MIGRATING);
	g_autoptr(GError) error = NULL;
	const nova_progress progress = {
		.memory_total = 100, .memory_processed = 60, .memory_remaining = 40, .percent = 60
	};
	const nova_progress back = {
		.memory_total = 100, .memory_processed = 50, .memory_remaining = 50, .percent = 50
	};

	(void)state;
	g_autoptr(nova_host) ha = nova_hosts_find(db, "lm-a", &error),
			     hb = nova_hosts_find(db, "lm-b", &error);

	assert_int_equal(ha->outgoing, 1);
	assert_int_equal(hb->incoming, 1);
	assert_int_equal(hb->used_memory_mb, 512);
	assert_int_equal(number("SELECT sum(used_gb) FROM pools"), disk + 1); /* not twice */
	MUST(nova_operations_progress(db, &a, op->id, &progress, &must_error));
	MUST(nova_operations_progress(db, &a, op->id, &back, &must_error));
	g_autoptr(nova_instance) moving = fixture_instance(db, uuid);

	assert_int_equal(moving->progress, 60); /* never runs backwards */
	assert_string_equal(nova_instance_task_state(moving), "migrating");
	MUST(nova_operations_flip(db, &a, op, 42, "{\"dest\": \"running\"}", &must_error));
	assert_int_equal(op->state, NOVA_OPS_SWITCHED);
	g_autoptr(nova_instance) flipped = fixture_instance(db, uuid);

	assert_string_equal(flipped->host, "lm-b");
	assert_int_equal(flipped->token, 2);
	fixture_audit(cluster, NAME);
	fixture_complete(db, &a, op);
	g_autoptr(nova_operation) done = fixture_operation(db, op->id);

	assert_int_equal(done->state, NOVA_OPS_DONE);
	assert_int_equal(done->downtime_ms, 42);
	assert_int_equal(done->total_ms, 1234);
	assert_int_equal(done->seq, op->seq);
	assert_string_equal(done->source_host, "lm-a");
	assert_string_equal(done->dest_host, "lm-b");
	g_autoptr(nova_host) ea = nova_hosts_find(db, "lm-a", &error),
			     eb = nova_hosts_find(db, "lm-b", &error);

	assert_int_equal(ea->used_vcpus + ea->outgoing + eb->incoming, 0);
	assert_int_equal(eb->used_vcpus, 1);
	fixture_audit(cluster, NAME);
}

static void test_migration_rolled_back(void **state)
{
	const nova_fence a = fixture_host(db, "rb-a", 4, 4096, 1000),
			 b = fixture_host(db, "rb-b", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_MIGRATING);
	const nova_op_outcome failed = { .state = NOVA_OPS_FAILED,
					 .reason = "the network went away",
					 .total_ms = 9 };

	(void)state;
	MUST(nova_operations_advance(db, &a, op, NOVA_OPS_ROLLBACK, "copy failed", NULL, &must_error));
	MUST(nova_operations_finish(db, &a, op, &failed, NULL, NULL, &must_error));
	g_autoptr(nova_instance) i = fixture_instance(db, uuid);

	assert_string_equal(i->host, "rb-a");
	assert_int_equal(i->token, 1);
	assert_int_equal(i->vm_state, NOVA_VM_ACTIVE);
	assert_int_equal(number("SELECT used_vcpus + incoming FROM hosts WHERE name = 'rb-b'"), 0);
	fixture_audit(cluster, NAME);
}

static void test_migration_refused_by_the_destination(void **state)
{
	const nova_fence a = fixture_host(db, "rf-a", 4, 4096, 1000),
			 b = fixture_host(db, "rf-b", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_PREPARING);

	(void)state;
	MUST(nova_operations_refuse(db, &b, op, "no free port", NULL, &must_error));
	assert_int_equal(number("SELECT used_vcpus + incoming + outgoing FROM hosts WHERE name = 'rf-b'"), 0);
	assert_int_equal(number("SELECT outgoing FROM hosts WHERE name = 'rf-a'"), 0);
	fixture_audit(cluster, NAME);
	MUST(nova_operations_no_valid_host(db, op, "No valid host was found. rf-b: no free port", NULL,
					   &must_error));
	g_autoptr(nova_instance) i = fixture_instance(db, uuid);

	assert_int_equal(i->vm_state, NOVA_VM_ACTIVE);
	assert_null(i->fault_message);
	fixture_audit(cluster, NAME);
}

static void test_slots(void **state)
{
	const nova_fence a = fixture_host(db, "sl-a", 4, 4096, 1000),
			 b = fixture_host(db, "sl-b", 4, 4096, 1000);
	g_autofree char *one = fixture_built(db, "one", &a), *two = fixture_built(db, "two", &a), *why = NULL;
	g_autoptr(nova_operation) first = fixture_migration(db, one, &a, &b, NOVA_OPS_PREPARING);
	g_autoptr(nova_operation) second = fixture_migration(db, two, &a, &b, NOVA_OPS_CHECKED);
	bool taken;

	(void)state;
	MUST(nova_operations_take_slots(db, &a, second, &taken, &why, &must_error));
	assert_false(taken);
	assert_int_equal(second->state, NOVA_OPS_CHECKED);
	assert_string_equal(why, "host 'sl-a' has 1 outgoing migration and allows 1");
	const nova_op_outcome cancelled = { .state = NOVA_OPS_CANCELLED,
					    .reason = "aborted",
					    .total_ms = -1 };

	MUST(nova_operations_finish(db, &b, first, &cancelled, NULL, NULL, &must_error));
	MUST(nova_operations_take_slots(db, &a, second, &taken, NULL, &must_error));
	assert_true(taken);
	fixture_audit(cluster, NAME);
}

static void test_abort_and_the_permit(void **state)
{
	const nova_fence a = fixture_host(db, "ab-a", 4, 4096, 1000),
			 b = fixture_host(db, "ab-b", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_PREPARED);
	g_autoptr(GError) error = NULL;
	bool granted = true;

	(void)state;
	assert_false(nova_operations_request_force(db, uuid, op->id, &error));
	must_fault(&error, NOVA_FAULT_MIGRATION_STATE);
	assert_false(nova_operations_request_abort(db, uuid, op->id + 1000, &error));
	must_fault(&error, NOVA_FAULT_MIGRATION_NOT_FOUND);
	assert_false(nova_operations_request_abort(db, "no uuid", op->id, &error));
	must_fault(&error, NOVA_FAULT_MIGRATION_NOT_FOUND);
	MUST(nova_operations_request_abort(db, uuid, op->id, &must_error));
	MUST(nova_operations_permit(db, &a, op, NOVA_POWER_RUNNING, NULL, &granted, &must_error));
	assert_false(granted);
	assert_int_equal(op->state, NOVA_OPS_PREPARED);
	const nova_op_outcome cancelled = { .state = NOVA_OPS_CANCELLED,
					    .reason = "aborted",
					    .total_ms = -1 };

	MUST(nova_operations_finish(db, &a, op, &cancelled, NULL, NULL, &must_error));
	assert_false(nova_operations_request_abort(db, uuid, op->id, &error));
	must_fault(&error, NOVA_FAULT_MIGRATION_STATE);

	g_autoptr(nova_operation) late = fixture_migration(db, uuid, &a, &b, NOVA_OPS_MIGRATING);

	MUST(nova_operations_request_force(db, uuid, late->id, &must_error));
	MUST(nova_operations_flip(db, &a, late, 30, NULL, &must_error));
	assert_false(nova_operations_request_abort(db, uuid, late->id, &error));
	assert_non_null(strstr(error->message, "too late"));
	must_fault(&error, NOVA_FAULT_MIGRATION_STATE);
	/* Once more: already committed. */
	g_autoptr(nova_operation) again = fixture_operation(db, late->id);

	assert_int_equal(again->state, NOVA_OPS_SWITCHED);
	assert_true(again->force_requested);
	again->state = NOVA_OPS_MIGRATING;
	again->seq--;
	assert_false(nova_operations_flip(db, &a, again, 30, NULL, &error));
	must_fault(&error, NOVA_FAULT_STALE);
	fixture_complete(db, &a, late);
	fixture_audit(cluster, NAME);
}

/* ---- delete ---- */

static void test_delete_of_an_idle_server(void **state)
{
	const nova_fence host = fixture_host(db, "del1", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &host);
	const nova_requester by = { .request_id = "req-delete", .project_id = "default", .user_id = "eve" };
	int64_t id = 0, again = 0;

	(void)state;
	MUST(nova_instances_delete(db, uuid, "default", &by, &id, &must_error));
	assert_true(id > 0);
	MUST(nova_instances_delete(db, uuid, "default", &by, &again, &must_error));
	assert_int_equal(again, id);
	g_autoptr(nova_operation) op = fixture_operation(db, id);
	const nova_op_outcome gone = { .state = NOVA_OPS_DONE, .deleted = true, .total_ms = -1 };

	assert_int_equal(op->kind, NOVA_OP_DELETE);
	assert_int_equal(op->source_host_id, host.host_id);
	assert_string_equal(op->request_id, "req-delete");
	assert_false(op->abort_requested);
	MUST(nova_operations_advance(db, &host, op, NOVA_OPS_DELETING, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, &host, op, &gone, NULL, NULL, &must_error));
	g_autoptr(nova_instance) i = fixture_instance(db, uuid);

	assert_int_equal(i->vm_state, NOVA_VM_DELETED);
	assert_true(i->deleted_us > 0 && i->terminated_us > 0);
	assert_int_equal(number("SELECT used_vcpus FROM hosts WHERE name = 'del1'"), 0);
	fixture_audit(cluster, NAME);
}

static void test_delete_while_a_migration_runs(void **state)
{
	const nova_fence a = fixture_host(db, "dm-a", 4, 4096, 1000),
			 b = fixture_host(db, "dm-b", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &a);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_PREPARED);
	const nova_requester by = { .request_id = "req-delete", .project_id = "default", .user_id = "admin" };
	const nova_op_outcome cancelled = { .state = NOVA_OPS_CANCELLED,
					    .reason = "deleted",
					    .total_ms = -1 };
	int64_t id = -1;
	bool granted = true;

	(void)state;
	MUST(nova_instances_delete(db, uuid, NULL, &by, &id, &must_error));
	assert_int_equal(id, 0);
	g_autoptr(nova_instance) waiting = fixture_instance(db, uuid);

	assert_true(waiting->delete_requested);
	MUST(nova_operations_permit(db, &a, op, NOVA_POWER_RUNNING, NULL, &granted, &must_error));
	assert_false(granted);
	MUST(nova_operations_finish(db, &a, op, &cancelled, NULL, &id, &must_error));
	assert_true(id > 0);
	g_autoptr(nova_operation) del = fixture_operation(db, id);

	assert_int_equal(del->kind, NOVA_OP_DELETE);
	assert_int_equal(del->source_host_id, a.host_id);
	assert_int_equal(del->owner_epoch, a.epoch);
	assert_string_equal(del->request_id, "req-delete");
	fixture_audit(cluster, NAME);

	/* After the switch the delete goes to the new home. */
	g_autofree char *other = fixture_built(db, "vm", &a);
	g_autoptr(nova_operation) forward = fixture_migration(db, other, &a, &b, NOVA_OPS_SWITCHED);
	const nova_op_outcome done = { .state = NOVA_OPS_DONE, .total_ms = 1 };

	MUST(nova_instances_delete(db, other, NULL, &by, &id, &must_error));
	assert_int_equal(id, 0);
	MUST(nova_operations_advance(db, &a, forward, NOVA_OPS_CLEANING, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, &a, forward, &done, NULL, &id, &must_error));
	g_autoptr(nova_operation) there = fixture_operation(db, id);

	assert_int_equal(there->source_host_id, b.host_id);
	assert_int_equal(there->owner_epoch, b.epoch);
	fixture_audit(cluster, NAME);
}

static void test_delete_while_a_build_runs(void **state)
{
	const nova_fence host = fixture_host(db, "db-a", 4, 4096, 1000);
	int64_t id;
	g_autofree char *uuid = fixture_server(db, "vm", 0, &id);
	g_autoptr(nova_operation) op = fixture_operation(db, id);
	const nova_op_outcome undone = {
		.state = NOVA_OPS_CANCELLED, .reason = "deleted", .release_home = true, .total_ms = -1
	};
	int64_t delete_id = -1;
	bool taken;

	(void)state;
	MUST(nova_operations_claim(db, op, host.host_id, NULL, &taken, &must_error));
	MUST(nova_operations_advance(db, &host, op, NOVA_OPS_SPAWNING, NULL, NULL, &must_error));
	MUST(nova_instances_delete(db, uuid, NULL, NULL, &delete_id, &must_error));
	assert_int_equal(delete_id, 0);
	MUST(nova_operations_advance(db, &host, op, NOVA_OPS_UNDOING, NULL, NULL, &must_error));
	MUST(nova_operations_finish(db, &host, op, &undone, NULL, &delete_id, &must_error));
	g_autoptr(nova_operation) del = fixture_operation(db, delete_id);
	g_autoptr(nova_instance) i = fixture_instance(db, uuid);

	assert_int_equal(del->state, NOVA_OPS_DONE); /* it had no host any more */
	assert_true(i->deleted_us > 0);
	fixture_audit(cluster, NAME);
}

/* ---- observing ---- */

static void test_observe(void **state)
{
	const nova_fence a = fixture_host(db, "obs-a", 4, 4096, 1000),
			 b = fixture_host(db, "obs-b", 4, 4096, 1000);
	g_autofree char *uuid = fixture_built(db, "vm", &a);
	bool changed = false;

	(void)state;
	MUST(nova_instances_observe(db, &a, uuid, 1, NOVA_POWER_SHUTDOWN, NOVA_VM_STOPPED, &changed,
				    &must_error));
	assert_true(changed);
	MUST(nova_instances_observe(db, &a, uuid, 1, NOVA_POWER_SHUTDOWN, NOVA_VM_STOPPED, &changed,
				    &must_error));
	assert_false(changed); /* nothing new */
	MUST(nova_instances_observe(db, &a, uuid, 7, NOVA_POWER_RUNNING, NOVA_VM_ACTIVE, &changed,
				    &must_error));
	assert_false(changed); /* another token */
	MUST(nova_instances_observe(db, &b, uuid, 1, NOVA_POWER_RUNNING, NOVA_VM_ACTIVE, &changed,
				    &must_error));
	assert_false(changed); /* not its home */
	MUST(nova_instances_observe(db, &a, uuid, 1, NOVA_POWER_RUNNING, NOVA_VM_ACTIVE, &changed,
				    &must_error));
	assert_true(changed);
	g_autoptr(nova_operation) op = fixture_migration(db, uuid, &a, &b, NOVA_OPS_REQUESTED);

	assert_int_equal(op->state, NOVA_OPS_REQUESTED);
	MUST(nova_instances_observe(db, &a, uuid, 1, NOVA_POWER_PAUSED, NOVA_VM_PAUSED, &changed,
				    &must_error));
	assert_false(changed); /* busy */
	g_autoptr(nova_instance) i = fixture_instance(db, uuid);

	assert_true(i->wanted_power);
	MUST(nova_instances_update(db, uuid, "new name", NULL, "10.0.0.1", NULL, &must_error));
	g_autoptr(nova_instance) renamed = fixture_instance(db, uuid);

	assert_string_equal(renamed->name, "new name");
}

/* ---- inventory ---- */

static void test_capacity_never_below_use(void **state)
{
	const nova_fence host = fixture_host(db, "cap1", 4, 4096, 1000);
	g_autofree char *one = fixture_built(db, "one", &host), *two = fixture_built(db, "two", &host);
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) usage = NULL;

	assert_non_null(one);
	assert_non_null(two);
	(void)state;
	fixture_report(db, &host, 1, 600, 0); /* the pool too */
	g_autoptr(nova_host) h = nova_hosts_find(db, "cap1", &error);

	assert_int_equal(h->cap_vcpus, 2);
	assert_int_equal(h->cap_memory_mb, 1024);
	assert_int_equal(h->pool_cap_gb, h->pool_used_gb);
	MUST(nova_hosts_usage(db, host.host_id, &usage, &must_error));
	assert_int_equal(usage->len, 1);
	const nova_project_usage *u = usage->pdata[0];

	assert_string_equal(u->project_id, "default");
	assert_int_equal(u->vcpus, 2);
	assert_int_equal(u->disk_gb, 2);
	fixture_report(db, &host, 4, 4096, 1000);
	MUST(nova_hosts_set_disabled(db, "cap1", true, "maintenance", &must_error));
	g_autoptr(nova_host) off = nova_hosts_find(db, "cap1", &error);

	assert_true(off->disabled);
	assert_string_equal(off->disabled_reason, "maintenance");
	assert_false(nova_hosts_set_disabled(db, "nobody", true, NULL, &error));
	must_fault(&error, NOVA_FAULT_HOST_NOT_FOUND);
	MUST(nova_hosts_set_forced_down(db, "cap1", true, &must_error));
	g_autoptr(nova_host) down = nova_hosts_find(db, "cap1", &error);

	assert_false(down->up);
}

static int start(void **state)
{
	(void)state;
	cluster = pg_cluster_new();
	db = pg_cluster_database(cluster, NAME, 4, NULL);
	return 0;
}

static int stop(void **state)
{
	(void)state;
	nova_db_close(db);
	pg_cluster_free(cluster);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_registration),
		cmocka_unit_test(test_a_fenced_daemon_takes_no_lease_that_is_held),
		cmocka_unit_test(test_a_host_is_renamed_when_nothing_of_it_is_active),
		cmocka_unit_test(test_lease),
		cmocka_unit_test(test_registration_owns_running_operations),
		cmocka_unit_test(test_build_walks_to_done),
		cmocka_unit_test(test_build_refused_goes_to_the_next_host),
		cmocka_unit_test(test_build_without_a_host_ends_in_error),
		cmocka_unit_test(test_stop_and_start),
		cmocka_unit_test(test_illegal_steps_are_refused),
		cmocka_unit_test(test_migration_there),
		cmocka_unit_test(test_migration_rolled_back),
		cmocka_unit_test(test_migration_refused_by_the_destination),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_abort_and_the_permit),
		cmocka_unit_test(test_delete_of_an_idle_server),
		cmocka_unit_test(test_delete_while_a_migration_runs),
		cmocka_unit_test(test_delete_while_a_build_runs),
		cmocka_unit_test(test_observe),
		cmocka_unit_test(test_capacity_never_below_use),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
