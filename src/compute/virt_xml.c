/* SPDX-License-Identifier: Apache-2.0 */
#include "compute/virt_xml.h"

#include "common/json_auto.h"
#include "compute/virt_auto.h"
#include "model/domain_xml.h"

#include <string.h>

/* libvirt's documents are a few hundred KiB at most. */
#define MAX_DOCUMENT (8 * 1024 * 1024)

static xmlDoc *parse(const char *xml)
{
	size_t length = xml ? strlen(xml) : 0;

	if (length == 0 || length > MAX_DOCUMENT)
		return NULL;
	/* Recovery: libvirt hands our metadata out without the declaration of its prefix. */
	return xmlReadMemory(xml, (int)length, NULL, NULL,
			     XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING | XML_PARSE_RECOVER);
}

static bool is_named(const xmlNode *node, const char *name)
{
	const char *colon;

	if (node->type != XML_ELEMENT_NODE)
		return false;
	colon = strchr((const char *)node->name, ':');
	return strcmp(colon ? colon + 1 : (const char *)node->name, name) == 0;
}

static xmlNode *child(const xmlNode *parent, const char *name)
{
	for (xmlNode *node = parent ? parent->children : NULL; node; node = node->next)
		if (is_named(node, name))
			return node;
	return NULL;
}

static char *text_of(const xmlNode *node)
{
	xmlChar *content = node ? xmlNodeGetContent(node) : NULL;
	char *text = content ? g_strdup((const char *)content) : NULL;

	xmlFree(content);
	return text;
}

static char *attribute(const xmlNode *node, const char *name)
{
	xmlChar *value = node ? xmlGetNoNsProp(node, (const xmlChar *)name) : NULL;
	char *text = value ? g_strdup((const char *)value) : NULL;

	xmlFree(value);
	return text;
}

static char *dump(xmlDoc *doc, xmlNode *node)
{
	xmlBuffer *buffer = xmlBufferCreate();
	char *text = NULL;

	if (xmlNodeDump(buffer, doc, node, 0, 0) >= 0)
		text = g_strdup((const char *)xmlBufferContent(buffer));
	xmlBufferFree(buffer);
	return text;
}

static bool number_of(const xmlNode *node, int64_t *ret)
{
	g_autofree char *text = text_of(node);

	return text && g_ascii_string_to_signed(g_strstrip(text), 10, 0, INT64_MAX, ret, NULL);
}

/* ---- ownership ---- */

static bool read_owner(xmlNode *element, nova_virt_owner *ret)
{
	nova_virt_owner owner = { 0 };

	if (!element || !is_named(element, "instance") || !number_of(child(element, "token"), &owner.token))
		return false;
	number_of(child(element, "operation"), &owner.operation);
	owner.host = text_of(child(element, "host"));
	*ret = owner;
	return true;
}

bool nova_virt_xml_owner(const char *xml, nova_virt_owner *ret)
{
	g_autoptr(xmlDoc) doc = parse(xml);

	return doc && read_owner(xmlDocGetRootElement(doc), ret);
}

static bool set_number(xmlNode *parent, const char *name, int64_t value)
{
	xmlNode *node = child(parent, name);
	g_autofree char *text = g_strdup_printf("%" G_GINT64_FORMAT, value);

	if (!node)
		return false;
	xmlNodeSetContent(node, (const xmlChar *)text);
	return true;
}

static xmlNode *find_owner(xmlNode *domain)
{
	xmlNode *metadata = child(domain, "metadata");

	for (xmlNode *node = metadata ? metadata->children : NULL; node; node = node->next)
		if (is_named(node, "instance") && node->ns &&
		    strcmp((const char *)node->ns->href, NOVA_DOMAIN_XMLNS) == 0)
			return node;
	return NULL;
}

bool nova_virt_xml_domain_owner(const char *xml, nova_virt_owner *ret)
{
	g_autoptr(xmlDoc) doc = parse(xml);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;

	return root && read_owner(find_owner(root), ret);
}

static void set_host(xmlNode *owner, const char *host)
{
	xmlNode *node = child(owner, "host");

	/* Not by xmlNodeSetContent(), which reads entities in its text. */
	if (node)
		xmlNodeSetContent(node, NULL);
	else
		node = xmlNewChild(owner, owner->ns, (const xmlChar *)"host", NULL);
	xmlNodeAddContent(node, (const xmlChar *)host);
}

static void set_console(xmlNode *devices, const char *path)
{
	for (xmlNode *node = devices ? devices->children : NULL; node; node = node->next) {
		g_autofree char *type = NULL;

		if (!is_named(node, "serial") && !is_named(node, "console"))
			continue;
		type = attribute(node, "type");
		if (type && strcmp(type, "file") == 0 && child(node, "source"))
			xmlSetProp(child(node, "source"), (const xmlChar *)"path", (const xmlChar *)path);
	}
}

char *nova_virt_xml_retarget(const char *xml, int64_t token, int64_t operation, const char *host,
			     const char *console_log, GError **error)
{
	g_autoptr(xmlDoc) doc = parse(xml);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *owner = root ? find_owner(root) : NULL;

	if (!owner || !set_number(owner, "token", token) || !set_number(owner, "operation", operation)) {
		nova_fail(error, NOVA_FAULT_INTERNAL, "the domain's definition does not carry an ownership token");
		return NULL;
	}
	if (host)
		set_host(owner, host);
	if (console_log)
		set_console(child(root, "devices"), console_log);
	return dump(doc, root);
}

char *nova_virt_xml_child_text(const char *xml, const char *name)
{
	g_autoptr(xmlDoc) doc = parse(xml);

	return text_of(child(doc ? xmlDocGetRootElement(doc) : NULL, name));
}

char *nova_virt_xml_guest_cpu(const char *xml)
{
	g_autoptr(xmlDoc) doc = parse(xml);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *cpu = child(root, "cpu");

	return cpu ? dump(doc, cpu) : NULL;
}

/* ---- capabilities ---- */

static void add_string(struct json_object *object, const char *key, const char *value)
{
	json_object_object_add(object, key, json_object_new_string(value ? value : ""));
}

static void add_topology(struct json_object *info, const xmlNode *topology)
{
	static const char *const keys[] = { "cores", "threads", "sockets", "dies" };
	struct json_object *object = json_object_new_object();

	for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
		g_autofree char *value = attribute(topology, keys[i]);
		int64_t number;

		if (value && g_ascii_string_to_signed(value, 10, 0, INT32_MAX, &number, NULL))
			json_object_object_add(object, keys[i], json_object_new_int64(number));
	}
	json_object_object_add(info, "topology", object);
}

/* As Nova's libvirt driver writes it. */
static char *cpu_info(const xmlNode *cpu)
{
	g_autoptr(json_object) info = json_object_new_object();
	struct json_object *features = json_object_new_array();
	g_autofree char *arch = text_of(child(cpu, "arch"));
	g_autofree char *model = text_of(child(cpu, "model"));
	g_autofree char *vendor = text_of(child(cpu, "vendor"));

	add_string(info, "arch", arch);
	add_string(info, "model", model);
	add_string(info, "vendor", vendor);
	add_topology(info, child(cpu, "topology"));
	for (xmlNode *node = cpu->children; node; node = node->next) {
		g_autofree char *name = is_named(node, "feature") ? attribute(node, "name") : NULL;

		if (name)
			json_object_array_add(features, json_object_new_string(name));
	}
	json_object_object_add(info, "features", features);
	return g_strdup(json_object_to_json_string_ext(info, JSON_C_TO_STRING_PLAIN));
}

static const xmlNode *find_arch(const xmlNode *root)
{
	for (xmlNode *guest = root ? root->children : NULL; guest; guest = guest->next) {
		g_autofree char *os = NULL, *name = NULL;

		if (!is_named(guest, "guest"))
			continue;
		os = text_of(child(guest, "os_type"));
		name = attribute(child(guest, "arch"), "name");
		if (os && name && strcmp(os, "hvm") == 0 && strcmp(name, "x86_64") == 0)
			return child(guest, "arch");
	}
	return NULL;
}

/* Calls each(machine node) for the machine types of the domain type; those of the arch when it has none of its own.
 * False: such domains cannot be made here. */
static bool each_machine(const xmlNode *arch, const char *type, void (*each)(const xmlNode *node, void *data),
			 void *data)
{
	const xmlNode *place = NULL;

	for (xmlNode *node = arch ? arch->children : NULL; node; node = node->next) {
		g_autofree char *name = is_named(node, "domain") ? attribute(node, "type") : NULL;

		if (name && strcmp(name, type) == 0)
			place = child(node, "machine") ? node : arch;
	}
	for (xmlNode *node = place ? place->children : NULL; node; node = node->next)
		if (is_named(node, "machine"))
			each(node, data);
	return place != NULL;
}

static void append_machine(const xmlNode *node, void *data)
{
	g_autofree char *name = text_of(node);

	g_string_append_printf(data, "%s%s", ((GString *)data)->len > 0 ? "," : "", name);
}

bool nova_virt_xml_capabilities(const char *xml, const char *type, char **ret_cpu_info, char **ret_cpu,
				char **ret_machines, GError **error)
{
	g_autoptr(xmlDoc) doc = parse(xml);
	xmlNode *root = doc ? xmlDocGetRootElement(doc) : NULL;
	xmlNode *cpu = child(child(root, "host"), "cpu");
	g_autoptr(GString) machines = g_string_new(NULL);

	if (!cpu)
		return nova_fail(error, NOVA_FAULT_HYPERVISOR, "libvirt does not describe this host's cpu");
	if (!each_machine(find_arch(root), type, append_machine, machines))
		return nova_fail(
			error, NOVA_FAULT_CONFIG,
			"this host cannot run x86_64 guests of type '%s': is QEMU installed%s?",
			type,
			strcmp(type, "kvm") == 0
				? ", and can /dev/kvm be used ([libvirt] virt_type = kvm)"
				: "");
	*ret_cpu_info = cpu_info(cpu);
	*ret_cpu = dump(doc, cpu);
	*ret_machines = g_string_free(g_steal_pointer(&machines), FALSE);
	return true;
}

typedef struct machine_search {
	const char *wanted;
	char *found;
} machine_search;

static void match_machine(const xmlNode *node, void *data)
{
	machine_search *search = data;
	g_autofree char *name = text_of(node);

	if (search->found || strcmp(name, search->wanted) != 0)
		return;
	search->found = attribute(node, "canonical");
	if (!search->found)
		search->found = g_steal_pointer(&name);
}

char *nova_virt_xml_machine(const char *xml, const char *type, const char *machine)
{
	g_autoptr(xmlDoc) doc = parse(xml);
	machine_search search = { .wanted = machine };

	each_machine(find_arch(doc ? xmlDocGetRootElement(doc) : NULL), type, match_machine, &search);
	return search.found;
}

char *nova_virt_xml_host_uuid(const char *xml)
{
	g_autoptr(xmlDoc) doc = parse(xml);

	return text_of(child(child(doc ? xmlDocGetRootElement(doc) : NULL, "host"), "uuid"));
}

/* "+64055:+64055" */
static bool parse_label(const char *text, uint32_t *ret_uid, uint32_t *ret_gid)
{
	char *end = NULL;
	uint64_t uid, gid;

	if (!text || text[0] != '+' || !g_ascii_isdigit(text[1]))
		return false;
	uid = g_ascii_strtoull(text + 1, &end, 10);
	if (strncmp(end, ":+", 2) != 0 || !g_ascii_isdigit(end[2]))
		return false;
	gid = g_ascii_strtoull(end + 2, &end, 10);
	if (*end || uid >= UINT32_MAX || gid >= UINT32_MAX)
		return false;
	*ret_uid = (uint32_t)uid;
	*ret_gid = (uint32_t)gid;
	return true;
}

bool nova_virt_xml_qemu_user(const char *xml, const char *type, uint32_t *ret_uid, uint32_t *ret_gid)
{
	g_autoptr(xmlDoc) doc = parse(xml);
	const xmlNode *host = child(doc ? xmlDocGetRootElement(doc) : NULL, "host");

	for (const xmlNode *model = host ? host->children : NULL; model; model = model->next) {
		g_autofree char *name = is_named(model, "secmodel") ? text_of(child(model, "model")) : NULL;

		for (const xmlNode *node = name && strcmp(name, "dac") == 0 ? model->children : NULL; node;
		     node = node->next) {
			g_autofree char *of = is_named(node, "baselabel") ? attribute(node, "type") : NULL;
			g_autofree char *label = of && strcmp(of, type) == 0 ? text_of(node) : NULL;

			if (label)
				return parse_label(g_strstrip(label), ret_uid, ret_gid);
		}
	}
	return false;
}
