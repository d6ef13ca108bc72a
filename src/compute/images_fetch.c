/* SPDX-License-Identifier: Apache-2.0
 *
 * Downloading base images.
 */
#include "compute/images.h"
#include "compute/images_job.h"

#include "common/uuid.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_TIMEOUT_MS 5000
/* A server that sends less than a byte a second for so long has died. */
#define STALL_S 20
#define RETRY_PAUSE_USEC G_USEC_PER_SEC

typedef struct download {
	int fd;
	int64_t size, wanted;
	GChecksum *sha256;
	int write_error;        /* errno */
	bool too_long, abandoned;
} download;

/* ---- one download of an image at a time in this process ---- */

static GMutex busy_lock;
static GCond busy_changed;
static GHashTable *busy; /* image ids */

static bool take(const nova_images_job *job, GError **error)
{
	int64_t until = g_get_monotonic_time() + MIN(nova_deadline_remaining_ms(job->deadline), 86400000) * 1000;
	bool ok = true;

	g_mutex_lock(&busy_lock);
	if (!busy)
		busy = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
	while (ok && g_hash_table_contains(busy, job->image.id))
		ok = g_cond_wait_until(&busy_changed, &busy_lock, until);
	if (ok)
		g_hash_table_add(busy, g_strdup(job->image.id));
	g_mutex_unlock(&busy_lock);
	return ok || nova_fail(error, NOVA_FAULT_DEADLINE, "image %s is still being downloaded for another instance",
			       job->image.id);
}

static void give(const nova_images_job *job)
{
	g_mutex_lock(&busy_lock);
	g_hash_table_remove(busy, job->image.id);
	g_cond_broadcast(&busy_changed);
	g_mutex_unlock(&busy_lock);
}

/* ---- HTTP ---- */

static size_t on_data(char *data, size_t one, size_t n, void *user)
{
	download *d = user;
	size_t done = 0;

	(void)one;
	d->abandoned = nova_offload_is_abandoned();
	d->too_long = d->size + (int64_t)n > d->wanted;
	if (d->too_long || d->abandoned)
		return 0;
	while (done < n) {
		ssize_t put = write(d->fd, data + done, n - done);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0) {
			d->write_error = errno;
			return 0;
		}
		done += (size_t)put;
	}
	g_checksum_update(d->sha256, (const unsigned char *)data, (gssize)n);
	d->size += (int64_t)n;
	return n;
}

static void init_curl(void)
{
	static size_t done;

	if (g_once_init_enter(&done)) {
		curl_global_init(CURL_GLOBAL_DEFAULT);
		g_once_init_leave(&done, 1);
	}
}

static CURL *prepare(const nova_conf *conf, const char *url, struct curl_slist *headers, download *d,
		     int64_t timeout_ms, char *reason)
{
	CURL *curl = curl_easy_init();

	curl_easy_setopt(curl, CURLOPT_URL, url);
	curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(curl, CURLOPT_PROXY, "");
	curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
	if (*conf->glance_cafile)
		curl_easy_setopt(curl, CURLOPT_CAINFO, conf->glance_cafile);
	curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
	curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(curl, CURLOPT_USERAGENT, "nova-lite-compute");
	curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, reason);
	curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_TIMEOUT_MS);
	curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)CLAMP(timeout_ms, 1, 86400000)); /* 0 is for ever */
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_S);
	curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
	curl_easy_setopt(curl, CURLOPT_WRITEDATA, d);
	if (*conf->glance_username) {
		curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(curl, CURLOPT_USERNAME, conf->glance_username);
		curl_easy_setopt(curl, CURLOPT_PASSWORD, conf->glance_password);
	}
	return curl;
}

/* What became of a transfer, as an error; true: the file is whole and what the database says it is. */
static bool judge(const nova_images_job *job, const char *url, const download *d, CURLcode code, long status,
		  const char *reason, GError **error)
{
	if (d->abandoned)
		return nova_fail(error, NOVA_FAULT_DEADLINE, "abandoned");
	if (d->write_error)
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot store image %s: %s", job->image.id,
				 g_strerror(d->write_error));
	if (d->too_long)
		return nova_fail(error, NOVA_FAULT_STORAGE,
				 "%s sends more than the %" G_GINT64_FORMAT " bytes image %s has", url, d->wanted,
				 job->image.id);
	if (status == 404)
		return nova_fail(error, NOVA_FAULT_IMAGE_NOT_FOUND, "%s: no such image", url);
	if (code != CURLE_OK)
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot download image %s from %s: %s", job->image.id, url,
				 *reason ? reason : curl_easy_strerror(code));
	if (d->size != d->wanted)
		return nova_fail(error, NOVA_FAULT_STORAGE, "%s sends %" G_GINT64_FORMAT " bytes instead of the %"
				 G_GINT64_FORMAT " image %s has", url, d->size, d->wanted, job->image.id);
	if (g_ascii_strcasecmp(g_checksum_get_string(d->sha256), job->image.checksum) != 0)
		return nova_fail(error, NOVA_FAULT_STORAGE,
				 "what %s sends is not image %s: its SHA-256 is %s, not %s", url, job->image.id,
				 g_checksum_get_string(d->sha256), job->image.checksum);
	return true;
}

static bool download_from(const nova_images_job *job, const char *server, int fd, GError **error)
{
	g_autofree char *base = g_strdup(server), *url = NULL;
	char reason[CURL_ERROR_SIZE] = "";
	download d = { .fd = fd, .wanted = job->image.size };
	nova_deadline deadline =
		nova_deadline_min(job->deadline, nova_deadline_in_ms(job->conf->glance_timeout * 1000));
	struct curl_slist *headers;
	CURLcode code;
	CURL *curl;
	long status = 0;
	bool ok;

	while (g_str_has_suffix(base, "/"))
		base[strlen(base) - 1] = '\0';
	url = g_strdup_printf("%s/v2/images/%s/file", base, job->image.id);
	if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0)
		return nova_images_fail(error, "begin the download of image", job->image.id);
	d.sha256 = g_checksum_new(G_CHECKSUM_SHA256);
	headers = *job->conf->glance_username ? NULL : curl_slist_append(NULL, "X-Auth-Token: nova-lite-compute");
	curl = prepare(job->conf, url, headers, &d, nova_deadline_remaining_ms(deadline), reason);
	code = curl_easy_perform(curl);
	curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
	ok = judge(job, url, &d, code, status, reason, error);
	curl_easy_cleanup(curl);
	curl_slist_free_all(headers);
	g_checksum_free(d.sha256);
	return ok;
}

/* The servers in turn, again and again; the error is that of the last one. */
static bool download_image(const nova_images_job *job, int fd, GError **error)
{
	g_autoptr(GError) last = NULL;

	if (!job->conf->glance_api_servers[0])
		return nova_fail(error, NOVA_FAULT_CONFIG, "cannot download image %s: [glance] api_servers is empty",
				 job->image.id);
	for (int64_t round = 0; round <= job->conf->glance_num_retries; round++) {
		bool missing = true;

		if (round > 0)
			g_usleep(RETRY_PAUSE_USEC);
		for (char **server = job->conf->glance_api_servers; *server; server++) {
			g_clear_error(&last);
			if (download_from(job, *server, fd, &last))
				return true;
			missing = missing && nova_error_is(last, NOVA_FAULT_IMAGE_NOT_FOUND);
			if (nova_offload_is_abandoned() || nova_deadline_is_expired(job->deadline)) {
				g_propagate_error(error, g_steal_pointer(&last));
				return false;
			}
		}
		/* All servers are sure. */
		if (missing)
			break;
	}
	g_propagate_error(error, g_steal_pointer(&last));
	return false;
}

/* ---- fetching ---- */

/* An image from a stranger must not make QEMU open other files of this host. */
static bool check_image(const nova_images_job *job, const char *path, GError **error)
{
	g_auto(nova_images_info) info = { 0 };

	if (!nova_images_inspect(path, job->image.disk_format, job->deadline, &info, error))
		return false;
	if (info.backing || info.has_data_file)
		return nova_fail(error, NOVA_FAULT_STORAGE, "image %s refers to another file (%s) and is not used",
				 job->image.id, info.backing ? info.backing : "data file");
	return true;
}

/* True and *ret_there: it is there and as long as it should be. */
static bool look_for(const nova_images_job *job, const char *path, bool *ret_there, GError **error)
{
	struct stat st;

	*ret_there = stat(path, &st) == 0;
	if (!*ret_there)
		return errno == ENOENT || nova_images_fail(error, "look at", path);
	if (st.st_size != job->image.size)
		return nova_fail(error, NOVA_FAULT_STORAGE, "%s has %" G_GINT64_FORMAT " bytes, but image %s has %"
				 G_GINT64_FORMAT ": remove the file if no guest uses it", path, (int64_t)st.st_size,
				 job->image.id, job->image.size);
	return true;
}

static bool fetch_to(const nova_images_job *job, const char *dir, const char *path, GError **error)
{
	g_autofree char *prefix = g_strdup_printf(".part.%s.%s.", job->conf->host, job->image.id);
	g_autofree char *part = NULL;
	char unique[NOVA_UUID_SIZE];
	bool ok, taken = false;
	int fd;

	/* Ours alone: left by a process that died. */
	nova_images_sweep(dir, prefix);
	nova_uuid_new(unique);
	part = g_strdup_printf("%s/%s%s", dir, prefix, unique);
	fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	if (fd < 0)
		return nova_images_fail(error, "create", part);
	ok = download_image(job, fd, error);
	close(fd);
	ok = ok && check_image(job, part, error);
	if (!ok) {
		unlink(part);
		return false;
	}
	return nova_images_publish(part, path, &taken, error);
}

bool nova_images_fetch_work(void *data, GError **error)
{
	nova_images_job *job = data;
	g_autofree char *path = nova_images_base_path(job->conf, job->image.id);
	g_autofree char *dir = g_path_get_dirname(path);
	bool there, ok;

	init_curl();
	if (!nova_images_make_dir(dir, error) || !look_for(job, path, &there, error))
		return false;
	if (!there) {
		if (!take(job, error))
			return false;
		ok = look_for(job, path, &there, error) && (there || fetch_to(job, dir, path, error)) &&
		     look_for(job, path, &there, error);
		give(job);
		if (!ok)
			return false;
	}
	job->path = g_steal_pointer(&path);
	return true;
}

bool nova_images_fetch(nova_conf *conf, const nova_image *image, char **ret_path, int deadline_ms, GError **error)
{
	g_autoptr(nova_images_job) job = nova_images_job_new(conf, NULL, image, deadline_ms);

	if (!nova_images_job_run(job, nova_images_fetch_work, error))
		return false;
	if (ret_path)
		*ret_path = g_steal_pointer(&job->path);
	return true;
}
