/* SPDX-License-Identifier: Apache-2.0
 *
 * GET /servers/{id}/diagnostics: the hypervisor's counters, which the guest's host is asked for, in the form of the
 * libvirt driver up to 2.47 and in the common one from 2.48 on.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"

#include <string.h>
#include <time.h>

#define MOST_DEVICES 64

/* KIND.INDEX.NAME; index below 0: KIND.NAME. */
static int64_t stat_of(json_object *stats, const char *kind, int index, const char *name)
{
	g_autofree char *key = index < 0 ? g_strconcat(kind, ".", name, NULL) :
					   g_strdup_printf("%s.%d.%s", kind, index, name);
	json_object *value = NULL;

	json_object_object_get_ex(stats, key, &value);
	return value ? json_object_get_int64(value) : 0;
}

static int count_of(json_object *stats, const char *key)
{
	json_object *value = NULL;

	json_object_object_get_ex(stats, key, &value);
	return CLAMP(value ? json_object_get_int(value) : 0, 0, MOST_DEVICES);
}

static const char *device_name(json_object *stats, const char *kind, int index)
{
	g_autofree char *key = g_strdup_printf("%s.%d.name", kind, index);
	json_object *value = NULL;

	return json_object_object_get_ex(stats, key, &value) ? json_object_get_string(value) : kind;
}

/* ---- up to 2.47 ---- */

static const struct {
	const char *kind, *stat, *key;
} plain[] = {
	{ "block", "rd.reqs", "read_req" },  { "block", "rd.bytes", "read" },  { "block", "wr.reqs", "write_req" },
	{ "block", "wr.bytes", "write" },    { "net", "rx.bytes", "rx" },      { "net", "rx.pkts", "rx_packets" },
	{ "net", "rx.errs", "rx_errors" },   { "net", "rx.drop", "rx_drop" },  { "net", "tx.bytes", "tx" },
	{ "net", "tx.pkts", "tx_packets" },  { "net", "tx.errs", "tx_errors" }, { "net", "tx.drop", "tx_drop" },
};

static void add_plain(json_object *body, json_object *stats, const char *kind, int n)
{
	for (int i = 0; i < n; i++) {
		const char *device = device_name(stats, kind, i);

		for (size_t p = 0; p < G_N_ELEMENTS(plain); p++) {
			g_autofree char *key = g_strdup_printf("%s_%s", device, plain[p].key);

			if (strcmp(plain[p].kind, kind) == 0)
				nova_json_add_int(body, key, stat_of(stats, kind, i, plain[p].stat));
		}
		if (strcmp(kind, "block") == 0) {
			g_autofree char *key = g_strdup_printf("%s_errors", device);

			nova_json_add_int(body, key, -1); /* libvirt does not count them */
		}
	}
}

static json_object *old_form(json_object *stats)
{
	json_object *body = json_object_new_object();

	for (int i = 0; i < count_of(stats, "vcpu.current"); i++) {
		g_autofree char *key = g_strdup_printf("cpu%d_time", i);

		nova_json_add_int(body, key, stat_of(stats, "vcpu", i, "time"));
	}
	add_plain(body, stats, "block", count_of(stats, "block.count"));
	nova_json_add_int(body, "memory", stat_of(stats, "balloon", -1, "maximum"));
	nova_json_add_int(body, "memory-actual", stat_of(stats, "balloon", -1, "current"));
	nova_json_add_int(body, "memory-rss", stat_of(stats, "balloon", -1, "rss"));
	add_plain(body, stats, "net", count_of(stats, "net.count"));
	return body;
}

/* ---- from 2.48 ---- */

static json_object *cpus_of(json_object *stats, int n)
{
	json_object *list = json_object_new_array();

	for (int i = 0; i < n; i++) {
		json_object *cpu = json_object_new_object();

		nova_json_add_int(cpu, "id", i);
		nova_json_add_int(cpu, "time", stat_of(stats, "vcpu", i, "time"));
		nova_json_add_null(cpu, "utilisation");
		json_object_array_add(list, cpu);
	}
	return list;
}

static json_object *disks_of(json_object *stats, int n)
{
	json_object *list = json_object_new_array();

	for (int i = 0; i < n; i++) {
		json_object *disk = json_object_new_object();

		nova_json_add_int(disk, "read_bytes", stat_of(stats, "block", i, "rd.bytes"));
		nova_json_add_int(disk, "read_requests", stat_of(stats, "block", i, "rd.reqs"));
		nova_json_add_int(disk, "write_bytes", stat_of(stats, "block", i, "wr.bytes"));
		nova_json_add_int(disk, "write_requests", stat_of(stats, "block", i, "wr.reqs"));
		nova_json_add_int(disk, "errors_count", -1);
		json_object_array_add(list, disk);
	}
	return list;
}

/* Cards stand in the order of the server's addresses, one for each MAC. */
static const char *mac_of(const nova_instance *server, int card)
{
	const char *last = NULL;

	for (unsigned i = 0; i < server->addresses->len; i++) {
		const nova_address *address = server->addresses->pdata[i];

		if (g_strcmp0(last, address->mac) == 0)
			continue;
		last = address->mac;
		if (card-- == 0)
			return last;
	}
	return NULL;
}

static json_object *nics_of(const nova_instance *server, json_object *stats, int n)
{
	static const char *const ways[] = { "rx", "tx" };
	static const char *const names[][2] = {
		{ "bytes", "octets" }, { "pkts", "packets" }, { "drop", "drop" }, { "errs", "errors" }
	};
	json_object *list = json_object_new_array();

	for (int i = 0; i < n; i++) {
		json_object *nic = json_object_new_object();

		nova_json_add_str(nic, "mac_address", mac_of(server, i));
		for (size_t w = 0; w < G_N_ELEMENTS(ways); w++) {
			g_autofree char *rate = g_strconcat(ways[w], "_rate", NULL);

			for (size_t k = 0; k < G_N_ELEMENTS(names); k++) {
				g_autofree char *stat = g_strconcat(ways[w], ".", names[k][0], NULL);
				g_autofree char *key = g_strconcat(ways[w], "_", names[k][1], NULL);

				nova_json_add_int(nic, key, stat_of(stats, "net", i, stat));
			}
			nova_json_add_null(nic, rate);
		}
		json_object_array_add(list, nic);
	}
	return list;
}

static json_object *common_form(const nova_request *r, json_object *answer, json_object *stats)
{
	json_object *body = json_object_new_object(), *memory = json_object_new_object();
	int cpus = count_of(stats, "vcpu.current"), nics = count_of(stats, "net.count");
	int disks = count_of(stats, "block.count");
	int64_t now = (int64_t)time(NULL);

	nova_json_add_int(memory, "maximum", stat_of(stats, "balloon", -1, "maximum") / 1024);
	nova_json_add_int(memory, "used", stat_of(stats, "balloon", -1, "current") / 1024);
	nova_json_add_str(body, "state", json_object_get_string(nova_json_find(answer, "state")));
	nova_json_add_str(body, "driver", "libvirt");
	nova_json_add_str(body, "hypervisor", json_object_get_string(nova_json_find(answer, "hypervisor")));
	nova_json_add_str(body, "hypervisor_os", "linux");
	nova_json_add_int(body, "uptime", MAX(now - r->server->launched_us / G_USEC_PER_SEC, 0));
	nova_json_add_bool(body, "config_drive", r->server->config_drive && *r->server->config_drive);
	nova_json_add_int(body, "num_cpus", cpus);
	nova_json_add_int(body, "num_nics", nics);
	nova_json_add_int(body, "num_disks", disks);
	nova_json_add(body, "memory_details", memory);
	nova_json_add(body, "cpu_details", cpus_of(stats, cpus));
	nova_json_add(body, "nic_details", nics_of(r->server, stats, nics));
	nova_json_add(body, "disk_details", disks_of(stats, disks));
	return body;
}

/* ---- the request ---- */

static const char *power_name(nova_power_state state)
{
	switch (state) {
	case NOVA_POWER_SHUTDOWN:
		return "shutdown";
	case NOVA_POWER_CRASHED:
		return "crashed";
	case NOVA_POWER_SUSPENDED:
		return "suspended";
	default:
		return "pending";
	}
}

bool nova_server_diagnostics(nova_request *r, GError **error)
{
	g_autoptr(json_object) args = json_object_new_object();
	g_autoptr(json_object) answer = NULL;
	json_object *stats;
	const char *state, *hypervisor;

	if (!r->server->host)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE, "Instance %s is not ready", r->server->uuid);
	if (r->server->power_state != NOVA_POWER_RUNNING && r->server->power_state != NOVA_POWER_PAUSED)
		return nova_fail(error, NOVA_FAULT_INSTANCE_STATE,
				 "Cannot 'get_diagnostics' instance %s while it is in power_state %s", r->server->uuid,
				 power_name(r->server->power_state));
	nova_json_add_str(args, "instance", r->server->uuid);
	answer = nova_request_ask_host(r, "get_instance_diagnostics", args, error);
	if (!answer || !nova_json_get_str(answer, "state", &state, error) ||
	    !nova_json_get_str(answer, "hypervisor", &hypervisor, error) ||
	    !nova_json_get_object(answer, "stats", &stats, error))
		return false;
	return nova_reply_json(r, 200, r->version >= 48 ? common_form(r, answer, stats) : old_form(stats));
}
