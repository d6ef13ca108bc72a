/* SPDX-License-Identifier: Apache-2.0
 *
 * scratch.h - a directory of its own for each test, and configurations that live in it.
 */
#pragma once

#include "tests/unit/common/unit.h"

#include "common/conf.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static inline int scratch_setup(void **state)
{
	char *dir = g_dir_make_tmp("nova-compute-XXXXXX", NULL);

	*state = dir;
	return dir ? 0 : -1;
}

static inline int scratch_teardown(void **state)
{
	g_autofree char *command = g_strdup_printf("rm -rf '%s'", (char *)*state);
	int rc = system(command);

	g_free(*state);
	return rc;
}

static inline nova_conf *scratch_conf(const char *dir, const char *more)
{
	g_autofree char *text =
		g_strdup_printf("[DEFAULT]\nhost = HostB\ninstances_path = %s\n%s", dir, more ? more : "");
	g_autoptr(GError) error = NULL;
	nova_conf *conf = nova_conf_parse(text, "test.conf", NULL, &error);

	assert_ok(conf, error);
	return conf;
}

static inline void scratch_write(const char *dir, const char *name, const char *text, size_t length)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);
	g_autofree char *parent = g_path_get_dirname(path);

	assert_int_equal(g_mkdir_with_parents(parent, 0755), 0);
	assert_true(g_file_set_contents(path, text, (gssize)length, NULL));
}

static inline bool scratch_has(const char *dir, const char *name)
{
	g_autofree char *path = g_build_filename(dir, name, NULL);

	return g_file_test(path, G_FILE_TEST_EXISTS);
}
