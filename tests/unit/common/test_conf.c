/* SPDX-License-Identifier: Apache-2.0 */
#include "common/conf.h"

#include "unit.h"

static nova_conf *parse(const char *text, GError **error)
{
	return nova_conf_parse(text, "test.conf", NULL, error);
}

/* ---- the table itself ---- */

static void test_every_default_is_valid(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_conf) conf = parse("", &error);

	(void)state;
	assert_ok(conf, error);
}

static void test_rows_are_sound(void **state)
{
	(void)state;
	for (size_t i = 0; i < nova_n_options; i++) {
		const nova_opt *o = &nova_options[i];

		print_message("  [%s] %s\n", o->group, o->key);
		assert_true(strlen(o->doc) > 20);
		/* A sentence, or the first of its choices. */
		assert_true(g_ascii_isupper(o->doc[0]) || (o->names && strchr(o->doc, ':')));
		assert_int_equal(o->doc[strlen(o->doc) - 1], '.');
		assert_null(strpbrk(o->key, " -"));
		if (o->type == NOVA_OPT_INT) {
			assert_true(o->min < o->max);
			assert_non_null(o->unit);
		}
		if (o->type == NOVA_OPT_FLOAT)
			assert_true(o->float_min < o->float_max);
		for (size_t k = 0; k < i; k++) {
			assert_true(strcmp(o->group, nova_options[k].group) || strcmp(o->key, nova_options[k].key));
			assert_int_not_equal(o->offset, nova_options[k].offset);
		}
		for (size_t a = 0; a < nova_n_option_aliases; a++)
			assert_true(strcmp(o->group, nova_option_aliases[a].group) ||
				    strcmp(o->key, nova_option_aliases[a].key));
	}
}

/* Nova's names and the values a user of Nova expects, or the ones this project chose, written by hand. */
static void test_defaults(void **state)
{
	g_autoptr(nova_conf) c = parse("[DEFAULT]\nhost=H\nmy_ip=192.0.2.1\n", NULL);

	(void)state;
	assert_string_equal(c->host, "H");
	assert_string_equal(c->instances_path, "/var/lib/nova-lite/instances");
	assert_string_equal(c->control_exchange, "nova");
	assert_int_equal(c->rpc_response_timeout, 60);
	assert_int_equal(c->report_interval, 10);
	assert_int_equal(c->service_down_time, 30);
	assert_int_equal(c->reserved_host_memory_mb, 512);
	assert_int_equal(c->reserved_host_disk_mb, 0);
	assert_true(c->cpu_allocation_ratio == 4.0 && c->ram_allocation_ratio == 1.0);
	assert_int_equal(c->max_concurrent_live_migrations, 1);
	assert_int_equal(c->live_migration_retry_count, 30);
	assert_false(c->resume_guests_state_on_host_boot);
	assert_int_equal(c->osapi_compute_listen_port, 8774);
	assert_int_equal(c->api_max_limit, 1000);
	assert_int_equal(c->api_max_request_body_size, 114688);
	assert_string_equal(c->api_max_microversion, "2.87");
	assert_int_equal(c->libvirt_virt_type, NOVA_VIRT_KVM);
	assert_string_equal(c->libvirt_connection_uri, "qemu:///system");
	assert_string_equal(c->live_migration_uri, "qemu+tcp://%s/system");
	assert_int_equal(g_strv_length(c->live_migration_flag), 3);
	assert_string_equal(c->live_migration_flag[2], "VIR_MIGRATE_LIVE");
	assert_int_equal(c->live_migration_bandwidth, 0);
	assert_int_equal(c->live_migration_downtime, 500);
	assert_int_equal(c->live_migration_downtime_steps, 10);
	assert_int_equal(c->live_migration_downtime_delay, 75);
	assert_int_equal(c->live_migration_completion_timeout, 800);
	assert_int_equal(c->live_migration_timeout_action, NOVA_TIMEOUT_ABORT);
	assert_true(c->live_migration_strict_switchover);
	assert_int_equal(c->rabbit_heartbeat_timeout_threshold, 60);
	assert_int_equal(c->rabbit_qos_prefetch_count, 64);
	assert_int_equal(c->scheduler_max_attempts, 3);
}

/* ---- values ---- */

#define TIMEOUT "[DEFAULT]\nrpc_response_timeout = "

static const struct {
	const char *label, *text;
	int64_t want; /* rpc_response_timeout; -1: refused */
} int_cases[] = {
	{ "default", "", 60 },
	{ "plain", TIMEOUT "5\n", 5 },
	{ "quoted", TIMEOUT "\"5\"\n", 5 },
	{ "plus", TIMEOUT "+5\n", 5 },
	{ "leading zero is not octal", TIMEOUT "010\n", 10 },
	{ "lowest", TIMEOUT "1\n", 1 },
	{ "highest", TIMEOUT "3600\n", 3600 },
	{ "last one wins", TIMEOUT "5\n" TIMEOUT "6\n", 6 },
	{ "group in another case", "[default]\nrpc_response_timeout = 5\n", 5 },
	{ "substituted", TIMEOUT "$report_interval\n", 10 },
	{ "below the range", TIMEOUT "0\n", -1 },
	{ "negative", TIMEOUT "-5\n", -1 },
	{ "above the range", TIMEOUT "3601\n", -1 },
	{ "beyond 64 bits", TIMEOUT "99999999999999999999\n", -1 },
	{ "junk behind", TIMEOUT "5s\n", -1 },
	{ "hexadecimal", TIMEOUT "0x10\n", -1 },
	{ "fraction", TIMEOUT "5.0\n", -1 },
	{ "empty", TIMEOUT "\n", -1 },
	{ "sign alone", TIMEOUT "-\n", -1 },
	{ "blank inside", TIMEOUT "1 0\n", -1 },
	{ "key in another case", "[DEFAULT]\nRPC_response_timeout = 5\n", -1 },
	{ "key with hyphens", "[DEFAULT]\nrpc-response-timeout = 5\n", -1 },
};

static void test_integers(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(int_cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_conf) conf = parse(int_cases[i].text, &error);

		print_message("  %s\n", int_cases[i].label);
		if (int_cases[i].want < 0) {
			assert_null(conf);
			assert_fault(error, NOVA_FAULT_CONFIG);
		} else {
			assert_ok(conf, error);
			assert_int_equal(conf->rpc_response_timeout, int_cases[i].want);
		}
	}
}

static const struct {
	const char *value;
	int want; /* -1: refused */
} bool_cases[] = {
	{ "true", 1 }, { "True", 1 }, { "1", 1 }, { "on", 1 }, { "YES", 1 },
	{ "false", 0 }, { "FALSE", 0 }, { "0", 0 }, { "Off", 0 }, { "no", 0 },
	{ "t", -1 }, { "y", -1 }, { "enabled", -1 }, { "2", -1 }, { "", -1 },
};

static void test_booleans(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(bool_cases); i++) {
		g_autofree char *text = g_strdup_printf("[DEFAULT]\ndebug = %s\n", bool_cases[i].value);
		g_autoptr(nova_conf) conf = parse(text, NULL);

		assert_int_equal(conf ? conf->debug : -1, bool_cases[i].want);
	}
}

static const struct {
	const char *value;
	double want; /* 0: refused */
} float_cases[] = {
	{ "4", 4 }, { "1.5", 1.5 }, { ".5", 0.5 }, { "1e1", 10 }, { "0.01", 0.01 }, { "0", 0 },
	{ "-1", 0 }, { "1,5", 0 }, { "nan", 0 }, { "inf", 0 }, { "1e400", 0 }, { "0x1p3", 0 }, { "", 0 }, { "1.5x", 0 },
};

static void test_floats(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(float_cases); i++) {
		g_autofree char *text = g_strdup_printf("[DEFAULT]\ncpu_allocation_ratio = %s\n", float_cases[i].value);
		g_autoptr(nova_conf) conf = parse(text, NULL);

		assert_true((conf ? conf->cpu_allocation_ratio : 0) == float_cases[i].want);
	}
}

static const struct {
	const char *text, *want; /* items joined with | */
} list_cases[] = {
	{ "A, B ,C", "A|B|C" }, { "A,\n B,\n C", "A|B|C" }, { "A\n B", "A|B" }, { "", "" }, { "A,,B,", "A|B" },
	{ "\"A, B\"", "A|B" }, { "$live_migration_scheme, x", "tcp|x" }, { "one two", "one two" },
};

static void test_lists(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(list_cases); i++) {
		g_autofree char *text = g_strdup_printf("[libvirt]\nlive_migration_flag = %s\n", list_cases[i].text);
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_conf) conf = parse(text, &error);
		g_autofree char *got = NULL;

		assert_ok(conf, error);
		got = g_strjoinv("|", conf->live_migration_flag);
		assert_string_equal(got, list_cases[i].want);
	}
}

/* ---- substitution ---- */

static const struct {
	const char *label, *text, *want; /* instances_path; NULL: refused */
} substitution_cases[] = {
	{ "default refers", "[DEFAULT]\nstate_path=/x\n", "/x/instances" },
	{ "braces", "[DEFAULT]\nstate_path=/x\ninstances_path=${state_path}y\n", "/xy" },
	{ "slash ends it", "[DEFAULT]\ninstances_path=$state_path/a\n", "/var/lib/nova-lite/a" },
	{ "full stop ends it", "[DEFAULT]\ninstances_path=$state_path.\n", "/var/lib/nova-lite." },
	{ "another group", "[DEFAULT]\ninstances_path=/$libvirt.virt_type/x\n", "/kvm/x" },
	{ "another group in braces", "[DEFAULT]\ninstances_path=/${libvirt.virt_type}x\n", "/kvmx" },
	{ "two dollars", "[DEFAULT]\ninstances_path=/a$$b\n", "/a$b" },
	{ "two dollars and a word", "[DEFAULT]\ninstances_path=/a$$state_path\n", "/a$state_path" },
	{ "backslash", "[DEFAULT]\ninstances_path=/a\\$b\n", "/a$b" },
	{ "lone dollars", "[DEFAULT]\ninstances_path=/a$ b$\n", "/a$ b$" },
	{ "digit", "[DEFAULT]\ninstances_path=/a$1\n", "/a$1" },
	{ "unclosed brace", "[DEFAULT]\ninstances_path=/a${state_path\n", "/a${state_path" },
	{ "through two", "[DEFAULT]\nstate_path=/$host\nhost=h\n", "/h/instances" },
	{ "unknown", "[DEFAULT]\ninstances_path=$nope/y\n", NULL },
	{ "wrong case", "[DEFAULT]\ninstances_path=$STATE_PATH\n", NULL },
	{ "unknown group", "[DEFAULT]\ninstances_path=$nope.state_path\n", NULL },
	{ "itself", "[DEFAULT]\ninstances_path=$instances_path\n", NULL },
	{ "each other", "[DEFAULT]\nstate_path=$instances_path\ninstances_path=$state_path\n", NULL },
	{ "secret", "[DEFAULT]\ninstances_path=/$transport_url\n", NULL },
};

static void test_substitution(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(substitution_cases); i++) {
		g_autoptr(GError) error = NULL;
		g_autoptr(nova_conf) conf = parse(substitution_cases[i].text, &error);

		print_message("  %s\n", substitution_cases[i].label);
		if (substitution_cases[i].want) {
			assert_ok(conf, error);
			assert_string_equal(conf->instances_path, substitution_cases[i].want);
		} else {
			assert_null(conf);
			assert_fault(error, NOVA_FAULT_CONFIG);
		}
	}
}

static void test_group_comes_before_default(void **state)
{
	g_autoptr(nova_conf) conf = parse("[libvirt]\nlive_migration_scheme = ssh\n", NULL);

	(void)state;
	assert_string_equal(conf->live_migration_uri, "qemu+ssh://%s/system");
}

/* ---- what users get told ---- */

static const struct {
	const char *text, *want;
} error_cases[] = {
	{ "[libvirt]\nlive_migration_bandwith = 3\n",
	  "test.conf:2: unknown option 'live_migration_bandwith' in [libvirt], did you mean "
	  "'live_migration_bandwidth'?" },
	{ "[libvrt]\nx = 3\n", "test.conf:2: unknown group [libvrt], did you mean [libvirt]?" },
	{ "[DEFAULT]\nvirt_type = kvm\n", "test.conf:2: no option 'virt_type' in [DEFAULT]: it belongs to [libvirt]" },
	{ "[DEFAULT]\nfoobarbaz = 1\n", "test.conf:2: unknown option 'foobarbaz' in [DEFAULT]" },
	{ "\n[DEFAULT]\nreport_interval = 0\n",
	  "test.conf:3: [DEFAULT] report_interval: 0 is out of range: 1 to 3600 seconds" },
	{ "[libvirt]\nvirt_type = xen\n", "test.conf:2: [libvirt] virt_type: 'xen' is not one of: qemu or kvm" },
	{ "[DEFAULT]\nstate_path = $foo\n",
	  "test.conf:2: [DEFAULT] state_path: $foo names no option; write $$ for a dollar sign" },
	{ "[DEFAULT]\nstate_path = here\n", "test.conf:2: [DEFAULT] state_path: 'here' is not an absolute path" },
	{ "[DEFAULT]\nhost = a b\n", "test.conf:2: [DEFAULT] host: 'a b' is neither a host name nor an address" },
	{ "[DEFAULT]\nhost = a\n b\n",
	  "test.conf:2: [DEFAULT] host: a value of several lines, or with control characters" },
	{ "[DEFAULT]\ndebug = maybe\n", "test.conf:2: [DEFAULT] debug: 'maybe' is neither true nor false" },
	{ "oops\n", "test.conf:1: neither a group, a comment nor 'key = value'" },
};

static void test_error_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(error_cases); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(parse(error_cases[i].text, &error));
		assert_fault(error, NOVA_FAULT_CONFIG);
		assert_string_equal(error->message, error_cases[i].want);
	}
}

static void test_all_problems_are_named_at_once(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(GString) many = g_string_new("[DEFAULT]\n");
	g_auto(GStrv) lines = NULL;

	(void)state;
	for (int i = 0; i < 50; i++)
		g_string_append_printf(many, "nonsense_%d = 1\n", i);
	assert_null(parse(many->str, &error));
	lines = g_strsplit(error->message, "\n", -1);
	assert_int_equal(g_strv_length(lines), 21);
	assert_string_equal(lines[20], "(and 30 more)");
}

static void test_secrets_stay_secret(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_conf) conf = parse("[DEFAULT]\ntransport_url = rabbit://u:pa$sword@h/\n", &error);
	g_autofree char *shown = NULL;

	(void)state;
	assert_null(conf);
	assert_null(strstr(error->message, "sword"));
	conf = parse("[DEFAULT]\ntransport_url = rabbit://u:pa$$sword@h/\n", NULL);
	assert_string_equal(conf->transport_url, "rabbit://u:pa$sword@h/");
	for (size_t i = 0; i < nova_n_options; i++)
		if (strcmp(nova_options[i].key, "transport_url") == 0)
			shown = nova_conf_show(conf, &nova_options[i]);
	assert_string_equal(shown, "****");
}

static void test_old_spellings_work_with_a_warning(void **state)
{
	g_auto(GStrv) warnings = NULL;
	g_autoptr(nova_conf) conf = nova_conf_parse("[DEFAULT]\nlive_migration_bandwidth = 7\n", "f", &warnings, NULL);

	(void)state;
	assert_int_equal(conf->live_migration_bandwidth, 7);
	assert_int_equal(g_strv_length(warnings), 1);
	assert_string_equal(warnings[0], "f:2: [DEFAULT] live_migration_bandwidth is an old spelling of [libvirt] "
					 "live_migration_bandwidth, using it all the same");
}

static void test_current_spelling_wins_in_either_order(void **state)
{
	g_autoptr(nova_conf) old_last = parse("[libvirt]\nlive_migration_bandwidth = 5\n"
					      "[DEFAULT]\nlive_migration_bandwidth = 7\n", NULL);
	g_autoptr(nova_conf) old_first = parse("[DEFAULT]\nlive_migration_bandwidth = 7\n"
					       "[libvirt]\nlive_migration_bandwidth = 5\n", NULL);

	(void)state;
	assert_int_equal(old_last->live_migration_bandwidth, 5);
	assert_int_equal(old_first->live_migration_bandwidth, 5);
}

static void test_unset_host_and_address_are_found_out(void **state)
{
	g_autoptr(nova_conf) conf = parse("", NULL);

	(void)state;
	assert_true(conf->host[0] != '\0');
	assert_true(g_hostname_is_ip_address(conf->my_ip));
}

/* ---- options that contradict each other ---- */

static const struct {
	const char *text, *part; /* of the message */
} check_cases[] = {
	{ "[DEFAULT]\nreport_interval = 16\n",
	  "service_down_time (30 s) must be at least twice report_interval (16 s)" },
	{ "[DEFAULT]\noperation_active_poll_interval = 31\n", "must not be above operation_poll_interval" },
	{ "[database]\nconnection = mysql+pymysql://nova@h/nova\n", "[database] connection must be a PostgreSQL URI" },
	{ "[database]\nconnection =\n", "[database] connection must be a PostgreSQL URI" },
	{ "[DEFAULT]\ntransport_url = kafka://h/\n", "transport_url must begin with rabbit://" },
	{ "[DEFAULT]\ncontrol_exchange =\n", "control_exchange must not be empty" },
	{ "[DEFAULT]\ninstances_path =\n", "must not be empty" },
	{ "[image_cache]\nsubdirectory_name = ../x\n", "is not a plain directory name" },
	{ "[image_cache]\nsubdirectory_name = ..\n", "is not a plain directory name" },
	{ "[libvirt]\nlive_migration_uri = qemu+tcp://host/system\n", "must contain %s once" },
	{ "[libvirt]\nlive_migration_uri = qemu+tcp://%s/%s\n", "must contain %s once" },
	{ "[libvirt]\nlive_migration_uri = qemu+tcp://%d/system\n", "must contain %s once" },
	{ "[libvirt]\nlive_migration_uri = %s\n", "is not a libvirt URI" },
	{ "[libvirt]\ncpu_mode = custom\n", "needs cpu_models" },
	{ "[libvirt]\ncpu_models = Nehalem\n", "only with cpu_mode = custom" },
	{ "[libvirt]\nmachine_type =\n", "machine_type must not be empty" },
	{ "[api]\nmax_microversion = 3\n", "is not of the form 2.N" },
	{ "[api]\nmax_microversion = 2.8x\n", "is not of the form 2.N" },
	{ "[filter_scheduler]\nenabled_filters =\n", "enabled_filters must not be empty" },
	{ "[glance]\napi_servers =\n", "must name at least one server" },
};

static void test_contradictions(void **state)
{
	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(check_cases); i++) {
		g_autoptr(GError) error = NULL;

		print_message("  %s\n", check_cases[i].part);
		assert_null(parse(check_cases[i].text, &error));
		assert_contains(error->message, check_cases[i].part);
	}
}

static void test_keyword_connections_are_fine(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autoptr(nova_conf) conf = parse("[database]\nconnection = host=/tmp dbname=nova\n"
					  "[libvirt]\ncpu_mode = custom\ncpu_models = Nehalem, Haswell\n", &error);

	(void)state;
	assert_ok(conf, error);
	assert_string_equal(conf->database_connection, "host=/tmp dbname=nova");
	assert_string_equal(conf->libvirt_cpu_models[1], "Haswell");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_default_is_valid),
		cmocka_unit_test(test_rows_are_sound),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_integers),
		cmocka_unit_test(test_booleans),
		cmocka_unit_test(test_floats),
		cmocka_unit_test(test_lists),
		cmocka_unit_test(test_substitution),
		cmocka_unit_test(test_group_comes_before_default),
		cmocka_unit_test(test_error_texts),
		cmocka_unit_test(test_all_problems_are_named_at_once),
		cmocka_unit_test(test_secrets_stay_secret),
		cmocka_unit_test(test_old_spellings_work_with_a_warning),
		cmocka_unit_test(test_current_spelling_wins_in_either_order),
		cmocka_unit_test(test_unset_host_and_address_are_found_out),
		cmocka_unit_test(test_contradictions),
		cmocka_unit_test(test_keyword_connections_are_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
