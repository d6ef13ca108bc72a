/* SPDX-License-Identifier: Apache-2.0 */
#include "manage/command.h"

#include "common/fault_point.h"
#include "model/decide.h"
#include "model/flow.h"
#include "model/matrix.h"

bool nova_cmd_config_sample(nova_manage *manage, int argc, char **argv, GError **error)
{
	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	nova_conf_print_sample(stdout);
	return true;
}

bool nova_cmd_config_man(nova_manage *manage, int argc, char **argv, GError **error)
{
	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	nova_conf_print_man(stdout);
	return true;
}

bool nova_cmd_config_dump(nova_manage *manage, int argc, char **argv, GError **error)
{
	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	nova_conf_print_dump(manage->conf, stdout);
	return true;
}

static void print_flow(nova_op_kind kind)
{
	const nova_flow *flow = nova_flow_of(kind);
	g_autofree char *diagram = nova_flow_mermaid(kind);

	printf("## %s (%s)\n\n```mermaid\n%s```\n\n", flow->doc, nova_op_kind_name(kind), diagram);
	printf("| state | acts | doorbell | what happens |\n|---|---|---|---|\n");
	for (const nova_flow_row *row = flow->rows; row->doc; row++)
		printf("| %s | %s | %s%s%s | %s |\n", nova_op_state_name(row->state),
		       nova_op_actor_name(row->actor), row->doorbell ? "`" : "",
		       row->doorbell ? row->doorbell : "", row->doorbell ? "`" : "", row->doc);
	printf("\n");
}

bool nova_cmd_flow_show(nova_manage *manage, int argc, char **argv, GError **error)
{
	nova_op_kind kind;

	if (!nova_command_parse(manage, NULL, 0, 1, &argc, &argv, error))
		return false;
	if (argc == 2) {
		if (!nova_op_kind_from_name(argv[1], &kind)) {
			g_autoptr(GString) kinds = g_string_new(NULL);

			for (unsigned i = 0; i < NOVA_OP__COUNT; i++)
				g_string_append_printf(kinds, "%s%s", i ? ", " : "",
						       nova_op_kind_name(i));
			return nova_fail(error, NOVA_FAULT_BAD_REQUEST,
					 "there is no kind of operation '%s'; there are %s",
					 argv[1], kinds->str);
		}
		print_flow(kind);
		return true;
	}
	printf("# The states operations walk through\n\nPrinted by `nova-lite-manage flow`.\n\n");
	for (unsigned i = 0; i < NOVA_OP__COUNT; i++)
		print_flow(i);
	return true;
}

bool nova_cmd_flow_decision(nova_manage *manage, int argc, char **argv, GError **error)
{
	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autofree char *text = nova_decide_markdown();

	fputs(text, stdout);
	return true;
}

bool nova_cmd_flow_faults(nova_manage *manage, int argc, char **argv, GError **error)
{
	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	for (size_t i = 0; nova_fault_point_names[i]; i++)
		puts(nova_fault_point_names[i]);
	return true;
}

bool nova_cmd_flow_requests(nova_manage *manage, int argc, char **argv, GError **error)
{
	if (!nova_command_parse(manage, NULL, 0, 0, &argc, &argv, error))
		return false;
	g_autofree char *text = nova_matrix_markdown();

	fputs(text, stdout);
	return true;
}
