/* SPDX-License-Identifier: Apache-2.0
 *
 * Extensions were how the API grew before microversions; the list names what is here.  And resources that
 * clients ask about of which there are none.
 */
#include "api/handlers.h"
#include "api/reply.h"
#include "common/json.h"

#include <string.h>

static const struct {
	const char *alias, *name, *description;
} extensions[] = {
	{ "OS-DCF", "DiskConfig", "Disk Management Extension." },
	{ "OS-EXT-AZ", "ExtendedAvailabilityZone", "Extended Availability Zone support." },
	{ "OS-EXT-IMG-SIZE", "ImageSize", "Adds image size to image listings." },
	{ "OS-EXT-IPS", "ExtendedIps", "Adds type parameter to the ip list." },
	{ "OS-EXT-IPS-MAC", "ExtendedIpsMac", "Adds mac address parameter to the ip list." },
	{ "OS-EXT-SRV-ATTR", "ExtendedServerAttributes", "Extended Server Attributes support." },
	{ "OS-EXT-STS", "ExtendedStatus", "Extended Status support." },
	{ "OS-FLV-DISABLED", "FlavorDisabled", "Support to show the disabled status of a flavor." },
	{ "OS-FLV-EXT-DATA", "FlavorExtraData", "Provide additional data for flavors." },
	{ "OS-SRV-USG", "ServerUsage", "Adds launched_at and terminated_at on Servers." },
	{ "os-admin-actions", "AdminActions", "Enable admin-only server actions." },
	{ "os-availability-zone", "AvailabilityZone", "Availability-zones support." },
	{ "os-console-output", "ConsoleOutput", "Console log output support, with tailing ability." },
	{ "os-flavor-access", "FlavorAccess", "Flavor access support." },
	{ "os-flavor-extra-specs", "FlavorExtraSpecs", "Flavors extra specs support." },
	{ "os-hosts", "Hosts", "Admin-only host administration." },
	{ "os-hypervisors", "Hypervisors", "Admin-only hypervisor administration." },
	{ "os-instance-actions", "InstanceActions", "View a log of actions and events taken on an instance." },
	{ "os-migrate-server", "MigrateServer", "Enable migrate and live-migrate server actions." },
	{ "os-migrations", "Migrations", "Provide data on migrations." },
	{ "os-services", "Services", "Services support." },
	{ "os-used-limits", "UsedLimits", "Provide data on limited resource that are being used." },
	{ "servers", "Servers", "Servers." },
};

static json_object *view(size_t i)
{
	json_object *object = json_object_new_object();

	nova_json_add_str(object, "alias", extensions[i].alias);
	nova_json_add_str(object, "description", extensions[i].description);
	nova_json_add(object, "links", json_object_new_array());
	nova_json_add_str(object, "name", extensions[i].name);
	nova_json_add_str(object, "namespace", "http://docs.openstack.org/compute/ext/fake_xml");
	nova_json_add_str(object, "updated", "2014-12-03T00:00:00Z");
	return object;
}

bool nova_extensions_index(nova_request *r, GError **error)
{
	json_object *list = json_object_new_array();

	(void)error;
	for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++)
		json_object_array_add(list, view(i));
	return nova_reply_member(r, 200, "extensions", list);
}

bool nova_extensions_show(nova_request *r, GError **error)
{
	for (size_t i = 0; i < G_N_ELEMENTS(extensions); i++)
		if (strcmp(extensions[i].alias, r->ids[0]) == 0)
			return nova_reply_member(r, 200, "extension", view(i));
	return nova_fail(error, NOVA_FAULT_NOT_FOUND, "The resource could not be found.");
}
