/* SPDX-License-Identifier: Apache-2.0
 *
 * os-simple-tenant-usage: what each project's servers used of a period, in hours times size.
 */
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "api/router.h"
#include "common/json.h"
#include "common/timestamp.h"
#include "db/quotas.h"

#include <string.h>

#define HOUR_US	  3600e6
#define MOST_ROWS 100000 /* of one answer below 2.40, which has no pages */

typedef struct period {
	int64_t begin_us, end_us, now_us;
	bool detailed;
} period;

static bool read_time(const nova_request *r, const char *name, int64_t fallback, int64_t *ret, GError **error)
{
	const char *text = nova_request_param(r, name);
	g_autoptr(GError) unreadable = NULL;

	*ret = fallback;
	if (!text || !*text || nova_timestamp_parse(text, ret, &unreadable))
		return true;
	return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "Datetime is in invalid format");
}

static bool read_period(const nova_request *r, period *ret, GError **error)
{
	const char *detailed = nova_request_param(r, "detailed");

	ret->now_us = nova_timestamp_now_usec();
	if (!read_time(r, "start", ret->now_us, &ret->begin_us, error) ||
	    !read_time(r, "end", nova_timestamp_now_usec(), &ret->end_us, error))
		return false;
	if (ret->begin_us > ret->end_us)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "Invalid start time. The start time cannot occur after the end time.");
	ret->detailed = detailed && (strcmp(detailed, "1") == 0 || g_ascii_strcasecmp(detailed, "true") == 0);
	return true;
}

static bool read_rows(const nova_request *r, const period *p, const char *project, int *ret_limit, GPtrArray **ret,
		      GError **error)
{
	bool paged = r->version >= 40;
	const nova_usage_query query = {
		.begin_us = p->begin_us,
		.end_us = p->end_us,
		.project_id = project,
		.marker = paged ? nova_request_param(r, "marker") : NULL,
		.limit = paged ? nova_paging_limit(r) : MOST_ROWS,
	};

	*ret_limit = query.limit;
	return nova_quotas_periods(r->api->db, &query, ret, error);
}

static double hours_of(const period *p, const nova_usage_row *row)
{
	int64_t begin = MAX(p->begin_us, row->launched_us);
	int64_t end = row->terminated_us ? MIN(p->end_us, row->terminated_us) : p->end_us;

	return end > begin ? (double)(end - begin) / HOUR_US : 0;
}

static json_object *view_server(const period *p, const nova_usage_row *row)
{
	int64_t until = row->terminated_us ? row->terminated_us : p->now_us;
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "instance_id", row->uuid);
	nova_json_add_str(object, "name", row->name);
	nova_json_add_double(object, "hours", hours_of(p, row));
	nova_json_add_int(object, "memory_mb", row->memory_mb);
	nova_json_add_int(object, "local_gb", row->local_gb);
	nova_json_add_int(object, "vcpus", row->vcpus);
	nova_json_add_str(object, "tenant_id", row->project_id);
	nova_json_add_str(object, "flavor", row->flavor_name);
	nova_view_add_time(object, "started_at", row->launched_us);
	nova_view_add_time(object, "ended_at", row->terminated_us);
	nova_json_add_str(object, "state", row->terminated_us ? "terminated" : nova_vm_state_name(row->vm_state));
	nova_json_add_int(object, "uptime", MAX(until - row->launched_us, 0) / 1000000);
	return object;
}

/* The usage of rows from `first' up to the last of the same project, which *ret_next is after. */
static json_object *view_project(const period *p, const GPtrArray *rows, unsigned first, unsigned *ret_next)
{
	const char *project = ((nova_usage_row *)rows->pdata[first])->project_id;
	json_object *object = json_object_new_object(), *servers = json_object_new_array();
	double hours = 0, vcpus = 0, memory = 0, disk = 0;
	unsigned i = first;

	for (; i < rows->len && strcmp(((nova_usage_row *)rows->pdata[i])->project_id, project) == 0; i++) {
		const nova_usage_row *row = rows->pdata[i];
		double h = hours_of(p, row);

		hours += h;
		vcpus += h * (double)row->vcpus;
		memory += h * (double)row->memory_mb;
		disk += h * (double)row->local_gb;
		if (p->detailed)
			json_object_array_add(servers, view_server(p, row));
	}
	*ret_next = i;
	nova_json_add_str(object, "tenant_id", project);
	nova_json_add_double(object, "total_local_gb_usage", disk);
	nova_json_add_double(object, "total_vcpus_usage", vcpus);
	nova_json_add_double(object, "total_memory_mb_usage", memory);
	nova_json_add_double(object, "total_hours", hours);
	nova_view_add_time(object, "start", p->begin_us);
	nova_view_add_time(object, "stop", p->end_us);
	if (p->detailed)
		nova_json_add(object, "server_usages", servers);
	else
		json_object_put(servers);
	return object;
}

static void add_next(const nova_request *r, json_object *body, const char *key, const char *path, const GPtrArray *rows,
		     int limit)
{
	if (r->version >= 40)
		nova_paging_add_next(r, body, key, path, rows->len, limit,
				     rows->len ? ((nova_usage_row *)rows->pdata[rows->len - 1])->uuid : NULL);
}

bool nova_usage_index(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) rows = NULL;
	json_object *body, *list;
	period p;
	int limit;

	if (!read_period(r, &p, error) || !read_rows(r, &p, NULL, &limit, &rows, error))
		return false;
	body = json_object_new_object();
	list = json_object_new_array();
	for (unsigned i = 0; i < rows->len;)
		json_object_array_add(list, view_project(&p, rows, i, &i));
	nova_json_add(body, "tenant_usages", list);
	add_next(r, body, "tenant_usages_links", "os-simple-tenant-usage", rows, limit);
	return nova_reply_json(r, 200, body);
}

bool nova_usage_show(nova_request *r, GError **error)
{
	g_autoptr(GPtrArray) rows = NULL;
	g_autofree char *path = g_strconcat("os-simple-tenant-usage/", r->ids[0], NULL);
	json_object *body;
	period p;
	unsigned next;
	int limit;

	if (strcmp(r->ids[0], r->context->project_id) != 0 && !r->context->is_admin)
		return nova_fail(error, NOVA_FAULT_FORBIDDEN, "Policy doesn't allow %s to be performed.",
				 r->route->policy);
	if (!read_period(r, &p, error))
		return false;
	p.detailed = true;
	if (!read_rows(r, &p, r->ids[0], &limit, &rows, error))
		return false;
	body = json_object_new_object();
	nova_json_add(body, "tenant_usage",
		      rows->len ? view_project(&p, rows, 0, &next) : json_object_new_object());
	add_next(r, body, "tenant_usage_links", path, rows, limit);
	return nova_reply_json(r, 200, body);
}
