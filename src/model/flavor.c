/* SPDX-License-Identifier: Apache-2.0 */
#include "model/flavor.h"

nova_flavor *nova_flavor_new(void)
{
	nova_flavor *flavor = g_new0(nova_flavor, 1);

	flavor->rxtx_factor = 1.0;
	flavor->is_public = true;
	return flavor;
}

void nova_flavor_free(nova_flavor *flavor)
{
	if (!flavor)
		return;
	g_free(flavor->flavorid);
	g_free(flavor->name);
	g_free(flavor->description);
	g_free(flavor->extra_specs_json);
	g_free(flavor);
}

nova_image *nova_image_new(void)
{
	return g_new0(nova_image, 1);
}

void nova_image_free(nova_image *image)
{
	if (!image)
		return;
	g_free(image->id);
	g_free(image->name);
	g_free(image->status);
	g_free(image->disk_format);
	g_free(image->container_format);
	g_free(image->visibility);
	g_free(image->owner);
	g_free(image->checksum);
	g_free(image->file);
	g_free(image->properties_json);
	g_free(image);
}

nova_network *nova_network_new(void)
{
	return g_new0(nova_network, 1);
}

void nova_network_free(nova_network *network)
{
	if (!network)
		return;
	g_free(network->uuid);
	g_free(network->label);
	g_free(network->cidr);
	g_free(network->gateway);
	g_free(network->bridge);
	g_free(network);
}
