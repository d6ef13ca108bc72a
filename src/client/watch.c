/* SPDX-License-Identifier: Apache-2.0 */
#include "client/watch.h"

#include "common/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define POLL_USEC    200000
#define LINE_EVERY_S 5
#define LOST_S       60 /* the service may be restarted meanwhile: the migration goes on */

/* Where each state begins and ends on the bar.  Copying memory is most of it. */
static const struct phase {
	const char *state;
	double from, to;
} phases[] = {
	{ "requested", 0.00, 0.01 }, { "claimed", 0.01, 0.03 },  { "checked", 0.03, 0.04 },
	{ "preparing", 0.04, 0.08 }, { "prepared", 0.08, 0.10 }, { "migrating", 0.10, 0.95 },
	{ "switched", 0.95, 0.98 },  { "cleaning", 0.98, 1.00 }, { "done", 1.00, 1.00 },
};

double nova_watch_fraction(const char *state, double before, double first_remaining,
			   double remaining)
{
	for (size_t i = 0; i < G_N_ELEMENTS(phases); i++) {
		double now;

		if (strcmp(phases[i].state, state) != 0)
			continue;
		now = phases[i].from;
		if (strcmp(state, "migrating") == 0 && first_remaining > 0)
			now += (phases[i].to - phases[i].from) *
			       (1 - CLAMP(remaining / first_remaining, 0, 1));
		return MAX(before, now);
	}
	return before;
}

char *nova_watch_line(const char *server, const char *source, const char *dest, const char *state,
		      double fraction, double rate_mib, double seconds, int width)
{
	g_autofree char *head =
		g_strdup_printf("%s  %s -> %s  %-10s [", server, source, dest, state);
	g_autofree char *rate =
		rate_mib > 0 ? g_strdup_printf("  %.0f MiB/s", rate_mib) : g_strdup("");
	g_autofree char *tail =
		g_strdup_printf("] %3d%%%s  %.1f s", (int)(fraction * 100), rate, seconds);
	int room = width - (int)strlen(head) - (int)strlen(tail), full;
	GString *out = g_string_new(head);

	room = CLAMP(room, 5, 40);
	full = (int)(fraction * room);
	for (int i = 0; i < room; i++)
		g_string_append_c(out, i < full ? '#' : ' ');
	g_string_append(out, tail);
	if (width > 0 && out->len > (size_t)width)
		g_string_truncate(out, (size_t)width);
	return g_string_free(out, FALSE);
}

static const char *text_at(json_object *object, const char *path)
{
	json_object *value = nova_json_find(object, path);

	return value ? json_object_get_string(value) : NULL;
}

static double number_at(json_object *object, const char *path)
{
	json_object *value = nova_json_find(object, path);

	return value ? json_object_get_double(value) : 0;
}

static int terminal_width(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 20 ? size.ws_col - 1
										: 79;
}

static void say_verdict(nova_client *client, const char *server, json_object *migration,
			double seconds)
{
	const char *state = text_at(migration, "state"), *reason = text_at(migration, "reason");
	const char *dest = text_at(migration, "dest_host"),
		   *source = text_at(migration, "source_host");

	if (strcmp(state, "done") == 0) {
		double total = number_at(migration, "total_ms"),
		       pause = number_at(migration, "downtime_ms");

		printf("Migration of %s completed: it runs on %s.  Total time %.1f s", server,
		       dest ? dest : "?", total > 0 ? total / 1000 : seconds);
		if (nova_json_find(migration, "downtime_ms") && pause >= 0)
			printf(", downtime %.0f ms", pause);
		printf(".\n");
		client->exit_status = NOVA_EXIT_OK;
		return;
	}
	printf("Migration of %s %s: it stays on %s.  Reason: %s\n", server,
	       strcmp(state, "cancelled") == 0 ? "was aborted" : "failed", source ? source : "?",
	       reason ? reason : "none was recorded");
	client->exit_status = strcmp(state, "error") == 0 ? NOVA_EXIT_REFUSED : NOVA_EXIT_FAILED;
}

static bool is_terminal(const char *state)
{
	static const char *const ends[] = { "done", "failed", "cancelled", "error", NULL };

	return g_strv_contains(ends, state);
}

bool nova_watch_migration(nova_client *client, const char *server, const char *server_id,
			  int64_t id, bool bar, GError **error)
{
	g_autofree char *path =
		g_strdup_printf("/nova-lite/servers/%s/migrations/%" PRId64, server_id, id);
	bool on_terminal = bar && isatty(STDOUT_FILENO);
	int64_t began = g_get_monotonic_time(), answered = began, printed = 0;
	double fraction = 0, most = 0;

	for (;; g_usleep(POLL_USEC)) {
		g_autoptr(GError) local = NULL;
		g_autoptr(json_object) reply = nova_session_get(client->session, path, &local);
		json_object *migration = reply ? nova_json_find(reply, "migration") : NULL;
		int64_t now = g_get_monotonic_time();
		double seconds = (double)(now - began) / G_USEC_PER_SEC;
		const char *state = migration ? text_at(migration, "state") : NULL;

		if (!state) {
			if (now - answered > LOST_S * G_USEC_PER_SEC) {
				g_propagate_error(error, g_steal_pointer(&local));
				g_prefix_error(error,
					       "no news of migration %" PRId64
					       " for %d s, it goes on by itself: ",
					       id, LOST_S);
				return false;
			}
			continue;
		}
		answered = now;
		double remaining = number_at(migration, "memory_remaining_bytes");

		most = MAX(most, remaining);
		fraction = nova_watch_fraction(state, fraction, most, remaining);
		if (is_terminal(state)) {
			if (on_terminal)
				printf("\r\033[K");
			say_verdict(client, server, migration, seconds);
			return true;
		}
		if (!bar ||
		    (!on_terminal && now - printed < LINE_EVERY_S * G_USEC_PER_SEC && printed))
			continue;
		const char *source = text_at(migration, "source_host"),
			   *dest = text_at(migration, "dest_host");
		const char *blocked = text_at(migration, "blocked");
		g_autofree char *line = nova_watch_line(
			server, source ? source : "?", dest ? dest : "?", blocked ? blocked : state,
			fraction, number_at(migration, "rate_bytes") / (1 << 20), seconds,
			on_terminal ? terminal_width() : 0);

		printf(on_terminal ? "\r%s\033[K" : "%s\n", line);
		fflush(stdout);
		printed = now;
	}
}
