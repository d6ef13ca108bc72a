/* SPDX-License-Identifier: Apache-2.0
 *
 * Domain definitions against golden files.  After a wanted change: NOVA_GOLDEN_UPDATE=1 make check, and read
 * the difference.
 */
#include "model/domain_xml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#define UUID "6f70656e-0000-4000-8000-00000000002a"

static nova_domain_spec plain(void)
{
	return (nova_domain_spec){
		.instance_id = 42,
		.uuid = UUID,
		.machine = "pc-i440fx-7.2",
		.vcpus = 1,
		.memory_mb = 512,
		.disk = "/srv/instances/" UUID "/disk",
		.console_log = "/srv/instances/" UUID "/console.1.log",
		.token = 1,
		.operation = 7,
		.host = "HostB",
	};
}

static void assert_golden(const char *name, const char *text)
{
	const char *srcdir = getenv("srcdir");
	g_autofree char *path = g_build_filename(srcdir ? srcdir : ".", "tests/unit/model/golden", name, NULL);
	g_autofree char *want = NULL;

	if (getenv("NOVA_GOLDEN_UPDATE"))
		assert_true(g_file_set_contents(path, text, -1, NULL));
	if (!g_file_get_contents(path, &want, NULL, NULL))
		fail_msg("cannot read %s", path);
	assert_string_equal(text, want);
}

static void test_emulated_without_network(void **state)
{
	nova_domain_spec spec = plain();
	g_autofree char *xml = nova_domain_xml(&spec, NULL);

	(void)state;
	assert_non_null(xml);
	assert_golden("domain-emulated.xml", xml);
}

/* Two cards, of which one has an IPv4 and an IPv6 address; a custom cpu; characters XML must not see. */
static void test_kvm_with_network(void **state)
{
	g_autoptr(GPtrArray) addresses = g_ptr_array_new_with_free_func((GDestroyNotify)nova_address_free);
	nova_domain_spec spec = plain();
	g_autofree char *xml = NULL;

	(void)state;
	g_ptr_array_add(addresses, nova_address_new("private", "10.0.0.3", 4, "fa:16:3e:00:00:01", "br100"));
	g_ptr_array_add(addresses, nova_address_new("private", "fd00::3", 6, "fa:16:3e:00:00:01", "br100"));
	g_ptr_array_add(addresses, nova_address_new("other", "10.1.0.3", 4, "fa:16:3e:00:00:02", "br<&'\"101"));
	spec.kvm = true;
	spec.machine = "pc-q35-7.2";
	spec.vcpus = 4;
	spec.memory_mb = 4096;
	spec.cpu = NOVA_DOMAIN_CPU_CUSTOM;
	spec.cpu_model = "Haswell-noTSX";
	spec.addresses = addresses;
	spec.disk = "/srv/a & b/disk";
	spec.host = "Host<B>";
	spec.hostname = "vm1";
	spec.token = INT64_MAX;
	xml = nova_domain_xml(&spec, NULL);
	assert_non_null(xml);
	assert_golden("domain-kvm.xml", xml);
}

static void test_config_drive_is_a_disk_of_its_own_and_read_only(void **state)
{
	nova_domain_spec spec = plain();
	g_autofree char *without = nova_domain_xml(&spec, NULL);
	g_autofree char *with = NULL;

	(void)state;
	assert_null(strstr(without, "<readonly/>"));
	spec.config_drive = "/srv/a & b/config.iso";
	with = nova_domain_xml(&spec, NULL);
	assert_non_null(strstr(with, "    <disk type='file' device='disk'>\n"
				     "      <driver name='qemu' type='raw' cache='none' io='threads'/>\n"
				     "      <source file='/srv/a &amp; b/config.iso'/>\n"
				     "      <target dev='vdz' bus='virtio'/>\n"
				     "      <readonly/>\n"
				     "    </disk>\n"));
	assert_non_null(strstr(with, "<target dev='vda' bus='virtio'/>"));
	spec.config_drive = "config.iso";
	assert_null(nova_domain_xml(&spec, NULL));
}

static void test_host_model(void **state)
{
	nova_domain_spec spec = plain();
	g_autofree char *xml = NULL;

	(void)state;
	spec.kvm = true;
	spec.cpu = NOVA_DOMAIN_CPU_HOST_MODEL;
	xml = nova_domain_xml(&spec, NULL);
	assert_non_null(strstr(xml, "<cpu mode='host-model' check='partial'/>"));
	assert_non_null(strstr(xml, "<domain type='kvm'>"));
}

static void test_impossible_specs_are_refused(void **state)
{
	nova_domain_spec specs[8];
	const char *wants[8] = { "uuid", "machine", "vcpus", "memory", "disk", "console", "model", "emulated" };

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(specs); i++)
		specs[i] = plain();
	specs[0].uuid = "";
	specs[1].machine = NULL;
	specs[2].vcpus = 0;
	specs[3].memory_mb = 0;
	specs[4].disk = "disk";
	specs[5].console_log = NULL;
	specs[6].cpu = NOVA_DOMAIN_CPU_CUSTOM;
	specs[7].cpu = NOVA_DOMAIN_CPU_HOST_MODEL;
	for (size_t i = 0; i < G_N_ELEMENTS(specs); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(nova_domain_xml(&specs[i], &error));
		assert_true(nova_error_is(error, NOVA_FAULT_INTERNAL));
		if (!strstr(error->message, wants[i]))
			fail_msg("'%s' is not in: %s", wants[i], error->message);
	}
}

static void test_metadata(void **state)
{
	g_autofree char *with = nova_domain_metadata_xml(3, 17, "HostB");
	g_autofree char *without = nova_domain_metadata_xml(4, 0, NULL);

	(void)state;
	assert_string_equal(with, "<instance><token>3</token><operation>17</operation><host>HostB</host></instance>");
	assert_string_equal(without, "<instance><token>4</token><operation>0</operation></instance>");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_emulated_without_network),
		cmocka_unit_test(test_kvm_with_network),
		cmocka_unit_test(test_config_drive_is_a_disk_of_its_own_and_read_only),
		cmocka_unit_test(test_host_model),
		cmocka_unit_test(test_impossible_specs_are_refused),
		cmocka_unit_test(test_metadata),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
