/* SPDX-License-Identifier: Apache-2.0
 *
 * os-instance_usage_audit_log: what Nova's periodic audit has seen of a month.  There is no such audit here - usage is
 * counted as it happens, see usage.c - so the answer is Nova's where it is switched off: no host has run one.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"
#include "common/timestamp.h"
#include "db/hosts.h"

#include <time.h>

static void add_day(json_object *object, const char *key, int year, int month)
{
	g_autofree char *text = g_strdup_printf("%04d-%02d-01 00:00:00", year, month);

	nova_json_add_str(object, key, text);
}

/* The last whole month before that time. */
static void add_period(json_object *object, int64_t before_us)
{
	time_t before = (time_t)(before_us / G_USEC_PER_SEC);
	struct tm end;

	gmtime_r(&before, &end);
	if (end.tm_mon == 0)
		add_day(object, "period_beginning", end.tm_year + 1899, 12);
	else
		add_day(object, "period_beginning", end.tm_year + 1900, end.tm_mon);
	add_day(object, "period_ending", end.tm_year + 1900, end.tm_mon + 1);
}

static bool answer(nova_request *r, const char *key, int64_t before_us, GError **error)
{
	g_autoptr(GPtrArray) hosts = NULL;
	g_autofree char *verdict = NULL;
	json_object *log, *names;

	if (!nova_hosts_list(r->api->db, &hosts, error))
		return false;
	log = json_object_new_object();
	names = json_object_new_array();
	for (unsigned i = 0; i < hosts->len; i++)
		json_object_array_add(names, json_object_new_string(((const nova_host *)hosts->pdata[i])->name));
	verdict = g_strdup_printf("0 of %u hosts done. 0 errors.", hosts->len);
	add_period(log, before_us);
	nova_json_add_int(log, "num_hosts", hosts->len);
	nova_json_add_int(log, "num_hosts_done", 0);
	nova_json_add_int(log, "num_hosts_running", 0);
	nova_json_add_int(log, "num_hosts_not_run", hosts->len);
	nova_json_add(log, "hosts_not_run", names);
	nova_json_add_int(log, "total_instances", 0);
	nova_json_add_int(log, "total_errors", 0);
	nova_json_add_str(log, "overall_status", verdict);
	nova_json_add(log, "log", json_object_new_object());
	return nova_reply_member(r, 200, key, log);
}

bool nova_audit_log_index(nova_request *r, GError **error)
{
	return answer(r, "instance_usage_audit_logs", nova_timestamp_now_usec(), error);
}

bool nova_audit_log_show(nova_request *r, GError **error)
{
	g_autoptr(GError) unreadable = NULL;
	int64_t before;

	if (!nova_timestamp_parse(r->ids[0], &before, &unreadable))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Invalid timestamp for date %s", r->ids[0]);
	return answer(r, "instance_usage_audit_log", before, error);
}
