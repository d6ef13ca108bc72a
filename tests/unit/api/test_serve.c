/* SPDX-License-Identifier: Apache-2.0
 *
 * The way of a request, without sockets and without a database: everything here is answered before one is asked.
 */
#include "api/serve.h"

#include "api/auth.h"
#include "api/paging.h"
#include "common/json.h"

#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#define CONF \
	"[DEFAULT]\nhost = HostA\nmy_ip = 192.0.2.1\n[api]\nauth_none_allowed_addresses = 127.0.0.0/8, 192.0.2.0/24, " \
	"2001:db8::/33\n"

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

/* One exchange; `headers' is "Name: value\nName: value". */
typedef struct talk {
	nova_http_request request;
	nova_http_reply reply;
	json_object *json; /* of the answer */
} talk;

static void talk_done(talk *t)
{
	g_ptr_array_unref(t->request.headers);
	g_ptr_array_unref(t->request.query);
	g_ptr_array_unref(t->reply.headers);
	g_free(t->reply.body);
	json_object_put(t->json);
}
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(talk, talk_done)

static void add_headers(GPtrArray *list, const char *text)
{
	g_auto(GStrv) lines = g_strsplit(text, "\n", 0);

	for (char **line = lines; *line; line++) {
		char *colon = strstr(*line, ": ");

		if (!colon)
			continue;
		*colon = '\0';
		g_ptr_array_add(list, nova_http_pair_new(*line, colon + 2));
	}
}

static void ask(talk *t, const char *method, const char *path, const char *headers, const char *body)
{
	nova_api api = { .conf = get_conf, .host_name = (char *)"box" };

	memset(t, 0, sizeof *t);
	t->request.method = method;
	t->request.path = path;
	t->request.headers = g_ptr_array_new_with_free_func(free_pair);
	t->request.query = g_ptr_array_new_with_free_func(free_pair);
	t->request.body = body ? body : "";
	t->request.body_size = strlen(t->request.body);
	t->reply.headers = g_ptr_array_new_with_free_func(free_pair);
	t->reply.fd = -1;
	g_strlcpy(t->request.peer, "127.0.0.1", sizeof t->request.peer);
	g_strlcpy(t->request.local, "127.0.0.1", sizeof t->request.local);
	add_headers(t->request.headers, headers);
	nova_serve(&api, &t->request, &t->reply);
	if (t->reply.body)
		t->json = nova_json_parse(t->reply.body, t->reply.body_size, 16, NULL);
}

/* The n-th header of that name, or NULL. */
static const char *header(const talk *t, const char *name, unsigned n)
{
	for (unsigned i = 0; i < t->reply.headers->len; i++) {
		const nova_http_pair *pair = t->reply.headers->pdata[i];

		if (strcmp(pair->name, name) == 0 && n-- == 0)
			return pair->value;
	}
	return NULL;
}

#define KNOWN "Host: HostA:8774\n"
#define TOKEN KNOWN "X-Auth-Token: notused\n"
#define JSON TOKEN "Content-Type: application/json\n"

static const struct {
	const char *label, *method, *path, *headers, *body;
	unsigned status;
	const char *text; /* NULL: the answer is not a fault */
	bool echo;	  /* two version headers, two Vary */
} cases[] = {
	{ "root", "GET", "/", KNOWN, NULL, 200, NULL, false },
	{ "version", "GET", "/v2.1", KNOWN, NULL, 200, NULL, true },
	{ "version with slash", "GET", "/v2.1/", KNOWN, NULL, 200, NULL, true },
	{ "choices", "GET", "/some/where", KNOWN, NULL, 300, NULL, false },
	{ "choices for v2", "GET", "/v2/servers", KNOWN, NULL, 300, NULL, false },
	{ "image versions", "GET", "/image", KNOWN, NULL, 300, NULL, false },
	{ "a path that is no text", "GET", "/v2.1\xe2", KNOWN, NULL, 400, "Malformed request URL: it is no valid UTF-8",
	  false },
	{ "not GET, outside of every API", "POST", "/", TOKEN, NULL, 404, "The resource could not be found.", false },
	{ "not GET, elsewhere", "DELETE", "/some/where", TOKEN, NULL, 404, "The resource could not be found.", false },
	{ "no host", "GET", "/", "", NULL, 403,
	  "This API is not known under the name ''. Add it to [api] allowed_hosts if it should be.", false },
	{ "host of somebody else", "GET", "/v2.1/servers", "Host: evil.example\nX-Auth-Token: x", NULL, 403,
	  "This API is not known under the name 'evil.example'. Add it to [api] allowed_hosts if it should be.",
	  false },
	{ "unknown path", "GET", "/v2.1/nonesuch", TOKEN, NULL, 404, "The resource could not be found.", true },
	{ "wrong method", "PUT", "/v2.1/servers", JSON, "{}", 404, "The resource could not be found.", true },
	{ "removed", "GET", "/v2.1/os-hosts", TOKEN "OpenStack-API-Version: compute 2.43", NULL, 404,
	  "The resource could not be found.", true },
	{ "not yet there", "GET", "/v2.1/servers/x/migrations", TOKEN, NULL, 404, "The resource could not be found.",
	  true },
	{ "too high", "GET", "/v2.1/servers", TOKEN "OpenStack-API-Version: compute 2.999", NULL, 406,
	  "Version 2.999 is not supported by the API. Minimum is 2.1 and maximum is 2.87.", true },
	{ "garbage version", "GET", "/v2.1/servers", TOKEN "OpenStack-API-Version: compute abc", NULL, 400,
	  "API Version String abc is of invalid format. Must be of format MajorNum.MinorNum.", false },
	{ "another project", "GET", "/v2.1/abc123/servers", TOKEN, NULL, 400,
	  "Malformed request URL: URL's project_id 'abc123' doesn't match Context's project_id 'default'", true },
	{ "no project id", "GET", "/v2.1/xyz/servers", TOKEN, NULL, 404, "The resource could not be found.", true },
	{ "content type", "POST", "/v2.1/servers", TOKEN "Content-Type: text/plain", "{}", 415,
	  "Unsupported Content-Type", true },
	{ "content type of ours", "POST", "/v2.1/servers",
	  TOKEN "Content-Type: application/vnd.openstack.compute+json; charset=utf-8", "{}", 400,
	  "'server' is a required property", true },
	{ "no JSON", "POST", "/v2.1/servers", JSON, "{\"server\":", 400, "Malformed request body", true },
	{ "two JSONs", "POST", "/v2.1/servers", JSON, "{}{}", 400, "Malformed request body", true },
	{ "nested deep", "POST", "/v2.1/servers", JSON,
	  "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", 400,
	  "Malformed request body", true },
	{ "no body", "POST", "/v2.1/servers", JSON, NULL, 400, "None is not of type 'object'", true },
	{ "null", "POST", "/v2.1/servers", JSON, "null", 400, "Malformed request body", true },
	{ "action without body", "POST", "/v2.1/servers/x/action", JSON, NULL, 400, "Malformed request body", true },
	{ "empty action", "POST", "/v2.1/servers/x/action", JSON, "{}", 400, "Malformed request body", true },
	{ "two actions", "POST", "/v2.1/servers/x/action", JSON, "{\"os-start\": null, \"os-stop\": null}", 400,
	  "Malformed request body", true },
	{ "unknown action", "POST", "/v2.1/servers/x/action", JSON, "{\"os-nope\": null}", 400,
	  "There is no such action: os-nope", true },
	{ "schema before server", "POST", "/v2.1/servers/x/action", JSON, "{\"reboot\": {}}", 400,
	  "Invalid input for field/attribute reboot. Value: {}. 'type' is a required property", true },
	{ "project in the path", "POST", "/v2.1/default/servers", JSON, "{}", 400, "'server' is a required property",
	  true },
	{ "image path", "GET", "/image/v3/images", TOKEN, NULL, 404, "The resource could not be found.", false },
	{ "extensions", "GET", "/v2.1/extensions", TOKEN, NULL, 200, NULL, true },
	{ "one extension", "GET", "/v2.1/extensions/os-hosts", TOKEN, NULL, 200, NULL, true },
	{ "own name", "GET", "/v2.1/extensions", "Host: box\nX-Auth-Token: x", NULL, 200, NULL, true },
	{ "address it came to", "GET", "/v2.1/extensions", "Host: 127.0.0.1:8774\nX-Auth-Token: x", NULL, 200,
	  NULL, true },
};

static const char *fault_name(unsigned status)
{
	return status == 400 ? "badRequest" : status == 403 ? "forbidden" : status == 404 ? "itemNotFound" :
	       status == 406 ? "computeFault" : "badMediaType";
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_auto(talk) t;

		print_message("%s\n", cases[i].label);
		ask(&t, cases[i].method, cases[i].path, cases[i].headers, cases[i].body);
		assert_int_equal(t.reply.status, cases[i].status);
		assert_non_null(t.json);
		assert_int_equal(header(&t, "OpenStack-API-Version", 0) != NULL, cases[i].echo);
		assert_int_equal(header(&t, "X-OpenStack-Nova-API-Version", 0) != NULL, cases[i].echo);
		assert_int_equal(header(&t, "Vary", 1) != NULL, cases[i].echo);
		if (cases[i].text) {
			json_object *fault = nova_json_find(t.json, fault_name(cases[i].status));

			assert_string_equal(json_object_get_string(nova_json_find(fault, "message")), cases[i].text);
			assert_int_equal(json_object_get_int(nova_json_find(fault, "code")), cases[i].status);
			assert_string_equal(header(&t, "Content-Type", 0), "application/json; charset=UTF-8");
		}
		if (cases[i].echo) {
			assert_string_equal(header(&t, "Vary", 0), "OpenStack-API-Version");
			assert_string_equal(header(&t, "Vary", 1), "X-OpenStack-Nova-API-Version");
			assert_true(nova_request_id_is_valid(header(&t, "X-Openstack-Request-Id", 0)));
			assert_string_equal(header(&t, "X-Openstack-Request-Id", 0),
					    header(&t, "X-Compute-Request-Id", 0));
		}
	}
}

static void test_missing_token(void **state)
{
	g_auto(talk) t;

	(void)state;
	ask(&t, "GET", "/v2.1/servers", KNOWN, NULL);
	assert_int_equal(t.reply.status, 401);
	assert_string_equal(t.reply.body,
			    "{\"error\":{\"code\":401,\"title\":\"Unauthorized\",\"message\":\"The request you "
			    "have made requires authentication.\"}}");
	assert_non_null(strstr(header(&t, "WWW-Authenticate", 0), "Keystone uri="));
	assert_null(header(&t, "OpenStack-API-Version", 0));
}

static void test_echo_of_refused_version(void **state)
{
	g_auto(talk) t;

	(void)state;
	ask(&t, "GET", "/v2.1/servers", TOKEN "OpenStack-API-Version: compute 2.999", NULL);
	assert_string_equal(header(&t, "OpenStack-API-Version", 0), "compute 2.999");
	assert_string_equal(header(&t, "X-OpenStack-Nova-API-Version", 0), "2.999");
}

static void test_version_documents(void **state)
{
	g_auto(talk) list;
	g_auto(talk) one;
	g_auto(talk) choices;

	(void)state;
	ask(&list, "GET", "/", KNOWN, NULL);
	assert_string_equal(
		list.reply.body,
		"{\"versions\":[{\"id\":\"v2.1\",\"status\":\"CURRENT\",\"version\":\"2.87\",\"min_version\":\"2.1\","
		"\"updated\":\"2013-07-23T11:33:21Z\",\"links\":[{\"rel\":\"self\",\"href\":\"http://HostA:8774/v2.1/"
		"\"}]}]}");
	assert_null(header(&list, "X-Openstack-Request-Id", 0));
	ask(&one, "GET", "/v2.1", KNOWN, NULL);
	assert_string_equal(json_object_get_string(nova_json_find(one.json, "version.links.1.rel")), "describedby");
	assert_string_equal(json_object_get_string(nova_json_find(one.json, "version.media-types.0.base")),
			    "application/json");
	ask(&choices, "GET", "/else", KNOWN, NULL);
	assert_string_equal(json_object_get_string(nova_json_find(choices.json, "choices.0.links.0.href")),
			    "http://HostA:8774/v2.1/else");
}

static void test_oversized(void **state)
{
	nova_api api = { .conf = get_conf };
	g_auto(talk) t;

	(void)state;
	ask(&t, "GET", "/", KNOWN, NULL); /* for its parts */
	t.request.too_large = true;
	nova_serve(&api, &t.request, &t.reply);
	assert_int_equal(t.reply.status, 413);
	assert_non_null(strstr(t.reply.body, "\"overLimit\""));
}

static const struct {
	const char *address;
	bool want;
} addresses[] = {
	{ "127.0.0.1", true },	 { "127.255.0.9", true },    { "192.0.2.200", true }, { "192.0.3.1", false },
	{ "10.0.0.1", false },	 { "2001:db8::1", true },    { "2001:db8:7fff::", true }, { "2001:db8:8000::", false },
	{ "::1", false },	 { "", false },		     { "HostA", false },
};

static void test_allowed_addresses(void **state)
{
	g_autoptr(GError) error = NULL;
	char *wrong[] = { (char *)"10.0.0.0/8", (char *)"10.0.0.0/33", NULL };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
		print_message("%s\n", addresses[i].address);
		assert_int_equal(nova_auth_address_is_in(addresses[i].address, conf->api_auth_none_allowed_addresses),
				 addresses[i].want);
	}
	assert_true(nova_auth_check_networks(conf->api_auth_none_allowed_addresses, NULL));
	assert_false(nova_auth_check_networks(wrong, &error));
	assert_int_equal(nova_error_fault(error), NOVA_FAULT_CONFIG);
}

static void test_who_is_asking(void **state)
{
	static const struct {
		const char *token, *user, *project;
	} tokens[] = {
		{ "notused", "admin", "default" }, { "alice:blue", "alice", "blue" }, { ":", "admin", "default" },
		{ "alice:", "admin", "default" },  { "a:b:c", "a", "b:c" },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(tokens); i++) {
		nova_http_request request = { .peer = "127.0.0.1" };
		g_autoptr(GPtrArray) headers = g_ptr_array_new_with_free_func(free_pair);
		g_autoptr(nova_context) caller = NULL;

		request.headers = headers;
		g_ptr_array_add(headers, nova_http_pair_new("x-auth-token", tokens[i].token));
		assert_int_equal(nova_auth_check(conf, &request, "req-1", &caller, NULL), NOVA_AUTH_OK);
		assert_string_equal(caller->user_id, tokens[i].user);
		assert_string_equal(caller->project_id, tokens[i].project);
		assert_true(caller->is_admin);
	}
}

static void test_strangers_are_refused(void **state)
{
	nova_http_request request = { .peer = "203.0.113.9" };
	g_autoptr(GPtrArray) headers = g_ptr_array_new_with_free_func(free_pair);
	g_autoptr(nova_context) caller = NULL;
	g_autoptr(GError) error = NULL;

	(void)state;
	request.headers = headers;
	g_ptr_array_add(headers, nova_http_pair_new("X-Auth-Token", "x"));
	assert_int_equal(nova_auth_check(conf, &request, "req-1", &caller, &error), NOVA_AUTH_REFUSED);
	assert_int_equal(nova_error_fault(error), NOVA_FAULT_FORBIDDEN);
	assert_non_null(strstr(error->message, "203.0.113.9"));
}

static void test_links_to_the_next_page(void **state)
{
	g_autoptr(GPtrArray) query = g_ptr_array_new_with_free_func(free_pair);
	g_autofree char *only = nova_paging_query(query, "m");
	g_autofree char *text = NULL;

	(void)state;
	assert_string_equal(only, "?marker=m");
	g_ptr_array_add(query, nova_http_pair_new("marker", "old"));
	g_ptr_array_add(query, nova_http_pair_new("limit", "1"));
	g_ptr_array_add(query, nova_http_pair_new("all_tenants", "1"));
	g_ptr_array_add(query, nova_http_pair_new("name", "a b&c"));
	text = nova_paging_query(query, "new");
	assert_string_equal(text, "?all_tenants=1&limit=1&marker=new&name=a%20b%26c");
}

static int read_conf(void **state)
{
	(void)state;
	conf = nova_conf_parse(CONF, "test.conf", NULL, NULL);
	return conf && nova_serve_check_conf(conf, NULL) ? 0 : -1;
}

static int drop_conf(void **state)
{
	(void)state;
	nova_conf_unref(conf);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),		 cmocka_unit_test(test_missing_token),
		cmocka_unit_test(test_echo_of_refused_version), cmocka_unit_test(test_version_documents),
		cmocka_unit_test(test_oversized),	 cmocka_unit_test(test_allowed_addresses),
		cmocka_unit_test(test_who_is_asking),	 cmocka_unit_test(test_strangers_are_refused),
		cmocka_unit_test(test_links_to_the_next_page),
	};

	return cmocka_run_group_tests(tests, read_conf, drop_conf);
}
