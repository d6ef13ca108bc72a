/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/lease.h"

#include "common/deadline.h"
#include "common/log.h"

#define USEC_PER_S INT64_C(1000000)
#define RETRY_S 2 /* after a failed renewal, when report_interval is longer */

struct nova_lease {
	nova_db *db; /* one connection, used by the lease thread (before it starts: by the main thread) */
	nova_lease_hooks hooks;
	char *name, *uuid, *boot_id, *my_ip, *migration_address, *hypervisor_hostname;
	int lease_s, interval_s;

	GMutex lock; /* everything below */
	GCond wake;
	nova_fence fence;
	int64_t deadline_usec; /* CLOCK_BOOTTIME; 0: no lease */
	int64_t renewed_usec;  /* CLOCK_BOOTTIME, when the renewal was sent; 0: never */
	bool stop, doubt;
	GThread *thread;

	char *last_error, *last_health; /* lease thread only: what was logged already */
};

nova_lease *nova_lease_new(nova_conf *conf, const nova_host_identity *identity,
			   const nova_lease_hooks *hooks, GError **error)
{
	g_autoptr(nova_db) db = nova_db_open(conf, "nova-lite-compute lease", 1, error);

	if (!db)
		return NULL;
	nova_lease *lease = g_new0(nova_lease, 1);

	g_mutex_init(&lease->lock);
	g_cond_init(&lease->wake);
	lease->db = g_steal_pointer(&db);
	lease->hooks = *hooks;
	lease->name = g_strdup(identity->name);
	lease->uuid = g_strdup(identity->uuid);
	lease->boot_id = g_strdup(identity->boot_id);
	lease->my_ip = g_strdup(identity->my_ip);
	lease->migration_address = g_strdup(identity->migration_address);
	lease->hypervisor_hostname = g_strdup(identity->hypervisor_hostname);
	lease->lease_s = identity->lease_seconds;
	lease->interval_s = (int)conf->report_interval;
	return lease;
}

/* How much earlier than the database the daemon gives up: time for a clock that runs a little faster
 * there, and for an act that was just begun. */
static int64_t margin_usec(const nova_lease *lease)
{
	return MAX(USEC_PER_S, lease->lease_s * USEC_PER_S / 10);
}

static void extend(nova_lease *lease, int64_t sent_usec)
{
	g_mutex_lock(&lease->lock);
	lease->deadline_usec = sent_usec + lease->lease_s * USEC_PER_S - margin_usec(lease);
	lease->renewed_usec = sent_usec;
	g_mutex_unlock(&lease->lock);
}

bool nova_lease_register(nova_lease *lease, bool *ret_boot_changed, GError **error)
{
	const nova_host_identity identity = {
		.name = lease->name,
		.uuid = lease->uuid,
		.boot_id = lease->boot_id,
		.my_ip = lease->my_ip,
		.migration_address = lease->migration_address,
		.hypervisor_hostname = lease->hypervisor_hostname,
		.lease_seconds = lease->lease_s,
		.epoch = nova_lease_fence(lease).epoch,
	};
	int64_t sent = nova_boottime_usec();
	nova_fence fence;

	if (!nova_hosts_register(lease->db, &identity, &fence, ret_boot_changed, error))
		return false;
	g_mutex_lock(&lease->lock);
	lease->fence = fence;
	g_mutex_unlock(&lease->lock);
	extend(lease, sent);
	return true;
}

bool nova_lease_is_fresh(nova_lease *lease)
{
	g_mutex_lock(&lease->lock);
	bool fresh = !lease->stop && nova_boottime_usec() < lease->deadline_usec;
	g_mutex_unlock(&lease->lock);
	return fresh;
}

void nova_lease_look(nova_lease *lease, double *ret_age_s, double *ret_left_s)
{
	int64_t now = nova_boottime_usec();

	g_mutex_lock(&lease->lock);
	*ret_age_s = lease->renewed_usec ? (double)(now - lease->renewed_usec) / USEC_PER_S : -1;
	*ret_left_s = lease->stop ? 0 : (double)MAX(lease->deadline_usec - now, 0) / USEC_PER_S;
	g_mutex_unlock(&lease->lock);
}

bool nova_lease_check(nova_lease *lease, GError **error)
{
	if (nova_lease_is_fresh(lease))
		return true;
	return nova_fail(error, NOVA_FAULT_FENCED,
			 "host '%s' has no valid lease at the moment and may not act until it is renewed", lease->name);
}

bool nova_lease_check_epoch(nova_lease *lease, int64_t epoch, GError **error)
{
	int64_t now = nova_lease_fence(lease).epoch;

	if (now == epoch)
		return nova_lease_check(lease, error);
	return nova_fail(error, NOVA_FAULT_FENCED,
			 "host '%s' lost its lease and registered anew (epoch %" G_GINT64_FORMAT
			 ", this was begun with %" G_GINT64_FORMAT ") and looks again before it acts",
			 lease->name, now, epoch);
}

nova_fence nova_lease_fence(nova_lease *lease)
{
	g_mutex_lock(&lease->lock);
	nova_fence fence = lease->fence;
	g_mutex_unlock(&lease->lock);
	return fence;
}

void nova_lease_doubt(nova_lease *lease)
{
	g_mutex_lock(&lease->lock);
	lease->doubt = true;
	g_cond_signal(&lease->wake);
	g_mutex_unlock(&lease->lock);
}

static bool lapse(nova_lease *lease)
{
	g_mutex_lock(&lease->lock);
	bool lapsed = nova_boottime_usec() >= lease->deadline_usec;
	g_mutex_unlock(&lease->lock);
	return lapsed;
}

static void withdraw(nova_lease *lease)
{
	g_mutex_lock(&lease->lock);
	lease->deadline_usec = 0;
	g_mutex_unlock(&lease->lock);
}

static bool register_anew(nova_lease *lease, const char *why, GError **error)
{
	bool boot_changed;

	withdraw(lease);
	if (!nova_lease_register(lease, &boot_changed, error))
		return false;
	nova_log_warning(&(nova_log_tags){ .host = lease->name },
			 "%s; registered anew with epoch %" G_GINT64_FORMAT ", looking at every guest again", why,
			 nova_lease_fence(lease).epoch);
	lease->hooks.renewed(lease->hooks.user);
	return true;
}

static bool renew(nova_lease *lease, const char *health, bool storage_ok, GError **error)
{
	g_autoptr(GError) refused = NULL;
	nova_fence fence = nova_lease_fence(lease);
	int64_t sent = nova_boottime_usec();

	if (lapse(lease))
		return register_anew(lease, "the lease had run out", error);
	if (nova_hosts_renew(lease->db, &fence, lease->lease_s, health, storage_ok, &refused)) {
		extend(lease, sent);
		return true;
	}
	if (nova_error_is(refused, NOVA_FAULT_FENCED))
		return register_anew(lease, "another registration of this host had taken over", error);
	g_propagate_error(error, g_steal_pointer(&refused));
	return false;
}

/* Logs a text when it is another one than last time; NULL: all is well again. */
static void log_change(nova_lease *lease, char **last, const char *now, const char *well)
{
	const nova_log_tags tags = { .host = lease->name };

	if (g_strcmp0(*last, now) == 0)
		return;
	if (now)
		nova_log_warning(&tags, "%s", now);
	else
		nova_log_info(&tags, "%s", well);
	g_free(*last);
	*last = g_strdup(now);
}

static bool beat(nova_lease *lease)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *health = NULL;
	g_autofree char *trouble = NULL;
	bool storage_ok = true;

	if (!lease->hooks.check(&health, &storage_ok, lease->hooks.user)) {
		g_autofree char *text = g_strdup_printf("self-check failed: %s; not renewing the lease", health);

		log_change(lease, &lease->last_health, text, "");
		return false;
	}
	log_change(lease, &lease->last_health, health, "self-check: healthy again");
	bool done = renew(lease, health, storage_ok, &error);

	if (!done)
		trouble = g_strdup_printf("could not renew the lease, retrying: %s", error->message);
	log_change(lease, &lease->last_error, trouble, "the lease is renewed again");
	return done;
}

static void *run(void *data)
{
	nova_lease *lease = data;
	int64_t pause_s = lease->interval_s;

	for (;;) {
		int64_t until = g_get_monotonic_time() + pause_s * USEC_PER_S;

		g_mutex_lock(&lease->lock);
		while (!lease->stop && !lease->doubt && g_cond_wait_until(&lease->wake, &lease->lock, until))
			;
		bool stop = lease->stop;
		lease->doubt = false;
		g_mutex_unlock(&lease->lock);
		if (stop)
			return NULL;
		pause_s = beat(lease) ? lease->interval_s : MIN(RETRY_S, lease->interval_s);
	}
}

void nova_lease_start(nova_lease *lease)
{
	lease->thread = g_thread_new("lease", run, lease);
}

void nova_lease_stop(nova_lease *lease, bool release)
{
	g_autoptr(GError) error = NULL;
	nova_fence fence = nova_lease_fence(lease);

	g_mutex_lock(&lease->lock);
	lease->stop = true;
	g_cond_signal(&lease->wake);
	g_mutex_unlock(&lease->lock);
	if (lease->thread)
		g_thread_join(g_steal_pointer(&lease->thread));
	if (release && !nova_hosts_release(lease->db, &fence, &error))
		nova_log_warning(&(nova_log_tags){ .host = lease->name },
				 "could not give the lease up, it will run out by itself: %s", error->message);
}

void nova_lease_free(nova_lease *lease)
{
	if (!lease)
		return;
	if (lease->thread)
		nova_lease_stop(lease, false);
	nova_db_close(lease->db);
	g_free(lease->name);
	g_free(lease->uuid);
	g_free(lease->boot_id);
	g_free(lease->my_ip);
	g_free(lease->migration_address);
	g_free(lease->hypervisor_hostname);
	g_free(lease->last_error);
	g_free(lease->last_health);
	g_mutex_clear(&lease->lock);
	g_cond_clear(&lease->wake);
	g_free(lease);
}
