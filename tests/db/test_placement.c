/* SPDX-License-Identifier: Apache-2.0
 *
 * Server groups and zones on a real PostgreSQL: schedulers that race cannot break a hard policy, members are counted,
 * and a host's zone follows from its aggregates.
 */
#include "fixture.h"

#include "common/uuid.h"
#include "db/aggregates.h"
#include "db/server_groups.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#define HOSTS	4
#define SERVERS 12

static pg_cluster *cluster;
static nova_db *db;
static nova_fence hosts[HOSTS];
static const char *const NAME = "placement";
static const nova_quotas open_limits = { .of = { -1, -1, -1, -1, -1, -1, -1 } };

static char *make_group(nova_group_policy policy, int most)
{
	const nova_server_group group = { .name = (char *)"g",
					  .project_id = (char *)"default",
					  .user_id = (char *)"u",
					  .policy = policy,
					  .max_per_host = most };
	char *uuid = NULL;

	MUST(nova_server_groups_create(db, &group, &open_limits, &uuid, &must_error));
	return uuid;
}

static bool make_member(const char *group, const char *zone, const nova_quotas *quotas, char **ret_uuid,
			int64_t *ret_operation, GError **error)
{
	char uuid[NOVA_UUID_SIZE];

	nova_uuid_new(uuid);
	const nova_instance instance = { .uuid = uuid,
					 .project_id = (char *)"default",
					 .user_id = (char *)"u",
					 .name = (char *)"n",
					 .hostname = (char *)"n",
					 .flavor_id = 1,
					 .flavorid = (char *)"1",
					 .flavor_name = (char *)"f",
					 .vcpus = 1,
					 .memory_mb = 64,
					 .root_gb = 1,
					 .image_id = uuid,
					 .reservation_id = (char *)"r" };
	const nova_instance_plan plan = { .group = group, .zone = zone, .quotas = quotas };

	if (!nova_instances_create(db, &instance, &plan, NULL, ret_operation, error))
		return false;
	if (ret_uuid)
		*ret_uuid = g_strdup(uuid);
	return true;
}

/* A scheduler that has seen nobody anywhere: it tries its host first, then the others. */
typedef struct racer {
	GThread *thread;
	int64_t operation;
	int first;
	int taken; /* index of the host, -1: none */
	char *wrong;
} racer;

static void *race(void *arg)
{
	racer *r = arg;
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_operation) op = nova_operations_find(db, r->operation, &error);

	r->taken = -1;
	for (int i = 0; op && i < HOSTS && r->taken < 0; i++) {
		int at = (r->first + i) % HOSTS;
		bool taken = false;

		if (!nova_operations_claim(db, op, hosts[at].host_id, "{}", &taken, &error))
			break;
		if (taken)
			r->taken = at;
	}
	if (error)
		r->wrong = g_strdup(error->message);
	return NULL;
}

/* Begins `n' builds in the group and lets as many schedulers loose; how many got a host, and each host's share. */
static int race_all(const char *group, int n, int ret_on[HOSTS])
{
	racer racers[SERVERS] = { 0 };
	int placed = 0;

	memset(ret_on, 0, sizeof(int) * HOSTS);
	for (int i = 0; i < n; i++) {
		MUST(make_member(group, NULL, NULL, NULL, &racers[i].operation, &must_error));
		racers[i].first = i % HOSTS;
	}
	for (int i = 0; i < n; i++)
		racers[i].thread = g_thread_new("race", race, &racers[i]);
	for (int i = 0; i < n; i++)
		g_thread_join(racers[i].thread);
	for (int i = 0; i < n; i++) {
		if (racers[i].wrong)
			fail_msg("%s", racers[i].wrong);
		if (racers[i].taken >= 0) {
			placed++;
			ret_on[racers[i].taken]++;
		}
	}
	return placed;
}

static void test_racing_schedulers_keep_anti_affinity(void **state)
{
	(void)state;
	for (int round = 0; round < 5; round++) {
		g_autofree char *one = make_group(NOVA_GROUP_ANTI_AFFINITY, 0);
		g_autofree char *two = make_group(NOVA_GROUP_ANTI_AFFINITY, 2);
		int on[HOSTS];

		assert_int_equal(race_all(one, SERVERS, on), HOSTS);
		for (int i = 0; i < HOSTS; i++)
			assert_int_equal(on[i], 1);
		assert_int_equal(race_all(two, SERVERS, on), 2 * HOSTS);
		for (int i = 0; i < HOSTS; i++)
			assert_int_equal(on[i], 2);
		fixture_audit(cluster, NAME);
	}
}

static void test_racing_schedulers_keep_affinity(void **state)
{
	(void)state;
	for (int round = 0; round < 5; round++) {
		g_autofree char *group = make_group(NOVA_GROUP_AFFINITY, 0);
		int on[HOSTS], used = 0;

		assert_int_equal(race_all(group, SERVERS, on), SERVERS);
		for (int i = 0; i < HOSTS; i++)
			used += on[i] > 0;
		assert_int_equal(used, 1);
		fixture_audit(cluster, NAME);
	}
}

static void test_soft_policies_forbid_nothing(void **state)
{
	g_autofree char *group = make_group(NOVA_GROUP_SOFT_ANTI_AFFINITY, 0);
	int on[HOSTS];

	(void)state;
	assert_int_equal(race_all(group, SERVERS, on), SERVERS);
}

/* The hosts of other servers, as hints name them: what is on its way there counts as a neighbour to avoid only. */
static void test_neighbours(void **state)
{
	const char *uuid[3] = { "a0000000-0000-4000-8000-000000000001", "a0000000-0000-4000-8000-000000000002",
				"a0000000-0000-4000-8000-000000000003" };
	const char *const nowhere = "a0000000-0000-4000-8000-00000000000f";
	const nova_instance_plan plans[3] = {
		{ .quotas = NULL },
		{ .same_host_as = (const char *const[]){ uuid[0], nowhere, NULL } },
		{ .same_host_as = (const char *const[]){ nowhere, NULL },
		  .not_host_of = (const char *const[]){ uuid[0], uuid[1], NULL } },
	};
	bool taken;
	int64_t id;

	(void)state;
	for (int i = 0; i < 3; i++) {
		const nova_instance instance = { .uuid = (char *)uuid[i],     .project_id = (char *)"default",
						 .user_id = (char *)"u",      .name = (char *)"n",
						 .hostname = (char *)"n",     .flavor_id = 1,
						 .flavorid = (char *)"1",     .flavor_name = (char *)"f",
						 .vcpus = 1,		      .memory_mb = 64,
						 .root_gb = 1,		      .image_id = (char *)uuid[i],
						 .reservation_id = (char *)"r" };

		MUST(nova_instances_create(db, &instance, &plans[i], NULL, &id, &must_error));
		if (i == 2)
			break;
		g_autoptr(nova_operation) op = fixture_operation(db, id);

		MUST(nova_operations_claim(db, op, hosts[i].host_id, "{}", &taken, &must_error));
		assert_true(taken);
	}
	for (int i = 0; i < 3; i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_wishes) wishes = nova_instances_wishes(db, uuid[i], &error);

		must(wishes != NULL, &error);
		assert_int_equal(wishes->beside, i > 0);
		assert_int_equal(g_hash_table_size(wishes->same), i == 1);
		assert_int_equal(g_hash_table_contains(wishes->same, GINT_TO_POINTER(hosts[0].host_id)), i == 1);
		assert_int_equal(g_hash_table_size(wishes->apart), i == 2 ? 2 : 0);
		assert_false(wishes->grouped);
	}
}

/* A guest counts on its host and where it is going; a move is refused where the group forbids it. */
static void test_moves_keep_the_policy(void **state)
{
	g_autofree char *group = make_group(NOVA_GROUP_ANTI_AFFINITY, 0);
	g_autofree char *uuids[2] = { NULL };
	const nova_op_outcome built = {
		.state = NOVA_OPS_DONE, .set_vm_state = true, .vm_state = NOVA_VM_ACTIVE, .total_ms = -1
	};
	g_autoptr(GError) error = NULL;
	bool taken;

	(void)state;
	for (int i = 0; i < 2; i++) {
		int64_t id;

		MUST(make_member(group, NULL, NULL, &uuids[i], &id, &must_error));
		g_autoptr(nova_operation) op = fixture_operation(db, id);

		MUST(nova_operations_claim(db, op, hosts[i].host_id, "{}", &taken, &must_error));
		assert_true(taken);
		MUST(nova_operations_advance(db, &hosts[i], op, NOVA_OPS_SPAWNING, NULL, NULL, &must_error));
		MUST(nova_operations_finish(db, &hosts[i], op, &built, NULL, NULL, &must_error));
	}
	const nova_op_request request = { .kind = NOVA_OP_LIVE_MIGRATION, .instance_uuid = uuids[0], .action = "m" };
	g_autoptr(nova_operation) move = nova_operations_begin(db, &request, &error);
	g_autoptr(nova_wishes) wishes = nova_instances_wishes(db, uuids[0], &error);

	must(move && wishes, &error);
	assert_true(wishes->grouped);
	assert_int_equal(wishes->policy, NOVA_GROUP_ANTI_AFFINITY);
	assert_int_equal(nova_wishes_others(wishes), 1);
	assert_int_equal(nova_wishes_others_on(wishes, hosts[1].host_id), 1);
	MUST(nova_operations_claim(db, move, hosts[1].host_id, "{}", &taken, &must_error));
	assert_false(taken);
	assert_int_equal(move->state, NOVA_OPS_REQUESTED);
	MUST(nova_operations_claim(db, move, hosts[2].host_id, "{}", &taken, &must_error));
	assert_true(taken);
	/* Where it is going it counts already. */
	const nova_op_request other = { .kind = NOVA_OP_LIVE_MIGRATION, .instance_uuid = uuids[1], .action = "m" };
	g_autoptr(nova_operation) second = nova_operations_begin(db, &other, &error);

	must(second != NULL, &error);
	MUST(nova_operations_claim(db, second, hosts[2].host_id, "{}", &taken, &must_error));
	assert_false(taken);
	MUST(nova_operations_claim(db, second, hosts[0].host_id, "{}", &taken, &must_error));
	assert_false(taken);
	fixture_audit(cluster, NAME);
	/* A group that is gone forbids nothing. */
	MUST(nova_server_groups_delete(db, group, "elsewhere", &taken, &must_error));
	assert_false(taken);
	MUST(nova_server_groups_delete(db, group, "default", &taken, &must_error));
	assert_true(taken);
	MUST(nova_operations_claim(db, second, hosts[2].host_id, "{}", &taken, &must_error));
	assert_true(taken);
}

typedef struct joiner {
	GThread *thread;
	const char *group;
	const nova_quotas *quotas;
	unsigned granted, refused;
	char *wrong;
} joiner;

static void *join(void *arg)
{
	joiner *j = arg;

	for (int i = 0; i < 4; i++) {
		g_autoptr(GError) error = NULL;

		if (make_member(j->group, NULL, j->quotas, NULL, NULL, &error))
			j->granted++;
		else if (nova_error_is(error, NOVA_FAULT_FORBIDDEN) &&
			 strcmp(error->message, "Quota exceeded, too many servers in group") == 0)
			j->refused++;
		else
			j->wrong = g_strdup(error->message);
	}
	return NULL;
}

static void *make_groups(void *arg)
{
	joiner *j = arg;

	for (int i = 0; i < 4; i++) {
		const nova_server_group group = { .name = (char *)"g",
						  .project_id = (char *)"crowd",
						  .user_id = (char *)"u",
						  .policy = NOVA_GROUP_AFFINITY };
		g_autofree char *uuid = NULL;
		g_autoptr(GError) error = NULL;

		if (nova_server_groups_create(db, &group, j->quotas, &uuid, &error))
			j->granted++;
		else if (nova_error_is(error, NOVA_FAULT_FORBIDDEN))
			j->refused++;
		else
			j->wrong = g_strdup(error->message);
	}
	return NULL;
}

static void run_joiners(void *(*work)(void *), const char *group, const nova_quotas *quotas, unsigned want)
{
	joiner joiners[10] = { 0 };
	unsigned granted = 0;

	for (size_t i = 0; i < G_N_ELEMENTS(joiners); i++) {
		joiners[i].group = group;
		joiners[i].quotas = quotas;
		joiners[i].thread = g_thread_new("join", work, &joiners[i]);
	}
	for (size_t i = 0; i < G_N_ELEMENTS(joiners); i++)
		g_thread_join(joiners[i].thread);
	for (size_t i = 0; i < G_N_ELEMENTS(joiners); i++) {
		if (joiners[i].wrong)
			fail_msg("%s", joiners[i].wrong);
		granted += joiners[i].granted;
	}
	assert_int_equal(granted, want);
}

static void test_members_and_groups_are_counted(void **state)
{
	g_autofree char *group = make_group(NOVA_GROUP_SOFT_AFFINITY, 0);
	nova_quotas quotas = open_limits;
	g_autoptr(GError) error = NULL;
	g_autoptr(GPtrArray) groups = NULL;

	(void)state;
	quotas.of[NOVA_QUOTA_SERVER_GROUP_MEMBERS] = 7;
	quotas.of[NOVA_QUOTA_SERVER_GROUPS] = 6;
	run_joiners(join, group, &quotas, 7);
	run_joiners(make_groups, NULL, &quotas, 6);
	g_autoptr(nova_server_group) shown = nova_server_groups_find(db, group, "default", &error);

	must(shown != NULL, &error);
	assert_int_equal(g_strv_length(shown->members), 7);
	assert_null(nova_server_groups_find(db, group, "crowd", &error));
	assert_null(nova_server_groups_find(db, "no uuid", NULL, &error));
	assert_null(error);
	MUST(nova_server_groups_list(db, "crowd", 4, 4, &groups, &must_error));
	assert_int_equal(groups->len, 2);
	/* There is no such group, or not in this project. */
	assert_false(make_member("00000000-0000-4000-8000-000000000000", NULL, NULL, NULL, NULL, &error));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
}

/* ---- zones ---- */

static bool change(nova_aggregate_change_kind kind, int id, const char *name, const char *metadata, const char *host,
		   bool *ret_invalid, GError **error)
{
	const nova_aggregate_change wish = {
		.kind = kind, .id = id, .name = name, .metadata = metadata, .host = host
	};

	return nova_aggregates_change(db, &wish, ret_invalid, error);
}

static void must_zone(const char *host, const char *zone)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_host) found = nova_hosts_find(db, host, &error);

	must(found != NULL, &error);
	assert_string_equal(found->zone, zone);
}

static void test_zones_follow_aggregates(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_aggregate) shown = NULL;
	g_autoptr(GPtrArray) all = NULL;
	const nova_fence y = fixture_host(db, "y", 4, 4096, 10000);
	bool invalid, taken;
	int west, east;
	int64_t id;
	g_autofree char *uuid = NULL;

	(void)state;
	fixture_host(db, "x", 4, 4096, 10000);
	MUST(nova_aggregates_create(db, "west", "zone-w", &west, &must_error));
	MUST(nova_aggregates_create(db, "east", "zone-e", &east, &must_error));
	assert_false(nova_aggregates_create(db, "east", NULL, &east, &error));
	assert_string_equal(error->message, "Aggregate east already exists.");
	must_fault(&error, NOVA_FAULT_CONFLICT);
	MUST(change(NOVA_AGGREGATE_ADD_HOST, west, NULL, NULL, "x", &invalid, &must_error));
	must_zone("x", "zone-w");
	must_zone("y", "nova");
	assert_false(change(NOVA_AGGREGATE_ADD_HOST, west, NULL, NULL, "x", &invalid, &error));
	assert_false(invalid);
	must_fault(&error, NOVA_FAULT_CONFLICT);
	assert_false(change(NOVA_AGGREGATE_ADD_HOST, east, NULL, NULL, "x", &invalid, &error));
	assert_true(invalid);
	assert_non_null(strstr(error->message, "already in availability zone(s)"));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	must_zone("x", "zone-w");
	assert_false(change(NOVA_AGGREGATE_ADD_HOST, west, NULL, NULL, "nobody", &invalid, &error));
	must_fault(&error, NOVA_FAULT_NOT_FOUND);
	assert_false(change(NOVA_AGGREGATE_ADD_HOST, 99999, NULL, NULL, "x", &invalid, &error));
	must_fault(&error, NOVA_FAULT_NOT_FOUND);
	MUST(change(NOVA_AGGREGATE_METADATA, west, NULL, "{\"ssd\": \"true\", \"availability_zone\": \"zone-n\"}", NULL,
		    &invalid, &must_error));
	must_zone("x", "zone-n");
	MUST(change(NOVA_AGGREGATE_UPDATE, west, "north", "{\"availability_zone\": null}", NULL, &invalid,
		    &must_error));
	must_zone("x", "nova");
	shown = nova_aggregates_find(db, west, &error);
	assert_string_equal(shown->name, "north");
	assert_string_equal(shown->metadata_json, "{\"ssd\": \"true\"}");
	assert_string_equal(shown->hosts[0], "x");
	/* A zone is not taken from servers that asked for it. */
	MUST(change(NOVA_AGGREGATE_ADD_HOST, east, NULL, NULL, "y", &invalid, &must_error));
	MUST(make_member(NULL, "zone-e", NULL, &uuid, &id, &must_error));
	g_autoptr(nova_operation) op = fixture_operation(db, id);
	g_autoptr(nova_wishes) wishes = nova_instances_wishes(db, uuid, &error);

	assert_string_equal(wishes->zone, "zone-e");
	assert_false(wishes->grouped);
	MUST(nova_operations_claim(db, op, y.host_id, "{}", &taken, &must_error));
	assert_true(taken);
	assert_false(change(NOVA_AGGREGATE_REMOVE_HOST, east, NULL, NULL, "y", &invalid, &error));
	assert_true(invalid);
	assert_non_null(strstr(error->message, "contain instances in this zone"));
	must_fault(&error, NOVA_FAULT_BAD_REQUEST);
	must_zone("y", "zone-e");
	assert_false(change(NOVA_AGGREGATE_DELETE, west, NULL, NULL, NULL, &invalid, &error));
	must_fault(&error, NOVA_FAULT_CONFLICT);
	MUST(change(NOVA_AGGREGATE_REMOVE_HOST, west, NULL, NULL, "x", &invalid, &must_error));
	assert_false(change(NOVA_AGGREGATE_REMOVE_HOST, west, NULL, NULL, "x", &invalid, &error));
	must_fault(&error, NOVA_FAULT_NOT_FOUND);
	MUST(change(NOVA_AGGREGATE_DELETE, west, NULL, NULL, NULL, &invalid, &must_error));
	MUST(nova_aggregates_list(db, &all, &must_error));
	assert_int_equal(all->len, 1);
}

static int start(void **state)
{
	static const char *const names[HOSTS] = { "a", "b", "c", "d" };

	(void)state;
	cluster = pg_cluster_new();
	db = pg_cluster_database(cluster, NAME, 16, NULL);
	for (int i = 0; i < HOSTS; i++)
		hosts[i] = fixture_host(db, names[i], 1000, 1000000, 10000);
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
		cmocka_unit_test(test_racing_schedulers_keep_anti_affinity),
		cmocka_unit_test(test_racing_schedulers_keep_affinity),
		cmocka_unit_test(test_soft_policies_forbid_nothing),
		cmocka_unit_test(test_neighbours),
		cmocka_unit_test(test_moves_keep_the_policy),
		cmocka_unit_test(test_members_and_groups_are_counted),
		cmocka_unit_test(test_zones_follow_aggregates),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
