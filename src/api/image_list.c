/* SPDX-License-Identifier: Apache-2.0
 *
 * The image catalogue, read-only: Glance v2 for clients and compute services, and the compute API's own old proxy.
 */
#include "api/handlers.h"
#include "api/paging.h"
#include "api/reply.h"
#include "common/json.h"
#include "db/flavors.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static nova_image *find(nova_request *r, GError **error)
{
	GError *failure = NULL;
	nova_image *image = nova_images_find(r->api->db, r->ids[0], &failure);

	if (failure)
		g_propagate_error(error, failure);
	else if (!image)
		nova_fail(error, NOVA_FAULT_IMAGE_NOT_FOUND, "Image %s could not be found.", r->ids[0]);
	return image;
}

/* "in:a,b" or a plain id. */
static bool is_wanted_id(const char *wanted, const char *id)
{
	g_auto(GStrv) ids = NULL;

	if (!wanted || strcmp(wanted, id) == 0)
		return true;
	if (!g_str_has_prefix(wanted, "in:"))
		return false;
	ids = g_strsplit(wanted + 3, ",", 0);
	return g_strv_contains((const char *const *)ids, id);
}

static bool is_wanted(const nova_request *r, const nova_image *image)
{
	const char *status = nova_request_param(r, "status"), *visibility = nova_request_param(r, "visibility");

	return is_wanted_id(nova_request_param(r, "id"), image->id) &&
	       (!status || g_ascii_strcasecmp(status, image->status) == 0) &&
	       (!visibility || strcmp(visibility, "all") == 0 || strcmp(visibility, image->visibility) == 0);
}

static int read_limit(const nova_request *r)
{
	const char *text = nova_request_param(r, "limit");
	int64_t limit = text && *text ? g_ascii_strtoll(text, NULL, 10) : r->conf->api_max_limit;

	return (int)CLAMP(limit, 0, r->conf->api_max_limit);
}

/* Calls `view' for each wanted image of this page. */
static bool list(nova_request *r, json_object *(*view)(nova_request *r, const nova_image *image), json_object **ret,
		 char **ret_last, GError **error)
{
	const char *marker = nova_request_param(r, "marker");
	int limit = read_limit(r);
	bool begun = marker == NULL;
	g_autoptr(GPtrArray) images = NULL;
	g_autoptr(json_object) array = json_object_new_array();

	if (!nova_images_list(r->api->db, nova_request_param(r, "name"), &images, error))
		return false;
	for (unsigned i = 0; i < images->len && json_object_array_length(array) < (size_t)limit; i++) {
		const nova_image *image = images->pdata[i];

		if (begun && is_wanted(r, image)) {
			json_object_array_add(array, view(r, image));
			g_free(*ret_last);
			*ret_last = g_strdup(image->id);
		}
		begun = begun || strcmp(image->id, marker) == 0;
	}
	if (!begun)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "marker [%s] not found", marker);
	*ret = json_object_get(array);
	return true;
}

static json_object *view_glance(nova_request *r, const nova_image *image)
{
	(void)r;
	return nova_view_image(image);
}

bool nova_images_index(nova_request *r, GError **error)
{
	g_autofree char *last = NULL;
	json_object *array = NULL, *body;

	if (!list(r, view_glance, &array, &last, error))
		return false;
	body = json_object_new_object();
	nova_json_add(body, "images", array);
	nova_json_add_str(body, "first", "/v2/images");
	nova_json_add_str(body, "schema", "/v2/schemas/images");
	if (last && nova_request_param(r, "limit") && json_object_array_length(array) == (size_t)read_limit(r)) {
		g_autofree char *query = nova_paging_query(r->http->query, last);
		g_autofree char *next = g_strconcat("/v2/images", query, NULL);

		nova_json_add_str(body, "next", next);
	}
	return nova_reply_json(r, 200, body);
}

bool nova_images_show(nova_request *r, GError **error)
{
	g_autoptr(nova_image) image = find(r, error);

	return image && nova_reply_json(r, 200, nova_view_image(image));
}

/* The image's file, straight from the store's directory: a regular file with a plain name, nothing else. */
bool nova_images_file(nova_request *r, GError **error)
{
	g_autoptr(nova_image) image = find(r, error);
	g_autofree char *path = NULL;
	struct stat status;
	int fd;

	if (!image)
		return false;
	if (!image->file || !*image->file || *image->file == '.' || strchr(image->file, '/'))
		return nova_fail(error, NOVA_FAULT_STORAGE, "image %s has the impossible file name '%s'", image->id,
				 image->file ? image->file : "");
	path = g_build_filename(r->conf->glance_store_datadir, image->file, NULL);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot read %s of image %s: %s", path, image->id,
				 g_strerror(errno));
	r->reply->fd = fd;
	if (fstat(fd, &status) != 0 || !S_ISREG(status.st_mode) || status.st_size != image->size) {
		r->reply->fd = -1;
		close(fd);
		return nova_fail(error, NOVA_FAULT_STORAGE,
				 "%s of image %s is not the file of %" G_GINT64_FORMAT " bytes that was registered",
				 path, image->id, image->size);
	}
	r->reply->fd_size = (uint64_t)status.st_size;
	r->reply->status = 200;
	nova_http_reply_header(r->reply, "Content-Type", "application/octet-stream");
	return true;
}

/* ---- /images of the compute API, up to 2.35 ---- */

/* openstacksdk with only one endpoint (auth type none) takes this API's /v2.1 for version 2 of the image API and asks
 * here for images.  It is known by its name and by naming no compute version, and is answered what it means. */
static bool wants_glance(const nova_request *r)
{
	const char *agent = nova_http_header(r->http, "User-Agent");

	return agent && g_str_has_prefix(agent, "openstacksdk/") &&
	       !nova_http_header(r->http, "OpenStack-API-Version") &&
	       !nova_http_header(r->http, "X-OpenStack-Nova-API-Version");
}

static json_object *view_brief(nova_request *r, const nova_image *image)
{
	nova_view view = nova_request_view(r);

	return nova_view_image_proxy(&view, image, false);
}

static json_object *view_detail(nova_request *r, const nova_image *image)
{
	nova_view view = nova_request_view(r);

	return nova_view_image_proxy(&view, image, true);
}

bool nova_images_proxy_index(nova_request *r, GError **error)
{
	g_autofree char *last = NULL;
	json_object *array = NULL;

	if (wants_glance(r))
		return nova_images_index(r, error);
	return list(r, view_brief, &array, &last, error) && nova_reply_member(r, 200, "images", array);
}

bool nova_images_proxy_detail(nova_request *r, GError **error)
{
	g_autofree char *last = NULL;
	json_object *array = NULL;

	return list(r, view_detail, &array, &last, error) && nova_reply_member(r, 200, "images", array);
}

bool nova_images_proxy_show(nova_request *r, GError **error)
{
	g_autoptr(nova_image) image = NULL;

	if (wants_glance(r))
		return nova_images_show(r, error);
	image = find(r, error);
	return image && nova_reply_member(r, 200, "image", view_detail(r, image));
}
