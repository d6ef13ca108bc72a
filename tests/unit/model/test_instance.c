/* SPDX-License-Identifier: Apache-2.0 */
#include "common/error.h"
#include "model/host.h"
#include "model/instance.h"
#include "model/operation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* The operation x state matrix written by hand; columns: building active paused stopped suspended resized error
 * deleted. */
static const char *const matrix[NOVA_OP__COUNT] = {
	[NOVA_OP_BUILD] = "y.......",	      [NOVA_OP_DELETE] = "yyyyyyy.",	 [NOVA_OP_START] = "...y....",
	[NOVA_OP_STOP] = ".y....y.",	      [NOVA_OP_REBOOT_SOFT] = ".y......", [NOVA_OP_REBOOT_HARD] = ".yyyy.y.",
	[NOVA_OP_LIVE_MIGRATION] = ".yy.....", [NOVA_OP_PAUSE] = ".y......",	 [NOVA_OP_UNPAUSE] = "..y.....",
	[NOVA_OP_SUSPEND] = ".y......",	      [NOVA_OP_RESUME] = "....y...",	 [NOVA_OP_LOCK] = "yyyyyyy.",
	[NOVA_OP_UNLOCK] = "yyyyyyy.",	      [NOVA_OP_RESET_STATE] = "yyyyy.y.", [NOVA_OP_REBUILD] = ".y.y..y.",
	[NOVA_OP_RESIZE] = ".y.y....",	      [NOVA_OP_RESIZE_REVERT] = ".....y..",
	[NOVA_OP_RESIZE_CONFIRM] = ".....y..",
};

static nova_instance *an_instance(nova_vm_state state, bool busy)
{
	nova_instance *instance = nova_instance_new();

	instance->uuid = g_strdup("9a1c5e0e-0000-4000-8000-000000000001");
	instance->vm_state = state;
	instance->busy = busy;
	instance->op_kind = NOVA_OP_LIVE_MIGRATION;
	instance->op_state = NOVA_OPS_MIGRATING;
	return instance;
}

static void test_matrix(void **state)
{
	(void)state;
	for (unsigned kind = 0; kind < NOVA_OP__COUNT; kind++)
		for (unsigned vm = 0; vm < NOVA_VM__COUNT; vm++)
			for (int busy = 0; busy <= 1; busy++) {
				g_autoptr(nova_instance) instance = an_instance(vm, busy);
				g_autoptr(GError) error = NULL;
				bool beside = kind == NOVA_OP_DELETE || kind == NOVA_OP_LOCK || kind == NOVA_OP_UNLOCK;
				bool want = matrix[kind][vm] == 'y' && (!busy || beside);

				assert_int_equal(nova_instance_may_begin(instance, kind, "act", &error), want);
				assert_int_equal(error == NULL, want);
				assert_int_equal(!!(nova_op_kind_vm_states(kind) & (1u << vm)),
						 matrix[kind][vm] == 'y');
				if (!want)
					assert_true(nova_error_is(error, NOVA_FAULT_INSTANCE_STATE));
			}
}

static void test_refusals_say_what_nova_says(void **state)
{
	g_autoptr(nova_instance) stopped = an_instance(NOVA_VM_STOPPED, false);
	g_autoptr(nova_instance) moving = an_instance(NOVA_VM_ACTIVE, true);
	g_autoptr(nova_instance) doomed = an_instance(NOVA_VM_ACTIVE, false);
	g_autoptr(GError) e1 = NULL;
	g_autoptr(GError) e2 = NULL;
	g_autoptr(GError) e3 = NULL;

	(void)state;
	nova_instance_may_begin(stopped, NOVA_OP_LIVE_MIGRATION, "os-migrateLive", &e1);
	assert_string_equal(e1->message, "Cannot 'os-migrateLive' instance 9a1c5e0e-0000-4000-8000-000000000001 "
					 "while it is in vm_state stopped");
	nova_instance_may_begin(moving, NOVA_OP_STOP, "stop", &e2);
	assert_string_equal(e2->message, "Cannot 'stop' instance 9a1c5e0e-0000-4000-8000-000000000001 while it "
					 "is in task_state migrating");
	doomed->delete_requested = true;
	assert_false(nova_instance_may_begin(doomed, NOVA_OP_STOP, "stop", &e3));
	assert_non_null(strstr(e3->message, "task_state deleting"));
}

static void test_status_follows_vm_and_task_state(void **state)
{
	static const struct {
		nova_vm_state vm;
		const char *task, *want;
	} cases[] = {
		{ NOVA_VM_ACTIVE, NULL, "ACTIVE" },
		{ NOVA_VM_ACTIVE, "migrating", "MIGRATING" },
		{ NOVA_VM_ACTIVE, "rebooting", "REBOOT" },
		{ NOVA_VM_ACTIVE, "rebooting_hard", "HARD_REBOOT" },
		{ NOVA_VM_ACTIVE, "powering-off", "ACTIVE" },
		{ NOVA_VM_ACTIVE, "deleting", "ACTIVE" },
		{ NOVA_VM_BUILDING, "spawning", "BUILD" },
		{ NOVA_VM_STOPPED, "powering-on", "SHUTOFF" },
		{ NOVA_VM_PAUSED, NULL, "PAUSED" },
		{ NOVA_VM_PAUSED, "migrating", "MIGRATING" },
		{ NOVA_VM_ACTIVE, "rebuilding", "REBUILD" },
		{ NOVA_VM_ACTIVE, "rebuild_spawning", "REBUILD" },
		{ NOVA_VM_ACTIVE, "rebuild_block_device_mapping", "REBUILD" },
		{ NOVA_VM_STOPPED, "rebuilding", "REBUILD" },
		{ NOVA_VM_ERROR, "rebuild_spawning", "REBUILD" },
		{ NOVA_VM_ACTIVE, "resize_prep", "RESIZE" },
		{ NOVA_VM_STOPPED, "resize_migrating", "RESIZE" },
		{ NOVA_VM_ACTIVE, "resize_finish", "RESIZE" },
		{ NOVA_VM_RESIZED, NULL, "VERIFY_RESIZE" },
		{ NOVA_VM_RESIZED, "resize_reverting", "REVERT_RESIZE" },
		{ NOVA_VM_SUSPENDED, NULL, "SUSPENDED" },
		{ NOVA_VM_SUSPENDED, "resuming", "SUSPENDED" },
		{ NOVA_VM_ERROR, NULL, "ERROR" },
		{ NOVA_VM_DELETED, NULL, "DELETED" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++)
		assert_string_equal(nova_instance_status(cases[i].vm, cases[i].task), cases[i].want);
}

static void test_task_state_is_the_operations(void **state)
{
	g_autoptr(nova_instance) instance = an_instance(NOVA_VM_ACTIVE, true);

	(void)state;
	assert_string_equal(nova_instance_task_state(instance), "migrating");
	instance->delete_requested = true;
	assert_string_equal(nova_instance_task_state(instance), "deleting");
	instance->busy = false;
	assert_null(nova_instance_task_state(instance));
}

static void test_domain_name_is_eight_hex_digits(void **state)
{
	g_autofree char *small = nova_instance_domain_name(42);
	g_autofree char *large = nova_instance_domain_name(INT64_C(0x1234567890));

	(void)state;
	assert_string_equal(small, "instance-0000002a");
	assert_string_equal(large, "instance-1234567890");
}

static void test_capacity_is_what_is_not_reserved_times_the_ratio(void **state)
{
	nova_inventory inventory = { .vcpus = 8, .memory_mb = 8192, .reserved_vcpus = 1,
				     .reserved_memory_mb = 512, .reserved_disk_gb = 10, .cpu_ratio = 4.0,
				     .ram_ratio = 1.0, .disk_ratio = 1.5, .pool_total_gb = 110 };

	(void)state;
	assert_int_equal(nova_host_cap_vcpus(&inventory), 28);
	assert_int_equal(nova_host_cap_memory_mb(&inventory), 7680);
	assert_int_equal(nova_host_cap_disk_gb(&inventory), 150);
	inventory.reserved_memory_mb = 9000;
	assert_int_equal(nova_host_cap_memory_mb(&inventory), 0);
}

static void test_actor_follows_the_state(void **state)
{
	g_autoptr(nova_operation) op = nova_operation_new();

	(void)state;
	op->kind = NOVA_OP_LIVE_MIGRATION;
	op->source_host = g_strdup("HostB");
	op->source_host_id = 1;
	op->dest_host = g_strdup("HostC");
	op->dest_host_id = 2;
	op->state = NOVA_OPS_REQUESTED;
	assert_int_equal(nova_operation_actor(op), NOVA_ACTOR_SCHEDULER);
	assert_null(nova_operation_actor_host(op));
	op->state = NOVA_OPS_CLAIMED;
	assert_string_equal(nova_operation_actor_host(op), "HostC");
	assert_int_equal(nova_operation_actor_host_id(op), 2);
	op->state = NOVA_OPS_MIGRATING;
	assert_string_equal(nova_operation_actor_host(op), "HostB");
	op->state = NOVA_OPS_DONE;
	assert_int_equal(nova_operation_actor_host_id(op), 0);
}

static void test_blocked_names_go_both_ways(void **state)
{
	nova_blocked blocked = NOVA_BLOCKED_NO;

	(void)state;
	assert_null(nova_blocked_name(NOVA_BLOCKED_NO));
	for (unsigned i = 1; i < NOVA_BLOCKED__COUNT; i++) {
		assert_true(nova_blocked_from_name(nova_blocked_name(i), &blocked));
		assert_int_equal(blocked, i);
	}
	assert_false(nova_blocked_from_name("nonsense", &blocked));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_matrix),
		cmocka_unit_test(test_refusals_say_what_nova_says),
		cmocka_unit_test(test_status_follows_vm_and_task_state),
		cmocka_unit_test(test_task_state_is_the_operations),
		cmocka_unit_test(test_domain_name_is_eight_hex_digits),
		cmocka_unit_test(test_capacity_is_what_is_not_reserved_times_the_ratio),
		cmocka_unit_test(test_actor_follows_the_state),
		cmocka_unit_test(test_blocked_names_go_both_ways),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
