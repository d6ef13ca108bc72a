/* SPDX-License-Identifier: Apache-2.0
 *
 * virt_tool - one call of src/compute/virt.h from the shell, for tests/system/virt.sh.
 *
 *	virt_tool CONFIG COMMAND [ARG]...
 * An ADDRESS of "-" is this host.  Prints key=value pairs; a failure prints "error=FAULT: TEXT" and exits 1.
 * Every call has DEADLINE ms (environment, default 5000); a call that returns later than that by more than
 * 500 ms makes the program exit 3.
 */
#include "compute/storage.h"
#include "compute/virt.h"
#include "compute/virt_auto.h"
#include "model/domain_xml.h"
#include "model/migrate_flags.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static nova_virt *virt;
static nova_conf *conf;
static int deadline_ms = 5000;
static bool late;
static int64_t begun_at;

static void begin(void)
{
	begun_at = g_get_monotonic_time();
}

static int64_t end(void)
{
	int64_t took = (g_get_monotonic_time() - begun_at) / 1000;

	late = late || took > deadline_ms + 500;
	return took;
}

/* The error by its place, because it is set by the call that is the other argument. */
static int report(bool ok, GError **error)
{
	int64_t took = end();

	if (ok)
		printf("ok ms=%" G_GINT64_FORMAT "\n", took);
	else
		printf("error=%s: %s ms=%" G_GINT64_FORMAT "\n", nova_fault_wire_name(nova_error_fault(*error)),
		       (*error)->message, took);
	fflush(stdout);
	return ok ? 0 : 1;
}

static const char *address_of(const char *text)
{
	return strcmp(text, "-") == 0 ? NULL : text;
}

static void print_view(const nova_domain_view *view)
{
	printf("seen=%s job=%d end=%s token=%" G_GINT64_FORMAT " operation=%" G_GINT64_FORMAT " ",
	       nova_observed_name(view->seen), view->job, nova_end_reason_name(view->end), view->token,
	       view->operation);
}

/* ---- commands ---- */

static int run_ping(char **args, GError **error)
{
	const char *address = address_of(args[0]);

	begin();
	return report(address ? nova_virt_ping_host(virt, address, deadline_ms, error)
			      : nova_virt_ping(virt, deadline_ms, error), error);
}

static int run_inventory(char **args, GError **error)
{
	nova_inventory inventory = { 0 };
	g_autofree char *uuid = NULL, *machine = NULL;

	(void)args;
	begin();
	if (!nova_virt_inventory(virt, &inventory, deadline_ms, error))
		return report(false, error);
	uuid = nova_virt_host_uuid(virt, NULL, deadline_ms, error);
	machine = uuid ? nova_virt_machine(virt, "pc", deadline_ms, error) : NULL;
	if (!machine)
		return report(false, error);
	printf("hostname=%s uuid=%s type=%s version=%d libvirt=%d vcpus=%d memory_mb=%" G_GINT64_FORMAT
	       " pc=%s\ncpu=%s\ncpu_xml=%s\nmachines=%s\n", inventory.hypervisor_hostname, uuid,
	       inventory.hypervisor_type, inventory.hypervisor_version, inventory.libvirt_version, inventory.vcpus,
	       inventory.memory_mb, machine, inventory.cpu_info_json, inventory.cpu_xml, inventory.machines);
	nova_inventory_clear(&inventory);
	return report(true, NULL);
}

/* UUID ID DISK CONSOLE TOKEN MEMORY_MB */
static int run_create(char **args, GError **error)
{
	g_autofree char *machine = nova_virt_machine(virt, "pc", deadline_ms, error);
	g_autofree char *xml = NULL;
	nova_domain_spec spec = {
		.uuid = args[0], .instance_id = atoi(args[1]), .disk = args[2], .console_log = args[3],
		.token = atoi(args[4]), .memory_mb = atoi(args[5]), .vcpus = 1, .operation = 1, .host = conf->host,
		.machine = machine, .kvm = conf->libvirt_virt_type == NOVA_VIRT_KVM,
	};

	begin();
	xml = machine ? nova_domain_xml(&spec, error) : NULL;
	return report(xml && nova_virt_create(virt, xml, deadline_ms, error), error);
}

/* ADDRESS UUID [NAME] */
static int run_observe(char **args, GError **error)
{
	nova_domain_view view;

	begin();
	if (!nova_virt_observe(virt, address_of(args[0]), args[1], args[2], &view, deadline_ms, error))
		return report(false, error);
	print_view(&view);
	return report(true, NULL);
}

static int run_list(char **args, GError **error)
{
	g_autoptr(GPtrArray) domains = NULL;

	(void)args;
	begin();
	if (!nova_virt_list(virt, &domains, deadline_ms, error))
		return report(false, error);
	for (unsigned i = 0; i < domains->len; i++) {
		const nova_virt_domain *domain = g_ptr_array_index(domains, i);

		printf("uuid=%s name=%s ", domain->uuid, domain->name);
		print_view(&domain->view);
		printf("\n");
	}
	return report(true, NULL);
}

static int run_destroy(char **args, GError **error)
{
	begin();
	return report(nova_virt_destroy(virt, address_of(args[0]), args[1], deadline_ms, error), error);
}

static int run_resume(char **args, GError **error)
{
	begin();
	return report(nova_virt_resume(virt, address_of(args[0]), args[1], deadline_ms, error), error);
}

static int run_suspend(char **args, GError **error)
{
	begin();
	return report(nova_virt_suspend(virt, args[0], deadline_ms, error), error);
}

static int run_shutdown(char **args, GError **error)
{
	begin();
	return report(nova_virt_shutdown(virt, args[0], deadline_ms, error), error);
}

/* ADDRESS UUID TOKEN OPERATION */
static int run_set_owner(char **args, GError **error)
{
	begin();
	return report(nova_virt_set_owner(virt, address_of(args[0]), args[1], atoi(args[2]), atoi(args[3]), deadline_ms,
					  error), error);
}

static int run_cpu(char **args, GError **error)
{
	g_autofree char *cpu = NULL;

	begin();
	if (!nova_virt_guest_cpu(virt, address_of(args[0]), args[1], &cpu, deadline_ms, error))
		return report(false, error);
	printf("%s\n", cpu ? cpu : "none");
	return report(nova_virt_cpu_fits(virt, cpu, args[2], deadline_ms, error), error);
}

static int run_pidfd(char **args, GError **error)
{
	int fd;

	begin();
	fd = nova_virt_pidfd(virt, args[0], deadline_ms, error);
	if (fd >= 0)
		close(fd);
	return report(fd >= 0, error);
}

/* UUID: asks the guest to reboot and waits for the event. */
static volatile int rebooted;

static int run_reboot(char **args, GError **error)
{
	begin();
	if (!nova_virt_reboot(virt, args[0], deadline_ms, error))
		return report(false, error);
	for (int i = 0; i < 100 && !g_atomic_int_get(&rebooted); i++)
		usleep(50000);
	printf("rebooted=%d ", g_atomic_int_get(&rebooted));
	return report(true, NULL);
}

/* MS ADDRESS...: asks again and again until MS are over; a line whenever the answers change. */
static int run_watch(char **args, GError **error)
{
	int64_t until = g_get_monotonic_time() + atoll(args[0]) * 1000, started = g_get_monotonic_time(), worst = 0;
	int up[8] = { 0 };

	(void)error;
	for (int i = 0; i < 8; i++)
		up[i] = -1;
	while (g_get_monotonic_time() < until) {
		for (int i = 0; i < 8 && args[1 + i]; i++) {
			g_autoptr(GError) failure = NULL;
			const char *address = address_of(args[1 + i]);
			int now;

			begin();
			now = address ? nova_virt_ping_host(virt, address, deadline_ms, &failure)
				      : nova_virt_ping(virt, deadline_ms, &failure);
			worst = MAX(worst, end());
			if (now != up[i])
				printf("t=%" G_GINT64_FORMAT " %s up=%d stuck=%u %s\n",
				       (g_get_monotonic_time() - started) / 1000, args[1 + i], now,
				       nova_virt_stuck_calls(virt),
				       failure ? failure->message : "");
			fflush(stdout);
			up[i] = now;
		}
		usleep(50000);
	}
	printf("worst=%" G_GINT64_FORMAT " stuck=%u\n", worst, nova_virt_stuck_calls(virt));
	return 0;
}

/* ---- migration ---- */

static int64_t suspended_at, resumed_at;

static int on_life(virConnectPtr conn, virDomainPtr domain, int event, int detail, void *dest)
{
	(void)conn;
	(void)domain;
	(void)detail;
	if (!dest && event == VIR_DOMAIN_EVENT_SUSPENDED && suspended_at == 0)
		suspended_at = g_get_monotonic_time();
	if (dest && event == VIR_DOMAIN_EVENT_RESUMED)
		resumed_at = g_get_monotonic_time();
	return 0;
}

static void watch_pause(const char *uri, bool dest)
{
	virConnectPtr conn = virConnectOpen(uri);

	if (conn)
		virConnectDomainEventRegisterAny(conn, NULL, VIR_DOMAIN_EVENT_ID_LIFECYCLE,
						 VIR_DOMAIN_EVENT_CALLBACK(on_life), dest ? &suspended_at : NULL, NULL);
}

/* Waits for the end of a migration as the strict switch does; true: the guest runs on the destination. */
static bool follow(nova_virt_migration *migration, const char *dest, const char *uuid, bool strict, int64_t *ret_dead,
		   GError **error)
{
	for (int i = 0; i < 600; i++) {
		nova_domain_view view;

		if (nova_virt_migration_wait(migration, 100)) {
			if (*ret_dead == 0)
				*ret_dead = g_get_monotonic_time();
			if (strict && !nova_virt_resume(virt, dest, uuid, deadline_ms, error))
				return false;
			if (!nova_virt_observe(virt, dest, uuid, NULL, &view, deadline_ms, error))
				return false;
			return view.seen == NOVA_SEEN_RUNNING;
		}
		if (nova_virt_migration_returned(migration, NULL) && i > 50)
			break;
	}
	return false;
}

/* UUID DEST strict|plain TOKEN CONSOLE [BANDWIDTH] */
static int run_migrate(char **args, GError **error)
{
	static const char *const names[] = { "VIR_MIGRATE_LIVE", "VIR_MIGRATE_PEER2PEER", NULL };
	bool strict = strcmp(args[2], "strict") == 0, ok;
	nova_virt_migrate_request request = {
		.instance_uuid = args[0], .dest_address = args[1], .dest_token = atoi(args[3]), .operation = 2,
		.dest_console_log = args[4], .dest_host = args[1], .migrate_host = args[1], .max_downtime_ms = 300,
		.bandwidth_mib_s = args[5] ? atoi(args[5]) : 0,
	};
	g_autoptr(nova_virt_migration) migration = NULL;
	g_autofree char *uri = g_strdup_printf("qemu+tcp://%s/system", args[1]), *said = NULL;
	int64_t dead = 0, down = -1, total = -1, started;

	if (!nova_migrate_flags_parse(names, strict, &request.flags, NULL, error))
		return report(false, error);
	watch_pause(conf->libvirt_connection_uri, false);
	watch_pause(uri, true);
	started = g_get_monotonic_time();
	migration = nova_virt_migrate(virt, &request, error);
	if (!migration)
		return report(false, error);
	ok = follow(migration, args[1], args[0], strict, &dead, error);
	if (*error) {
		printf("error=%s ", (*error)->message);
		g_clear_error(error);
	}
	for (int i = 0; i < 100 && !nova_virt_migration_returned(migration, &said); i++)
		usleep(20000);
	begin();
	if (!nova_virt_migration_completed(migration, &down, &total, deadline_ms, error))
		g_clear_error(error);
	usleep(20000);
	printf("moved=%d pause=%.1f dead=%.1f call=%.1f qemu_downtime=%" G_GINT64_FORMAT " total=%" G_GINT64_FORMAT
	       " said=%s\n", ok, (double)(resumed_at - suspended_at) / 1000, (double)(dead - suspended_at) / 1000,
	       (double)(g_get_monotonic_time() - started) / 1000, down, total, said ? said : "-");
	end();
	return ok ? 0 : 1;
}

/* UUID DEST TOKEN CONSOLE: starts at 1 MiB/s, steers, reads progress, aborts. */
static int run_abort(char **args, GError **error)
{
	nova_virt_migrate_request request = {
		.instance_uuid = args[0], .dest_address = args[1], .dest_token = atoi(args[2]), .operation = 2,
		.dest_console_log = args[3], .bandwidth_mib_s = 1,
		.flags = NOVA_MIGRATE_LIVE | NOVA_MIGRATE_PEER2PEER | NOVA_MIGRATE_ABORT_ON_ERROR | NOVA_MIGRATE_PAUSED,
	};
	g_autoptr(nova_virt_migration) migration = nova_virt_migrate(virt, &request, error);
	g_autofree char *said = NULL;
	nova_virt_progress progress = { 0 };
	nova_domain_view source, dest;
	bool ok;

	if (!migration)
		return report(false, error);
	for (int i = 0; i < 100 && progress.memory_processed == 0; i++) {
		g_autoptr(GError) ignored = NULL;

		nova_virt_migration_wait(migration, 50);
		nova_virt_migration_progress(migration, &progress, deadline_ms, &ignored);
	}
	printf("job=%d total=%" G_GINT64_FORMAT " processed=%" G_GINT64_FORMAT
	       " remaining=%" G_GINT64_FORMAT " iteration=%d ",
	       progress.job, progress.memory_total, progress.memory_processed,
	       progress.memory_remaining, progress.iteration);
	begin();
	ok = nova_virt_observe(virt, NULL, args[0], NULL, &source, deadline_ms, error) &&
	     nova_virt_observe(virt, args[1], args[0], NULL, &dest, deadline_ms, error);
	if (!ok)
		return report(false, error);
	printf("source=%s,%d,%" G_GINT64_FORMAT " dest=%s,%d,%" G_GINT64_FORMAT " ", nova_observed_name(source.seen),
	       source.job, source.token, nova_observed_name(dest.seen), dest.job, dest.token);
	begin();
	ok = nova_virt_migration_set_downtime(migration, 200, deadline_ms, error) &&
	     nova_virt_migration_set_bandwidth(migration, 2, deadline_ms, error) &&
	     nova_virt_migration_abort(migration, deadline_ms, error);
	for (int i = 0; i < 250 && !nova_virt_migration_returned(migration, &said); i++)
		nova_virt_migration_wait(migration, 20);
	printf("returned=%d said=%s ", nova_virt_migration_returned(migration, NULL), said ? said : "-");
	ok = ok && nova_virt_migration_abort(migration, deadline_ms, error);
	return report(ok, error);
}

/* UUID DEST SIGNAL: a migration somebody else started; sends the signal to the source's QEMU. */
static int run_adopt(char **args, GError **error)
{
	g_autoptr(nova_virt_migration) migration = nova_virt_migration_adopt(virt, args[0], args[1], error);

	begin();
	if (!migration || !nova_virt_migration_signal_source(migration, atoi(args[2]), error))
		return report(false, error);
	nova_virt_migration_wait(migration, 1000);
	nova_virt_migration_wait(migration, 1000);
	printf("watches=%d dead=%d ", nova_virt_migration_watches_source(migration),
	       nova_virt_migration_source_dead(migration));
	return report(true, NULL);
}

/* FROZEN OTHER: calls for a guest whose QEMU hangs, then for another one through the same nova_virt. */
static int run_crowd(char **args, GError **error)
{
	int64_t worst = 0;
	unsigned stuck;
	int failed = 0;

	for (int i = 0; i < 6; i++) {
		g_autoptr(GError) failure = NULL;

		begin();
		failed += !nova_virt_suspend(virt, args[0], deadline_ms, &failure) &&
			  nova_error_is(failure, NOVA_FAULT_HYPERVISOR);
		worst = MAX(worst, end());
	}
	stuck = nova_virt_stuck_calls(virt);
	begin();
	printf("failed=%d worst=%" G_GINT64_FORMAT " stuck=%u ", failed, worst, stuck);
	if (!nova_virt_suspend(virt, args[1], deadline_ms, error) ||
	    !nova_virt_resume(virt, NULL, args[1], deadline_ms, error))
		return report(false, error);
	return report(true, NULL);
}

/* PATH */
static int run_storage(char **args, GError **error)
{
	g_autofree char *fsid = NULL;
	nova_storage_view view;

	begin();
	if (!nova_storage_check(args[0], &view, deadline_ms, error))
		return report(false, error);
	fsid = nova_storage_fsid(args[0], deadline_ms, error);
	if (!fsid || !nova_storage_locks_work(args[0], deadline_ms, error))
		return report(false, error);
	printf("kind=%s shared=%d mounted=%d mode=%o fsid=%s ", view.kind, view.shared, view.mounted, view.mode, fsid);
	return report(true, NULL);
}

/* put|seen|remove PATH NONCE */
static int run_nonce(char **args, GError **error)
{
	bool ok, seen = false;

	begin();
	if (strcmp(args[0], "put") == 0)
		ok = nova_storage_nonce_put(args[1], args[2], deadline_ms, error);
	else if (strcmp(args[0], "seen") == 0)
		ok = nova_storage_nonce_seen(args[1], args[2], &seen, deadline_ms, error);
	else
		ok = nova_storage_nonce_remove(args[1], args[2], deadline_ms, error);
	printf("seen=%d ", seen);
	return report(ok, error);
}

/* DISK */
static int run_disk(char **args, GError **error)
{
	begin();
	return report(nova_storage_disk_opens(args[0], NULL, deadline_ms, error), error);
}

static const struct {
	const char *name;
	int min_args;
	int (*run)(char **args, GError **error);
} commands[] = {
	{ "ping", 1, run_ping },         { "inventory", 0, run_inventory }, { "create", 6, run_create },
	{ "observe", 2, run_observe },   { "list", 0, run_list },           { "destroy", 2, run_destroy },
	{ "resume", 2, run_resume },     { "suspend", 1, run_suspend },     { "shutdown", 1, run_shutdown },
	{ "set-owner", 4, run_set_owner }, { "cpu", 3, run_cpu },           { "pidfd", 1, run_pidfd },
	{ "reboot", 1, run_reboot },     { "watch", 2, run_watch },         { "migrate", 5, run_migrate },
	{ "abort", 4, run_abort },       { "adopt", 3, run_adopt },
	{ "crowd", 2, run_crowd },       { "storage", 1, run_storage },     { "nonce", 3, run_nonce },
	{ "disk", 1, run_disk },
};

static void on_domain(const char *uuid, bool was_rebooted, void *user)
{
	(void)uuid;
	(void)user;
	if (was_rebooted)
		g_atomic_int_set(&rebooted, 1);
}

int main(int argc, char **argv)
{
	nova_virt_events events = { .domain = on_domain };
	nova_conf_source source = { .files = (char *[]){ argc > 1 ? argv[1] : NULL, NULL } };
	g_autoptr(GError) error = NULL;
	int rc = 2;

	if (argc < 3)
		return 2;
	/* libvirt writes to sockets whose other end may be gone. */
	signal(SIGPIPE, SIG_IGN);
	if (getenv("DEADLINE"))
		deadline_ms = atoi(getenv("DEADLINE"));
	conf = nova_conf_load(&source, NULL, &error);
	if (!conf) {
		fprintf(stderr, "%s\n", error->message);
		return 2;
	}
	begin();
	virt = nova_virt_open(conf, &events, deadline_ms, &error);
	if (!virt)
		rc = report(false, &error);
	for (size_t i = 0; virt && i < G_N_ELEMENTS(commands); i++)
		if (strcmp(commands[i].name, argv[2]) == 0 && argc - 3 >= commands[i].min_args)
			rc = commands[i].run(argv + 3, &error);
	nova_virt_close(virt);
	nova_conf_unref(conf);
	return late ? 3 : rc;
}
