/* SPDX-License-Identifier: Apache-2.0 */
#include "db/hosts.h"
#include "db/services.h"
#include "manage/command.h"
#include "manage/resource.h"

#include <stdio.h>

bool nova_cmd_service_list(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *host = NULL;
	g_autofree char *binary = NULL;
	const GOptionEntry entries[] = {
		{ "host", 0, 0, G_OPTION_ARG_STRING, &host, "Only services of this host", "HOST" },
		{ "service", 0, 0, G_OPTION_ARG_STRING, &binary,
		  "Only this service, e.g. nova-compute", "BINARY" },
		{ 0 },
	};
	g_autoptr(GPtrArray) services = NULL;

	if (!nova_command_parse(manage, entries, 0, 0, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_services_list(db, host, binary, (int)manage->conf->service_down_time,
				       &services, error))
		return false;
	g_autofree char *text = nova_service_text(services);

	fputs(text, stdout);
	return true;
}

/* HOST as a positional argument or after --host; the older spelling has both. */
static bool host_argument(nova_manage *manage, char **reason, int *argc, char ***argv,
			  char **ret_host, GError **error)
{
	g_autofree char *option = NULL;
	g_autofree char *service = NULL;
	const GOptionEntry entries[] = {
		{ "host", 0, 0, G_OPTION_ARG_STRING, &option, "The host, in place of the argument",
		  "HOST" },
		{ "service", 0, reason ? 0 : G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &service,
		  "nova-compute", "BINARY" },
		{ reason ? "reason" : NULL, 0, 0, G_OPTION_ARG_STRING, reason,
		  "Why, for others to read", "TEXT" },
		{ 0 },
	};

	if (!nova_command_parse(manage, entries, 0, 1, argc, argv, error))
		return false;
	if (!option == (*argc < 2))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "name one host: nova-lite-manage %s %s HOST", manage->group,
				 manage->name);
	*ret_host = option ? g_steal_pointer(&option) : g_strdup((*argv)[1]);
	return true;
}

bool nova_cmd_service_describe_resource(nova_manage *manage, int argc, char **argv, GError **error)
{
	g_autofree char *name = NULL;
	g_autoptr(GPtrArray) projects = NULL;

	if (!host_argument(manage, NULL, &argc, &argv, &name, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db)
		return false;
	g_autoptr(nova_host) host = nova_hosts_find(db, name, error);

	if (!host)
		return error && *error ? false
				       : nova_fail(error, NOVA_FAULT_BAD_REQUEST,
						   "Compute host %s could not be found. "
						   "nova-lite-manage service list shows the hosts",
						   name);
	if (!nova_hosts_usage(db, host->id, &projects, error))
		return false;
	g_autofree char *text = nova_resource_text(host, projects);

	fputs(text, stdout);
	return true;
}

static bool set_disabled(nova_manage *manage, int argc, char **argv, bool disabled, GError **error)
{
	g_autofree char *name = NULL;
	g_autofree char *reason = NULL;

	if (!host_argument(manage, &reason, &argc, &argv, &name, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_hosts_set_disabled(db, name, disabled, disabled ? reason : NULL, error))
		return false;
	printf("Service nova-compute on host %s %s.\n", name, disabled ? "disabled" : "enabled");
	return true;
}

bool nova_cmd_service_enable(nova_manage *manage, int argc, char **argv, GError **error)
{
	return set_disabled(manage, argc, argv, false, error);
}

bool nova_cmd_service_disable(nova_manage *manage, int argc, char **argv, GError **error)
{
	return set_disabled(manage, argc, argv, true, error);
}

bool nova_cmd_service_rename(nova_manage *manage, int argc, char **argv, GError **error)
{
	const GOptionEntry entries[] = { { 0 } };

	if (!nova_command_parse(manage, entries, 2, 2, &argc, &argv, error))
		return false;
	g_autoptr(nova_db) db = nova_db_open(manage->conf, "nova-lite-manage", 1, error);

	if (!db || !nova_hosts_rename(db, argv[1], argv[2], error))
		return false;
	printf("Compute host %s is now %s. Set [DEFAULT] host = %s there before you start nova-lite-compute.\n",
	       argv[1], argv[2], argv[2]);
	return true;
}
