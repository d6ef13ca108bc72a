/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/common/unit.h"

#include "compute/virt_xml.h"

#define NS "http://nova-lite.org/xmlns/instance/1.0"

static const char domain[] =
	"<domain type='qemu' id='3'>\n"
	"  <name>instance-0000002a</name>\n"
	"  <uuid>6f70656e-0000-4000-8000-00000000002a</uuid>\n"
	"  <metadata>\n"
	"    <other:thing xmlns:other='http://example.org/'><other:token>77</other:token></other:thing>\n"
	"    <nova:instance xmlns:nova='" NS "'><nova:token>1</nova:token><nova:operation>2</nova:operation>"
	"<nova:host>HostB</nova:host></nova:instance>\n"
	"  </metadata>\n"
	"  <cpu mode='custom' match='exact'><model fallback='forbid'>qemu64</model></cpu>\n"
	"  <devices>\n"
	"    <disk type='file'><source file='/i/disk' index='1'/></disk>\n"
	"    <serial type='file'><source path='/i/console.1.log' append='on'/><target port='0'/></serial>\n"
	"    <serial type='pty'><source path='/dev/pts/1'/><target port='1'/></serial>\n"
	"    <console type='file'><source path='/i/console.1.log' append='on'/><target port='0'/></console>\n"
	"  </devices>\n"
	"</domain>\n";

static unsigned count(const char *text, const char *part)
{
	unsigned n = 0;

	for (const char *at = strstr(text, part); at; at = strstr(at + 1, part))
		n++;
	return n;
}

static void test_owner(void **state)
{
	static const struct {
		const char *xml;
		bool ok;
		int64_t token, operation;
		const char *host;
	} cases[] = {
		{ "<nova:instance xmlns:nova='" NS "'><nova:token>5</nova:token><nova:operation>6</nova:operation>"
		  "<nova:host>H</nova:host></nova:instance>", true, 5, 6, "H" },
		{ "<instance>\n <token> 5 </token>\n</instance>", true, 5, 0, NULL },
		{ "<instance xmlns:nova='x'><nova:token>5</nova:token></instance>", true, 5, 0, NULL },
		{ "<nova:instance><nova:token>5</nova:token></nova:instance>", true, 5, 0, NULL },
		{ "<instance><token>-5</token></instance>", false, 0, 0, NULL },
		{ "<instance><token>five</token></instance>", false, 0, 0, NULL },
		{ "<instance/>", false, 0, 0, NULL },
		{ "<other><token>5</token></other>", false, 0, 0, NULL },
		{ "", false, 0, 0, NULL },
		{ "not xml", false, 0, 0, NULL },
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		nova_virt_owner owner = { 0 };

		assert_int_equal(nova_virt_xml_owner(cases[i].xml, &owner), cases[i].ok);
		assert_int_equal(owner.token, cases[i].token);
		assert_int_equal(owner.operation, cases[i].operation);
		assert_true(g_strcmp0(owner.host, cases[i].host) == 0);
		g_free(owner.host);
	}
}

static void test_retarget_changes_only_what_is_the_hosts(void **state)
{
	g_autoptr(GError) error = NULL;
	g_autofree char *xml = nova_virt_xml_retarget(domain, 9, 10, "Host<C>", "/i/a&b.log", &error);

	(void)state;
	assert_ok(xml, error);
	assert_int_equal(count(xml, "<nova:token>9</nova:token>"), 1);
	assert_int_equal(count(xml, "<nova:operation>10</nova:operation>"), 1);
	assert_int_equal(count(xml, "<nova:host>Host&lt;C&gt;</nova:host>"), 1);
	assert_int_equal(count(xml, "<other:token>77</other:token>"), 1);
	assert_int_equal(count(xml, "path=\"/i/a&amp;b.log\""), 2);
	assert_int_equal(count(xml, "path=\"/dev/pts/1\""), 1);
	assert_int_equal(count(xml, "file=\"/i/disk\" index=\"1\""), 1);
	assert_int_equal(count(xml, "console.1.log"), 0);
	assert_int_equal(count(xml, "<model fallback=\"forbid\">qemu64</model>"), 1);
	assert_int_equal(count(xml, "<?xml"), 0);
}

static void test_retarget_leaves_what_is_not_given(void **state)
{
	g_autofree char *xml = nova_virt_xml_retarget(domain, 9, 10, NULL, NULL, NULL);

	(void)state;
	assert_int_equal(count(xml, "<nova:host>HostB</nova:host>"), 1);
	assert_int_equal(count(xml, "path=\"/i/console.1.log\""), 2);
}

/* As libvirt keeps an element that was set through its API: children without the namespace. */
static void test_retarget_of_metadata_set_later(void **state)
{
	g_autofree char *xml =
		nova_virt_xml_retarget("<domain><metadata><nova:instance xmlns:nova='" NS "'><token>1</token>"
				       "<operation>2</operation></nova:instance></metadata></domain>",
				       3, 4, "HostC", NULL, NULL);
	nova_virt_owner owner = { 0 };
	g_autofree char *inner = NULL;

	(void)state;
	assert_non_null(xml);
	inner = g_strndup(strstr(xml, "<nova:instance"),
			  (size_t)(strstr(xml, "</metadata>") - strstr(xml, "<nova:inst")));
	assert_true(nova_virt_xml_owner(inner, &owner));
	assert_int_equal(owner.token, 3);
	assert_int_equal(owner.operation, 4);
	assert_string_equal(owner.host, "HostC");
	g_free(owner.host);
}

static void test_foreign_domains_are_not_retargeted(void **state)
{
	const char *const foreign[] = {
		"<domain><name>x</name></domain>",
		"<domain><metadata><instance xmlns='urn:other'><token>1</token></instance></metadata></domain>",
		"nothing",
	};

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(foreign); i++) {
		g_autoptr(GError) error = NULL;

		assert_null(nova_virt_xml_retarget(foreign[i], 1, 1, NULL, NULL, &error));
		assert_fault(error, NOVA_FAULT_INTERNAL);
	}
}

static void test_parts_of_a_domain(void **state)
{
	g_autofree char *cpu = nova_virt_xml_guest_cpu(domain), *name = nova_virt_xml_child_text(domain, "name");
	g_autofree char *none = nova_virt_xml_guest_cpu("<domain/>");

	(void)state;
	assert_true(g_str_has_prefix(cpu, "<cpu mode=\"custom\""));
	assert_string_equal(name, "instance-0000002a");
	assert_null(none);
}

static void test_whom_qemu_runs_as(void **state)
{
	static const struct {
		const char *label;
		bool known;
	} cases[] = {
		{ "+64055:+107", true },     { " +64055:+107\n", true }, { "libvirt-qemu:kvm", false },
		{ "+64055", false },	      { "+4294967295:+0", false }, { "", false },
	};
	uint32_t uid = 0, gid = 0;

	(void)state;
	for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
		g_autofree char *xml = g_strdup_printf(
			"<capabilities><host><secmodel><model>apparmor</model><baselabel type='kvm'>+1:+1</baselabel>"
			"</secmodel>"
			"<secmodel><model>dac</model><doi>0</doi><baselabel type='qemu'>+0:+0</baselabel>"
			"<baselabel type='kvm'>%s</baselabel></secmodel></host></capabilities>", cases[i].label);

		assert_int_equal(nova_virt_xml_qemu_user(xml, "kvm", &uid, &gid), cases[i].known);
		if (cases[i].known) {
			assert_int_equal(uid, 64055);
			assert_int_equal(gid, 107);
		}
	}
	assert_false(nova_virt_xml_qemu_user("<capabilities><host/></capabilities>", "kvm", &uid, &gid));
}

static const char capabilities[] =
	"<capabilities><host><uuid>u-u-i-d</uuid><cpu><arch>x86_64</arch><model>Haswell</model><vendor>Intel</vendor>"
	"<topology sockets='1' dies='1' cores='2' threads='1'/><feature name='vme'/><feature name='avx'/></cpu></host>"
	"<guest><os_type>hvm</os_type><arch name='i686'><machine>old</machine><domain type='qemu'/></arch></guest>"
	"<guest><os_type>hvm</os_type><arch name='x86_64'><emulator>/usr/bin/qemu</emulator>"
	"<machine>pc-i440fx-7.2</machine><machine canonical='pc-i440fx-7.2'>pc</machine>"
	"<domain type='qemu'/><domain type='kvm'><machine>pc-q35-7.2</machine></domain></arch></guest></capabilities>";

static void test_capabilities(void **state)
{
	g_autofree char *info = NULL, *cpu = NULL, *machines = NULL, *uuid = nova_virt_xml_host_uuid(capabilities);
	g_autoptr(GError) error = NULL;

	(void)state;
	assert_ok(nova_virt_xml_capabilities(capabilities, "qemu", &info, &cpu, &machines, &error), error);
	assert_string_equal(machines, "pc-i440fx-7.2,pc");
	assert_string_equal(info,
			    "{\"arch\":\"x86_64\",\"model\":\"Haswell\",\"vendor\":\"Intel\",\"topology\":"
			    "{\"cores\":2,\"threads\":1,\"sockets\":1,\"dies\":1},\"features\":[\"vme\",\"avx\"]}");
	assert_true(g_str_has_prefix(cpu, "<cpu>"));
	assert_string_equal(uuid, "u-u-i-d");
	g_clear_pointer(&machines, g_free);
	g_clear_pointer(&info, g_free);
	g_clear_pointer(&cpu, g_free);
	assert_ok(nova_virt_xml_capabilities(capabilities, "kvm", &info, &cpu, &machines, &error), error);
	assert_string_equal(machines, "pc-q35-7.2");
	g_clear_pointer(&machines, g_free);
	assert_false(nova_virt_xml_capabilities(capabilities, "xen", &info, &cpu, &machines, &error));
	assert_fault(error, NOVA_FAULT_CONFIG);
	assert_null(machines);
}

static void test_machine_types(void **state)
{
	g_autofree char *alias = nova_virt_xml_machine(capabilities, "qemu", "pc");
	g_autofree char *exact = nova_virt_xml_machine(capabilities, "qemu", "pc-i440fx-7.2");
	g_autofree char *kvm = nova_virt_xml_machine(capabilities, "kvm", "pc-q35-7.2");

	(void)state;
	assert_string_equal(alias, "pc-i440fx-7.2");
	assert_string_equal(exact, "pc-i440fx-7.2");
	assert_string_equal(kvm, "pc-q35-7.2");
	assert_null(nova_virt_xml_machine(capabilities, "kvm", "pc"));
	assert_null(nova_virt_xml_machine(capabilities, "qemu", "old"));
	assert_null(nova_virt_xml_machine("", "qemu", "pc"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_owner),
		cmocka_unit_test(test_retarget_changes_only_what_is_the_hosts),
		cmocka_unit_test(test_retarget_leaves_what_is_not_given),
		cmocka_unit_test(test_retarget_of_metadata_set_later),
		cmocka_unit_test(test_foreign_domains_are_not_retargeted),
		cmocka_unit_test(test_parts_of_a_domain),
		cmocka_unit_test(test_whom_qemu_runs_as),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_machine_types),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
