/* SPDX-License-Identifier: Apache-2.0 */
#include "client/explain.h"

#include "common/json.h"

#include <glib.h>
#include <stdbool.h>
#include <string.h>

#define INDENT "              "

static const char *text_at(json_object *object, const char *key)
{
	json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value) || !value)
		return NULL;
	return json_object_get_string(value);
}

static double number_at(json_object *object, const char *key, double none)
{
	json_object *value = NULL;

	if (!json_object_is_type(object, json_type_object) || !json_object_object_get_ex(object, key, &value) || !value)
		return none;
	return json_object_get_double(value);
}

static bool flag_at(json_object *object, const char *key)
{
	json_object *value = NULL;

	return json_object_object_get_ex(object, key, &value) && json_object_get_boolean(value);
}

static json_object *member(json_object *object, const char *key)
{
	json_object *value = NULL;

	if (json_object_is_type(object, json_type_object))
		json_object_object_get_ex(object, key, &value);
	return value;
}

/* "82 ms", "4.31 s", "12 min 5 s". */
static char *duration(double ms)
{
	if (ms < 1000)
		return g_strdup_printf("%.0f ms", ms);
	if (ms < 60000)
		return g_strdup_printf("%.2f s", ms / 1000);
	return g_strdup_printf("%d min %d s", (int)(ms / 60000), (int)(ms / 1000) % 60);
}

/* ---- the head ---- */

static void tell_request(GString *out, json_object *migration)
{
	const char *server = text_at(migration, "server_name"), *uuid = text_at(migration, "server_uuid");
	const char *user = text_at(migration, "user_id"), *project = text_at(migration, "project_id");
	const char *wish = text_at(migration, "requested_host"), *at = text_at(migration, "created_at");
	const char *request = text_at(migration, "request_id");

	g_string_append_printf(out, "Migration %.0f of server %s%s%s%s: %s\n", number_at(migration, "id", 0),
			       server ? server : "", server ? " (" : "", uuid ? uuid : "", server ? ")" : "",
			       text_at(migration, "status") ? text_at(migration, "status") : "unknown");
	g_string_append_printf(out, "Asked for%s%s%s%s%s%s%s%s; to %s%s\n", at ? " at " : "", at ? at : "",
			       user ? " by user " : "", user ? user : "", project ? " of project " : "",
			       project ? project : "", request ? ", " : "", request ? request : "",
			       wish ? "host " : "any host", wish ? wish : "");
}

/* ---- what hypervisors and the scheduler said ---- */

static void tell_host(GString *out, json_object *view, const char *what, const char *name)
{
	const char *host = text_at(view, "host"), *seen = text_at(view, "seen"), *end = text_at(view, "end");
	double token = number_at(view, "token", -1);
	json_object *touched = member(view, "touched");

	if (!host)
		host = name;
	if (touched && !json_object_get_boolean(touched)) {
		g_string_append_printf(out, INDENT "%s%s%s%s: not touched\n", what, host ? " (" : "", host ? host : "",
				       host ? ")" : "");
		return;
	}
	if (!seen)
		return;
	g_string_append_printf(out, INDENT "%s%s%s%s: ", what, host ? " (" : "", host ? host : "", host ? ")" : "");
	if (strcmp(seen, "unknown") == 0)
		g_string_append(out, "could not be asked");
	else if (strcmp(seen, "absent") == 0)
		g_string_append_printf(out, "does not have the guest%s%s", end ? "; its process ended: " : "",
				       end ? end : "");
	else
		g_string_append_printf(out, "the guest is %s", seen);
	if (flag_at(view, "job"))
		g_string_append(out, ", being copied away");
	if (token >= 0)
		g_string_append_printf(out, ", ownership token %.0f", token);
	g_string_append_c(out, '\n');
}

static void tell_choice(GString *out, json_object *evidence)
{
	json_object *candidates = member(evidence, "candidates"), *refused = member(evidence, "refused");

	if (json_object_is_type(candidates, json_type_array) && json_object_array_length(candidates) > 0) {
		g_string_append(out, INDENT "fit:");
		for (size_t i = 0; i < json_object_array_length(candidates); i++) {
			json_object *row = json_object_array_get_idx(candidates, i);

			g_string_append_printf(out, "%s %s (weight %.2f)", i ? "," : "",
					       text_at(row, "host") ? text_at(row, "host") : "?",
					       number_at(row, "weight", 0));
		}
		g_string_append_c(out, '\n');
	}
	if (!json_object_is_type(refused, json_type_array))
		return;
	for (size_t i = 0; i < json_object_array_length(refused); i++) {
		json_object *row = json_object_array_get_idx(refused, i);

		const char *host = text_at(row, "host"), *reason = text_at(row, "reason");

		g_string_append_printf(out, INDENT "%s does not fit: %s\n", host ? host : "?",
				       reason ? reason : "?");
	}
}

static void tell_evidence(GString *out, json_object *line, json_object *evidence)
{
	const char *why = text_at(evidence, "why"), *call = text_at(evidence, "call");

	if (!json_object_is_type(evidence, json_type_object))
		return;
	tell_choice(out, evidence);
	if (text_at(evidence, "seen")) /* one host's own look */
		tell_host(out, evidence, text_at(line, "actor"), text_at(line, "host"));
	tell_host(out, member(evidence, "source"), "source", NULL);
	tell_host(out, member(evidence, "dest"), "destination", NULL);
	if (why)
		g_string_append_printf(out, INDENT "so: %s\n", why);
	if (call)
		g_string_append_printf(out, INDENT "libvirt's migrate call said: %s\n", call);
}

/* ---- the steps ---- */

static void tell_steps(GString *out, json_object *journal)
{
	double entered = 0;

	if (!json_object_is_type(journal, json_type_array))
		return;
	g_string_append_c(out, '\n');
	for (size_t i = 0; i < json_object_array_length(journal); i++) {
		json_object *line = json_object_array_get_idx(journal, i);
		const char *from = text_at(line, "from_state"), *to = text_at(line, "to_state");
		const char *host = text_at(line, "host"), *message = text_at(line, "message");
		const char *actor = text_at(line, "actor");
		double ms = number_at(line, "ms", 0);
		g_autofree char *who =
			g_strdup_printf("%s%s%s", actor ? actor : "?", host ? " " : "", host ? host : "");

		g_string_append_printf(out, "%9.3f s   %-16s ", ms / 1000, who);
		if (from && to && strcmp(from, to) != 0) {
			g_autofree char *took = duration(ms - entered);

			g_string_append_printf(out, "%s -> %s after %s", from, to, took);
			entered = ms;
		} else {
			g_string_append_printf(out, "%s", from ? from : "?");
		}
		g_string_append_printf(out, "%s%s\n", message ? ": " : "", message ? message : "");
		tell_evidence(out, line, member(line, "evidence"));
	}
	g_string_append_c(out, '\n');
}

/* ---- the end, or now ---- */

static void tell_wishes(GString *out, json_object *migration)
{
	if (flag_at(migration, "abort_requested"))
		g_string_append(out, "An abort was asked for.\n");
	if (flag_at(migration, "force_requested"))
		g_string_append(out, "A forced completion was asked for.\n");
}

static void tell_end(GString *out, json_object *migration)
{
	const char *reason = text_at(migration, "reason"), *state = text_at(migration, "state");
	double downtime = number_at(migration, "downtime_ms", -1), total = number_at(migration, "total_ms", -1);

	g_string_append_printf(out, "It ended at %s as %s: %s.\n", text_at(migration, "finished_at"),
			       state ? state : "unknown", reason ? reason : "the reason was not recorded");
	if (total >= 0) {
		g_autofree char *took = duration(total);

		g_string_append_printf(out, "From the permit to the change of host it took %s", took);
		if (downtime >= 0)
			g_string_append_printf(out, "; the guest stood still for %.0f ms", downtime);
		g_string_append(out, ".\n");
	}
}

static void tell_now(GString *out, json_object *migration)
{
	const char *blocked = text_at(migration, "blocked"), *host = text_at(migration, "blocked_host");
	const char *state = text_at(migration, "state"), *doing = text_at(migration, "doing");
	double since = number_at(migration, "state_ms", -1), rate = number_at(migration, "rate_bytes", 0);

	g_string_append_printf(out, "Now it is in state %s", state ? state : "unknown");
	if (since >= 0) {
		g_autofree char *took = duration(since);

		g_string_append_printf(out, ", since %s", took);
	}
	g_string_append_printf(out, "%s%s\n", doing ? ": " : "", doing ? doing : "");
	if (rate > 0)
		g_string_append_printf(out,
				       "%.0f %% are copied, at %.1f MiB/s in round %.0f; the guest dirties "
				       "%.1f MiB/s.\n",
				       number_at(migration, "percent", 0), rate / (1 << 20),
				       number_at(migration, "iteration", 0),
				       number_at(migration, "dirty_rate_bytes", 0) / (1 << 20));
	if (blocked)
		g_string_append_printf(out, "It is blocked%s%s: %s. It goes on by itself when that is over.\n",
				       host ? " by host " : "", host ? host : "", blocked);
}

char *nova_explain(json_object *migration)
{
	GString *out = g_string_new(NULL);

	tell_request(out, migration);
	tell_steps(out, member(migration, "journal"));
	tell_wishes(out, migration);
	if (text_at(migration, "finished_at"))
		tell_end(out, migration);
	else
		tell_now(out, migration);
	return g_string_free(out, FALSE);
}
