/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/link.h"

#include "common/error.h"
#include "common/log.h"

#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	BACKOFF_FIRST_MS = 1000,
	BACKOFF_MAX_MS = 30000,
	NEXT_BROKER_MS = 100, /* between two brokers of one round */
	STEADY_MS = 10000, /* a connection that lived so long was a good one */
	MAX_EVENTS = 256, /* per round, so that turn() gets its share */
};

struct nova_link {
	char *role;
	const nova_transport_url *url;
	nova_amqp_settings settings;
	const nova_link_operations *ops;
	void *owner;
	int wake_fd;
	GThread *thread;
	atomic_bool stopping;

	GMutex lock; /* for the three below */
	GCond changed;
	bool is_up, finished;
	int socket; /* of the connection in use; -1: none */

	/* of the thread alone */
	nova_amqp *amqp;
	size_t next_broker;
	unsigned failures; /* attempts since the last good connection */
	bool outage_logged;
	char *reason; /* last one logged, to log a different refusal of the broker as well */
	int64_t next_attempt_usec, up_since_usec;
};

nova_link *nova_link_new(const nova_link_settings *settings, const nova_link_operations *operations, void *owner)
{
	nova_link *link = g_new0(nova_link, 1);

	link->role = g_strdup(settings->role);
	link->url = settings->url;
	link->settings = settings->amqp;
	link->settings.virtual_host = g_strdup(settings->amqp.virtual_host);
	link->settings.connection_name = g_strdup(settings->amqp.connection_name);
	link->ops = operations;
	link->owner = owner;
	link->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	link->socket = -1;
	link->next_broker = (size_t)g_random_int() % settings->url->n_brokers;
	g_mutex_init(&link->lock);
	g_cond_init(&link->changed);
	return link;
}

void nova_link_free(nova_link *link)
{
	if (!link)
		return;
	close(link->wake_fd);
	g_mutex_clear(&link->lock);
	g_cond_clear(&link->changed);
	g_free((char *)link->settings.virtual_host);
	g_free((char *)link->settings.connection_name);
	g_free(link->role);
	g_free(link->reason);
	g_free(link);
}

void nova_link_wake(nova_link *link)
{
	uint64_t one = 1;

	/* Fails only when 2^64-1 wakes are pending, which is as good as one more. */
	if (write(link->wake_fd, &one, sizeof(one)) < 0)
		return;
}

bool nova_link_is_up(nova_link *link)
{
	bool up;

	g_mutex_lock(&link->lock);
	up = link->is_up;
	g_mutex_unlock(&link->lock);
	return up;
}

bool nova_link_wait_up(nova_link *link, int64_t deadline_usec)
{
	bool up;

	g_mutex_lock(&link->lock);
	while (!link->is_up && !link->finished)
		if (!g_cond_wait_until(&link->changed, &link->lock, deadline_usec))
			break;
	up = link->is_up;
	g_mutex_unlock(&link->lock);
	return up;
}

static void publish_state(nova_link *link, bool up)
{
	g_mutex_lock(&link->lock);
	link->is_up = up;
	link->socket = link->amqp ? nova_amqp_socket(link->amqp) : -1;
	g_cond_broadcast(&link->changed);
	g_mutex_unlock(&link->lock);
}

/* When to try again after `failures' attempts in a row. */
static int64_t backoff_ms(const nova_link *link)
{
	unsigned rounds = link->failures / (unsigned)link->url->n_brokers;
	int64_t ms;

	if (link->failures % link->url->n_brokers != 0)
		return NEXT_BROKER_MS;
	ms = rounds == 0 ? NEXT_BROKER_MS : (int64_t)BACKOFF_FIRST_MS << MIN(rounds - 1, 5);
	ms = MIN(ms, BACKOFF_MAX_MS);
	return ms * g_random_int_range(750, 1251) / 1000;
}

/* Plans the next attempt and tells the operator once per outage, and again when a broker that can be
 * reached refuses us for another reason than before. */
static void note_outage(nova_link *link, const GError *error, bool was_reached)
{
	int64_t wait_ms = backoff_ms(link);
	bool known = link->outage_logged && (!was_reached || g_strcmp0(link->reason, error->message) == 0);

	link->next_attempt_usec = g_get_monotonic_time() + wait_ms * 1000;
	nova_log(known ? NOVA_LOG_DEBUG : NOVA_LOG_WARNING, NULL, "messages (%s): %s, retrying in %.1f s",
		 link->role, error->message, (double)wait_ms / 1000);
	link->outage_logged = true;
	if (!known) {
		g_free(link->reason);
		link->reason = g_strdup(error->message);
	}
}

static void disconnect(nova_link *link, const GError *error)
{
	nova_amqp *amqp = g_steal_pointer(&link->amqp);

	publish_state(link, false);
	nova_amqp_close(amqp);
	if (link->ops->down)
		link->ops->down(link->owner);
	if (g_get_monotonic_time() - link->up_since_usec >= STEADY_MS * INT64_C(1000))
		link->failures = 0;
	else
		link->failures++;
	link->outage_logged = false;
	note_outage(link, error, true);
}

static void connect_once(nova_link *link)
{
	const nova_broker *broker = &link->url->brokers[link->next_broker];
	g_autoptr(GError) error = NULL;
	bool reached;

	link->next_broker = (link->next_broker + 1) % link->url->n_brokers;
	link->amqp = nova_amqp_open(broker, &link->settings, &error);
	reached = link->amqp != NULL;
	if (reached && !link->ops->up(link->owner, link->amqp, &error)) {
		nova_amqp_close(link->amqp);
		link->amqp = NULL;
	}
	if (!link->amqp) {
		link->failures++;
		note_outage(link, error, reached);
		return;
	}
	nova_log_info(NULL, "messages (%s): connected to broker %s:%u", link->role, broker->host, broker->port);
	link->outage_logged = false;
	link->up_since_usec = g_get_monotonic_time();
	publish_state(link, true);
}

static bool handle_events(nova_link *link, GError **error)
{
	for (unsigned n = 0; n < MAX_EVENTS; n++) {
		nova_amqp_event event;

		if (!nova_amqp_next(link->amqp, &event, error))
			return false;
		if (event.type == NOVA_AMQP_NOTHING)
			return true;
		if (!link->ops->event(link->owner, link->amqp, &event, error))
			return false;
	}
	return true;
}

static void wait_for_work(nova_link *link, int wait_ms)
{
	struct pollfd fds[2] = { { .fd = link->wake_fd, .events = POLLIN } };
	uint64_t wakes;

	if (link->amqp) {
		fds[1] = (struct pollfd){ .fd = nova_amqp_socket(link->amqp), .events = POLLIN };
		if (nova_amqp_has_buffered(link->amqp))
			wait_ms = 0;
	}
	if (poll(fds, link->amqp ? 2 : 1, wait_ms) > 0 && (fds[0].revents & POLLIN) &&
	    read(link->wake_fd, &wakes, sizeof(wakes)) < 0 && errno != EAGAIN)
		nova_log_error(NULL, "messages (%s): cannot read eventfd: %s", link->role, g_strerror(errno));
}

static int idle_ms(const nova_link *link)
{
	int64_t left_usec;

	if (link->amqp)
		return nova_amqp_max_pause_ms(link->amqp);
	left_usec = link->next_attempt_usec - g_get_monotonic_time();
	return left_usec > 0 ? (int)(left_usec / 1000) + 1 : 0;
}

static void round_once(nova_link *link)
{
	g_autoptr(GError) error = NULL;
	int wait_ms;

	if (!link->amqp && g_get_monotonic_time() >= link->next_attempt_usec)
		connect_once(link);
	if (link->amqp && !handle_events(link, &error)) {
		disconnect(link, error);
		return;
	}
	wait_ms = idle_ms(link);
	if (link->ops->turn && !link->ops->turn(link->owner, link->amqp, &wait_ms, &error)) {
		disconnect(link, error);
		return;
	}
	if (!atomic_load(&link->stopping))
		wait_for_work(link, wait_ms);
}

static void *run(void *data)
{
	nova_link *link = data;
	nova_amqp *amqp;

	while (!atomic_load(&link->stopping))
		round_once(link);
	amqp = link->amqp;
	if (amqp) {
		if (link->ops->farewell)
			link->ops->farewell(link->owner, amqp);
		nova_amqp_say_goodbye(amqp);
	}
	g_mutex_lock(&link->lock);
	link->finished = true;
	g_mutex_unlock(&link->lock);
	link->amqp = NULL;
	publish_state(link, false);
	nova_amqp_close(amqp);
	if (amqp && link->ops->down)
		link->ops->down(link->owner);
	return NULL;
}

void nova_link_start(nova_link *link)
{
	g_autofree char *name = g_strdup_printf("rpc-%.11s", link->role);

	link->thread = g_thread_new(name, run, link);
}

void nova_link_stop(nova_link *link, unsigned timeout_ms)
{
	int64_t deadline = g_get_monotonic_time() + (int64_t)timeout_ms * 1000;

	if (!link->thread)
		return;
	atomic_store(&link->stopping, true);
	nova_link_wake(link);
	g_mutex_lock(&link->lock);
	while (!link->finished)
		if (!g_cond_wait_until(&link->changed, &link->lock, deadline))
			break;
	if (!link->finished && link->socket >= 0)
		shutdown(link->socket, SHUT_RDWR);
	g_mutex_unlock(&link->lock);
	g_thread_join(g_steal_pointer(&link->thread));
}
