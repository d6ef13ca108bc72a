/* SPDX-License-Identifier: Apache-2.0 */
#include "api/router.h"

#include <string.h>

#define MAX_SEGMENTS 16

char **nova_path_split(const char *path)
{
	g_auto(GStrv) raw = g_strsplit(path + (*path == '/'), "/", MAX_SEGMENTS + 1);
	g_autoptr(GPtrArray) plain = g_ptr_array_new_with_free_func(g_free);
	size_t n = g_strv_length(raw);

	if (n > 0 && !*raw[n - 1])
		n--;
	if (n > MAX_SEGMENTS)
		return NULL;
	for (size_t i = 0; i < n; i++) {
		char *segment = nova_http_unescape(raw[i]);

		if (!segment || !*segment) {
			g_free(segment);
			return NULL;
		}
		g_ptr_array_add(plain, segment);
	}
	g_ptr_array_add(plain, NULL);
	return (char **)g_ptr_array_free(g_steal_pointer(&plain), FALSE);
}

/* Compares a pattern with the segments.  False: no match; else *ret_words has a bit for every segment that is a
 * word in the pattern, the leftmost being the highest, so that a plain comparison prefers words on the left. */
static bool fits(const char *pattern, char *const *segments, unsigned *ret_words)
{
	unsigned words = 0, bit = 1u << MAX_SEGMENTS;

	for (; *pattern == '/'; segments++, bit >>= 1) {
		size_t n = strcspn(++pattern, "/");

		if (!*segments)
			return false;
		if (*pattern != '{') {
			if (strlen(*segments) != n || strncmp(pattern, *segments, n) != 0)
				return false;
			words |= bit;
		}
		pattern += n;
	}
	*ret_words = words;
	return !*segments;
}

static void copy_ids(const char *pattern, char *const *segments, char *ret_ids[NOVA_ROUTE_IDS])
{
	size_t n = 0;

	for (; *pattern == '/'; segments++) {
		pattern++;
		if (*pattern == '{' && n < NOVA_ROUTE_IDS)
			ret_ids[n++] = g_strdup(*segments);
		pattern += strcspn(pattern, "/");
	}
}

static bool in_range(unsigned version, unsigned since, unsigned until)
{
	return version >= since && (!until || version <= until);
}

nova_match nova_router_find(const nova_route *table, const char *method, char *const *segments, unsigned version,
			    const nova_route **ret_route, char *ret_ids[NOVA_ROUTE_IDS])
{
	nova_match best = NOVA_MATCH_NOTHING;
	const nova_route *found = NULL;
	unsigned found_words = 0;

	for (const nova_route *route = table; route->method; route++) {
		unsigned words;
		nova_match match;

		if (!fits(route->path, segments, &words))
			continue;
		match = strcmp(route->method, method) != 0			? NOVA_MATCH_METHOD :
			!in_range(version, route->since, route->until) ? NOVA_MATCH_VERSION :
									  NOVA_MATCH_FOUND;
		/* The path decides before the version does: /os-hypervisors/statistics is no id in 2.88. */
		if (match != NOVA_MATCH_METHOD && (!found || words > found_words)) {
			found = route;
			found_words = words;
			best = match;
		} else if (match == NOVA_MATCH_FOUND && words == found_words) {
			found = route;
			best = match;
		} else if (!found) {
			best = MAX(best, match);
		}
	}
	if (best != NOVA_MATCH_FOUND)
		return best;
	*ret_route = found;
	copy_ids(found->path, segments, ret_ids);
	return best;
}

const nova_action *nova_router_find_action(const char *name, unsigned version)
{
	for (const nova_action *action = nova_actions; action->name; action++)
		if (strcmp(action->name, name) == 0 && in_range(version, action->since, action->until))
			return action;
	return NULL;
}

/* ---- printing ---- */

static char *range_text(unsigned since, unsigned until)
{
	if (since && until)
		return g_strdup_printf("2.%u to 2.%u", since, until);
	if (since)
		return g_strdup_printf("from 2.%u", since);
	return until ? g_strdup_printf("up to 2.%u", until) : g_strdup("all");
}

static const char *who_text(const char *policy)
{
	return policy ? nova_names_get(&nova_rule_names, (int)nova_policy_find(policy)->rule) : "";
}

static void print_table(FILE *out, const char *title, const nova_route *table)
{
	fprintf(out,
		"\n## %s\n\n| method | path | microversions | who | policy | answer |\n|---|---|---|---|---|---|\n",
		title);
	for (const nova_route *route = table; route->method; route++) {
		g_autofree char *range = range_text(route->since, route->until);

		fprintf(out, "| %s | `%s` | %s | %s | %s | %s |\n", route->method, route->path, range,
			who_text(route->policy), route->policy ? route->policy : "", route->doc);
	}
}

/* Where a user of Nova finds something else, beside actions and paths that are not there. */
static const struct {
	const char *what, *why;
} differences[] = {
	{ "microversions end at 2.87",
	  "2.88 takes `os-hypervisors/statistics` and `uptime` away, which clients in use ask for" },
	{ "`networks` of `POST /servers`: `auto`, `none`, or the uuid of one network; no ports, no fixed addresses",
	  "networks are flat bridges; a guest's address is chosen in the transaction that makes it" },
	{ "volumes in `block_device_mapping`: 400; lists of volumes are empty", "disks are files in instances_path" },
	{ "security groups but `default`: 400",
	  "nothing filters a guest's traffic; a promise to do so would be false" },
	{ "`GET /os-hypervisors/{id}/uptime`: 501", "hosts do not tell it" },
	{ "`DELETE /servers/{id}` is accepted while a server is migrated",
	  "the migration is aborted, or its end is awaited, and then the server is deleted" },
	{ "a refusal says each host's reason, in the fields Nova has for its message",
	  "\"No valid host was found\" alone helps nobody" },
	{ "`/os-migrations` has live migrations and resizes", "nothing else moves between hosts yet" },
	{ "`resize`: a flavor with a smaller disk is 400 at once; `ephemeral` and `swap` must stay as they are",
	  "a disk never shrinks; Nova says so later, in the action" },
	{ "`revertResize` keeps the disk: what was written since, and its size",
	  "nothing a user has written is thrown away; Nova copies the disk before a resize and brings that copy back" },
	{ "a resize that fails on the new host goes back by itself", "a server in error helps nobody" },
	{ "`os-resetState` and all but delete, confirm, revert and lock: 409 for a server in VERIFY_RESIZE",
	  "what is booked for it on both hosts needs one of these ends" },
	{ "`rebuild` of a server whose image cannot be fetched leaves it running, with its old image",
	  "nothing is touched before the new disk is whole" },
	{ "`preserve_ephemeral: true`, `personality` and `trusted_image_certificates` of `rebuild`: 501",
	  "there are no such disks, files and signatures; refused rather than forgotten" },
	{ "a config drive has no `admin_pass`; `adminPass` of `POST /servers` is answered and kept nowhere",
	  "a password in the database would be there in clear" },
	{ "`personality` below 2.57: 501", "`user_data` takes its place, as in Nova from 2.57 on" },
	{ "`DELETE /os-services/{id}` of a service that is up: 409", "it would be back with its next sign of life" },
	{ "images are read-only", "`nova-lite-manage image add` makes them" },
	{ "wrong passwords, after the first few, are answered 429 with `Retry-After`", "guessing has to be slow" },
	{ "`/nova-lite/...` is not Nova's",
	  "the story of a migration, and what is wrong with a host, have no place there" },
};

void nova_routes_print(FILE *out)
{
	fprintf(out, "# The compute API as nova-lite answers it\n\n"
		     "Printed from the tables in `src/api/routes.c` and `src/api/actions.c` by `make "
		     "update-generated`; do not edit.\n\n"
		     "Compute paths are below `/v2.1` or `/v2.1/{project_id}`.  Besides them: `GET /`, `GET /v2.1` "
		     "(version "
		     "documents, no token needed) and, for every other `GET`, 300 with the choices.\n\n"
		     "*who* is the rule of the policy: the least role in the project the thing belongs to (admin holds "
		     "manager, manager holds member, member holds reader); *any* is every valid token.  The role admin "
		     "counts in every project; for everybody else a server of another project does not exist (404).  "
		     "`[policy] override` gives a policy another rule: any, reader, member, manager, admin or nobody.  "
		     "Rights are checked after the form of a request and before the state of what it is about.\n");
	print_table(out, "Compute", nova_routes);
	print_table(out, "Images (below `/image`, and below `/v2.1` for clients with one endpoint)", nova_image_routes);
	print_table(out, "Identity (below `/identity/v3`, with `[api] auth = builtin`)", nova_identity_routes);
	fprintf(out, "\nBesides them: `GET /identity` and `GET /identity/v3`, version documents.\n");
	fprintf(out, "\n## Server actions (`POST /servers/{id}/action`)\n\n"
		     "| action | microversions | who | policy | what it does |\n|---|---|---|---|---|\n");
	for (const nova_action *action = nova_actions; action->name; action++) {
		g_autofree char *range = range_text(action->since, action->until);

		fprintf(out, "| %s | %s | %s | %s | %s |\n", action->name, range, who_text(action->policy),
			action->policy, action->run ? action->doc : "not in this version: 501");
	}
	fprintf(out, "\n## What differs from Nova\n\n| what | why |\n|---|---|\n");
	for (size_t i = 0; i < G_N_ELEMENTS(differences); i++)
		fprintf(out, "| %s | %s |\n", differences[i].what, differences[i].why);
	fprintf(out, "\n## Parts of answers and requests with a policy of their own\n\n"
		     "| who | policy | what |\n|---|---|---|\n");
	for (const nova_policy *policy = nova_policies; policy->name; policy++)
		if (policy->doc)
			fprintf(out, "| %s | %s | %s |\n", who_text(policy->name), policy->name, policy->doc);
}
