/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/image_file.h"
#include "manage/resource.h"
#include "manage/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <glib/gstdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static nova_host *host_c(const char *name)
{
	nova_host *host = nova_host_new();

	host->name = g_strdup(name);
	host->inventory.vcpus = 16;
	host->inventory.memory_mb = 32232;
	host->inventory.pool_total_gb = 878;
	host->inventory.reserved_memory_mb = 512;
	host->used_vcpus = 13;
	host->used_memory_mb = 20772;
	host->pool_used_gb = 442;
	return host;
}

static void test_describe_resource_is_laid_out_as_people_know_it(void **state)
{
	g_autoptr(nova_host) host = host_c("HostC");
	nova_project_usage p1 = { (char *)"p1", 5, 10240, 150 },
			   p2 = { (char *)"p2", 8, 10532, 292 };
	g_autoptr(GPtrArray) projects = g_ptr_array_new();

	(void)state;
	g_ptr_array_add(projects, &p1);
	g_ptr_array_add(projects, &p2);
	g_autofree char *text = nova_resource_text(host, projects);

	assert_string_equal(text, "HOST             PROJECT     cpu   mem(mb)     hdd\n"
				  "HostC(total)                  16     32232     878\n"
				  "HostC(used_now)               13     21284     442\n"
				  "HostC(used_max)               13     20772     442\n"
				  "HostC            p1            5     10240     150\n"
				  "HostC            p2            8     10532     292\n");
}

static void test_long_names_widen_the_columns(void **state)
{
	g_autoptr(nova_host) host = host_c("compute-0123456789");
	nova_project_usage p = { (char *)"longer-id", 1, 64, 1 };
	g_autoptr(GPtrArray) projects = g_ptr_array_new();

	(void)state;
	g_ptr_array_add(projects, &p);
	g_autofree char *text = nova_resource_text(host, projects);

	assert_string_equal(text, "HOST                         PROJECT       cpu   mem(mb)     hdd\n"
			    "compute-0123456789(total)                   16     32232     878\n"
			    "compute-0123456789(used_now)                13     21284     442\n"
			    "compute-0123456789(used_max)                 1        64       1\n"
			    "compute-0123456789           longer-id       1        64       1\n");
}

static void test_services_are_smiling_or_crossed_out(void **state)
{
	nova_service a = { .host = (char *)"HostA",
			   .binary = (char *)"nova-scheduler",
			   .up = true };
	nova_service b = { .host = (char *)"HostB",
			   .binary = (char *)"nova-compute",
			   .disabled = true,
			   .health = (char *)"storage: it is full",
			   .updated_us = INT64_C(1763629474000000) };
	g_autoptr(GPtrArray) services = g_ptr_array_new();

	(void)state;
	g_ptr_array_add(services, &a);
	g_ptr_array_add(services, &b);
	g_autofree char *text = nova_service_text(services);

	assert_string_equal(text, "HostA      nova-scheduler enabled  :-) None\n"
				  "HostB      nova-compute   disabled XXX 2025-11-20 09:04:34"
				  "  unwell: storage: it is full\n");
}

static void test_table_keeps_long_cells_whole(void **state)
{
	g_autofree char *buffer = NULL;
	size_t size;
	FILE *out = open_memstream(&buffer, &size);
	nova_table *table = nova_table_new((const char *[]) { "ID", "NAME", NULL });
	g_autofree char *name = g_strnfill(300, 'x');

	(void)state;
	nova_table_add(table, (const char *[]) { "1", name });
	nova_table_add(table, (const char *[]) { "2", NULL });
	nova_table_print(table, out);
	nova_table_free(table);
	fclose(out);
	assert_non_null(strstr(buffer, name));
	assert_non_null(strstr(buffer, "ID NAME"));
	free(g_steal_pointer(&buffer));
}

static void test_an_image_with_a_backing_file_is_refused(void **state)
{
	g_autofree char *dir = g_dir_make_tmp("nova-manage-XXXXXX", NULL);
	g_autofree char *base = g_build_filename(dir, "base", NULL),
			*top = g_build_filename(dir, "top", NULL);
	g_autofree char *store = g_build_filename(dir, "store", NULL),
			*stored = g_build_filename(store, "x", NULL);
	g_autofree char *make = g_strdup_printf("qemu-img create -q -f qcow2 %s 3M && "
						"qemu-img create -q -f qcow2 -b %s -F qcow2 %s",
						base, base, top);
	g_autoptr(GError) error = NULL;
	nova_image_facts facts = { 0 };
	int64_t size = 0;
	g_autofree char *sum = NULL;

	(void)state;
	assert_int_equal(system(make), 0);
	assert_false(nova_image_file_probe(top, NULL, &facts, &error));
	assert_non_null(strstr(error->message, "has a backing file"));
	assert_true(nova_image_file_probe(base, NULL, &facts, NULL));
	assert_string_equal(facts.format, "qcow2");
	assert_int_equal(facts.virtual_size, 3 << 20);
	g_free(facts.format);
	assert_true(nova_image_file_store(base, store, "x", &size, &sum, NULL));
	assert_int_equal(strlen(sum), 64);
	assert_true(size > 0);
	g_unlink(base), g_unlink(top), g_unlink(stored), g_rmdir(store), g_rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_describe_resource_is_laid_out_as_people_know_it),
		cmocka_unit_test(test_long_names_widen_the_columns),
		cmocka_unit_test(test_services_are_smiling_or_crossed_out),
		cmocka_unit_test(test_table_keeps_long_cells_whole),
		cmocka_unit_test(test_an_image_with_a_backing_file_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
