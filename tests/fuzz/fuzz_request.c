/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzing: a request to the compute API, as text:
 *
 *	POST /v2.1/servers?name=x
 *	OpenStack-API-Version: compute 2.87
 *
 *	{"server": ...}
 *
 * It takes the way of every request, without sockets: microversion, route, body, query, schema, handler.  There is a
 * database handle, but no database, so a handler ends with 503 where it asks for the first row. */
#include "api/serve.h"
#include "common/json.h"
#include "fuzz.h"

#include <string.h>

#define CONF                                                                      \
	"[DEFAULT]\nhost = HostA\nmy_ip = 192.0.2.1\n"                            \
	"[database]\nconnection = host=/nonexistent dbname=nova connect_timeout=2\n"

static nova_api api;
static nova_conf *conf;

static nova_conf *get_conf(void *user)
{
	(void)user;
	return nova_conf_ref(conf);
}

static void free_pair(void *pair)
{
	nova_http_pair_free(pair);
}

static void set_up(void)
{
	g_autoptr(GError) error = NULL;

	nova_log_set_level(NOVA_LOG_ERROR);
	conf = nova_conf_parse(CONF, "fuzz.conf", NULL, &error);
	fuzz_expect(conf);
	conf->database_connect_timeout = 0; /* one try, and no pause after it */
	api.conf = get_conf;
	api.host_name = (char *)"box";
	api.db = nova_db_open(conf, "fuzz", 1, &error);
	fuzz_expect(api.db);
}

/* Takes a line off the text, without its end; NULL: there is none. */
static char *take_line(char **text)
{
	char *line = *text, *end = strchr(line, '\n');

	if (!end)
		return NULL;
	*end = '\0';
	if (end > line && end[-1] == '\r')
		end[-1] = '\0';
	*text = end + 1;
	return line;
}

static void take_query(nova_http_request *request, char *query)
{
	g_auto(GStrv) parameters = g_strsplit(query, "&", 200);

	for (char **p = parameters; *p; p++) {
		char *value = strchr(*p, '=');

		if (value)
			*value++ = '\0';
		g_autofree char *plain_name = nova_http_unescape(*p);
		g_autofree char *plain_value = nova_http_unescape(value ? value : "");

		if (plain_name && plain_value)
			g_ptr_array_add(request->query, nova_http_pair_new(plain_name, plain_value));
		else
			request->bad_query = true;
	}
}

static bool take_request_line(nova_http_request *request, char **text)
{
	char *line = take_line(text);
	char *path = line ? strchr(line, ' ') : NULL;
	char *query;

	if (!path || path[1] != '/')
		return false;
	*path++ = '\0';
	query = strchr(path, '?');
	if (query) {
		*query++ = '\0';
		take_query(request, query);
	}
	request->method = line;
	request->path = path;
	return true;
}

static void take_headers(nova_http_request *request, char **text)
{
	char *line;

	while ((line = take_line(text)) && *line) {
		char *value = strstr(line, ": ");

		if (!value)
			continue;
		*value = '\0';
		g_ptr_array_add(request->headers, nova_http_pair_new(line, value + 2));
	}
	g_ptr_array_add(request->headers, nova_http_pair_new("Host", "localhost:8774"));
	g_ptr_array_add(request->headers, nova_http_pair_new("X-Auth-Token", "any"));
}

/* Whatever came, the answer is one of HTTP's, and what is called JSON is JSON. */
static void check_reply(const nova_http_reply *reply)
{
	fuzz_expect(reply->status >= 200 && reply->status < 600 && reply->status != 500);
	for (unsigned i = 0; i < reply->headers->len; i++) {
		const nova_http_pair *pair = reply->headers->pdata[i];

		fuzz_expect(!strpbrk(pair->name, "\r\n") && !strpbrk(pair->value, "\r\n"));
		if (strcmp(pair->name, "Content-Type") == 0 && strncmp(pair->value, "application/json", 16) == 0) {
			json_object *value = nova_json_parse(reply->body, reply->body_size, 64, NULL);

			fuzz_expect(value);
			json_object_put(value);
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	nova_http_request request = { .peer = "127.0.0.1", .local = "127.0.0.1" };
	nova_http_reply reply = { .fd = -1 };
	g_autofree char *copy = g_malloc(size + 1);
	char *text = copy;

	if (!conf)
		set_up();
	memcpy(copy, data, size);
	copy[size] = '\0';
	request.headers = g_ptr_array_new_with_free_func(free_pair);
	request.query = g_ptr_array_new_with_free_func(free_pair);
	reply.headers = g_ptr_array_new_with_free_func(free_pair);
	if (take_request_line(&request, &text)) {
		take_headers(&request, &text);
		request.body = text;
		request.body_size = (size_t)(copy + size - text);
		nova_serve(&api, &request, &reply);
		check_reply(&reply);
	}
	g_ptr_array_unref(request.headers);
	g_ptr_array_unref(request.query);
	g_ptr_array_unref(reply.headers);
	g_free(reply.body);
	return 0;
}
