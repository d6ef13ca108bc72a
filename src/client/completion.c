/* SPDX-License-Identifier: Apache-2.0
 *
 * Completion for bash and zsh: scripts printed from the table of commands, and the names they offer.
 *
 * A script knows the commands and what each argument of them is.  Options of a command it asks for at its --help, names
 * of things of the service, which may be slow or away: it gets SECONDS and then offers nothing.
 */
#include "client/command.h"
#include "common/json.h"

#include <stdio.h>
#include <string.h>

#define SECONDS 2

static const char bash_head[] =
	"# SPDX-License-Identifier: Apache-2.0\n"
	"# shellcheck shell=bash\n"
	"# Completion of nova-lite in bash; printed by `nova-lite completion bash'.\n"
	"_nova_lite_arguments() {\n"
	"	case $1 in\n";

static const char bash_middle[] =
	"	*) return 1 ;;\n"
	"	esac\n"
	"}\n"
	"\n"
	"_nova_lite() {\n"
	"	local cur=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} place=() words=() valued=' "
	"-o ' i\n"
	"	local command='' help='' what='' arguments=()\n"
	"	valued+='--output --os-cloud --os-endpoint --os-cacert '\n"
	"	for ((i = 1; i < COMP_CWORD; i++)); do\n"
	"		case ${COMP_WORDS[i]} in\n"
	"		-*=*) ;;\n"
	"		-*)\n"
	"			if [[ $valued == *\" ${COMP_WORDS[i]} \"* ]]; then\n"
	"				case ${COMP_WORDS[i]} in\n"
	"				--os-*) place+=(\"${COMP_WORDS[i]}\" \"${COMP_WORDS[i + 1]}\") ;;\n"
	"				esac\n"
	"				((i++))\n"
	"			fi ;;\n"
	"		*)\n"
	"			words+=(\"${COMP_WORDS[i]}\")\n"
	"			if [ -z \"$command\" ]; then\n"
	"				if _nova_lite_arguments \"${words[*]}\" >/dev/null; then\n"
	"					command=${words[*]} words=()\n"
	"					# shellcheck disable=SC2086\n"
	"					help=$(nova-lite $command --help 2>/dev/null)\n"
	"					valued+=$(grep -oE -- '--[a-z-]+=' <<<\"$help\" | tr '=\\n' '  ')\n"
	"				fi\n"
	"			fi ;;\n"
	"		esac\n"
	"	done\n"
	"	if [ -z \"$command\" ]; then\n"
	"		case $before in\n"
	"		-o | --output) mapfile -t COMPREPLY < <(compgen -W 'table json value' -- \"$cur\"); return "
	";;\n"
	"		--os-cacert) mapfile -t COMPREPLY < <(compgen -f -- \"$cur\"); return ;;\n"
	"		--os-*) return ;;\n"
	"		esac\n"
	"		mapfile -t COMPREPLY < <(compgen -W \"$(_nova_lite_words \"${words[*]}\")\" -- \"$cur\")\n"
	"		return\n"
	"	fi\n"
	"	case $before in\n"
	"	-o | --output) mapfile -t COMPREPLY < <(compgen -W 'table json value' -- \"$cur\"); return ;;\n"
	"	--host | --target-host) what=HOST ;;\n"
	"	--flavor) what=FLAVOR ;;\n"
	"	--image) what=IMAGE ;;\n"
	"	--server) what=SERVER ;;\n"
	"	*)\n"
	"		[[ $valued == *\" $before \"* ]] && return\n"
	"		read -r -a arguments <<<\"$(_nova_lite_arguments \"$command\")\"\n"
	"		what=${arguments[${#words[@]}]:-}\n"
	"		# the last one may come as often as one likes\n"
	"		[ -n \"$what\" ] || [ ${#arguments[@]} = 0 ] || [[ ${arguments[-1]} != *+ ]] || "
	"what=${arguments[-1]} ;;\n"
	"	esac\n"
	"	what=${what%+}\n"
	"	case $cur in\n"
	"	-*) mapfile -t COMPREPLY < <(compgen -W \"$(grep -oE -- '--[a-z-]+' <<<\"$help\")\" -- \"$cur\") ;;\n"
	"	*)\n"
	"		case $what in\n"
	"		SHELL) mapfile -t COMPREPLY < <(compgen -W 'bash zsh' -- \"$cur\") ;;\n"
	"		SERVER | HOST | SERVICE | FLAVOR | IMAGE | MIGRATION | AGGREGATE | GROUP | KEYPAIR)\n"
	"			# not with compgen -W, which would run what a name has in $(...)\n"
	"			COMPREPLY=()\n"
	"			while IFS= read -r i; do\n"
	"				printf -v i %q \"$i\"\n"
	"				[[ $i != \"$cur\"* ]] || COMPREPLY+=(\"$i\")\n"
	"			done < <(nova-lite \"${place[@]}\" __complete \"$what\" 2>/dev/null) ;;\n"
	"		esac ;;\n"
	"	esac\n"
	"}\n"
	"\n"
	"# The words that can follow: $1 is the first word of a command of two, or nothing.\n"
	"_nova_lite_words() {\n"
	"	case $1 in\n"
	"	'')\n"
	"		cat <<-'TEXT'\n";

static const char bash_tail[] =
	"	esac\n"
	"}\n"
	"complete -F _nova_lite nova-lite\n";

static const char zsh_head[] =
	"#compdef nova-lite\n"
	"# SPDX-License-Identifier: Apache-2.0\n"
	"# Completion of nova-lite in zsh; printed by `nova-lite completion zsh'.\n"
	"_nova_lite_names() {\n"
	"	local -a names\n"
	"	names=(${(f)\"$(nova-lite ${(Q)place} __complete $1 2>/dev/null)\"})\n"
	"	(( $#names )) && compadd -a names\n"
	"}\n"
	"\n"
	"_nova_lite() {\n"
	"	local -a commands place given arguments options valued\n"
	"	local -A takes\n"
	"	local command='' what='' i word\n"
	"	valued=(-o --output --os-cloud --os-endpoint --os-cacert)\n";

static const char zsh_tail[] = "	for ((i = 2; i < CURRENT; i++)); do\n"
			       "		word=$words[i]\n"
			       "		if [[ $word == -* ]]; then\n"
			       "			if (( $valued[(Ie)$word] )); then\n"
			       "				[[ $word == --os-* ]] && place+=($word $words[i+1])\n"
			       "				((i++))\n"
			       "			fi\n"
			       "			continue\n"
			       "		fi\n"
			       "		given+=($word)\n"
			       "		if [[ -z $command ]] && (( ${+takes[${(j: :)given}]} )); then\n"
			       "			command=${(j: :)given}\n"
			       "			given=()\n"
			       "			options=(${(f)\"$(nova-lite ${=command} --help 2>/dev/null | "
			       "grep -oE -- '--[a-z-]+=?')\"})\n"
			       "			valued+=(${${(M)options:#*=}%=})\n"
			       "			options=(${options%=})\n"
			       "		fi\n"
			       "	done\n"
			       "	case $words[CURRENT-1] in\n"
			       "	-o|--output) compadd table json value; return ;;\n"
			       "	--os-cacert) _files; return ;;\n"
			       "	--host|--target-host) what=HOST ;;\n"
			       "	--flavor) what=FLAVOR ;;\n"
			       "	--image) what=IMAGE ;;\n"
			       "	--server) what=SERVER ;;\n"
			       "	*) (( CURRENT > 2 && $valued[(Ie)$words[CURRENT-1]] )) && return 1 ;;\n"
			       "	esac\n"
			       "	if [[ -z $command ]]; then\n"
			       "		if (( $#given )); then\n"
			       "			compadd -- ${${(M)${(k)takes}:#$given[1] *}#* }\n"
			       "		elif [[ $words[CURRENT] == -* ]]; then\n"
			       "			compadd -- --output --os-cloud --os-endpoint --os-cacert "
			       "--insecure --debug --version --help\n"
			       "		else\n"
			       "			_describe command commands\n"
			       "			compadd -- ${(u)${(M)${(k)takes}:#* *}%% *}\n"
			       "		fi\n"
			       "		return\n"
			       "	fi\n"
			       "	if [[ $words[CURRENT] == -* ]]; then\n"
			       "		compadd -- $options\n"
			       "		return\n"
			       "	fi\n"
			       "	arguments=(${=takes[$command]})\n"
			       "	if [[ -z $what ]]; then\n"
			       "		what=${arguments[$#given+1]:-}\n"
			       "		[[ -z $what && ${arguments[-1]:-} == *+ ]] && what=$arguments[-1]\n"
			       "	fi\n"
			       "	case ${what%+} in\n"
			       "	SHELL) compadd bash zsh ;;\n"
			       "	SERVER|HOST|SERVICE|FLAVOR|IMAGE|MIGRATION|AGGREGATE|GROUP|KEYPAIR)\n"
			       "		_nova_lite_names ${what%+} ;;\n"
			       "	esac\n"
			       "}\n"
			       "_nova_lite \"$@\"\n";

/* "SERVER [HOST]" as "SERVER HOST", "SERVER…" as "SERVER+"; free with g_free(). */
static char *plain_arguments(const nova_client_command *row)
{
	g_auto(GStrv) parts = g_strsplit_set(row->arguments, "[]", -1);
	g_autofree char *joined = g_strjoinv("", parts);
	g_auto(GStrv) more = g_strsplit(joined, "…", -1);

	return g_strjoinv("+", more);
}

static bool is_shown(const nova_client_command *row)
{
	return *row->name != '_';
}

/* Each spelling of each command on its own. */
static void for_each_spelling(void (*print)(const char *spelling, const nova_client_command *row))
{
	for (const nova_client_command *row = nova_client_commands; row->name; row++) {
		if (!is_shown(row))
			continue;
		print(row->name, row);
		if (row->also)
			print(row->also, row);
	}
}

static void print_bash_case(const char *spelling, const nova_client_command *row)
{
	g_autofree char *arguments = plain_arguments(row);

	printf("	'%s') echo '%s' ;;\n", spelling, arguments);
}

/* The first words of commands, each once, and for each that has a second one a line with those. */
static void print_bash_words(void)
{
	g_autoptr(GPtrArray) firsts = g_ptr_array_new_with_free_func(g_free);

	for (const nova_client_command *row = nova_client_commands; row->name; row++) {
		const char *const spellings[] = { row->name, row->also };

		for (size_t i = 0; i < G_N_ELEMENTS(spellings) && is_shown(row); i++) {
			g_autofree char *first = NULL;

			if (!spellings[i])
				continue;
			first = g_strndup(spellings[i], strcspn(spellings[i], " "));
			if (!g_ptr_array_find_with_equal_func(firsts, first, g_str_equal, NULL))
				g_ptr_array_add(firsts, g_steal_pointer(&first));
		}
	}
	for (unsigned i = 0; i < firsts->len; i++)
		printf("\t\t\t%s\n", (const char *)firsts->pdata[i]);
	printf("\t\t\t--output\n\t\t\t--os-cloud\n\t\t\t--os-endpoint\n\t\t\t--os-cacert\n\t\t\t--insecure\n\t\t\t--"
	       "debug\n"
	       "\t\t\t--version\n\t\t\t--help\n\t\tTEXT\n\t\t;;\n");
	for (unsigned i = 0; i < firsts->len; i++) {
		const char *first = firsts->pdata[i];
		bool any = false;

		for (const nova_client_command *row = nova_client_commands; row->name; row++) {
			const char *const spellings[] = { row->name, row->also };

			for (size_t k = 0; k < G_N_ELEMENTS(spellings); k++) {
				const char *rest = spellings[k] && g_str_has_prefix(spellings[k], first) ?
							   spellings[k] + strlen(first) : "";

				if (*rest != ' ')
					continue;
				if (!any)
					printf("	%s) echo '", first);
				printf("%s%s", any ? " " : "", rest + 1);
				any = true;
			}
		}
		if (any)
			puts("' ;;");
	}
}

/* In single quotes within single quotes, with colons for _describe. */
static void print_quoted(const char *text)
{
	for (; *text; text++) {
		if (*text == '\'')
			printf("'\\''");
		else if (*text == ':')
			printf("\\:");
		else
			putchar(*text);
	}
}

static void print_zsh_command(const char *spelling, const nova_client_command *row)
{
	if (strchr(spelling, ' '))
		return;
	printf("\t\t'%s:", spelling);
	print_quoted(row->doc);
	puts("'");
}

static void print_zsh_arguments(const char *spelling, const nova_client_command *row)
{
	g_autofree char *arguments = plain_arguments(row);

	printf("\t\t'%s' '%s'\n", spelling, arguments);
}

bool nova_cmd_completion(nova_client *client, int argc, char **argv, GError **error)
{
	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	if (strcmp(argv[1], "bash") == 0) {
		fputs(bash_head, stdout);
		for_each_spelling(print_bash_case);
		fputs(bash_middle, stdout);
		print_bash_words();
		fputs(bash_tail, stdout);
		return true;
	}
	if (strcmp(argv[1], "zsh") == 0) {
		fputs(zsh_head, stdout);
		printf("\tcommands=(\n");
		for_each_spelling(print_zsh_command);
		printf("\t)\n\ttakes=(\n");
		for_each_spelling(print_zsh_arguments);
		printf("\t)\n");
		fputs(zsh_tail, stdout);
		return true;
	}
	return nova_fail(error, NOVA_FAULT_CONFIG, "there is no completion for '%s'; there are bash and zsh", argv[1]);
}

bool nova_cmd_complete(nova_client *client, int argc, char **argv, GError **error)
{
	static const struct {
		const char *what, *path, *key, *member;
	} lists[] = {
		{ "SERVER", "/servers?all_tenants=1", "servers", "name" },
		{ "HOST", "/os-hypervisors", "hypervisors", "hypervisor_hostname" },
		{ "SERVICE", "/os-services?binary=nova-compute", "services", "host" },
		{ "FLAVOR", "/flavors", "flavors", "name" },
		{ "IMAGE", "/v2/images", "images", "name" },
		{ "MIGRATION", "/os-migrations?limit=50", "migrations", "id" },
		{ "AGGREGATE", "/os-aggregates", "aggregates", "name" },
		{ "GROUP", "/os-server-groups", "server_groups", "name" },
		{ "KEYPAIR", "/os-keypairs", "keypairs", "keypair.name" },
	};

	if (!nova_client_parse(client, NULL, 1, 1, &argc, &argv, error))
		return false;
	nova_session_set_timeout(client->session, SECONDS);
	for (size_t i = 0; i < G_N_ELEMENTS(lists); i++) {
		if (strcmp(lists[i].what, argv[1]) != 0)
			continue;
		g_autoptr(json_object) reply = nova_session_get(client->session, lists[i].path, error);
		json_object *rows;

		if (!reply || !nova_json_get_array(reply, lists[i].key, &rows, error))
			return false;
		for (size_t k = 0; k < json_object_array_length(rows); k++) {
			json_object *name = nova_json_find(json_object_array_get_idx(rows, k), lists[i].member);

			/* a line break in a name would be two */
			if (name && !strpbrk(json_object_get_string(name), "\r\n"))
				puts(json_object_get_string(name));
		}
		return true;
	}
	return nova_fail(error, NOVA_FAULT_CONFIG, "'%s' is nothing that has names", argv[1]);
}
