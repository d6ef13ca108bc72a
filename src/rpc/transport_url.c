/* SPDX-License-Identifier: Apache-2.0 */
#include "rpc/transport_url.h"

#include "common/error.h"

#include <stdint.h>
#include <string.h>

enum {
	DEFAULT_PORT = 5672,
	MAX_BROKERS = 64,
};

void nova_transport_url_free(nova_transport_url *url)
{
	if (!url)
		return;
	for (size_t i = 0; i < url->n_brokers; i++) {
		g_free(url->brokers[i].host);
		g_free(url->brokers[i].user);
		g_free(url->brokers[i].password);
	}
	g_free(url->brokers);
	g_free(url->virtual_host);
	g_free(url);
}

/* Splits "host", "host:port" or "[v6]:port"; returns what is wrong, or NULL. */
static const char *parse_address(const char *text, nova_broker *broker)
{
	const char *end, *port = NULL;
	uint64_t number;

	if (*text == '[') {
		end = strchr(text, ']');
		if (!end)
			return "has an IPv6 address without its closing bracket";
		broker->host = g_strndup(text + 1, (size_t)(end - text - 1));
		if (end[1] == ':')
			port = end + 2;
		else if (end[1] != '\0')
			return "has text after an IPv6 address";
	} else {
		end = strchr(text, ':');
		broker->host = end ? g_strndup(text, (size_t)(end - text)) : g_strdup(text);
		if (end)
			port = end + 1;
	}
	if (*broker->host == '\0')
		return "has an empty host name";
	broker->port = DEFAULT_PORT;
	if (port) {
		if (!g_ascii_string_to_unsigned(port, 10, 1, 65535, &number, NULL))
			return "has a port that is not a number from 1 to 65535";
		broker->port = (unsigned)number;
	}
	return NULL;
}

static const char *parse_broker(const char *text, nova_broker *broker, bool *ret_has_credentials)
{
	const char *at = strrchr(text, '@');

	*ret_has_credentials = at != NULL;
	if (at) {
		g_autofree char *credentials = g_strndup(text, (size_t)(at - text));
		char *colon = strchr(credentials, ':');

		if (colon)
			*colon = '\0';
		broker->user = g_uri_unescape_string(credentials, NULL);
		broker->password = g_uri_unescape_string(colon ? colon + 1 : "", NULL);
		if (!broker->user || !broker->password)
			return "has a bad percent escape in its user or password";
		text = at + 1;
	} else {
		broker->user = g_strdup("guest");
		broker->password = g_strdup("guest");
	}
	return parse_address(text, broker);
}

static const char *parse(const char *text, nova_transport_url *url)
{
	const char *authority = strstr(text, "://");
	const char *slash;
	g_autofree char *hosts = NULL;
	g_auto(GStrv) list = NULL;
	size_t with_credentials = 0;

	if (!authority || !(g_str_has_prefix(text, "rabbit://") || g_str_has_prefix(text, "amqp://")))
		return "must begin with rabbit:// (or amqp://)";
	authority += 3;
	if (strpbrk(authority, "?#"))
		return "must have no query parameters: use the options of that name";
	slash = strchr(authority, '/');
	hosts = slash ? g_strndup(authority, (size_t)(slash - authority)) : g_strdup(authority);
	url->virtual_host = g_uri_unescape_string(slash && slash[1] ? slash + 1 : "/", NULL);
	if (!url->virtual_host)
		return "has a bad percent escape in its virtual host";

	list = g_strsplit(*hosts ? hosts : "localhost", ",", MAX_BROKERS + 1);
	if (g_strv_length(list) > MAX_BROKERS)
		return "lists more than 64 brokers";
	url->brokers = g_new0(nova_broker, g_strv_length(list));
	for (char **item = list; *item; item++) {
		bool has_credentials;
		const char *wrong = parse_broker(*item, &url->brokers[url->n_brokers++], &has_credentials);

		if (wrong)
			return wrong;
		with_credentials += has_credentials;
	}
	if (with_credentials != 0 && with_credentials != url->n_brokers)
		return "gives user and password for some brokers but not for all";
	return NULL;
}

nova_transport_url *nova_transport_url_parse(const char *text, GError **error)
{
	g_autoptr(nova_transport_url) url = g_new0(nova_transport_url, 1);
	const char *wrong = text && *text ? parse(text, url) : "is empty";

	if (wrong) {
		nova_fail(error, NOVA_FAULT_CONFIG,
			  "[DEFAULT] transport_url %s; expected rabbit://user:password@host:port/virtual_host", wrong);
		return NULL;
	}
	return g_steal_pointer(&url);
}
