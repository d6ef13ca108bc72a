/* SPDX-License-Identifier: Apache-2.0
 *
 * One outgoing live migration: the call that makes it, and what watches and steers it.
 */
#include "compute/virt_hub.h"
#include "compute/virt_process.h"
#include "compute/virt_xml.h"
#include "model/migrate_flags.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* model/ has the bits without libvirt's header. */
G_STATIC_ASSERT((int)NOVA_MIGRATE_LIVE == (int)VIR_MIGRATE_LIVE);
G_STATIC_ASSERT((int)NOVA_MIGRATE_PEER2PEER == (int)VIR_MIGRATE_PEER2PEER);
G_STATIC_ASSERT((int)NOVA_MIGRATE_TUNNELLED == (int)VIR_MIGRATE_TUNNELLED);
G_STATIC_ASSERT((int)NOVA_MIGRATE_PERSIST_DEST == (int)VIR_MIGRATE_PERSIST_DEST);
G_STATIC_ASSERT((int)NOVA_MIGRATE_UNDEFINE_SOURCE == (int)VIR_MIGRATE_UNDEFINE_SOURCE);
G_STATIC_ASSERT((int)NOVA_MIGRATE_PAUSED == (int)VIR_MIGRATE_PAUSED);
G_STATIC_ASSERT((int)NOVA_MIGRATE_NON_SHARED_DISK == (int)VIR_MIGRATE_NON_SHARED_DISK);
G_STATIC_ASSERT((int)NOVA_MIGRATE_NON_SHARED_INC == (int)VIR_MIGRATE_NON_SHARED_INC);
G_STATIC_ASSERT((int)NOVA_MIGRATE_CHANGE_PROTECTION == (int)VIR_MIGRATE_CHANGE_PROTECTION);
G_STATIC_ASSERT((int)NOVA_MIGRATE_UNSAFE == (int)VIR_MIGRATE_UNSAFE);
G_STATIC_ASSERT((int)NOVA_MIGRATE_OFFLINE == (int)VIR_MIGRATE_OFFLINE);
G_STATIC_ASSERT((int)NOVA_MIGRATE_COMPRESSED == (int)VIR_MIGRATE_COMPRESSED);
G_STATIC_ASSERT((int)NOVA_MIGRATE_ABORT_ON_ERROR == (int)VIR_MIGRATE_ABORT_ON_ERROR);
G_STATIC_ASSERT((int)NOVA_MIGRATE_AUTO_CONVERGE == (int)VIR_MIGRATE_AUTO_CONVERGE);
G_STATIC_ASSERT((int)NOVA_MIGRATE_RDMA_PIN_ALL == (int)VIR_MIGRATE_RDMA_PIN_ALL);
G_STATIC_ASSERT((int)NOVA_MIGRATE_POSTCOPY == (int)VIR_MIGRATE_POSTCOPY);
G_STATIC_ASSERT((int)NOVA_MIGRATE_TLS == (int)VIR_MIGRATE_TLS);
G_STATIC_ASSERT((int)NOVA_MIGRATE_PARALLEL == (int)VIR_MIGRATE_PARALLEL);
G_STATIC_ASSERT((int)NOVA_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES == (int)VIR_MIGRATE_NON_SHARED_SYNCHRONOUS_WRITES);
G_STATIC_ASSERT((int)NOVA_MIGRATE_POSTCOPY_RESUME == (int)VIR_MIGRATE_POSTCOPY_RESUME);
G_STATIC_ASSERT((int)NOVA_MIGRATE_ZEROCOPY == (int)VIR_MIGRATE_ZEROCOPY);

/* How long the start of a migration waits for its source's pid. */
#define PIDFD_DEADLINE_MS 5000

/* The migrate call and its thread; shared by the thread and the migration (an atomic rc box), because the thread
 * may outlive the migration. */
typedef struct migrate_call {
	nova_conf *conf;
	char *uuid, *uri, *dest_uri, *migrate_uri, *dest_host, *console_log;
	int64_t token, operation, bandwidth_mib_s;
	unsigned flags;
	int max_downtime_ms;
	int eventfd;
	GMutex lock;
	bool returned;
	char *error; /* of the call; NULL: it succeeded */
} migrate_call;

struct nova_virt_migration {
	nova_virt *virt;
	char *uuid, *dest_address;
	migrate_call *call;        /* NULL: adopted */
	nova_virt_link *control;   /* a connection of its own, for statistics and steering */
	nova_virt_listener listener;
	int pidfd;                 /* -1: not watched */
	int eventfd;
};

/* ---- the call ---- */

static void call_clear(void *data)
{
	migrate_call *call = data;

	nova_conf_unref(call->conf);
	g_free(call->uuid);
	g_free(call->uri);
	g_free(call->dest_uri);
	g_free(call->migrate_uri);
	g_free(call->dest_host);
	g_free(call->console_log);
	g_free(call->error);
	close(call->eventfd);
	g_mutex_clear(&call->lock);
}

/* The definition the destination starts with. */
static char *destination_xml(const migrate_call *call, virDomainPtr domain, GError **error)
{
	g_autofree char *xml = virDomainGetXMLDesc(domain, VIR_DOMAIN_XML_MIGRATABLE | VIR_DOMAIN_XML_SECURE);

	if (!xml) {
		nova_virt_fail(error, "cannot read the definition of instance %s", call->uuid);
		return NULL;
	}
	return nova_virt_xml_retarget(xml, call->token, call->operation, call->dest_host, call->console_log, error);
}

static bool migrate(const migrate_call *call, GError **error)
{
	g_autoptr(virConnect) conn = nova_virt_connect(call->uri, call->conf, error);
	g_autoptr(virDomain) domain = NULL;
	g_autofree char *xml = NULL;
	virTypedParameterPtr params = NULL;
	int n = 0, max = 0, rc = 0;

	if (!conn)
		return false;
	domain = nova_virt_lookup(conn, call->uuid, error);
	if (!domain)
		return *error ? false : nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND,
						  "instance %s has no domain on this host", call->uuid);
	xml = destination_xml(call, domain, error);
	if (!xml)
		return false;
	/* Only a starting point for the ladder; the monitor sets it again. */
	if (call->max_downtime_ms > 0)
		virDomainMigrateSetMaxDowntime(domain, (unsigned long long)call->max_downtime_ms, 0);

	rc |= virTypedParamsAddString(&params, &n, &max, VIR_MIGRATE_PARAM_DEST_XML, xml);
	if (call->migrate_uri)
		rc |= virTypedParamsAddString(&params, &n, &max, VIR_MIGRATE_PARAM_URI, call->migrate_uri);
	if (call->bandwidth_mib_s > 0)
		rc |= virTypedParamsAddULLong(&params, &n, &max, VIR_MIGRATE_PARAM_BANDWIDTH,
					      (unsigned long long)call->bandwidth_mib_s);
	if (rc == 0)
		rc = virDomainMigrateToURI3(domain, call->dest_uri, params, (unsigned)n, call->flags);
	virTypedParamsFree(params, n);
	if (rc < 0)
		return nova_virt_fail(error, "libvirt's migration");
	return true;
}

static void *run_call(void *data)
{
	migrate_call *call = data;
	g_autoptr(GError) error = NULL;
	uint64_t one = 1;

	migrate(call, &error);
	g_mutex_lock(&call->lock);
	call->returned = true;
	call->error = error ? g_strdup(error->message) : NULL;
	g_mutex_unlock(&call->lock);
	/* Fails only when the count is full: whoever waits is awake then. */
	if (write(call->eventfd, &one, sizeof(one)) < 0)
		errno = 0;
	g_atomic_rc_box_release_full(call, call_clear);
	return NULL;
}

/* ---- making and ending it ---- */

static nova_virt_migration *migration_new(nova_virt *virt, const char *uuid, const char *dest_address)
{
	nova_virt_migration *migration = g_new0(nova_virt_migration, 1);

	migration->virt = virt;
	migration->uuid = g_strdup(uuid);
	migration->dest_address = g_strdup(dest_address);
	migration->eventfd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	migration->control = nova_virt_link_new(virt->conf->libvirt_connection_uri, "libvirt of this host",
						virt->conf);
	migration->pidfd = nova_virt_pidfd(virt, uuid, PIDFD_DEADLINE_MS, NULL);
	migration->listener = (nova_virt_listener){ .uuid = migration->uuid, .eventfd = migration->eventfd };
	nova_virt_hub_listen(virt->hub, &migration->listener);
	return migration;
}

static bool nothing(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	(void)conn;
	(void)call;
	(void)error;
	return true;
}

/* Opens a connection in the background, so that it is there when it is needed. */
static void warm(nova_virt_link *link)
{
	nova_virt_link_start(link, nova_virt_call_new(nothing, NULL));
}

static bool fill_call(migrate_call *call, const nova_virt *virt, const nova_virt_migrate_request *request,
		      GError **error)
{
	call->dest_uri = nova_virt_uri(virt->conf, request->dest_address, error);
	if (!call->dest_uri)
		return false;
	if (request->migrate_host) {
		g_autofree char *host = NULL;

		if (!nova_virt_address_is_valid(request->migrate_host))
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "'%s' cannot be a migration address",
					 request->migrate_host);
		host = nova_virt_address_in_uri(request->migrate_host);
		call->migrate_uri = g_strdup_printf("tcp://%s", host);
	}
	call->uri = g_strdup(virt->conf->libvirt_connection_uri);
	call->uuid = g_strdup(request->instance_uuid);
	call->dest_host = g_strdup(request->dest_host);
	call->console_log = g_strdup(request->dest_console_log);
	call->token = request->dest_token;
	call->operation = request->operation;
	call->bandwidth_mib_s = request->bandwidth_mib_s;
	call->flags = request->flags;
	call->max_downtime_ms = request->max_downtime_ms;
	return true;
}

nova_virt_migration *nova_virt_migrate(nova_virt *virt, const nova_virt_migrate_request *request, GError **error)
{
	g_autoptr(nova_virt_link) dest = nova_virt_get_link(virt, request->dest_address, error);
	migrate_call *call;
	nova_virt_migration *migration;

	if (!dest)
		return NULL;
	if (!(request->flags & NOVA_MIGRATE_PEER2PEER)) {
		nova_fail(error, NOVA_FAULT_CONFIG, "a migration needs VIR_MIGRATE_PEER2PEER");
		return NULL;
	}
	call = g_atomic_rc_box_new0(migrate_call);
	call->conf = nova_conf_ref(virt->conf);
	call->eventfd = -1;
	g_mutex_init(&call->lock);
	if (!fill_call(call, virt, request, error)) {
		g_atomic_rc_box_release_full(call, call_clear);
		return NULL;
	}
	warm(dest);
	migration = migration_new(virt, request->instance_uuid, request->dest_address);
	warm(migration->control);
	/* The thread has a descriptor of its own: the migration's may be closed before it returns. */
	call->eventfd = dup(migration->eventfd);
	migration->call = call;
	g_thread_unref(g_thread_new("migrate", run_call, g_atomic_rc_box_acquire(call)));
	return migration;
}

nova_virt_migration *nova_virt_migration_adopt(nova_virt *virt, const char *instance_uuid, const char *dest_address,
					       GError **error)
{
	g_autoptr(nova_virt_link) dest = nova_virt_get_link(virt, dest_address, error);

	if (!dest)
		return NULL;
	warm(dest);
	return migration_new(virt, instance_uuid, dest_address);
}

void nova_virt_migration_free(nova_virt_migration *migration)
{
	if (!migration)
		return;
	nova_virt_hub_unlisten(migration->virt->hub, &migration->listener);
	nova_virt_link_close(migration->control);
	if (migration->call)
		g_atomic_rc_box_release_full(migration->call, call_clear);
	if (migration->pidfd >= 0)
		close(migration->pidfd);
	close(migration->eventfd);
	g_free(migration->uuid);
	g_free(migration->dest_address);
	g_free(migration);
}

/* ---- watching ---- */

bool nova_virt_migration_returned(nova_virt_migration *migration, char **ret_error)
{
	migrate_call *call = migration->call;
	char *text = NULL;
	bool returned = true;

	if (call) {
		g_mutex_lock(&call->lock);
		returned = call->returned;
		text = g_strdup(call->error);
		g_mutex_unlock(&call->lock);
	}
	if (returned && ret_error)
		*ret_error = g_steal_pointer(&text);
	g_free(text);
	return returned;
}

bool nova_virt_migration_wait(nova_virt_migration *migration, int ms)
{
	struct pollfd fds[] = {
		{ .fd = migration->eventfd, .events = POLLIN },
		{ .fd = migration->pidfd, .events = POLLIN }, /* a negative one is ignored */
	};
	nova_deadline deadline = nova_deadline_in_ms(ms);
	uint64_t count;

	while (poll(fds, G_N_ELEMENTS(fds), nova_deadline_poll_ms(deadline, G_MAXINT)) < 0 && errno == EINTR)
		if (nova_deadline_is_expired(deadline))
			break;
	if (read(migration->eventfd, &count, sizeof(count)) < 0)
		errno = 0; /* no news */
	return nova_virt_process_is_dead(migration->pidfd);
}

int64_t nova_virt_migration_take_stopped(nova_virt_migration *migration)
{
	return nova_virt_hub_take_stopped(migration->virt->hub, &migration->listener);
}

bool nova_virt_migration_source_dead(const nova_virt_migration *migration)
{
	return nova_virt_process_is_dead(migration->pidfd);
}

bool nova_virt_migration_watches_source(const nova_virt_migration *migration)
{
	return migration->pidfd >= 0;
}

bool nova_virt_migration_signal_source(nova_virt_migration *migration, int signal, GError **error)
{
	return nova_virt_process_signal(migration->pidfd, signal, error);
}

/* ---- statistics ---- */

static int64_t stat_of(virTypedParameterPtr params, int n, const char *name)
{
	unsigned long long value;
	int small;

	if (virTypedParamsGetULLong(params, n, name, &value) == 1)
		return value > INT64_MAX ? INT64_MAX : (int64_t)value;
	return virTypedParamsGetInt(params, n, name, &small) == 1 ? small : -1;
}

static int64_t at_least_0(int64_t value)
{
	return MAX(value, 0);
}

static nova_virt_progress progress_of(int type, virTypedParameterPtr params, int n)
{
	int64_t page_size = stat_of(params, n, VIR_DOMAIN_JOB_MEMORY_PAGE_SIZE);
	int64_t dirty_pages = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_MEMORY_DIRTY_RATE));

	return (nova_virt_progress){
		.job = type == VIR_DOMAIN_JOB_BOUNDED || type == VIR_DOMAIN_JOB_UNBOUNDED,
		.memory_total = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_MEMORY_TOTAL)),
		.memory_processed = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_MEMORY_PROCESSED)),
		.memory_remaining = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_MEMORY_REMAINING)),
		.disk_total = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_DISK_TOTAL)),
		.disk_processed = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_DISK_PROCESSED)),
		.disk_remaining = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_DISK_REMAINING)),
		.iteration = (int)at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_MEMORY_ITERATION)),
		.dirty_rate = dirty_pages * (page_size > 0 ? page_size : 4096),
		.rate = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_MEMORY_BPS)),
		.expected_downtime_ms = at_least_0(stat_of(params, n, VIR_DOMAIN_JOB_DOWNTIME)),
	};
}

static virDomainPtr get(virConnectPtr conn, const nova_virt_call *call, GError **error)
{
	virDomainPtr domain = nova_virt_lookup(conn, call->uuid, error);

	if (!domain && !*error)
		nova_fail(error, NOVA_FAULT_INSTANCE_NOT_FOUND, "instance %s has no domain there", call->uuid);
	return domain;
}

/* object: nova_virt_progress */
static bool read_progress(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = get(conn, call, error);
	virTypedParameterPtr params = NULL;
	int type, n = 0;

	if (!domain)
		return false;
	if (virDomainGetJobStats(domain, &type, &params, &n, 0) < 0)
		return nova_virt_fail(error, "cannot read the migration's progress");
	*(nova_virt_progress *)call->object = progress_of(type, params, n);
	virTypedParamsFree(params, n);
	return true;
}

bool nova_virt_migration_progress(nova_virt_migration *migration, nova_virt_progress *ret, int deadline_ms,
				  GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(read_progress, migration->uuid);

	call->needs_guest = true;
	call->only_looks = true;
	call->object = g_new0(nova_virt_progress, 1);
	call->free_object = g_free;
	if (!nova_virt_link_call(migration->control, call, nova_deadline_in_ms(deadline_ms), NULL, error))
		return false;
	*ret = *(nova_virt_progress *)call->object;
	return true;
}

/* number: downtime, total */
static bool read_completed(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	unsigned flags = VIR_DOMAIN_JOB_STATS_COMPLETED | VIR_DOMAIN_JOB_STATS_KEEP_COMPLETED;
	g_autoptr(virDomain) domain = get(conn, call, error);
	virTypedParameterPtr params = NULL;
	int type, n = 0;

	if (!domain)
		return false;
	if (virDomainGetJobStats(domain, &type, &params, &n, flags) < 0)
		return nova_virt_fail(error, "cannot read the migration's result");
	call->number[0] = stat_of(params, n, VIR_DOMAIN_JOB_DOWNTIME);
	call->number[1] = stat_of(params, n, VIR_DOMAIN_JOB_TIME_ELAPSED);
	virTypedParamsFree(params, n);
	return true;
}

bool nova_virt_migration_completed(nova_virt_migration *migration, int64_t *ret_downtime_ms, int64_t *ret_total_ms,
				   int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_link) link = nova_virt_get_link(migration->virt, migration->dest_address, error);
	g_autoptr(nova_virt_call) call = nova_virt_call_new(read_completed, migration->uuid);

	call->only_looks = true;
	if (!link || !nova_virt_link_call(link, call, nova_deadline_in_ms(deadline_ms), NULL, error))
		return false;
	*ret_downtime_ms = call->number[0];
	*ret_total_ms = call->number[1];
	return true;
}

/* ---- steering ---- */

static bool steer(nova_virt_migration *migration, nova_virt_run run, int64_t number, int deadline_ms, GError **error)
{
	g_autoptr(nova_virt_call) call = nova_virt_call_new(run, migration->uuid);

	call->needs_guest = true;
	call->number[0] = number;
	return nova_virt_link_call(migration->control, call, nova_deadline_in_ms(deadline_ms), NULL, error);
}

static bool abort_job(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = nova_virt_lookup(conn, call->uuid, error);
	const virError *last;

	if (!domain)
		return *error == NULL;
	if (virDomainAbortJob(domain) == 0)
		return true;
	last = virGetLastError();
	if (last && (last->code == VIR_ERR_OPERATION_INVALID || last->code == VIR_ERR_NO_DOMAIN))
		return true;
	return nova_virt_fail(error, "cannot abort the migration");
}

bool nova_virt_migration_abort(nova_virt_migration *migration, int deadline_ms, GError **error)
{
	return steer(migration, abort_job, 0, deadline_ms, error);
}

/* number[0]: ms */
static bool set_downtime(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = get(conn, call, error);

	if (!domain)
		return false;
	if (virDomainMigrateSetMaxDowntime(domain, (unsigned long long)call->number[0], 0) < 0)
		return nova_virt_fail(error, "cannot set the migration's longest pause");
	return true;
}

bool nova_virt_migration_set_downtime(nova_virt_migration *migration, int ms, int deadline_ms, GError **error)
{
	return steer(migration, set_downtime, MAX(ms, 1), deadline_ms, error);
}

/* number[0]: MiB/s */
static bool set_bandwidth(virConnectPtr conn, nova_virt_call *call, GError **error)
{
	g_autoptr(virDomain) domain = get(conn, call, error);

	if (!domain)
		return false;
	if (virDomainMigrateSetMaxSpeed(domain, (unsigned long)call->number[0], 0) < 0)
		return nova_virt_fail(error, "cannot set the migration's bandwidth");
	return true;
}

/* QEMU knows no "no cap": the most that libvirt takes, in MiB/s. */
#define NO_CAP_MIB_S ((int64_t)(INT64_MAX / (1024 * 1024)))

bool nova_virt_migration_set_bandwidth(nova_virt_migration *migration, int64_t mib_s, int deadline_ms, GError **error)
{
	return steer(migration, set_bandwidth, mib_s > 0 ? MIN(mib_s, NO_CAP_MIB_S) : NO_CAP_MIB_S, deadline_ms, error);
}
