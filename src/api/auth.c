/* SPDX-License-Identifier: Apache-2.0 */
#include "api/auth.h"

#include <arpa/inet.h>
#include <string.h>

#define DEFAULT_USER	"admin"
#define DEFAULT_PROJECT "default"
#define MAX_TOKEN	255

typedef struct network {
	int family;
	unsigned char address[16];
	unsigned bits;
} network;

static bool parse_address(const char *text, int *ret_family, unsigned char ret_address[16])
{
	*ret_family = strchr(text, ':') ? AF_INET6 : AF_INET;
	return inet_pton(*ret_family, text, ret_address) == 1;
}

static bool parse_network(const char *text, network *ret)
{
	g_auto(GStrv) parts = g_strsplit(text, "/", 2);
	unsigned most;
	uint64_t bits;

	if (!parts[0] || !parse_address(parts[0], &ret->family, ret->address))
		return false;
	most = ret->family == AF_INET6 ? 128 : 32;
	bits = most;
	if (parts[1] && !g_ascii_string_to_unsigned(parts[1], 10, 0, most, &bits, NULL))
		return false;
	ret->bits = (unsigned)bits;
	return true;
}

bool nova_auth_address_is_in(const char *address, char *const *networks)
{
	unsigned char bytes[16];
	int family;

	if (!parse_address(address, &family, bytes))
		return false;
	for (char *const *text = networks; *text; text++) {
		network net;
		size_t whole;
		unsigned rest;

		if (!parse_network(*text, &net) || net.family != family)
			continue;
		whole = net.bits / 8;
		rest = net.bits % 8;
		if (memcmp(bytes, net.address, whole) == 0 &&
		    (rest == 0 || ((bytes[whole] ^ net.address[whole]) >> (8 - rest)) == 0))
			return true;
	}
	return false;
}

bool nova_auth_check_networks(char *const *networks, GError **error)
{
	for (char *const *text = networks; *text; text++) {
		network net;

		if (!parse_network(*text, &net))
			return nova_fail(error, NOVA_FAULT_CONFIG,
					 "[api] auth_none_allowed_addresses: '%s' is no network; write ADDRESS or "
					 "ADDRESS/BITS",
					 *text);
	}
	return true;
}

/* "[::1]:8774" -> "::1", "HostA:8774" -> "HostA".  Caller frees. */
static char *host_without_port(const char *host)
{
	const char *colon = strrchr(host, ':');

	if (*host == '[') {
		const char *end = strchr(host, ']');

		return end ? g_strndup(host + 1, (size_t)(end - host - 1)) : g_strdup(host);
	}
	if (colon && strchr(host, ':') == colon)
		return g_strndup(host, (size_t)(colon - host));
	return g_strdup(host);
}

bool nova_auth_check_host(const nova_conf *conf, const nova_http_request *request, const char *own_name, GError **error)
{
	const char *header = nova_http_header(request, "Host");
	g_autofree char *host = host_without_port(header ? header : "");

	if (*host && ((own_name && g_ascii_strcasecmp(host, own_name) == 0) || strcmp(host, request->local) == 0))
		return true;
	for (char **known = conf->api_allowed_hosts; *host && *known; known++) {
		g_autofree char *name = host_without_port(*known);

		if (g_ascii_strcasecmp(host, name) == 0)
			return true;
	}
	return nova_fail(error, NOVA_FAULT_FORBIDDEN,
			 "This API is not known under the name '%s'. Add it to [api] allowed_hosts if it should be.",
			 host);
}

nova_auth_verdict nova_auth_check(const nova_conf *conf, const nova_http_request *request, const char *request_id,
				  nova_context **ret_context, GError **error)
{
	const char *token = nova_http_header(request, "X-Auth-Token");
	g_auto(GStrv) parts = NULL;
	const char *user = DEFAULT_USER, *project = DEFAULT_PROJECT;

	if (!nova_auth_address_is_in(request->peer, conf->api_auth_none_allowed_addresses)) {
		nova_fail(error, NOVA_FAULT_FORBIDDEN,
			  "Requests from %s are not served: with [api] auth = none only the networks in [api] "
			  "auth_none_allowed_addresses are.",
			  request->peer);
		return NOVA_AUTH_REFUSED;
	}
	if (!token || !*token)
		return NOVA_AUTH_MISSING;
	parts = g_strsplit(token, ":", 2);
	if (strlen(token) <= MAX_TOKEN && g_strv_length(parts) == 2 && *parts[0] && *parts[1] &&
	    g_utf8_validate(token, -1, NULL)) {
		user = parts[0];
		project = parts[1];
	}
	*ret_context = nova_context_new_with_id(request_id, user, project, true);
	return NOVA_AUTH_OK;
}
