/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/image_file.h"

#include "common/json.h"
#include "common/subprocess.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROBE_MS     60000
#define PROBE_OUTPUT 65536

bool nova_image_file_probe(const char *file, const char *format, nova_image_facts *ret,
			   GError **error)
{
	const char *argv[] = { "qemu-img", "info", "--output=json", NULL, NULL, NULL, NULL };
	size_t n = 3;

	if (format) {
		argv[n++] = "-f";
		argv[n++] = format;
	}
	argv[n] = file;
	const nova_subprocess command = { .argv = argv,
					  .deadline = nova_deadline_in_ms(PROBE_MS),
					  .max_output = PROBE_OUTPUT,
					  .max_memory_mb = 2048,
					  .max_cpu_s = 30 };
	g_autofree char *out = NULL;
	const char *found, *unused;
	int64_t size;

	if (!nova_subprocess_check(&command, &out, error)) {
		g_prefix_error(error, "image file '%s': ", file);
		return false;
	}
	g_autoptr(json_object) info = nova_json_parse(out, strlen(out), 32, error);

	if (!info || !nova_json_get_str(info, "format", &found, error) ||
	    !nova_json_get_int(info, "virtual-size", 0, INT64_MAX, &size, error))
		return false;
	if (strcmp(found, "qcow2") != 0 && strcmp(found, "raw") != 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "image file '%s' is of format %s; convert it to qcow2 or raw with "
				 "qemu-img convert",
				 file, found);
	if (nova_json_opt_str(info, "backing-filename", NULL, &unused, NULL) && unused)
		return nova_fail(
			error, NOVA_FAULT_BAD_REQUEST,
			"image file '%s' has a backing file ('%s'); merge it with qemu-img convert",
			file, unused);
	if (nova_json_find(info, "format-specific.data.data-file"))
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
				 "image file '%s' keeps its data in another file; merge it with "
				 "qemu-img convert",
				 file);
	ret->format = g_strdup(found);
	ret->virtual_size = size;
	return true;
}

static bool copy(int from, int to, const char *file, int64_t *ret_size, char **ret_sha256,
		 GError **error)
{
	g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
	g_autofree char *buffer = g_malloc(1 << 20);
	int64_t size = 0;
	ssize_t n;

	while ((n = read(from, buffer, 1 << 20)) > 0) {
		g_checksum_update(sum, (const unsigned char *)buffer, n);
		for (ssize_t done = 0; done < n;) {
			ssize_t w = write(to, buffer + done, (size_t)(n - done));

			if (w < 0 && errno != EINTR)
				return nova_fail(error, NOVA_FAULT_STORAGE, "cannot write '%s': %s",
						 file, g_strerror(errno));
			done += w > 0 ? w : 0;
		}
		size += n;
	}
	if (n < 0)
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot read '%s': %s", file,
				 g_strerror(errno));
	if (fsync(to) != 0)
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot sync '%s': %s", file,
				 g_strerror(errno));
	*ret_size = size;
	*ret_sha256 = g_strdup(g_checksum_get_string(sum));
	return true;
}

bool nova_image_file_store(const char *file, const char *directory, const char *name,
			   int64_t *ret_size, char **ret_sha256, GError **error)
{
	g_autofree char *target = g_build_filename(directory, name, NULL);
	g_autofree char *temporary = g_strdup_printf("%s.part", target);

	if (g_mkdir_with_parents(directory, 0755) != 0)
		return nova_fail(error, NOVA_FAULT_STORAGE,
				 "cannot make the image directory '%s': %s", directory,
				 g_strerror(errno));
	int from = open(file, O_RDONLY | O_CLOEXEC);

	if (from < 0)
		return nova_fail(error, NOVA_FAULT_BAD_REQUEST, "cannot open '%s': %s", file,
				 g_strerror(errno));
	int to = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (to < 0) {
		close(from);
		return nova_fail(error, NOVA_FAULT_STORAGE, "cannot make '%s': %s", temporary,
				 g_strerror(errno));
	}
	bool ok = copy(from, to, file, ret_size, ret_sha256, error);

	close(from);
	if (close(to) != 0 && ok)
		ok = nova_fail(error, NOVA_FAULT_STORAGE, "cannot write '%s': %s", temporary,
			       g_strerror(errno));
	if (ok && rename(temporary, target) != 0)
		ok = nova_fail(error, NOVA_FAULT_STORAGE, "cannot rename '%s': %s", temporary,
			       g_strerror(errno));
	if (!ok)
		unlink(temporary);
	return ok;
}
